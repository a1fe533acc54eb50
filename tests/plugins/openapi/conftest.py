"""A real web API, and a real authorization server, on this machine: one process of uvicorn in a thread."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import socket
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, Field

from copilot.plugins.context import ToolContext
from copilot.workspace.workspace import Workspace


@dataclass
class Served:
    """The server's address, what it was asked, and what its authorization server gave."""

    url: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)
    busy: int = 0
    clients: dict[str, str] = field(default_factory=lambda: {"app": "a secret of the app"})
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    lasts: int = 3600

    def last(self) -> dict[str, Any]:
        return self.seen[-1]


class Address(BaseModel):
    street: str
    city: str = "Ghent"


class Ticket(BaseModel):
    """Something to do."""

    title: str = Field(description="What it is about.")
    priority: int = Field(default=3, ge=1, le=5)
    tags: list[str] = []
    address: Address | None = None


def make(served: Served) -> FastAPI:
    app = FastAPI(title="Ticket Desk", version="1.2.0", description="Tickets of the help desk.")
    _tickets(app, served)
    _echo(app, served)
    _trouble(app, served)
    _oauth(app, served)
    return app


def _tickets(app: FastAPI, served: Served) -> None:
    @app.get("/tickets", summary="List tickets", tags=["tickets"])
    def list_tickets(request: Request, response: Response, offset: int = 0, limit: int = 2) -> list[dict[str, Any]]:
        rows = [{"id": i, "title": f"Ticket {i}", "open": i % 2 == 0} for i in range(5)]
        if offset + limit < len(rows):
            response.headers["Link"] = f'</tickets?offset={offset + limit}&limit={limit}>; rel="next"'
        return rows[offset : offset + limit]

    @app.get("/tickets/{ticket_id}")
    def get_ticket(ticket_id: int) -> dict[str, Any]:
        if ticket_id > 4:
            problem = {"title": "No such ticket", "detail": f"There is no ticket {ticket_id}."}
            raise HTTPException(404, problem)
        return {"id": ticket_id, "title": f"Ticket {ticket_id}", "notes": [{"by": "Ann", "text": "first | second"}]}

    @app.post("/tickets", status_code=201)
    async def create_ticket(ticket: Ticket, request: Request) -> dict[str, Any]:
        served.seen.append({"key": request.headers.get("idempotency-key"), "ticket": ticket.model_dump()})
        return {"id": 17, **ticket.model_dump()}


def _echo(app: FastAPI, served: Served) -> None:
    async def echo(request: Request) -> Response:
        body = await request.body()
        raw, query = request.scope["raw_path"].decode(), request.scope["query_string"].decode()
        served.seen.append(
            {
                "method": request.method,
                "path": raw.removeprefix("/echo"),
                "query": query,
                "headers": dict(request.headers),
                "body": body,
            }
        )
        return JSONResponse({"ok": True, "path": raw, "query": query})

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app.add_api_route("/echo{rest:path}", echo, methods=methods, include_in_schema=False)


def _trouble(app: FastAPI, served: Served) -> None:
    @app.api_route("/busy", methods=["GET", "POST"], include_in_schema=False)
    async def busy(request: Request) -> Response:
        served.seen.append({"method": request.method})
        served.busy -= 1
        return (
            JSONResponse({"done": True}) if served.busy < 0 else Response(status_code=503, headers={"retry-after": "2"})
        )

    @app.post("/broken", include_in_schema=False)
    async def broken() -> Response:
        return Response("no", status_code=500)

    @app.get("/flood", include_in_schema=False)
    async def flood() -> Response:
        return Response(b"x" * 300_000, media_type="text/plain")

    @app.get("/packed", include_in_schema=False)
    async def packed(layers: int = 1, encoding: str = "gzip", millions: int = 0) -> Response:
        content = b"x" * (millions * 1_000_000) or b'{"a": 1}'
        for _ in range(layers):
            content = gzip.compress(content, 1) if encoding == "gzip" else zlib.compress(content)[2:-4]
        packed = {"content-encoding": ", ".join([encoding] * layers)}
        return Response(content, media_type="application/json", headers=packed)

    @app.get("/loop", include_in_schema=False)
    async def loop() -> Response:
        return RedirectResponse("/loop")

    @app.get("/away", include_in_schema=False)
    async def away(to: str) -> Response:
        return RedirectResponse(to)


def _oauth(app: FastAPI, served: Served) -> None:
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    @app.get("/.well-known/openid-configuration", include_in_schema=False)
    def configuration() -> dict[str, str]:
        ends = {"authorization_endpoint": f"{served.url}/authorize", "token_endpoint": f"{served.url}/token"}
        return {"issuer": served.url, **ends}

    @app.get("/authorize", include_in_schema=False)
    def authorize(request: Request) -> Response:
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(8)
        served.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    @app.post("/token", include_in_schema=False)
    async def token(request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        client, secret = form.get("client_id", ""), ""
        if basic := request.headers.get("authorization", "").removeprefix("Basic "):
            client, _, secret = base64.b64decode(basic).decode().partition(":")
            secret = secret.replace("+", " ")
        nonce = ""
        if form["grant_type"] == "client_credentials" and served.clients.get(client) != secret:
            return JSONResponse({"error": "invalid_client"}, 401)
        if form["grant_type"] == "authorization_code":
            asked = served.codes.pop(form.get("code", ""), None)
            right = asked and create_s256_code_challenge(form["code_verifier"]) == asked["code_challenge"]
            if not asked or not right or asked["redirect_uri"] != form["redirect_uri"]:
                return JSONResponse({"error": "invalid_grant"}, 400)
            nonce = asked.get("nonce", "")
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in served.refresh:
                return JSONResponse({"error": "invalid_grant", "error_description": "taken back"}, 400)
            served.refresh.discard(form["refresh_token"])
        given = {"access_token": f"at-{secrets.token_urlsafe(12)}", "token_type": "Bearer", "expires_in": served.lasts}
        if form["grant_type"] != "client_credentials":
            given["refresh_token"] = f"rt-{secrets.token_urlsafe(12)}"
            served.refresh.add(str(given["refresh_token"]))
        if nonce:
            claims = {"iss": served.url, "aud": client, "nonce": nonce}
            given["id_token"] = f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"
        served.access.add(str(given["access_token"]))
        return JSONResponse(given)

    @app.get("/mine", include_in_schema=False)
    def mine(request: Request) -> Response:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        return JSONResponse({"yours": True}) if shown in served.access else Response(status_code=401)


@pytest.fixture(scope="package")
def served() -> Iterator[Served]:
    state = Served()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    state.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = make(state)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    started = threading.Event()
    real = server.startup

    async def startup(sockets: Any = None) -> None:
        await real(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert started.wait(20)
    document = app.openapi()
    document["servers"] = [{"url": state.url}]
    state.document = document  # type: ignore[attr-defined]
    yield state
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture(autouse=True)
def _forgotten(served: Served) -> None:
    served.seen.clear()
    served.busy = 0
    served.lasts = 3600


@pytest.fixture
def context(tmp_path: Path, home: Path) -> ToolContext:
    folder = tmp_path / "documents"
    folder.mkdir()
    return ToolContext(Workspace([folder], home / "workspace").staging())
