"""JSON batching: up to 20 requests in one, each answered on its own. Source: Microsoft Graph, "JSON batching"."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from copilot.demo.microsoft365.call import Answer
from copilot.demo.microsoft365.refusals import bad_request

MOST = 20


@dataclass(frozen=True)
class Item:
    """One request of a batch; its path has no version."""

    id: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    after: tuple[str, ...] = ()


def answer(body: bytes, send: Callable[[Item], Answer]) -> Answer:
    """Return the answers of a batch. Raises the 400 for what is no batch, or is too large."""
    responses: dict[str, dict[str, Any]] = {}
    for item in _items(body):
        failed = [id for id in item.after if responses.get(id, {}).get("status", 424) >= 400]
        responses[item.id] = _failed(item.id) if failed else _response(item.id, send(item))
    return Answer(200, {"responses": list(responses.values())})


def _items(body: bytes) -> list[Item]:
    try:
        asked = json.loads(body)["requests"]
        items = [_item(each) for each in asked]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise bad_request("Invalid batch payload format.", "BadRequest") from None
    if len(items) > MOST:
        message = f"Number of batch request steps exceeds the maximum value of {MOST}."
        raise bad_request(message, "MaximumValueExceeded")
    if len({item.id for item in items}) < len(items):
        raise bad_request("Request id values must be unique.", "BadRequest")
    return items


def _item(given: Mapping[str, Any]) -> Item:
    path, _, query = str(given["url"]).partition("?")
    headers = {str(k).lower(): str(v) for k, v in given.get("headers", {}).items()}
    body = given.get("body")
    data = b"" if body is None else json.dumps(body).encode()
    if isinstance(body, str):
        data = base64.b64decode(body)
    after = tuple(given.get("dependsOn") or ())
    return Item(str(given["id"]), given["method"].upper(), "/" + path.lstrip("/"), query, headers, data, after)


def _failed(id: str) -> dict[str, Any]:
    message = "The dependent request has failed."
    return {"id": id, "status": 424, "body": {"error": {"code": "FailedDependency", "message": message}}}


def _response(id: str, answer: Answer) -> dict[str, Any]:
    headers = dict(answer.headers)
    shown: dict[str, Any] = {"id": id, "status": answer.status, "headers": headers}
    if answer.body:
        is_json = "json" in headers.get("Content-Type", "")
        shown["body"] = json.loads(answer.body) if is_json else base64.b64encode(answer.body).decode()
    return shown
