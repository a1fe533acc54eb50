"""An MCP server over HTTP by hand, with an authority of its own: real sockets, and every misbehaviour."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

READS = {"readOnlyHint": True}
TOOLS = [
    {"name": "who", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "huge", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "save", "inputSchema": {"type": "object"}},
]


class HttpServer:
    """The server: what it was asked (`seen`), and what its authority gave out."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.tokens: dict[str, str] = {}  # access token -> scope
        self.refresh: set[str] = set()
        self.codes: dict[str, dict[str, str]] = {}
        self.sessions: set[str] = set()
        self.expires_in = 3600
        self.redirect = ""
        self.scope = ""  # what a token must cover
        self.issuer = ""  # who the authority says it is, if not the address
        self.methods: list[str] = []  # how its authority takes a client's secret, where it says so
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def token(self, scope: str) -> dict[str, Any]:
        """Give out an access token and a refresh token."""
        number = len(self.tokens)
        self.tokens[f"access-{number}-of-this-test"] = scope
        self.refresh.add(f"refresh-{number}-of-this-test")
        return {
            "access_token": f"access-{number}-of-this-test",
            "refresh_token": f"refresh-{number}-of-this-test",
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": scope,
        }


def _handler(server: HttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            server.seen[f"GET {path}"] += 1
            if path == "/.well-known/oauth-protected-resource/oauth":
                scopes = ["read"]
                self.reply(
                    {
                        "resource": f"{server.url}/oauth",
                        "authorization_servers": [server.url],
                        "scopes_supported": scopes,
                    }
                )
            elif path == "/.well-known/oauth-authorization-server":
                self.reply(
                    {
                        "issuer": server.issuer or server.url,
                        **({"token_endpoint_auth_methods_supported": server.methods} if server.methods else {}),
                        "authorization_endpoint": f"{server.url}/authorize",
                        "token_endpoint": f"{server.url}/token",
                        "registration_endpoint": f"{server.url}/register",
                        "code_challenge_methods_supported": ["S256"],
                        "response_types_supported": ["code"],
                    }
                )
            elif path == "/authorize":
                self.authorize({name: values[0] for name, values in parse_qs(query).items()})
            else:
                self.reply({}, 405 if path in ("/mcp", "/oauth", "/keyed") else 404)

        def authorize(self, given: dict[str, str]) -> None:
            code = f"code-{len(server.codes)}"
            server.codes[code] = given
            answer = {"error": "access_denied"} if server.scope == "nobody" else {"code": code}
            self.send_response(302)
            self.send_header("location", f"{given['redirect_uri']}?{urlencode({**answer, 'state': given['state']})}")
            self.send_header("content-length", "0")
            self.end_headers()

        def do_DELETE(self) -> None:
            self.reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            path = urlsplit(self.path).path
            server.seen[f"POST {path}"] += 1
            match path:
                case "/register":
                    self.reply({**json.loads(body), "client_id": "made-for-you"}, 201)
                case "/token":
                    self.give({name: values[0] for name, values in parse_qs(body.decode()).items()})
                case "/away":
                    self.send_response(307)
                    self.send_header("location", server.redirect)
                    self.send_header("content-length", "0")
                    self.end_headers()
                case "/html":
                    self.reply("<p>hello", kind="text/html")
                case "/down":
                    self.reply({}, 503)
                case _:
                    self.mcp(path, json.loads(body))

        def give(self, form: dict[str, str]) -> None:
            server.seen[f"grant {form['grant_type']}"] += 1
            server.seen[f"secret in {'header' if self.headers.get('authorization') else 'form'}"] += 1
            if form["grant_type"] == "refresh_token":
                known = form["refresh_token"] in server.refresh
                self.reply(server.token("read") if known else {"error": "invalid_grant"}, 200 if known else 400)
                return
            asked = server.codes[form["code"]]
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            fits = base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
            fits = fits and form["redirect_uri"] == asked["redirect_uri"] and form["resource"] == f"{server.url}/oauth"
            self.reply(
                server.token(asked.get("scope", "")) if fits else {"error": "invalid_grant"}, 200 if fits else 400
            )

        def mcp(self, path: str, message: dict[str, Any]) -> None:
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            if path == "/oauth" and not self.may():
                return
            if path == "/keyed" and self.headers.get("x-key") != "sesame-open":
                self.reply({}, 401)
                return
            session = self.headers.get("mcp-session-id")
            if message["method"] != "initialize" and session is not None and session not in server.sessions:
                self.reply({}, 404)
                return
            if "id" not in message:
                self.reply(None, 202)
                return
            result = self.result(message["method"], message.get("params") or {})
            if result is None:
                self.reply({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}})
                return
            self.reply({"jsonrpc": "2.0", "id": message["id"], "result": result})

        def may(self) -> bool:
            """Whether the bearer token is good; the refusal says where to get one (RFC 9728, 5.1; RFC 6750, 3)."""
            scope = server.tokens.get(self.headers.get("authorization", "").removeprefix("Bearer "))
            if scope is not None and server.scope in scope:
                return True
            where = f'resource_metadata="{server.url}/.well-known/oauth-protected-resource/oauth"'
            more = f', error="insufficient_scope", scope="{server.scope}"' if scope is not None else ""
            self.reply({}, 403 if scope is not None else 401, challenge=f"Bearer {where}{more}")
            return False

        def result(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
            match method:
                case "initialize":
                    info = {"name": "http", "version": "1"}
                    return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
                case "tools/list":
                    return {"tools": TOOLS}
                case "tools/call":
                    return self.call(params["name"])
                case _:
                    return None

        def call(self, name: str) -> dict[str, Any]:
            server.seen[f"call {name}"] += 1
            words = "x" * 300_000 if name == "huge" else json.dumps(server.headers[-1])
            return {"content": [{"type": "text", "text": words}]}

        def reply(self, value: Any, status: int = 200, *, kind: str = "application/json", challenge: str = "") -> None:
            body = b"" if value is None else value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            if challenge:
                self.send_header("www-authenticate", challenge)
            if isinstance(value, dict) and "protocolVersion" in value.get("result", {}):
                server.sessions.add(session := f"session-{len(server.sessions)}")
                self.send_header("mcp-session-id", session)
            self.end_headers()
            self.wfile.write(body)

    return Handler
