"""Names of time zones: IANA's, which are used everywhere here, and those of Windows, which calendars of Microsoft use.

The table is CLDR's windowsZones: for each name of Windows the zone that stands for it, then the others that it covers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from copilot.errors import ToolInputError

#: Other names of UTC, and what Exchange writes for it.
_UTC = frozenset({"", "utc", "gmt", "z", "etc/utc", "etc/gmt", "coordinated universal time", "tzone://microsoft/utc"})


@cache
def windows_zones() -> Mapping[str, tuple[str, ...]]:
    """Return the zones of IANA that each name of Windows covers; the first is the one that it stands for."""
    text = files("copilot.plugins.connections").joinpath("windows_zones.json").read_text("utf-8")
    return {name: tuple(zones.split()) for name, zones in json.loads(text).items()}


@cache
def _by_name() -> Mapping[str, str]:
    """Return IANA's zone by each name, in lower case."""
    found = {zone.casefold(): zone for zone in available_timezones() if zone not in ("localtime", "Factory")}
    found.update({name.casefold(): zones[0] for name, zones in windows_zones().items()})
    return found


@cache
def _windows() -> Mapping[str, str]:
    firsts = {zones[0]: name for name, zones in windows_zones().items()}
    every = {zone: name for name, zones in windows_zones().items() for zone in zones}
    return {**every, **firsts}


def iana(name: str) -> str:
    """Return IANA's name of a zone that is named by it or by Windows, in any case of its letters.

    Raises ToolInputError for a name that neither knows, with the closest ones.
    """
    wanted = name.strip().casefold()
    if wanted in _UTC:
        return "UTC"
    found = _by_name().get(wanted)
    if found is None:
        raise ToolInputError.unknown("time zone", name, sorted(_by_name().values()))
    return found


def known(name: str) -> bool:
    """Return whether a name is one of IANA's or of Windows."""
    return name.strip().casefold() in _UTC or name.strip().casefold() in _by_name()


def windows(name: str) -> str:
    """Return the name that Windows has for a zone, and IANA's where it has none (a service then says what it takes)."""
    zone = iana(name)
    return _windows().get(zone, zone)


def zone(name: str) -> ZoneInfo:
    """Return the zone of a name of either kind. Raises ToolInputError."""
    found = iana(name)
    try:
        return ZoneInfo(found)
    except (ZoneInfoNotFoundError, ValueError):
        raise ToolInputError(f"This computer has no data of the time zone {found}.", code="unknown_time_zone") from None


def same(one: str, other: str, when: datetime) -> bool:
    """Return whether clocks show the same in two zones at a moment."""
    return when.astimezone(zone(one)).utcoffset() == when.astimezone(zone(other)).utcoffset()
