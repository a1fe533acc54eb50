"""What a new deck shall hold: slides with bullets or a table, from an outline in words or from another document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from copilot.documents.powerpoint import excerpts
from copilot.documents.powerpoint.edit import as_bullet
from copilot.documents.powerpoint.paragraphs import Bullet
from copilot.documents.segments import Reading, Segment
from copilot.documents.sentences import sentences
from copilot.documents.tables import table_rows

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\Z")
_ITEM = re.compile(r"(\s*)(?:[-*+•–]|\d{1,2}[.)])\s+(.*)\Z")
_NOTES = re.compile(r"\s*(?:>\s*)?(?:speaker\s+)?notes?\s*:\s*(.*)\Z", re.IGNORECASE)
_SLIDE = re.compile(r"(?:slide|folie)\s*\d+\s*[:.–-]\s*", re.IGNORECASE)
_MARKS = re.compile(r"(\*\*|__|`)(.+?)\1")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(<?([^)\s>]*)[^)]*\)")

_CAPTION = re.compile(r"(?:table|figure|fig\.|chart|abbildung|tabelle)\s+\d+\s*[:.–-]", re.IGNORECASE)

_FEW = 9  # bullets that subsections may have together to share a slide
_SUBTITLE = 90  # letters of a line that can stand below the title of the deck
_LONG = 180  # letters: a paragraph longer than this becomes its sentences
_SENTENCES = 3  # of a paragraph that go on a slide


@dataclass
class SlidePlan:
    """One slide to be made. `kind`: "title" (the first one), "section", "content".

    `left_out` says what of its source is not on it.
    """

    title: str
    kind: Literal["title", "section", "content"] = "content"
    bullets: list[Bullet] = field(default_factory=list)
    table: list[list[str]] = field(default_factory=list)
    notes: str = ""
    left_out: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing on the slide besides its title."""
        return not self.bullets and not self.table


def from_outline(text: str) -> list[SlidePlan]:
    """Return the slides of an outline.

    Markdown: the first `#` is the title slide, a further `#` above other headings a section, other headings are
    slides, lists and paragraphs bullets, tables tables, "Notes: ..." notes. Without headings: lines that are not
    indented are slides and what is indented or listed below them bullets; a single line is cut at ; or ,.
    """
    lines = [line.rstrip() for line in text.expandtabs(2).splitlines()]
    if not any(_HEADING.match(line) for line in lines):
        lines = list(_with_headings([line for line in lines if line.strip()]))
    plans = _parsed(lines)
    _levels(plans)
    return [_tidied(plan) for plan, _ in plans]


def _with_headings(lines: list[str]) -> Iterator[str]:
    """Turn an outline by indentation into one with headings."""
    if len(lines) == 1 and not _ITEM.match(lines[0]):
        lines = [part.strip() for part in re.split(r"[;\n]|,(?=\s)", lines[0]) if part.strip()]
    items = [_ITEM.match(line) for line in lines]
    bare = [not line.startswith(" ") for line in lines]
    plain_heads = any(b and not i for b, i in zip(bare, items, strict=True))
    for line, item, outer in zip(lines, items, bare, strict=True):
        is_table = line.lstrip().startswith("|")
        head = outer and not is_table and not _NOTES.match(line) and (item is None or not plain_heads)
        yield f"## {item[2] if item else line.strip()}" if head else line


def _parsed(lines: list[str]) -> list[tuple[SlidePlan, int]]:
    """Return the slides with the level of their heading; 0 for what stands before the first one."""
    plans: list[tuple[SlidePlan, int]] = []
    in_notes = False
    for line in lines:
        if found := _HEADING.match(line):
            plans.append((SlidePlan(_SLIDE.sub("", clean(found[2]))), len(found[1])))
            in_notes = False
        elif re.fullmatch(r"\s*([-*_])(\s*\1){2,}\s*", line):
            in_notes = False
        elif line.strip():
            if not plans:
                plans.append((SlidePlan(""), 0))
            in_notes = _take_line(plans[-1][0], line, in_notes=in_notes)
        else:
            in_notes = False
    return plans


def _take_line(plan: SlidePlan, line: str, *, in_notes: bool) -> bool:
    """Put one line on a slide; return whether notes go on."""
    if found := _NOTES.match(line):
        plan.notes = f"{plan.notes}\n{found[1]}".strip()
        return True
    if in_notes and not _ITEM.match(line):
        plan.notes = f"{plan.notes}\n{line.strip().removeprefix('>').strip()}".strip()
        return True
    if line.lstrip().startswith("|"):
        plan.table += table_rows(line)
    elif found := _ITEM.match(line):
        level = len(found[1]) // 2
        plan.bullets.append(Bullet(clean(found[2]), min(level, 4)))
    else:
        bullet = as_bullet(line)
        plan.bullets += [Bullet(part, min(bullet.level, 4)) for part in _shortened(clean(bullet.text))]
    return False


def _told(link: re.Match[str]) -> str:
    """Return a link as text with its target; of an image, what it shows."""
    image, text, target = link.groups()
    return text if image or not target or target == text else f"{text} ({target})"


def clean(text: str) -> str:
    """Return a line of Markdown without its marks."""
    text = _LINK.sub(_told, text)
    for _ in range(3):
        text = _MARKS.sub(r"\2", text)
    return re.sub(r"\s+", " ", text.removeprefix("[ ]").removeprefix("[x]")).strip()


