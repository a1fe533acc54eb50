"""What a listing of sources came upon: how many it gave, and what it left out, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Names that are kept of each reason, and reasons that are told apart: a million files must not fill the memory.
_NAMES = 5
_REASONS = 40
_OTHERS = "for other reasons"


@dataclass(slots=True)
class Left:
    """What was left out for one reason: how many, and the first names."""

    count: int = 0
    names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Found:
    """The report of a listing; it grows while the sources are taken from the iterator, and is complete at its end.

    `count` are the sources given. `left` are those that were not, by the reason. `notes` say what else is worth
    knowing: a pattern that nothing fits, a sheet that was not read.
    """

    count: int = 0
    left: dict[str, Left] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        """How many were left out."""
        return sum(each.count for each in self.left.values())

    def skip(self, name: str, reason: str) -> None:
        """Count something that is left out; `reason` goes on from its name: "is hidden"."""
        reason = reason if reason in self.left or len(self.left) < _REASONS else _OTHERS
        left = self.left.setdefault(reason, Left())
        left.count += 1
        if len(left.names) < _NAMES:
            left.names.append(name)

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes and len(self.notes) < _REASONS:
            self.notes.append(text)

    def lines(self) -> list[str]:
        """Return the report for a person, a line each; names in it are safe to show in a terminal."""
        from copilot.trust.sanitise import safe_text

        shown = [f"{self.count:,} to work on{f', {self.skipped:,} left out' if self.skipped else ''}"]
        for reason, left in self.left.items():
            more = ", ..." if left.count > len(left.names) else ""
            shown.append(f"{left.count:,} {reason}: {', '.join(left.names)}{more}")
        return [safe_text(line) for line in (*shown, *self.notes)]
