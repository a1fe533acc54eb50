"""One session with an IMAP server (RFC 3501), by the standard library's client; what goes wrong, in words."""

from __future__ import annotations

import imaplib
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from copilot._redaction import one_line
from copilot.errors import ServiceError
from copilot.plugins.connections import Account
from copilot.plugins.connections.mail import Folder

from .names import decoded, parsed, quoted, role_of
from .options import Options

T = TypeVar("T")

#: Seconds without an answer after which a server is given up.
PATIENCE = 30.0
_BROKEN = (imaplib.IMAP4.abort, OSError, EOFError)
_BODY = re.compile(rb"BODY\[\](?:<\d+>)? \{\d+\}$")
_LITERAL = re.compile(rb"\{\d+\}$")


@dataclass
class Fetched:
    """What FETCH said of one message: the text outside of its literals, and the message itself."""

    about: bytes = b""
    content: bytes = b""
    flags: frozenset[str] = field(default_factory=frozenset)

    @property
    def uid(self) -> int:
        """Its unique id in the folder, 0 if it was not said."""
        found = re.search(rb"\bUID (\d+)", self.about)
        return int(found[1]) if found else 0

    @property
    def size(self) -> int:
        """Its size in bytes."""
        found = re.search(rb"RFC822\.SIZE (\d+)", self.about)
        return int(found[1]) if found else 0


