"""Times of a schedule: the five fields of cron, by the clock of a time zone.

When clocks change it is as cron(8) of Vixie and Debian does it: what has fixed hours and minutes is done once, a time
that is skipped in spring right after the change, and one that comes twice in autumn the first time. What has `*` among
its hours or minutes follows the clock on the wall: a skipped time is not there, and a doubled one comes twice.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from copilot.errors import JobError, SettingsError, ToolInputError
from copilot.jobs.database import _NEEDED

_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_HINT = 'Five fields: minute, hour, day, month, weekday. "0 6 * * mon-fri" is at six on working days.'
_MOST = 200  # characters
_FIELD = re.compile(r"[0-9*/,?#-]+|(?:(?:[0-9]+|[a-z]{3}|l)(?:[-,/#]|$))+", re.IGNORECASE)
#: Clocks change by less: https://manpages.debian.org/cron.8
_BACK = timedelta(hours=3)


@dataclass(frozen=True)
class Cron:
    """The times of five fields in a zone; made by `cron`. Moments are Unix seconds."""

    text: str
    zone: str

    def after(self, moment: float) -> float:
        """Return the first time after a moment. Raises JobError when there is none any more."""
        start = datetime.fromtimestamp(moment, self._zone).replace(tzinfo=None)
        best: float | None = None
        for local in self._locals(start - _BACK):
            times = self._moments(local)
            if best is not None and times and times[0] >= best:
                return best
            later = [time for time in times if time > moment]
            best = min([*later, best]) if best is not None and later else min(later, default=best)
        raise AssertionError("croniter raises when there is nothing more")

    def last(self, first: float, until: float) -> float:
        """Return the last time up to a moment, `first` (which is one) if there is none after it."""
        found = first
        for back in (120.0, 3600.0, 86400.0, 32 * 86400.0, until - first + 1):
            times = self.times(max(first, until - back), until)
            if (newest := max(times, default=None)) is not None:
                return newest
        return found

    def times(self, after: float, until: float) -> Iterator[float]:
        """Yield the times after a moment, up to another."""
        while (after := self.after(after)) <= until:
            yield after

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def _is_wild(self) -> bool:
        return any("*" in field for field in self.text.split()[:2])

    def _locals(self, start: datetime) -> Iterator[datetime]:
        """Yield the times as a clock shows them that never changes."""
        croniter = _croniter()
        times = croniter.croniter(self.text, start)
        while True:
            try:
                yield times.get_next(datetime)
            except croniter.CroniterBadDateError:
                raise JobError(f"{self.text!r} never comes.", hint=_HINT, code="usage") from None

    def _moments(self, local: datetime) -> list[float]:
        """Return when the clock of the zone shows a time: once, twice, or (a skipped one) when it is made up for."""
        first, second = (local.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        before, after = _seconds(first), _seconds(second)
        if before == after:
            return [first.timestamp()]
        if before < after:  # the offset grows: clocks went forward over it
            return [] if self._is_wild else [self._change(second.timestamp(), first.timestamp())]
        return [first.timestamp(), second.timestamp()] if self._is_wild else [first.timestamp()]

    def _change(self, low: float, high: float) -> float:
        """Return when clocks were changed between two moments."""
        before = _seconds(datetime.fromtimestamp(low, self._zone))
        while high - low > 1:
            middle = (low + high) // 2
            if _seconds(datetime.fromtimestamp(middle, self._zone)) == before:
                low = middle
            else:
                high = middle
        return high


def cron(text: str, zone: str = "") -> Cron:
    """Return the times of a schedule; `zone` is a name of IANA or Windows, "" for the machine's.

    Raises JobError (code "usage") for what is no time, or never comes.
    """
    given = " ".join(text.split())
    fields = _NAMED.get(given.lower(), given)
    croniter = _croniter()
    if len(given) > _MOST or len(fields.split()) != 5 or not all(map(_FIELD.fullmatch, fields.split())):
        raise JobError(f"{given[:_MOST]!r} is no time of a schedule.", hint=_HINT, code="usage")
    try:
        croniter.croniter(fields, datetime(2000, 1, 1))
    except (ValueError, KeyError, TypeError) as error:
        raise JobError(f"{given!r} is no time of a schedule: {error}.", hint=_HINT, code="usage") from None
    made = Cron(fields, _named(zone))
    made.after(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    return made


def _named(zone: str) -> str:
    from copilot.plugins.connections import zones

    try:
        return zones.zone(zone or here()).key
    except ToolInputError as error:
        raise JobError(error.message, hint=error.hint, code="usage") from None


def here() -> str:
    """Return the name of the machine's time zone: of $TZ, or where the clock of the system is set. Else UTC."""
    found = os.environ.get("TZ", "").lstrip(":")
    if not found:
        found = os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    found = found.removeprefix("posix/").removeprefix("right/")
    return found or _windows() or "UTC"


def _windows() -> str:
    """Return what Windows calls its zone, "" on other systems."""
    if sys.platform != "win32":
        return ""
    import winreg

    key = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as found:
        return str(winreg.QueryValueEx(found, "TimeZoneKeyName")[0])


def _croniter() -> Any:
    try:
        return import_module("croniter")
    except ImportError as error:
        raise SettingsError(_NEEDED) from error


def _seconds(moment: datetime) -> float:
    offset = moment.utcoffset()
    return offset.total_seconds() if offset else 0.0
