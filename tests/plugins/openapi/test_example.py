"""The example of an API description, with the server that it describes."""

from __future__ import annotations

import runpy
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

from copilot.plugins import readers
from copilot.plugins.context import ToolContext
from copilot.plugins.plugin import Reading
from copilot.plugins.tools import Result
from tests.conftest import ROOT

EXAMPLE = ROOT / "examples" / "plugins" / "ticket-desk"


def test_the_example_is_read_and_answers(tmp_path: Path, context: ToolContext) -> None:
    plugin = readers.read(EXAMPLE, Reading(tmp_path))
    assert [tool.name for tool in plugin.skills[0].tools] == ["ticket-desk.list_tickets", "ticket-desk.create_ticket"]
    desk = runpy.run_path(str(EXAMPLE / "server.py"))["Desk"]
    with ThreadingHTTPServer(("127.0.0.1", 0), desk) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        copy = tmp_path / "openapi.yaml"
        text = (EXAMPLE / "openapi.yaml").read_text("utf-8")
        copy.write_text(text.replace("8099", str(server.server_port)), "utf-8")
        tool = readers.read(copy, Reading(tmp_path)).skills[0].tools[0]
        found = tool.stage(context, {"open": True})
        server.shutdown()
    assert isinstance(found, Result)
    assert "printer" in found.markdown
    assert "chair" not in found.markdown