class Mailbox:
    """The mailbox of an account. Calls are made one after the other; a session that broke is made anew, once."""

    def __init__(self, account: Account, options: Options, *, context: ssl.SSLContext | None = None) -> None:
        self._account, self._options = account, options
        self._context = context
        self._client: imaplib.IMAP4 | None = None
        self._lock = threading.RLock()
        self._selected: tuple[str, bool] = ("", False)
        self.validity = ""
        self.keeps: frozenset[str] = frozenset()

    def run(self, work: Callable[[imaplib.IMAP4], T], what: str, *, twice: bool = True) -> T:
        """Return what `work` returns, with the client; `twice` says that it may be done again after a break.

        Raises ServiceError; its code is "uncertain" when it may have been done.
        """
        with self._lock:
            for again in (True, False):
                fresh = self._client is None
                client = self._client or self._open()
                try:
                    return work(client)
                except _BROKEN as error:
                    self._drop()
                    if not (again and twice and not fresh):
                        raise self._lost(error, what, sure=twice) from error
                except imaplib.IMAP4.error as error:
                    raise self._refused(what, str(error)) from error
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the session."""
        with self._lock:
            self._drop()

    # --- the session --------------------------------------------------------------------------------------------------

    def _open(self) -> imaplib.IMAP4:
        host, port = self._options.imap
        secret = self._options.secret(self._account)
        context = self._context or ssl.create_default_context()
        try:
            if self._options.imap_security == "tls":
                client: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=PATIENCE)
            else:
                client = imaplib.IMAP4(host, port, timeout=PATIENCE)
            if self._options.imap_security == "starttls":
                client.starttls(context)
        except (*_BROKEN, imaplib.IMAP4.error) as error:
            raise self._lost(error, f"The server {host}:{port}") from error
        self._sign_in(client, secret)
        self._client, self._selected = client, ("", False)
        return client

    def _sign_in(self, client: imaplib.IMAP4, secret: str) -> None:
        try:
            if self._options.auth == "xoauth2":
                client.authenticate("XOAUTH2", lambda _: xoauth2(self._options.login, secret).encode())
            else:
                client.login(self._options.login, secret)
        except (*_BROKEN, imaplib.IMAP4.error) as error:
            with suppress(*_BROKEN, imaplib.IMAP4.error):
                client.shutdown()
            raise signed_out(self._account.name, self._options, self._options.imap[0]) from error

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(*_BROKEN, imaplib.IMAP4.error):
                client.logout()
            with suppress(*_BROKEN, imaplib.IMAP4.error):
                client.shutdown()

    def _lost(self, error: BaseException, what: str, *, sure: bool = True) -> ServiceError:
        said = one_line(str(error)) or type(error).__name__
        if not sure:
            hint = "Look there whether it was done before you try it again."
            return ServiceError(f"It is not known whether it was done: {what} ({said}).", hint=hint, code="uncertain")
        host = self._options.imap[0]
        return ServiceError(f"{host} does not answer: {what} ({said}).", hint="Try again later.", code="unreachable")

    def _refused(self, what: str, said: str) -> ServiceError:
        code = "full" if "overquota" in said.lower() or "quota" in said.lower() else "invalid"
        return ServiceError(f"{self._options.imap[0]} refused {what}: {one_line(said).rstrip('.')}.", code=code)

    # --- commands -----------------------------------------------------------------------------------------------------

    def _ok(self, answer: tuple[str, list[Any]], what: str) -> list[Any]:
        status, data = answer
        if status != "OK":
            said = b" ".join(each for each in data if isinstance(each, bytes)).decode("utf-8", "replace")
            if "nonexistent" in said.lower() or "trycreate" in said.lower():
                raise ServiceError(f"There is no such folder: {what}.", code="missing")
            raise self._refused(what, said)
        return data

    def has(self, name: str) -> bool:
        """Return whether the server can do something (RFC 3501, section 6.1.1)."""
        return self.run(lambda client: name in self._capabilities(client), "its capabilities")

    @staticmethod
    def _capabilities(client: imaplib.IMAP4) -> frozenset[str]:
        _, data = client.capability()
        return frozenset(b" ".join(each for each in data if each).decode("ascii", "replace").upper().split())

    def folders(self) -> list[tuple[Folder, str, frozenset[str]]]:
        """Return the folders that hold messages, with the name that IMAP has for each and its attributes."""
        lines = self.run(lambda client: self._ok(client.list(), "the folders"), "the folders")
        found = []
        for line in lines:
            if line and (each := parsed(line)) is not None and "\\noselect" not in each[0]:
                flags, separator, raw = each
                path = "/".join(decoded(raw).split(separator)) if separator else decoded(raw)
                found.append((Folder(path, path, role_of(flags, path)), raw, flags))
        return sorted(found, key=lambda each: (each[0].role != "inbox", each[0].path.casefold()))

    def counts(self, raw: str) -> tuple[int, int]:
        """Return how many messages a folder has, and how many of them are unread."""
        asked = "(MESSAGES UNSEEN)"
        data = self.run(lambda client: self._ok(client.status(quoted(raw), asked), raw), "a folder")
        text = b" ".join(each for each in data if isinstance(each, bytes)).decode("utf-8", "replace")
        numbers = dict(re.findall(r"(MESSAGES|UNSEEN) (\d+)", text.upper()))
        return int(numbers.get("MESSAGES", 0)), int(numbers.get("UNSEEN", 0))

    def select(self, client: imaplib.IMAP4, raw: str, *, writes: bool = False) -> None:
        """Open a folder; without `writes` nothing in it can change."""
        if self._selected == (raw, writes):
            with suppress(imaplib.IMAP4.error):
                client.noop()
            return
        self._selected = ("", False)
        self._ok(client.select(quoted(raw), readonly=not writes), decoded(raw))
        _, data = client.response("UIDVALIDITY")
        self.validity = (data[0] or b"0").decode() if data else "0"
        _, data = client.response("PERMANENTFLAGS")
        self.keeps = frozenset((data[0] or b"" if data else b"").decode("utf-8", "replace").strip("()").lower().split())
        self._selected = (raw, writes)

    def search(self, raw: str, criteria: Sequence[str], texts: Sequence[tuple[str, str]] = ()) -> list[int]:
        """Return the unique ids of the messages of a folder that fit, the newest last.

        `texts` are keys with words beyond ASCII: each is looked for by itself, as a literal in UTF-8.
        """

        def work(client: imaplib.IMAP4) -> list[int]:
            self.select(client, raw)
            found = _numbers(self._ok(client.uid("SEARCH", *(criteria or ("ALL",))), "the search"))
            for key, text in texts:
                client.literal = text.encode()  # type: ignore[assignment]
                found &= _numbers(self._ok(client.uid("SEARCH", "CHARSET", "UTF-8", key), "the search"))
            return sorted(found)

        return self.run(work, "the search")

    def fetch(self, raw: str, uids: Sequence[int], items: str) -> list[Fetched]:
        """Return what is asked of messages of a folder; those that are gone are left out."""
        if not uids:
            return []

        def work(client: imaplib.IMAP4) -> list[Fetched]:
            self.select(client, raw)
            wanted = ",".join(map(str, uids))
            return list(_messages(self._ok(client.uid("FETCH", wanted, f"(UID {items})"), "the messages")))

        return [each for each in self.run(work, "the messages") if each.uid in uids]

    def change(self, raw: str, work: Callable[[imaplib.IMAP4], tuple[str, list[Any]]], what: str) -> None:
        """Do something in a folder that changes it."""

        def changing(client: imaplib.IMAP4) -> None:
            self.select(client, raw, writes=True)
            self._ok(work(client), what)

        self.run(changing, what)

    def append(self, raw: str, flags: str, content: bytes, what: str) -> None:
        """Put a message into a folder."""
        self.run(
            lambda client: self._ok(client.append(quoted(raw), flags, "", content), what),
            what,
            twice=False,
        )


def xoauth2(user: str, token: str) -> str:
    """Return what a client says to sign in with an access token (Gmail, "XOAUTH2 mechanism")."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01"


def signed_out(account: str, options: Options, host: str) -> ServiceError:
    """Return the error for a password or token that a server does not take."""
    what = "the access token" if options.auth == "xoauth2" else "the password"
    hint = (
        "Renew it." if options.auth == "xoauth2" else "Many providers want a password made for apps; put it there anew."
    )
    return ServiceError(
        f"{host} does not accept {what} of {options.login} (account {account}).", hint=hint, code="signed_out"
    )


def _numbers(data: Sequence[Any]) -> set[int]:
    return {int(each) for line in data if isinstance(line, bytes) for each in line.split() if each.isdigit()}


def _messages(data: Sequence[Any]) -> Iterator[Fetched]:
    """Yield the messages of a FETCH answer, whose pieces are text, or text with the literal that follows it."""
    current = Fetched()
    for piece in data:
        if isinstance(piece, tuple):
            current.about += _LITERAL.sub(b"", piece[0]) + b" "
            if _BODY.search(piece[0]):
                current.content = piece[1]
        elif isinstance(piece, bytes):
            current.about += piece
            flags = re.search(rb"FLAGS \(([^)]*)\)", current.about)
            current.flags = frozenset((flags[1] if flags else b"").decode("utf-8", "replace").split())
            yield current
            current = Fetched()
