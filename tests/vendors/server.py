"""The part that all servers of the tests share: sockets, the script, faults of the transport."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.vendors.faults import CONTENT, ODDITIES, STREAM, Fault, spoil
from tests.vendors.replies import Answerer, Reply, Request, as_reply, echo


@dataclass(frozen=True)
class Refusal:
    """Why the vendor refuses a request: status and what its error body says."""

    message: str
    status: int = 400
    type: str = "invalid_request_error"
    param: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Stream:
    """An answer as the events of a stream: what it says, how it ends, and the same end with the reason left out.

    `lead` counts the events before the first that says something.
    """

    lead: int
    body: list[bytes]
    end: list[bytes]
    end_without_reason: list[bytes]


class VendorServer:
    """A local server that speaks one vendor's protocol, as strictly as the vendor.

    `replies` is a list (each answer is used once; asked again, the server says so with a 500) or a function of the
    request; left out, it echoes. `faults` holds a fault or None for each coming request; `always` is met whenever
    `faults` is empty. A request with a fault uses up no reply. `requests` holds all that arrived, `refused` those that
    broke the vendor's rules, `mistakes` what the script itself raised.
    """

    words: Mapping[str, str]
    #: Faults in the answer that the protocol has no word for: nobody can tell such an answer from a good one.
    unmarked: frozenset[str] = frozenset()
    #: Whether the arguments of a call are text on the wire, which can be cut: in a stream, and in a whole answer.
    text_arguments = (True, True)
    stream_type = "text/event-stream"

    def __init__(
        self,
        replies: Iterable[Reply | str] | Answerer | None = None,
        *,
        faults: Iterable[Fault | str | None] = (),
        always: Fault | str | None = None,
        api_key: str = "test-key",
        models: Iterable[str] = (),
        port: int = 0,
    ) -> None:
        self.answer = replies if callable(replies) else None if replies is not None else echo
        self.replies: deque[Reply | str] = deque() if callable(replies) or replies is None else deque(replies)
        self.faults: deque[Fault | str | None] = deque(faults)
        self.always = always
        self.api_key = api_key
        self.models = frozenset(models)
        self.requests: list[Request] = []
        self.refused: list[tuple[Request, Refusal]] = []
        self.mistakes: list[Exception] = []
        self.arrived = threading.Semaphore(0)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self.connections: set[socket.socket] = set()
        self._http = _Http(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    # What a vendor fills in.

    def streams(self, request: Request) -> bool:
        """Return whether the request asks for a stream."""
        return bool(request.body.get("stream"))

    def check(self, request: Request) -> Refusal | None:
        """Return why the vendor would refuse the request."""
        raise NotImplementedError

    def whole(self, reply: Reply, request: Request) -> dict[str, Any]:
        """Return the body of an answer that is not streamed."""
        raise NotImplementedError

    def without_reason(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return that body without the reason for its end."""
        raise NotImplementedError

    def hollow(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return that body with nothing in the list that holds what is said."""
        held = {"choices", "output", "candidates", "content", "message"}
        return {key: type(value)() if key in held else value for key, value in body.items()}

    def stream(self, reply: Reply, request: Request) -> Stream:
        """Return the events of an answer that is streamed."""
        raise NotImplementedError

    def filler(self) -> bytes:
        """Return an event that adds a character to the answer."""
        raise NotImplementedError

    def error_event(self) -> bytes:
        """Return an error in the middle of a stream."""
        raise NotImplementedError

    def error_body(self, refusal: Refusal) -> dict[str, Any]:
        """Return the body of an error."""
        raise NotImplementedError

    def error_headers(self, refusal: Refusal) -> dict[str, str]:
        """Return the headers of an error."""
        return {}

    def status_refusal(self, fault: Fault) -> Refusal:
        """Return what the vendor says with an HTTP status."""
        raise NotImplementedError

    def listed(self, headers: Mapping[str, str]) -> dict[str, Any] | None:
        """Return the list of models that a GET is answered with, or None: this server has none."""
        return None

    # The life of a server.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def stop(self) -> None:
        """Close the port and every connection at once; from now on connections are refused."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._http.shutdown()
        for connection in list(self.connections):
            _shut(connection)
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # The script.

    def take_fault(self) -> Fault | None:
        with self._lock:
            spec = self.faults.popleft() if self.faults else self.always
        return None if spec is None else Fault.of(spec)

    def take_reply(self, request: Request, fault: Fault | None) -> Reply | None:
        """Return the next answer, or None: the script is at its end."""
        if self.answer is not None:
            return as_reply(self.answer(request))
        with self._lock:
            if not self.replies:
                return Reply("Half of an answer that never ends well.") if fault else None
            return as_reply(self.replies[0] if fault else self.replies.popleft())


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], vendor: VendorServer) -> None:
        self.vendor = vendor
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is what most of these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.vendor.connections.add(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.vendor.connections.discard(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = self.server.vendor.listed(headers)
        self._json(200 if found else 404, found or {"error": {"message": "Not found"}})

    def do_POST(self) -> None:
        vendor = self.server.vendor
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            body = json.loads(raw)
        except ValueError:
            return self._json(400, vendor.error_body(Refusal("We could not parse the JSON body of your request.")))
        request = Request("POST", self.path, headers, body)
        vendor.requests.append(request)
        vendor.arrived.release()
        try:
            self._serve(vendor, request, vendor.take_fault())
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception as error:  # noqa: BLE001 - a mistake in a test's script must be seen, not hang its client
            vendor.mistakes.append(error)
            self._json(500, vendor.error_body(Refusal(f"The script of this server failed: {error!r}", 500)))
        return None

    def _serve(self, vendor: VendorServer, request: Request, fault: Fault | None) -> None:
        if fault and fault.kind not in STREAM | CONTENT | ODDITIES:
            return self._fail(vendor, request, fault)
        refusal = vendor.check(request)
        if refusal:
            vendor.refused.append((request, refusal))
            return self._refuse(vendor, refusal)
        reply = vendor.take_reply(request, fault)
        if reply is None:
            return self._json(500, vendor.error_body(Refusal("The script of this server is at its end.", 500)))
        if fault and fault.kind in CONTENT | ODDITIES:
            reply = spoil(reply, fault, request, vendor.words)
        return (self._stream if vendor.streams(request) else self._whole)(vendor, reply, request, fault)

    def _fail(self, vendor: VendorServer, request: Request, fault: Fault) -> None:
        match fault.kind:
            case "reset":
                self._reset()
            case "hang_before_first_byte":
                vendor.closing.wait()
                self.close_connection = True
            case "hang_after_headers":
                self._start(200, vendor.stream_type if vendor.streams(request) else "application/json")
                vendor.closing.wait()
            case "redirect":
                self._send(302, "text/html", b"<html></html>", {"location": f"{vendor.url}/sign-in"})
            case "wrong_type":
                self._send(200, "text/plain", b"OK")
            case "no_body":
                self._send(200, vendor.stream_type if vendor.streams(request) else "application/json", b"")
            case "broken_gzip":
                kind = vendor.stream_type if vendor.streams(request) else "application/json"
                self._send(200, kind, b"\x1f\x8b\x08\x00not gzip at all", {"content-encoding": "gzip"})
            case "html":
                self._send(200, "text/html", b"<html><body><h1>Please sign in to the network</h1></body></html>")
            case "bad_json" if vendor.streams(request):
                self._start(200, vendor.stream_type)
                self._chunks([b'data: {"id": "1", "choices": [{"delta": {"con\n\n'])
                self._end_chunks()
            case "bad_json":
                self._send(200, "application/json", b'{"id": "1", "choices": [{"mess')
            case _:
                refusal = vendor.status_refusal(fault)
                self._refuse(vendor, refusal, fault.headers)

    def _whole(self, vendor: VendorServer, reply: Reply, request: Request, fault: Fault | None) -> None:
        body = vendor.whole(reply, request)
        if fault and fault.kind == "no_finish_reason":
            body = vendor.without_reason(body)
        if fault and fault.kind == "no_answer":
            body = vendor.hollow(body)
        if not fault or fault.kind in CONTENT | ODDITIES:
            return self._json(200, body)
        if fault.kind == "sse_error":
            return self._refuse(vendor, vendor.status_refusal(Fault("status", 500)))
        data = json.dumps(body).encode()
        half = data[: len(data) // 2]
        if fault.kind == "polite_close":
            return self._send(200, "application/json", half)
        self._start(200, "application/json")
        return self._break(vendor, [half], fault, b" ")

    def _stream(self, vendor: VendorServer, reply: Reply, request: Request, fault: Fault | None) -> None:
        events = vendor.stream(reply, request)
        self._start(200, vendor.stream_type)
        if not fault or fault.kind in CONTENT | ODDITIES:
            self._chunks(_told(events, fault.kind if fault else ""))
            return self._end_chunks()
        sent = events.body[: events.lead + fault.after if fault.after >= 0 else fault.after]
        if fault.kind in ("polite_close", "sse_error"):
            self._chunks(sent if fault.kind == "polite_close" else [*sent, vendor.error_event()])
            return self._end_chunks()
        return self._break(vendor, sent, fault, vendor.filler())

    def _break(self, vendor: VendorServer, pieces: list[bytes], fault: Fault, filler: bytes) -> None:
        if fault.kind != "slow_drip":
            self._chunks(pieces)
        match fault.kind:
            case "stall_mid_stream":
                vendor.closing.wait()
            case "slow_drip":
                self._chunks(pieces if filler.strip() else [])
                while not vendor.closing.wait(fault.interval):
                    self._chunks([filler])
            case "cut_mid_stream":
                return self._reset()
        self.close_connection = True
        return None

    def _refuse(self, vendor: VendorServer, refusal: Refusal, headers: dict[str, str] | None = None) -> None:
        told = {**vendor.error_headers(refusal), **(headers or {})}
        self._json(refusal.status, vendor.error_body(refusal), told)

    def _json(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._send(status, "application/json", json.dumps(body).encode(), headers)

    def _send(self, status: int, kind: str, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def _start(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True

    def _chunks(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()

    def _end_chunks(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        # Linger of zero seconds makes close() send RST instead of FIN.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def _told(events: Stream, kind: str) -> list[bytes]:
    """Return all events of an answer, with a fault or an oddity in its end."""
    match kind:
        case "no_finish_reason":
            return [*events.body, *events.end_without_reason]
        case "no_answer":
            return [*events.body[: events.lead], *events.end_without_reason]
        case "double_finish":
            return [*events.body, events.end[0], *events.end]
        case "no_last_event" if len(events.end) > 1:
            return [*events.body, *events.end[:-1]]
    return [*events.body, *events.end]


def event(data: dict[str, Any] | str, name: str = "") -> bytes:
    """Return one server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def pieces(text: str, size: int = 4) -> list[str]:
    """Return `text` in the small pieces that it is streamed in."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def unused_url() -> str:
    """Return the address of a port where nobody listens: a refused connection."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was faster
