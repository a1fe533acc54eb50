"""The command as other assistants start it: a real process, and nothing but the protocol on its stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SAID = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "tools/call",
        "params": {"name": "loud__shout", "arguments": {}},
    },
]
LOUD = '''
import os
from copilot import Result, ToolContext, tool

@tool
def shout(context: ToolContext) -> Result:
    """Print to stdout, as careless code does."""
    print("careless", flush=True)
    os.system("echo careless child")
    return Result("quiet")
'''


def test_only_the_protocol_goes_to_stdout(office: Path, home: Path) -> None:
    skill = home / "skills" / "loud"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: loud\ndescription: Loud.\n---\nLoud.\n")
    (skill / "__init__.py").write_text("")
    (skill / "tools.py").write_text(LOUD)
    (office / "copilot.toml").write_text("[trust]\nmode = 'auto'\n")  # not trusted: that is said, on stderr
    with subprocess.Popen(
        [sys.executable, "-m", "copilot", "mcp", "--dir", str(office)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers = {}
        for message in SAID:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            if "id" in message:
                found = json.loads(process.stdout.readline())
                answers[found["id"]] = found["result"]
        rest, errors = process.communicate()
    assert (process.returncode, rest) == (0, "")
    assert answers[1]["serverInfo"]["name"] == "everpilot"
    assert {"word__read", "loud__shout"} <= {t["name"] for t in answers[2]["tools"]}
    assert answers[3]["content"][0]["text"] == "quiet"
    assert "careless" in errors
    assert "copilot.toml" in errors
