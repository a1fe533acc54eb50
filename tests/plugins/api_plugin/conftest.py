"""A web API of an inventory, on this machine, and manifests for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from copilot.plugins.plugin import Plugin, Reading

ITEMS = [
    {"id": 7, "name": "Bolt", "price": 1234.5, "tags": ["steel", "m8"], "url": "https://shop.example/7"},
    {"id": 8, "name": "Nut", "price": 2, "tags": [], "url": "https://shop.example/8", "note": "a <b>note</b>"},
]
GUID = "11111111-2222-3333-4444-555555555555"


@dataclass
class Site:
    """The API: its address, and what it was asked."""

    origin: str
    asked: list[dict[str, Any]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def _answer(self, body: Any, status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _note(self) -> Any:
        size = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        asked = {"method": self.command, "path": self.path, "body": body, "key": self.headers.get("x-api-key")}
        self.site.asked.append(asked)
        return body

    def do_GET(self) -> None:
        self._note()
        parts = urlsplit(self.path)
        if parts.path == "/items":
            wanted = parse_qs(parts.query).get("q", [""])[0]
            found = [item for item in ITEMS if wanted.lower() in str(item["name"]).lower()]
            self._answer({"results": found, "total": len(found)})
        elif parts.path == "/secrets":
            self._answer({"results": [{"name": "Plan", "label": GUID}]})
        else:
            self._answer({"done": True})

    def do_POST(self) -> None:
        body = self._note()
        self._answer({"results": [{"id": 9, **body}]}, 201)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def inventory() -> Iterator[Site]:
    """The API at work."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    _Handler.site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield _Handler.site
    server.shutdown()
    thread.join()
    server.server_close()


def document(origin: str = "https://api.shop.example") -> dict[str, Any]:
    """The API's description."""

    def operation(name: str, **more: Any) -> dict[str, Any]:
        return {"operationId": name, "summary": f"Do {name}", "responses": {"200": {"description": "ok"}}, **more}

    query = {"name": "q", "in": "query", "schema": {"type": "string", "enum": ["bolt", "nut", ""]}}
    more = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    item = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
        "required": ["name"],
    }
    body = {"required": True, "content": {"application/json": {"schema": item}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Inventory", "version": "1"},
        "servers": [{"url": origin}],
        "paths": {
            "/items": {
                "get": operation("listItems", parameters=[query, more]),
                "post": operation("addItem", requestBody=body),
            },
            "/secrets": {"get": operation("listSecrets")},
            "/recount": {"get": operation("recount")},
        },
    }


CARD: dict[str, Any] = {
    "type": "AdaptiveCard",
    "version": "1.5",
    "body": [
        {"type": "TextBlock", "text": "${name}", "weight": "Bolder"},
        {
            "type": "FactSet",
            "$data": "${$root}",
            "facts": [
                {"title": "Price", "value": "€${formatNumber(price, 2)}"},
                {"title": "Tags", "value": "${if(count(tags) > 0, join(tags, ', '), 'none')}"},
            ],
        },
    ],
    "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": "${url}"}],
}


def manifest(**more: Any) -> dict[str, Any]:
    """A whole manifest, v2.4, as its schema has it."""
    semantics = {
        "data_path": "$.results",
        "properties": {"title": "$.name", "subtitle": "$.id", "url": "$.url"},
        "static_template": CARD,
    }
    return {
        "schema_version": "v2.4",
        "name_for_human": "Inventory",
        "namespace": "inventory",
        "description_for_human": "What lies in the store.",
        "description_for_model": "Use it for questions about items in the store.",
        "functions": [
            {
                "name": "listItems",
                "description": "List the items whose name has these words.",
                "parameters": {
                    "type": "object",
                    "properties": {"q": {"type": "string", "description": "Words of the name."}},
                },
                "states": {
                    "reasoning": {"instructions": ["Search before you add."], "examples": ["Which bolts are there?"]},
                    "responding": {"instructions": "Name the price with every item."},
                },
                "capabilities": {
                    "response_semantics": semantics,
                    "security_info": {"data_handling": ["GetPublicData"]},
                },
            },
            {
                "name": "addItem",
                "description": "Add an item.",
                "capabilities": {
                    "confirmation": {
                        "type": "AdaptiveCard",
                        "title": "Add ${name}",
                        "body": "**Name**: {{ function.parameters.name }}\n**Price**: {{function.parameters.price}}",
                    },
                    "response_semantics": semantics,
                    "security_info": {"data_handling": ["ResourceStateUpdate"]},
                },
            },
        ],
        "runtimes": [
            {
                "type": "OpenApi",
                "auth": {"type": "None"},
                "spec": {"url": "openapi.json"},
                "run_for_functions": ["*"],
            }
        ],
        "capabilities": {"conversation_starters": [{"text": "What is in the store?", "title": "Stock"}]},
        **more,
    }


class Package:
    """A folder with a manifest and what lies beside it."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, value: Any) -> Path:
        """Write a file: JSON, or a text as it is."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
        return path

    def read(self, value: Any, *, name: str = "ai-plugin.json", **reading: Any) -> Plugin:
        """Write the manifest and return its plugin, by the door that every plugin comes through."""
        from copilot.plugins.readers import read

        return read(self.put(name, value), Reading(self.home, **reading))


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """A package with the description of the API, at an address that nobody calls."""
    made = Package(tmp_path / "package", tmp_path / "home")
    made.put("openapi.json", document())
    return made


@pytest.fixture
def live(tmp_path: Path, inventory: Site) -> Package:
    """A package whose API answers."""
    made = Package(tmp_path / "package", tmp_path / "home")
    made.put("openapi.json", document(inventory.origin))
    return made


def told(plugin: Plugin) -> str:
    """Everything that was reported, a line each."""
    return "\n".join(f"{p.severity} {p.where.partition('#')[2]}: {p.reason}" for p in plugin.problems)
