"""An MCP server by hand, in plain Python: quick to start, and able to misbehave in every way. Run as a program."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

READS = {"readOnlyHint": True}
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
TOOLS: list[dict[str, Any]] = [
    {"name": "echo", "description": "Says it again.", "inputSchema": TEXT, "annotations": READS},
    {"name": "note", "description": "Writes it down.", "inputSchema": TEXT},
    {"name": "remove", "description": "Removes.", "inputSchema": TEXT, "annotations": {"destructiveHint": True}},
    {"name": "env", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "roots", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "ask", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "steps", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "fails", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "refuses", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "wrong", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "dies", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "dies_once", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "dies_changing", "inputSchema": {"type": "object"}},
    {"name": "hangs", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "hangs_changing", "inputSchema": {"type": "object"}},
    {"name": "garbage", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "broken", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "flood", "inputSchema": {"type": "object"}, "annotations": READS},
    {"name": "grows", "inputSchema": {"type": "object"}, "annotations": READS},
    {
        "name": "data",
        "inputSchema": {"type": "object", "properties": {"good": {"type": "boolean"}}},
        "outputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        "annotations": READS,
    },
    {"name": "many", "inputSchema": {"type": "object"}, "annotations": READS},
]
HERE = Path(os.environ.get("HERE", "."))
PAGE = 8


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def hear() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        os._exit(0)
    found: dict[str, Any] = json.loads(line)
    return found


def asked(method: str, params: dict[str, Any]) -> Any:
    say({"id": f"s-{method}", "method": method, "params": params})
    while (answer := hear()).get("id") != f"s-{method}":
        pass
    return answer.get("result", answer.get("error"))


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}], **more}


def log(words: str) -> None:
    with (HERE / "log.txt").open("a") as file:
        file.write(words + "\n")


def tools() -> list[dict[str, Any]]:
    other = HERE / "tools.json"
    return json.loads(other.read_text()) if other.exists() else TOOLS


def call(name: str, args: dict[str, Any], meta: dict[str, Any]) -> Any:
    log(name)
    match name:
        case "echo" | "note" | "remove":
            return text(args.get("text", ""))
        case "env":
            return text(json.dumps(dict(os.environ)))
        case "roots":
            return text(json.dumps(asked("roots/list", {})))
        case "ask":
            form = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
            return text(json.dumps(asked("elicitation/create", {"message": "Which city?", "requestedSchema": form})))
        case "steps":
            for done in (1, 2):
                told = {
                    "progressToken": meta.get("progressToken"),
                    "progress": done,
                    "total": 2,
                    "message": f"step {done}",
                }
                say({"method": "notifications/progress", "params": told})
            return text("done")
        case "fails":
            return text("no such city", isError=True)
        case "wrong":
            return {"content": "no list"}
        case "dies" | "dies_changing":
            sys.stderr.write("the disk is full\n")
            os._exit(3)
        case "dies_once":
            if (HERE / "died").exists():
                return text("alive")
            (HERE / "died").touch()
            os._exit(3)
        case "hangs" | "hangs_changing":
            return None
        case "garbage":
            sys.stdout.write("Debug: looking\n\n   \nWarning: still\n")
            return text("fine")
        case "broken":
            sys.stdout.write('{"jsonrpc": "2.0", "id": \n')
            sys.stdout.flush()
            return None
        case "flood":
            sys.stdout.write("x" * 400_000)
            sys.stdout.flush()
            return None
        case "grows":
            more = {"name": "more", "inputSchema": {"type": "object"}, "annotations": READS}
            (HERE / "tools.json").write_text(json.dumps([*tools(), more]))
            say({"method": "notifications/tools/list_changed"})
            return text("grown")
        case "data":
            return text("", structuredContent={"n": 5 if args.get("good") else "five"})
        case "many":
            blob = {"uri": "x://blob", "blob": "AAEC", "mimeType": "application/zip"}
            return {
                "content": [
                    {"type": "text", "text": "hidden\u200b word"},
                    {"type": "image", "data": "AAEC", "mimeType": "image/png"},
                    {"type": "audio", "data": "AAEC", "mimeType": "audio/wav"},
                    {"type": "resource_link", "uri": "x://link", "name": "link", "description": "a link"},
                    {"type": "resource", "resource": {"uri": "x://text", "text": "inside"}},
                    {"type": "resource", "resource": blob},
                ]
            }
    return text(f"no tool {name}", isError=True)


def answer(message: dict[str, Any]) -> None:
    method, params = message["method"], message.get("params") or {}
    result: Any = {}
    match method:
        case "initialize":
            has = {"tools": {"listChanged": True}, "prompts": {}, "resources": {"subscribe": True}}
            info = {"name": "raw", "version": "1"}
            result = {"protocolVersion": params["protocolVersion"], "capabilities": has, "serverInfo": info}
            result["instructions"] = "Echo before you note."
        case "tools/list":
            start = int(params.get("cursor", 0))
            found = tools()
            result = {"tools": found[start : start + PAGE]}
            if start + PAGE < len(found):
                result["nextCursor"] = str(start + PAGE)
        case "resources/list":
            result = {"resources": [{"uri": "x://text", "name": "text", "mimeType": "text/plain"}]}
        case "resources/templates/list":
            result = {"resourceTemplates": [{"uriTemplate": "x://{name}", "name": "any"}]}
        case "resources/read":
            result = {"contents": [{"uri": params["uri"], "text": f"what {params['uri']} holds"}]}
        case "resources/subscribe":
            say({"id": message["id"], "result": {}})
            say({"method": "notifications/resources/updated", "params": {"uri": params["uri"]}})
            return
        case "prompts/list":
            wants = [{"name": "city", "required": True}]
            result = {"prompts": [{"name": "trip", "description": "Plans a trip", "arguments": wants}]}
        case "prompts/get":
            words = {"type": "text", "text": f"Plan a trip to {params['arguments']['city']}."}
            result = {"messages": [{"role": "user", "content": words}]}
        case "tools/call":
            if params["name"] == "refuses":
                say({"id": message["id"], "error": {"code": -32602, "message": "the city is missing"}})
                return
            result = call(params["name"], params.get("arguments") or {}, params.get("_meta") or {})
        case "ping":
            pass
        case _:
            say({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})
            return
    if result is not None:
        say({"id": message["id"], "result": result})


def main() -> None:
    log("start")
    (HERE / "pid").write_text(str(os.getpid()))
    sys.stderr.write("raw server is up\n")
    sys.stderr.flush()
    strict = "--strict" in sys.argv
    while True:
        message = hear()
        if strict and message.get("method") != "initialize":
            os._exit(1)  # as servers made with some libraries do
        strict = False
        if "id" in message and "method" in message:
            answer(message)


if __name__ == "__main__":
    main()
