"""Times at which people could meet, worked out from when they are not free and when they work.

Every moment of the search is a moment, not a clock time: each person's hours are looked up in their own zone on that
day, so that a change of the clocks in between does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from copilot.plugins.connections.calendar import Busy, Schedule, Span, WorkingHours
from copilot.plugins.connections.zones import zone

#: Statuses in which somebody can't come.
_BLOCKS = frozenset({"busy", "away", "unknown"})
_STEP = timedelta(minutes=30)
#: What it costs when somebody who may be left out can't come, has something tentative, or does not work then; and a
#: meeting on a day that has a better one already.
_ABSENT, _TENTATIVE, _OFF_HOURS, _SAME_DAY = 10.0, 3.0, 25.0, 4.0


@dataclass(frozen=True)
class Member:
    """Somebody whose time is looked at; `optional` people may be missing. Without `hours` theirs are not known."""

    address: str
    schedule: Schedule
    hours: WorkingHours | None
    optional: bool = False

    @property
    def known(self) -> bool:
        """Whether it is known when they are free."""
        return not self.schedule.trouble


@dataclass(frozen=True)
class Wish:
    """What is looked for: how long, between which moments, with how much time free around it."""

    start: datetime
    end: datetime
    length: timedelta
    buffer: timedelta = timedelta()
    count: int = 3
    off_hours: bool = False


@dataclass(frozen=True)
class Proposal:
    """A time, why it is one, and who could not come; `cost` is 0 for one that suits all."""

    start: datetime
    end: datetime
    reasons: tuple[str, ...]
    missing: tuple[str, ...] = ()
    cost: float = 0.0


def works(hours: WorkingHours | None, start: datetime, end: datetime) -> bool:
    """Return whether somebody works from one moment to another; hours that are not known count as worked."""
    if hours is None:
        return True
    seen = Span.of(start, end, hours.zone)
    return any(_within(hours, day, seen) for day in (seen.start.date(), seen.start.date() - timedelta(days=1)))


def _within(hours: WorkingHours, day: date, seen: Span) -> bool:
    opens = datetime.combine(day, hours.start)
    closes = datetime.combine(day, hours.end) + timedelta(days=1 if hours.end <= hours.start else 0)
    return day.weekday() in hours.days and opens <= seen.start and seen.end <= closes


def clashes(busy: Sequence[Busy], start: datetime, end: datetime) -> list[Busy]:
    """Return what lies in a time."""
    return [each for each in busy if each.start < end and each.end > start]


def proposals(members: Sequence[Member], wish: Wish, zone_name: str) -> list[Proposal]:
    """Return the best times, in their order; none where those who must come never can at once."""
    found = [made for start in _starts(wish, zone_name) if (made := _judged(members, wish, start)) is not None]
    return _chosen(found, wish.count, zone_name)


def _starts(wish: Wish, zone_name: str) -> Iterator[datetime]:
    """Yield beginnings at full and half hours of the zone's clocks."""
    place = zone(zone_name)
    local = wish.start.astimezone(place)
    late = timedelta(minutes=local.minute % 30, seconds=local.second, microseconds=local.microsecond)
    at = wish.start + (_STEP - late if late else timedelta())
    while at + wish.length <= wish.end:
        yield at
        at += _STEP


def _judged(members: Sequence[Member], wish: Wish, start: datetime) -> Proposal | None:
    """Return the time as a proposal, None when somebody who must come can't."""
    end, cost = start + wish.length, 0.0
    missing: list[str] = []
    soft: list[str] = []
    off: list[str] = []
    for member in members:
        inside = clashes(member.schedule.busy, start - wish.buffer, end + wish.buffer)
        if any(each.status in _BLOCKS for each in inside):
            if not member.optional:
                return None
            missing.append(member.address)
        elif any(each.status == "tentative" for each in inside):
            soft.append(member.address)
        if not works(member.hours, start, end):
            off.append(member.address)
    if off and not wish.off_hours:
        return None
    cost = _ABSENT * len(missing) + _TENTATIVE * len(soft) + _OFF_HOURS * len(off)
    return Proposal(start, end, _reasons(members, missing, soft, off), tuple(missing), cost)


def _reasons(members: Sequence[Member], missing: list[str], soft: list[str], off: list[str]) -> tuple[str, ...]:
    unknown = [member.address for member in members if not member.known]
    told = [
        "all are free" if not (missing or soft or unknown) else "",
        f"not free, but optional: {', '.join(missing)}" if missing else "",
        f"tentatively taken: {', '.join(soft)}" if soft else "",
        f"outside of working hours: {', '.join(off)}" if off else "",
        f"not known: {', '.join(unknown)}" if unknown else "",
    ]
    return tuple(each for each in told if each)


def _chosen(found: list[Proposal], count: int, zone_name: str) -> list[Proposal]:
    """Return the best ones, none over another, spread over days where that costs little."""
    chosen: list[Proposal] = []
    left = list(found)
    while left and len(chosen) < count:
        days = [each.start.astimezone(zone(zone_name)).date() for each in chosen]

        def price(each: Proposal, days: list[date] = days) -> tuple[float, datetime]:
            return each.cost + _SAME_DAY * days.count(each.start.astimezone(zone(zone_name)).date()), each.start

        best = min(left, key=price)
        chosen.append(best)
        left = [each for each in left if each.end <= best.start or each.start >= best.end]
    return sorted(chosen, key=lambda each: each.start)


def hindrances(members: Sequence[Member], wish: Wish) -> list[str]:
    """Return why there is no time: who has none at all, or works when others don't."""
    told = []
    for member in members:
        alone = proposals([member], wish, "UTC")
        if not alone and not member.optional:
            told.append(f"{member.address} has no free {int(wish.length.total_seconds()) // 60} minutes in that time")
    return told or ["each of them is free at some time, but never all at once within their working hours"]
