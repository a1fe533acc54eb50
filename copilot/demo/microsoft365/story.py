"""When the story plays, and who is in it: what the sample data of all parts share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from copilot.demo.microsoft365.state import State, written

#: A Monday. Tests stand there; the demo tells the same story around the day on which it runs (`when`).
NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
DOMAIN = "fabrikam.example"
#: Who signs in, unless a token says otherwise.
ME = f"nina.keller@{DOMAIN}"


def moment(state: State, days: int, time: str = "09:00") -> datetime:
    """Return a moment in UTC, so many days after (or before) the story's today; in tests that is `NOW`'s day."""
    hour, minute = (int(part) for part in time.split(":"))
    day = state.now().replace(hour=hour, minute=minute, second=0, microsecond=0)
    return day + timedelta(days=days)


def when(state: State, days: int, time: str = "09:00") -> str:
    """Return `moment` as Graph writes it."""
    return written(moment(state, days, time))


def who(state: State, name: str) -> str:
    """Return the id of the person of a short name ("nina.keller"). Raises KeyError."""
    found = state.user(f"{name}@{DOMAIN}")
    if found is None:
        raise KeyError(name)
    return str(found["id"])
