"""A small strict CalDAV server: discovery, tags, queries, free and busy, and scheduling among its users.

It takes nothing that RFC 4791, section 5.3.2.1 forbids in an object, and works occurrences out by python-dateutil.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import unquote

from lxml import etree

D, C = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_HEAD = '<?xml version="1.0"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
BERLIN = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTIMEZONE\nTZID:Europe/Berlin\nEND:VTIMEZONE\nEND:VCALENDAR\n"


@dataclass
class Server:
    """The users' objects by path; `sent` are the messages that scheduling sent: (method, to, subject)."""

    users: tuple[str, ...] = ("nina", "priya")
    schedules: bool = True
    objects: dict[str, bytes] = field(default_factory=dict)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    lose: str = ""  # the method of which the next answer gets lost
    away: str = ""  # where to redirect everything

    def tag(self, path: str) -> str:
        return f'"{hashlib.sha256(self.objects[path]).hexdigest()[:16]}"'

    def put(self, user: str, name: str, text: str) -> str:
        path = f"/cal/{user}/work/{name}.ics"
        self.objects[path] = text.replace("\n", "\r\n").encode()
        return path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        path = unquote(scope["path"])
        self.log.append(f"{scope['method']} {path}")
        status, head, content = self.answer(scope["method"], path, headers, body)
        if self.lose == scope["method"]:
            self.lose = ""
            raise ConnectionError("lost")
        dav = "1, 3, calendar-access" + (", calendar-auto-schedule" if self.schedules else "")
        raw = [(k.encode(), v.encode()) for k, v in {"DAV": dav, **head}.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.away:
            return 302, {"Location": self.away + path}, b""
        if path == "/.well-known/caldav":
            return 301, {"Location": "/dav/"}, b""
        user = self._user(headers.get("authorization", ""))
        if not user:
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""
        handler = getattr(self, f"_{method.lower()}", None)
        return (405, {}, b"") if handler is None else handler(user, path, headers, body)

    def _user(self, header: str) -> str:
        kind, _, text = header.partition(" ")
        if kind != "Basic":
            return ""
        name, _, password = base64.b64decode(text).decode().partition(":")
        return name if password == "secret" and name in self.users else ""

    # --- looking ------------------------------------------------------------------------------------------------------

    def _propfind(self, user: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        asked = [each.tag for each in etree.fromstring(body).find(f"{D}prop")]
        known = self._resources(user)
        if path not in known:
            return 404, {}, b""
        below = [p for p in known if p.startswith(path) and p != path] if headers.get("depth") == "1" else []
        answers = [_response(p, {n: known[p][n] for n in asked if n in known[p]}) for p in [path, *below]]
        return 207, {"Content-Type": "application/xml"}, f"{_HEAD}{''.join(answers)}</D:multistatus>".encode()

    def _resources(self, user: str) -> dict[str, dict[str, str]]:
        principal = f"<D:href>/users/{user}/</D:href>"
        rights = "<D:privilege><D:write/></D:privilege>"
        events = '<C:comp name="VEVENT"/>'
        calendar = {
            f"{D}resourcetype": "<D:collection/><C:calendar/>",
            f"{C}supported-calendar-component-set": events,
            f"{C}calendar-timezone": BERLIN,
            f"{D}current-user-privilege-set": rights,
        }
        tasks = {**calendar, f"{C}supported-calendar-component-set": '<C:comp name="VTODO"/>'}
        readonly = {**calendar, f"{D}current-user-privilege-set": "<D:privilege><D:read/></D:privilege>"}
        outbox = {f"{C}schedule-outbox-URL": f"<D:href>/cal/{user}/outbox/</D:href>"} if self.schedules else {}
        return {
            "/dav/": {f"{D}current-user-principal": principal},
            f"/users/{user}/": {
                f"{C}calendar-home-set": f"<D:href>/cal/{user}/</D:href>",
                f"{C}calendar-user-address-set": f"<D:href>mailto:{user}@x.example</D:href>",
                **outbox,
            },
            f"/cal/{user}/": {f"{D}resourcetype": "<D:collection/>"},
            f"/cal/{user}/tasks/": {**tasks, f"{D}displayname": "Tasks"},
            f"/cal/{user}/work/": {**calendar, f"{D}displayname": "Work"},
            f"/cal/{user}/team/": {**readonly, f"{D}displayname": "Team"},
        }

    def _report(self, user: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        root = etree.fromstring(body)
        wanted = next(root.iter(f"{C}time-range"))
        start, end = (datetime.strptime(wanted.get(n), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for n in ("start", "end"))
        mine = [p for p in self.objects if p.startswith(path)]
        if root.tag == f"{C}free-busy-query":
            return 200, {"Content-Type": "text/calendar"}, self._free_busy(mine, start, end)
        assert root.tag == f"{C}calendar-query"
        assert root.find(f"{C}filter/{C}comp-filter").get("name") == "VCALENDAR"
        broken = [p for p in mine if b"END:VCALENDAR" not in self.objects[p]]
        found = [p for p in mine if p in broken or any(True for _ in _instances(self.objects[p], start, end))]
        answers = [
            _response(p, {f"{D}getetag": self.tag(p), f"{C}calendar-data": _escaped(self.objects[p])}) for p in found
        ]
        return 207, {"Content-Type": "application/xml"}, f"{_HEAD}{''.join(answers)}</D:multistatus>".encode()

    def _free_busy(self, paths: list[str], start: datetime, end: datetime) -> bytes:
        lines = []
        for path in paths:
            for first, last in _instances(self.objects[path], start, end):
                lines.append(f"FREEBUSY:{first:%Y%m%dT%H%M%SZ}/{last:%Y%m%dT%H%M%SZ}")
        text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VFREEBUSY", "UID:f", "DTSTAMP:20260101T000000Z"]
        return "\r\n".join([*text, *lines, "END:VFREEBUSY", "END:VCALENDAR", ""]).encode()

    def _post(self, user: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        import icalendar

        asked = icalendar.Calendar.from_ical(body).walk("VFREEBUSY")[0]
        assert str(asked["ORGANIZER"]) == f"mailto:{user}@x.example"
        given = asked["ATTENDEE"]
        answers = []
        for who in given if isinstance(given, list) else [given]:
            name = str(who)[7:].partition("@")[0]
            head = f"<C:response><C:recipient><D:href>{who}</D:href></C:recipient>"
            if name not in self.users:
                answers.append(f"{head}<C:request-status>3.7;Invalid Calendar User</C:request-status></C:response>")
                continue
            mine = [p for p in self.objects if p.startswith(f"/cal/{name}/")]
            data = _escaped(self._free_busy(mine, asked["DTSTART"].dt, asked["DTEND"].dt))
            answers.append(
                f"{head}<C:request-status>2.0;Success</C:request-status>"
                f"<C:calendar-data>{data}</C:calendar-data></C:response>"
            )
        xml = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
        return 200, {}, f"<C:schedule-response {xml}>{''.join(answers)}</C:schedule-response>".encode()

    # --- objects ------------------------------------------------------------------------------------------------------

    def _get(self, user: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        if path not in self.objects:
            return 404, {}, b""
        return 200, {"ETag": self.tag(path), "Content-Type": "text/calendar"}, self.objects[path]

    def _stale(self, path: str, headers: dict[str, str]) -> bool:
        match = headers.get("if-match")
        return (headers.get("if-none-match") == "*" and path in self.objects) or (
            match is not None and (path not in self.objects or match != self.tag(path))
        )

    def _put(self, user: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        if self._stale(path, headers):
            return 412, {}, b""
        if trouble := _wrong(body):
            return 403, {}, trouble.encode()
        new = path not in self.objects
        self.objects[path] = body
        self._spread(user, path, "REQUEST")
        return (201 if new else 204), {"ETag": self.tag(path)}, b""

    def _delete(self, user: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        if path not in self.objects:
            return 404, {}, b""
        if self._stale(path, headers):
            return 412, {}, b""
        self._spread(user, path, "CANCEL")
        del self.objects[path]
        return 204, {}, b""

    def _spread(self, user: str, path: str, method: str) -> None:
        """Send what RFC 6638 says: the organizer's event to its attendees, an attendee's answer to the organizer."""
        import icalendar

        calendar = icalendar.Calendar.from_ical(self.objects[path])
        for event in calendar.walk("VEVENT")[:1]:
            if "ORGANIZER" not in event:
                return
            organizer, subject = str(event["ORGANIZER"])[7:], str(event["SUMMARY"])
            given = event.get("ATTENDEE", [])
            people = [str(each)[7:] for each in (given if isinstance(given, list) else [given])]
            if organizer != f"{user}@x.example":
                self.sent.append(("REPLY", organizer, subject))
                return
            for address in people:
                self.sent.append((method, address, subject))
                name = address.partition("@")[0]
                if name in self.users and method == "REQUEST":
                    self.objects[f"/cal/{name}/work/{path.rpartition('/')[2]}"] = self.objects[path]


def _response(path: str, props: dict[str, str]) -> str:
    inner = ""
    for tag, text in props.items():
        prefix = "D" if tag.startswith(D) else "C"
        name = tag.partition("}")[2]
        inner += f"<{prefix}:{name}>{text}</{prefix}:{name}>"
    stat = f"<D:propstat><D:prop>{inner}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
    return f"<D:response><D:href>{path}</D:href>{stat}</D:response>"


def _escaped(data: bytes) -> str:
    return data.decode().replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#13;")


def _wrong(body: bytes) -> str:
    """Return what is wrong with an object, "" for nothing (RFC 4791, section 5.3.2.1)."""
    import icalendar

    try:
        calendar = icalendar.Calendar.from_ical(body)
    except ValueError as error:
        return str(error)
    events = calendar.walk("VEVENT")
    zones = {str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")}
    if not events or "METHOD" in calendar or len({str(event["UID"]) for event in events}) != 1:
        return "one UID, no METHOD"
    for event in events:
        for name in ("DTSTAMP", "DTSTART", "SUMMARY"):
            if name not in event:
                return f"no {name}"
        props = [event[n] for n in ("DTSTART", "DTEND", "RECURRENCE-ID") if n in event]
        if len({type(prop.dt) for prop in props}) != 1:
            return "days and times are mixed"
        lost = {str(p.params["TZID"]) for p in props if "TZID" in p.params} - zones
        if lost:
            return f"no VTIMEZONE of {lost}"
    if sum("RECURRENCE-ID" not in event for event in events) != 1:
        return "one event that is the series"
    return ""


def _instances(data: bytes, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    import icalendar
    from dateutil.rrule import rrulestr

    events = icalendar.Calendar.from_ical(data).walk("VEVENT")
    changed = {_utc(event["RECURRENCE-ID"].dt) for event in events if "RECURRENCE-ID" in event}
    for event in events:
        first = event["DTSTART"].dt
        last = event["DTEND"].dt if "DTEND" in event else first + timedelta(days=1)
        starts = [first]
        if "RRULE" in event:
            wall = first.replace(tzinfo=None) if isinstance(first, datetime) else datetime.combine(first, time())
            text = event["RRULE"].to_ical().decode()
            limit = end.replace(tzinfo=None) + timedelta(days=2)
            zone = first.tzinfo if isinstance(first, datetime) else None
            if zone is not None and "UNTIL" in text:
                starts = list(rrulestr(text, dtstart=first).between(start, end + timedelta(days=2), inc=True))
            else:
                found = rrulestr(text, dtstart=wall).between(wall, limit, inc=True)
                starts = [each.replace(tzinfo=zone) if zone else each.date() for each in found]
            given = event.get("EXDATE", [])
            out = [d.dt for each in (given if isinstance(given, list) else [given]) for d in each.dts]
            starts = [s for s in starts if s not in out and _utc(s) not in changed]
        for begin in starts:
            a, b = _utc(begin), _utc(begin) + (_utc(last) - _utc(first))
            if a < end and b > start:
                yield a, b


def _utc(value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), tzinfo=UTC)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


@contextmanager
def served(server: Server) -> Iterator[str]:
    """Serve it on this machine, and yield its address."""
    from copilot.demo.microsoft365.server import running

    with running(server) as url:  # type: ignore[arg-type]
        yield url