def _levels(plans: list[tuple[SlidePlan, int]]) -> None:
    """Say which slides are title and section slides, by the levels of their headings."""
    if plans and plans[0][1] == 0:
        plan = plans[0][0]
        plan.title = plan.title or (plan.bullets.pop(0).text if plan.bullets else "")
    top = min((level for _, level in plans if level), default=1)
    deeper = any(level > top for _, level in plans)
    for i, (plan, level) in enumerate(plans):
        below = plans[i + 1][1] if i + 1 < len(plans) else 0
        if i == 0 and level <= top and deeper and not plan.table:
            plan.kind = "title"
        elif i and level == top and below > level and plan.empty:
            plan.kind = "section"


def _tidied(plan: SlidePlan) -> SlidePlan:
    """Return the plan with the bullets' levels starting at 0 and leaving out none."""
    levels: list[int] = []
    tidy = []
    for bullet in plan.bullets:
        while levels and levels[-1] > bullet.level:
            levels.pop()
        if not levels or levels[-1] < bullet.level:
            levels.append(bullet.level)
        tidy.append(replace(bullet, level=len(levels) - 1))
    return replace(plan, bullets=tidy)


def _shortened(text: str) -> list[str]:
    """Return a paragraph as bullets: itself if it is short, else its first sentences."""
    return [text] if len(text) <= _LONG else sentences(text)


def from_reading(reading: Reading, *, title: str = "") -> list[SlidePlan]:
    """Return the slides for a document that was read.

    Its headings become slides (those that only stand above other headings, sections), lists and the first
    sentences of paragraphs bullets, tables tables. A document without headings gets a slide for each few
    paragraphs or pages. Hidden text, comments, headers and footers are left out.
    """
    plans: list[tuple[SlidePlan, int]] = []
    for segment in reading.segments:
        if not segment.hidden:
            _take_segment(plans, segment)
    plans = _merged([(p, n) for p, n in plans if p.title or not p.empty])
    written = next((s.text for s in reading.segments if s.kind == "title" and not s.hidden), "")
    name = title or written or reading.title or (plans[0][0].title if plans else "") or "Presentation"
    first = SlidePlan(clean(name), "title")
    if plans and plans[0][0].title.casefold() in ("", name.casefold()) and len(plans) > 1:
        opening = plans.pop(0)[0]
        if len(opening.bullets) <= 2 and not opening.table and all(len(b.text) <= _SUBTITLE for b in opening.bullets):
            first.bullets = [replace(b, level=0) for b in opening.bullets]
        else:
            plans.insert(0, (replace(opening, title="Overview"), 1))
    for i, (plan, level) in enumerate(plans):
        below = plans[i + 1][1] if i + 1 < len(plans) else 0
        plan.title = plan.title or ("Overview" if i == 0 else "Further points")
        if plan.empty and below > level:
            plan.kind = "section"
    kept = [_tidied(p) for p, _ in plans if p.kind == "section" or not p.empty]
    return [first, *kept]


def _take_segment(plans: list[tuple[SlidePlan, int]], segment: Segment) -> None:
    text = segment.text.strip()
    if not text:
        return
    if segment.kind == "heading" or (segment.kind == "slide" and text):
        plans.append((SlidePlan(clean(text)), segment.level or 1))
        return
    if segment.kind not in ("paragraph", "list", "table", "cell"):
        return
    if _CAPTION.match(text) and len(text) < _SUBTITLE:
        return
    rows = table_rows(text) if segment.kind == "table" else []
    if not plans or (rows and plans[-1][0].table):
        plans.append((SlidePlan(plans[-1][0].title if plans else ""), plans[-1][1] if plans else 1))
    plan = plans[-1][0]
    if rows:
        plan.table, above, plan.left_out = excerpts.shown(rows)
        plan.title = clean(above[0]) if above else plan.title
        left_out = [f"Not on the slide: {plan.left_out}."] if plan.left_out else []
        plan.notes = "\n".join([*above[1:], *left_out])
    elif segment.kind == "list":
        plan.bullets += [_list_bullet(line, segment.level) for line in text.split("\n") if line.strip()]
    else:
        plan.bullets += [Bullet(part) for part in key_points(text)]


def _merged(plans: list[tuple[SlidePlan, int]]) -> list[tuple[SlidePlan, int]]:
    """Put short subsections of a section that has nothing else onto one slide, as its points."""
    found: list[tuple[SlidePlan, int]] = []
    i = 0
    while i < len(plans):
        plan, level = plans[i]
        end = next((j for j in range(i + 1, len(plans)) if plans[j][1] <= level), len(plans))
        below = [p for p, _ in plans[i + 1 : end]]
        flat = all(n == level + 1 and not p.table and p.bullets for p, n in plans[i + 1 : end])
        count = sum(1 + len(p.bullets) for p in below)
        if plan.title and plan.empty and len(below) > 1 and flat and count <= _FEW:
            for each in below:
                plan.bullets += [Bullet(each.title), *(replace(b, level=b.level + 1) for b in each.bullets)]
            i = end - 1
        found.append((plan, level))
        i += 1
    return found


def _list_bullet(line: str, level: int) -> Bullet:
    bullet = as_bullet(line)
    found = _ITEM.match(bullet.text)
    return Bullet(clean(found[2] if found else bullet.text), min(bullet.level + max(level - 1, 0), 4))


def key_points(text: str) -> list[str]:
    """Return a paragraph as bullets: itself if it is short, else its first sentences."""
    flat = clean(" ".join(text.split()))
    return [flat] if len(flat) <= _LONG else sentences(flat)[:_SENTENCES]
