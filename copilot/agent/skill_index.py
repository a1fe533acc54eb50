"""The index of skills in the system prompt: what there is, in as many characters as it may take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from copilot.plugins.skill import Skill

#: Characters of a description below which a name says more alone.
_LEAST = 24
#: A group of skills has at least so many; smaller ones are told with the rest.
_GROUP = 3
_OTHERS = "others"


def index_lines(skills: Iterable[Skill], most: int | None = None) -> list[str]:
    """Return lines that say which skills there are, of at most about `most` characters; None is no limit.

    In this order, what fits first: names with descriptions, with their beginnings, names in groups, groups with how
    many there are. A skill that only a person may start is left out.
    """
    told = [skill for skill in skills if skill.model_invocation]
    lines = [f"- {skill.name}: {' '.join(skill.description.split())}" for skill in told]
    if most is None or _size(lines) <= most:
        return lines
    share = (most - sum(len(skill.name) + 6 for skill in told)) // max(len(told), 1)
    if share >= _LEAST:
        return [_cut(line, len(f"- {skill.name}: ") + share) for line, skill in zip(lines, told, strict=True)]
    groups = _groups(told)
    lines = [f"- {name}: {', '.join(members)}" for name, members in groups.items()]
    return lines if _size(lines) <= most else _counted(groups, most)


def _counted(groups: dict[str, list[str]], most: int) -> list[str]:
    """Return the groups with how many skills each has, and of the names as many as fit."""
    fixed = sum(len(name) + 20 for name in groups)
    share = max((most - fixed) // max(len(groups), 1), 0)
    lines: list[str] = []
    for number, (name, members) in enumerate(groups.items()):
        if _size(lines) + len(name) + 20 > most:
            left = [each for group in list(groups.values())[number:] for each in group]
            return [*lines, f"- and {len(left)} more skills"]
        shown = _fitting(members, share)
        more = len(members) - len(shown)
        names = ", ".join(shown) + (", " if shown and more else "") + (f"{more} more" if more and shown else "")
        lines.append(f"- {name} ({len(members)})" + (f": {names}" if names else ""))
    return lines


def _groups(skills: Sequence[Skill]) -> dict[str, list[str]]:
    """Return the names by the plugin they came in, or by what the names begin with; the rest together, at the end."""
    found: dict[str, list[str]] = defaultdict(list)
    for skill in skills:
        found[skill.plugin or skill.name.partition("-")[0]].append(skill.name)
    large = {name: members for name, members in found.items() if len(members) >= _GROUP}
    rest = [skill.name for skill in skills if not any(skill.name in members for members in large.values())]
    return {**large, _OTHERS: rest} if rest else large


def _fitting(names: Sequence[str], most: int) -> list[str]:
    shown: list[str] = []
    for name in names:
        if _size([*shown, name]) + len(shown) > most:  # two signs between names
            break
        shown.append(name)
    return shown


def _cut(line: str, most: int) -> str:
    return line if len(line) <= most else line[: most - 1].rstrip(" ,;:") + "…"


def _size(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)
