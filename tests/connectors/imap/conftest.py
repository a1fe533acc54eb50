"""A real IMAP server (pymap) and a real SMTP server (aiosmtpd), each started once a session."""

from __future__ import annotations

import email
import imaplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.imap import connector
from copilot.plugins.connections import Connections
from copilot.settings import AccountSettings

USER, PASSWORD = "nina@example.org", "kept-in-a-variable"
FOLDERS = ("Sent", "Drafts", "Trash", "Junk", "Archive", "Projects")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Outbox:
    """What the SMTP server took. `refuses` are addresses that it does not take; `breaks` cuts the connection after it
    took a message.
    """

    taken: list[tuple[list[str], Message]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    breaks: bool = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuses:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append((list(envelope.rcpt_tos), email.message_from_bytes(envelope.content)))
        if self.breaks:
            server.transport.abort()
        return "250 OK"


@pytest.fixture(scope="session")
def imap_port() -> Iterator[int]:
    pytest.importorskip("pymap", reason="the IMAP server of the tests is not installed")
    port = free_port()
    asked = ["--host", "127.0.0.1", "--port", str(port), "--no-tls", "dict"]
    user = ["--demo-user", USER, "--demo-password", PASSWORD]
    program = [sys.executable, "-c", "from pymap.main import main; main()"]
    process = subprocess.Popen([*program, *asked, *user], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _answering(process, port)
    finally:
        process.terminate()
        process.wait(10)


def _answering(process: subprocess.Popen[bytes], port: int) -> int:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            continue
        return port
    pytest.skip("the IMAP server of the tests does not start")


@pytest.fixture(scope="session")
def smtp_server() -> Iterator[tuple[int, Outbox]]:
    pytest.importorskip("aiosmtpd", reason="the SMTP server of the tests is not installed")
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    def signs_in(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> Any:
        good = getattr(given, "password", b"") == PASSWORD.encode()
        return AuthResult(success=good, handled=False)

    outbox = Outbox()
    controller = Controller(
        outbox,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=signs_in,
        auth_require_tls=False,
        enable_SMTPUTF8=True,
    )
    controller.start()
    yield controller.port, outbox
    controller.stop()


@dataclass
class Post:
    """Both servers; `client` is another client of the mailbox. Signing in costs this server half a second."""

    imap: int
    smtp: int
    outbox: Outbox
    client: imaplib.IMAP4
    held: dict[str, Connections] = field(default_factory=dict)

    def put(self, content: bytes, folder: str = "INBOX", flags: str = "()", when: str = "") -> None:
        status, said = self.client.append(folder, flags, when, content)
        assert status == "OK", said

    def empty(self) -> None:
        for name in ("INBOX", *FOLDERS):
            self.client.create(name)
            self.client.select(name)
            self.client.store("1:*", "+FLAGS", "\\Deleted")
            self.client.expunge()
        self.client.unselect() if "UNSELECT" in self.client.capabilities else self.client.close()
        self.outbox.taken.clear()
        self.outbox.refuses.clear()
        self.outbox.breaks = False

    def account(self, **more: Any) -> dict[str, Any]:
        return {
            "connector": "imap",
            "address": USER,
            "name": "Nina Keller",
            "secret_env": "EVERPILOT_TEST_MAIL",
            **{"imap_host": "127.0.0.1", "imap_port": self.imap, "imap_security": "none"},
            **{"smtp_host": "127.0.0.1", "smtp_port": self.smtp, "smtp_security": "none"},
            **more,
        }

    def connections(self, state: Path) -> Connections:
        """The account, signed in."""
        if not self.held:
            settings = AccountSettings.model_validate(self.account())
            env = {"EVERPILOT_TEST_MAIL": PASSWORD}
            self.held["post"] = Connections({"post": settings}, state, env, lambda name: connector)
        return self.held["post"]


@pytest.fixture(scope="session")
def post_server(imap_port: int, smtp_server: tuple[int, Outbox]) -> Iterator[Post]:
    with imaplib.IMAP4("127.0.0.1", imap_port) as client:
        client.login(USER, PASSWORD)
        made = Post(imap_port, *smtp_server, client)
        yield made
        for each in made.held.values():
            each.of("mail").mailbox.close()


@pytest.fixture
def post(post_server: Post) -> Post:
    post_server.empty()
    return post_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    return path
