"""Where a server keeps an account's calendars: RFC 6764, section 6, and RFC 4791, section 6.2."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from copilot.errors import ServiceError
from copilot.plugins.connections import zones
from copilot.plugins.connections.calendar import CalendarInfo

from .dav import C, D, Dav, Found
from .ical import parse

_WELL_KNOWN = "/.well-known/caldav"


@dataclass(frozen=True, slots=True)
class Home:
    """An account's place: its calendars, its addresses, where it asks others for their time ("" for nowhere).

    `invites` says that the server itself sends invitations (RFC 6638, section 2); `zone` is the default calendar's.
    """

    calendars: tuple[CalendarInfo, ...]
    addresses: frozenset[str]
    outbox: str = ""
    invites: bool = False
    zone: str = ""


async def discover(dav: Dav, default: str) -> Home:
    """Return an account's place. Raises ServiceError where there is no calendar, and for a name that none has."""
    principal = await _principal(dav)
    (found, *_), reply = await dav.propfind(
        principal, "C:calendar-home-set", "C:calendar-user-address-set", "C:schedule-outbox-URL"
    )
    homes = found.paths(f"{C}calendar-home-set")
    if not homes:
        raise ServiceError("The server has no calendars for this account.", hint="Check url.", code="missing")
    listed: list[Found] = []
    for home in homes:
        names = ("D:displayname", "D:resourcetype", "D:current-user-privilege-set")
        each, reply = await dav.propfind(
            home, *names, "C:supported-calendar-component-set", "C:calendar-timezone", depth=1
        )
        listed += [one for one in each if _is_calendar(one)]
    if not listed:
        raise ServiceError("The server has no calendar of events for this account.", code="missing")
    first = _default(listed, default)
    infos = [_info(one, one is first) for one in sorted(listed, key=lambda one: one is not first)]
    addresses = [each for each in found.paths(f"{C}calendar-user-address-set") if each.lower().startswith("mailto:")]
    outbox = (found.paths(f"{C}schedule-outbox-URL") or [""])[0]
    invites = "calendar-auto-schedule" in reply.headers.get("dav", "")
    mine = frozenset(each[7:].lower() for each in addresses)
    return Home(tuple(infos), mine, outbox, invites, _zone(first))


async def _principal(dav: Dav) -> str:
    """Return the path of the principal: the one that the address leads to, else that of /.well-known/caldav."""
    places = [urlsplit(dav.url).path or "/", _WELL_KNOWN]
    trouble: ServiceError | None = None
    for place in places if places[0] != "/" else places[::-1]:
        try:
            found, _ = await dav.propfind(place, "D:current-user-principal")
        except ServiceError as error:
            if error.code not in ("missing", "unsupported", "broken"):
                raise
            trouble = error
            continue
        paths = [path for one in found for path in one.paths(f"{D}current-user-principal")]
        if paths:
            return paths[0]
    hint = "Set url to what your provider calls the CalDAV address."
    raise ServiceError("No calendars were found on the server.", hint=hint, code="missing") from trouble


def _is_calendar(found: Found) -> bool:
    kinds = found.props.get(f"{D}resourcetype")
    if kinds is None or kinds.find(f"{C}calendar") is None:
        return False
    components = found.props.get(f"{C}supported-calendar-component-set")
    names = [] if components is None else [each.get("name", "").upper() for each in components]
    return not names or "VEVENT" in names


def _default(listed: list[Found], name: str) -> Found:
    if not name:
        return listed[0]
    for one in listed:
        if one.text(f"{D}displayname").casefold() == name.casefold():
            return one
    names = ", ".join(repr(one.text(f"{D}displayname")) for one in listed)
    raise ServiceError(f"There is no calendar {name!r}.", hint=f"There is: {names}.", code="missing")


def _info(found: Found, default: bool) -> CalendarInfo:
    rights = found.props.get(f"{D}current-user-privilege-set")
    names = set() if rights is None else {each.tag for each in rights.iter()}
    writes = rights is None or bool(names & {f"{D}write", f"{D}write-content", f"{D}bind", f"{D}all"})
    name = found.text(f"{D}displayname") or found.path.rstrip("/").rpartition("/")[2]
    return CalendarInfo(found.path, name, "", default, writes)


def _zone(found: Found) -> str:
    text = found.text(f"{C}calendar-timezone")
    if not text:
        return ""
    names = [str(zone.get("TZID", "")) for zone in parse(text).walk("VTIMEZONE")]
    return next((zones.iana(name) for name in names if zones.known(name)), "")
