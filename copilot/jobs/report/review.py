"""A report with buttons, served to the person at this machine only, until it is answered.

The address holds a token that opens it once; what is behind it lies under a path that only the one who opened it knows.
An answer is taken from that page alone: by its secret, its origin (Fetch standard, section 3.2) and the host that was
asked for, so that no other site, and no name that leads here, can answer in the person's place.
"""

from __future__ import annotations

import hmac
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from copilot.errors import ApprovalError
from copilot.jobs.job import Outcome, Source
from copilot.jobs.report.answering import Form
from copilot.jobs.report.digest import Answer
from copilot.jobs.report.markup import text
from copilot.jobs.report.page import foot, head
from copilot.jobs.report.view import RunView, counted
from copilot.jobs.report.write import Written, write

#: Seconds that a review waits for its answer.
PATIENCE = 8 * 3600.0
_MOST = 200_000  # bytes of an answer
_FORM = "application/x-www-form-urlencoded"
#: On every answer: nothing is kept, framed, guessed or told to other sites.
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        # With "no-referrer" a browser would send forms with the origin "null" (Fetch, section 3.2).
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)


def review(
    run: RunView,
    documents: Iterable[tuple[Source, Outcome]],
    tell: Callable[[str], object],
    *,
    patience: float = PATIENCE,
) -> Answer | None:
    """Serve the report of a run, `tell` its address, and return the answer; None if none came, or nothing waits."""
    form = Form("answer", secrets.token_urlsafe(32))
    with tempfile.TemporaryDirectory() as folder:
        written = write(Path(folder) / "report.html", run, documents, form=form)
        if not written.pages:
            return None
        with Server(written, form) as server:
            tell(server.url)
            return server.wait(patience)


