"""One JSON object of a manifest, read leniently: what has the wrong type is left out, and that is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from copilot.plugins.skill import Problem, Severity

#: Problems of one manifest that are told apart; a file that is wrong in more places is told so.
_MOST_PROBLEMS = 100
_MOST_TEXT = 2_000_000  # characters of any text that is kept: the longest instructions in use have a few thousand


class Notes:
    """What was met while one manifest was read."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.found: list[Problem] = []
        self._more = 0

    def add(self, reason: str, severity: Severity) -> None:
        """Keep a problem, once."""
        problem = Problem(self.where, reason, severity)
        if problem in self.found:
            return
        if len(self.found) >= _MOST_PROBLEMS:
            self._more += 1
            return
        self.found.append(problem)

    def take(self, problems: Iterable[Problem]) -> None:
        """Keep problems of something that the manifest brought in, with their own places."""
        self.found.extend(list(problems)[:_MOST_PROBLEMS])

    def all(self) -> tuple[Problem, ...]:
        """Return the problems in the order they were met."""
        more = Problem(self.where, f"{self._more:,} more things are wrong with it.", "noted")
        return (*self.found, more) if self._more else tuple(self.found)


class Fields:
    """An object at `place` ("capabilities[2]"; "" is the manifest itself); `mend` makes shown text out of a string."""

    def __init__(
        self, value: Mapping[str, Any], place: str, notes: Notes, mend: Callable[[str, str], str] = lambda text, _: text
    ) -> None:
        self._value = value
        self.place = place
        self.notes = notes
        self._mend = mend

    def at(self, name: str) -> str:
        """Return the place of a field."""
        return f"{self.place}.{name}" if self.place else name

    def has(self, name: str) -> bool:
        """Return whether the field is there; null is not."""
        return self._value.get(name) is not None

    def names(self) -> Iterator[str]:
        """Yield the names of the fields, "$schema" and other notes left out."""
        return (str(name) for name in self._value if not str(name).startswith(("$", "x-", "_", "@")))

    def only(self, allowed: Iterable[str]) -> None:
        """Report the fields that are not among these."""
        known = set(allowed)
        for name in self.names():
            if name not in known:
                self.notes.add(f"{self.at(brief(name))} is no field of this form, and is ignored.", "unsupported")

    def text(self, name: str, most: int | None = None) -> str:
        """Return a text as it is shown, without blanks around it; "" where there is none. `most` is reported."""
        found = self._mend(self.raw(name), self.at(name)).strip()
        if most is not None and len(found) > most:
            told = f"{self.at(name)} has {len(found):,} characters, and {most:,} are allowed; all are used."
            self.notes.add(told, "noted")
        return found

    def raw(self, name: str) -> str:
        """Return a text as it is written (an id, an address), "" where there is none. Numbers count as text."""
        found = self._value.get(name)
        if isinstance(found, int | float) and not isinstance(found, bool):
            self.notes.add(f"{self.at(name)} is a number where a text is meant; it is read as text.", "repaired")
            return str(found)
        if found is not None and not isinstance(found, str):
            self._wrong(name, "text")
            return ""
        return (found or "")[:_MOST_TEXT]

    def blank(self, name: str) -> str:
        """Return a text as it is written, with the blanks of a build that it may have; those are reported."""
        found = self.raw(name).strip()
        if "${{" in found:
            told = f"{self.at(name)} has a blank that is filled in when the agent is built: {brief(found)!r}."
            self.notes.add(told, "noted")
        return found

    def flag(self, name: str) -> bool:
        """Return a switch; one that is not there is off. "true" as a text is read as it is meant."""
        found = self._value.get(name)
        if isinstance(found, str) and found.strip().lower() in ("true", "false"):
            self.notes.add(f"{self.at(name)} is a text where true or false is meant; it is read so.", "repaired")
            return found.strip().lower() == "true"
        if found is not None and not isinstance(found, bool):
            self._wrong(name, "true or false")
            return False
        return bool(found)

    def number(self, name: str, least: float, most: float) -> float | None:
        """Return a number between `least` and `most`, None where there is none that is."""
        found = self._value.get(name)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
            self._wrong(name, f"a number from {least:g} to {most:g}")
            return None
        return float(found)

    def object(self, name: str) -> Fields | None:
        """Return an object, None where there is none."""
        found = self._value.get(name)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            self._wrong(name, "an object")
            return None
        return Fields(found, self.at(name), self.notes, self._mend)

    def objects(self, name: str, most: int, single: str = "") -> list[Fields]:
        """Return the first `most` objects of a list; what is no object is reported and left out.

        `single` is the field that a bare text stands for: many people write ["https://..."] for [{"url": "https://..."}].
        """
        return [
            Fields(value, f"{self.at(name)}[{number}]", self.notes, self._mend)
            for number, value in self._items(name, most, Mapping, "an object", single)
        ]

    def texts(self, name: str, most: int) -> list[str]:
        """Return the first `most` texts of a list as they are written; what is no text is reported and left out."""
        return [value for _, value in self._items(name, most, str, "text")]

    def value(self) -> dict[str, Any]:
        """Return the object itself."""
        return dict(self._value)

    def with_value(self, value: Mapping[str, Any]) -> Fields:
        """Return another object in this one's place."""
        return Fields(value, self.place, self.notes, self._mend)

    def _items(self, name: str, most: int, kind: type[Any], meant: str, single: str = "") -> Iterator[tuple[int, Any]]:
        found = self._value.get(name)
        if single and isinstance(found, str):
            found = [found]
        if isinstance(found, kind):
            self.notes.add(
                f"{self.at(name)} is {meant} where a list is meant; it is read as a list of one.", "repaired"
            )
            found = [found]
        if found is None:
            return
        if not isinstance(found, list):
            self._wrong(name, "a list")
            return
        if len(found) > most:
            told = f"{self.at(name)} has {len(found):,} entries, and {most} are allowed; the first {most} are used."
            self.notes.add(told, "repaired")
        for number, value in enumerate(found[:most]):
            if single and isinstance(value, str):
                told = f"{self.at(name)}[{number}] is a text where an object is meant; it is read as its {single}."
                self.notes.add(told, "repaired")
                yield number, {single: value}
            elif isinstance(value, kind):
                yield number, value
            else:
                told = f"{self.at(name)}[{number}] is {_kind(value)} where {meant} is meant, and is ignored."
                self.notes.add(told, "unsupported")

    def _wrong(self, name: str, meant: str) -> None:
        told = f"{self.at(name)} is {_kind(self._value.get(name))} where {meant} is meant, and is ignored."
        self.notes.add(told, "unsupported")


def brief(text: object, most: int = 60) -> str:
    """Return a stranger's words short enough for a message."""
    told = " ".join(str(text).split())
    return told if len(told) <= most else f"{told[: most - 1]}…"


def _kind(value: object) -> str:
    names = {bool: "true or false", str: "the text", list: "a list", dict: "an object", type(None): "null"}
    kind = names.get(type(value), "the number")
    return f"{kind} {brief(value)!r}" if isinstance(value, str | int | float) and kind[0:3] == "the" else kind
