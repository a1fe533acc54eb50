"""The command as a user runs it: a process of its own, a copy of the example folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.vendors import VendorServer
from tests.vendors.graph import graph as graph
from tests.vendors.graph import graph_server as graph_server
from tests.warm import Warm


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Everpilot:
    """Runs `everpilot` in a folder."""

    def __init__(self, folder: Path, warm: Warm | None = None) -> None:
        self.folder = folder
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
        self._warm = warm

    def __call__(self, *arguments: str, stdin: str | None = None, **env: str) -> Done:
        if self._warm is None or any(name.startswith("PYTHON") for name in env):
            done = self._started(arguments, stdin, env)
        else:
            done = Done(*self._warm.run(arguments, self.folder, {**self.env, **env}, stdin))
        assert "Traceback" not in done.out + done.err, done.err
        return done

    def _started(self, arguments: Sequence[str], stdin: str | None, env: dict[str, str]) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "copilot", *arguments],
            cwd=self.folder,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def ask(self, prompt: str, *arguments: str) -> Done:
        """One answer as JSON."""
        return self("-p", prompt, "--output-format", "json", *arguments)

    def settings(self, servers: Sequence[tuple[str, str, VendorServer]], deadlines: str = "") -> None:
        """Write a copilot.toml that names the servers in this order: (name, provider, server)."""
        text = "".join(
            f'[[models]]\nname = "{name}"\nprovider = "{provider}"\nmodel = "{provider}-test"\n'
            f'base_url = "{server.base_url}"\napi_key_env = "KEY_{name.upper()}"\n{deadlines}\n'
            for name, provider, server in servers
        )
        (self.folder / "copilot.toml").write_text(text)
        for name, _, server in servers:
            self.env[f"KEY_{name.upper()}"] = server.api_key


@pytest.fixture
def everpilot(office: Path, warm: Warm | None) -> Everpilot:
    return Everpilot(office, warm)