class Server:
    """Serves a written report on 127.0.0.1 until it is answered. `url` opens it, once."""

    def __init__(self, written: Written, form: Form) -> None:
        self._files = {path.name: path for path in written.files}
        self._desk = Answering(written, form)
        self._token = secrets.token_urlsafe(32)
        self._room = secrets.token_urlsafe(32)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = _Quiet(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def origin(self) -> str:
        """The origin that alone may answer."""
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        """The host and port that requests have to name."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The address that opens the report, once."""
        return f"{self.origin}/open/{self._token}"

    def wait(self, patience: float) -> Answer | None:
        """Return the answer, or what of it came in that many seconds; None for nothing."""
        self._over.wait(patience)
        with self._lock:
            return self._desk.answer

    def opened(self, token: str) -> str:
        """Return the path of the report for the token, "" if it is another one or was used."""
        with self._lock:
            fits = bool(self._token) and hmac.compare_digest(token.encode(), self._token.encode())
            self._token = "" if fits else self._token
        return f"/{self._room}/{quote(next(iter(self._files)))}" if fits else ""

    def file(self, path: str) -> Path | None:
        """Return the file of the report at a path, None for none."""
        room, _, name = path[1:].partition("/")
        return self._files.get(unquote(name)) if hmac.compare_digest(room.encode(), self._room.encode()) else None

    def answered(self, path: str, fields: Mapping[str, list[str]]) -> tuple[str, str]:
        """Take the form of a page; return where to go on, or else what to say. Raises ApprovalError if it is none."""
        if not hmac.compare_digest(path.encode(), f"/{self._room}/answer".encode()):
            raise ApprovalError("This is not the page that was opened.", code="answer")
        with self._lock:
            following = self._desk.take(fields)
            return (f"/{self._room}/{quote(following)}", "") if following else ("", self._desk.told())

    def finish(self) -> None:
        """End if everything was answered; called when the person was told so."""
        if self._desk.over:
            self._over.set()

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Answering:
    """The answers to the pages of a report, which together are one."""

    def __init__(self, written: Written, form: Form) -> None:
        self.answer: Answer | None = None
        self.over = False
        self._shown = written.shown
        self._digest = written.shown.digest
        self._nonce = form.nonce
        self._left = dict.fromkeys(written.pages)

    def take(self, fields: Mapping[str, list[str]]) -> str:
        """Take the fields of a form; return the next page to answer, "" for none. Raises ApprovalError."""
        given = {name: fields.get(name, [""])[0] for name in ("shown", "nonce", "page", "verdict")}
        if self.over:
            raise ApprovalError("This was answered already.", code="used")
        if not hmac.compare_digest(given["nonce"].encode(), self._nonce.encode()):
            raise ApprovalError("This answer does not come from the page.", code="answer")
        if given["shown"] != self._digest:
            raise ApprovalError("This is not what the page showed.", hint="Look at a new report.", code="stale")
        self._decide(given["verdict"], fields.get("pick", []))
        self._left.pop(given["page"], None)
        self.over = given["verdict"] != "selected" or not self._left
        return "" if self.over else next(iter(self._left))

    def told(self) -> str:
        """Return in a sentence what was answered."""
        answer = self.answer or Answer("", "")
        left = len(self._shown.changes) + len(self._shown.sends) - len(answer.accepted) - len(answer.declined)
        said = [f"{counted(len(answer.accepted), 'document')} accepted"]
        said += [f"{len(answer.declined):,} declined"] if answer.declined else []
        said += [f"{left:,} still waiting"] if left else []
        return f"{', '.join(said)}."

    def _decide(self, verdict: str, picked: Iterable[str]) -> None:
        before = self.answer.accepted if self.answer else {}
        if verdict == "all":
            found = self._shown.all()
        elif verdict == "selected":
            found = self._shown.only(picked)
        elif verdict == "finish":
            found = self._shown.only([])
        elif verdict == "none":
            self.answer = self._shown.none()
            return
        else:
            raise ApprovalError("This answer says nothing.", hint="Press one of the buttons.", code="answer")
        self.answer = replace(found, accepted={**before, **found.accepted})


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that hung up."""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds that a connection may say nothing

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if not self._at_home():
                self._say(400, "This is not the address that was told.")
            elif path.startswith("/open/"):
                place = server.opened(path.removeprefix("/open/"))
                self._go(place) if place else self._say(403, "This address was used already. Start the review again.")
            elif (file := server.file(path)) is not None:
                self._file(file)
            else:
                self._say(404, "There is nothing here.")

        def do_POST(self) -> None:
            """Take an answer; it counts only if the report's own page sent it."""
            fetched = self.headers.get("Sec-Fetch-Site", "same-origin")
            if not self._at_home() or self.headers.get("Origin") != server.origin or fetched != "same-origin":
                self._say(403, "This answer does not come from the page.")
                return
            fields = self._fields()
            if fields is None:
                self._say(400, "This is no answer.")
                return
            try:
                place, told = server.answered(urlsplit(self.path).path, fields)
            except ApprovalError as error:
                self._say(409, str(error))
                return
            self._go(place) if place else self._say(200, f"{told} You can close this page and go back to Everpilot.")
            server.finish()

        def _at_home(self) -> bool:
            """Return whether the request names this very server: a name that leads here (DNS rebinding) does not."""
            return self.headers.get("Host") == server.host

        def _fields(self) -> dict[str, list[str]] | None:
            size = self.headers.get("Content-Length", "")
            kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != _FORM or not (size.isascii() and size.isdigit()) or len(size) > 9 or int(size) > _MOST:
                return None
            try:
                return parse_qs(self.rfile.read(int(size)).decode("ascii"), max_num_fields=5_000)
            except ValueError:
                return None

        def _go(self, place: str) -> None:
            self._start(303, 0, Location=place)

        def _say(self, status: int, told: str) -> None:
            body = f"{head('Everpilot')}<h1>Everpilot</h1><p>{text(told)}</p>{foot('')}".encode("utf-8", "replace")
            self._start(status, len(body))
            self.wfile.write(body)

        def _file(self, file: Path) -> None:
            with file.open("rb") as content:
                self._start(200, file.stat().st_size)
                shutil.copyfileobj(content, self.wfile)

        def _start(self, status: int, size: int, **more: str) -> None:
            self.send_response(status)
            kind = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(size)}
            for name, value in {**kind, **_HEADERS, **more}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing: the addresses are secrets."""

        def version_string(self) -> str:
            return "Everpilot"

    return Handler
