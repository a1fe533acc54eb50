"""HTML as text: what a reader of the page sees, what is hidden from them, and where its links lead.

Nothing is fetched and no script runs. Style sheets are followed as far as they can hide text: inline styles, and rules
for a tag, a class or an id (CSS 2.1, 5). What is in doubt counts as seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import groupby

MAX_CHARACTERS = 2 << 20
MAX_RULES = 2000
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link",
     "meta", "param", "source", "track", "wbr")
)  # fmt: skip
_BLOCKS = frozenset(
    (
        "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt", "fieldset",
        "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav",
        "ol", "p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    )
)  # fmt: skip
_RAW = {"script": "script", "style": "", "template": "template", "noscript": "", "title": "page title"}
_RULE = re.compile(r"([^{}]{1,500})\{([^{}]{0,4000})\}")
_NUMBER = re.compile(r"-?\d*\.?\d+")
_OFF = 900  # pixels to the left or above from which on nobody scrolls

HIDDEN, WHITE, TINY, OFF = "hidden by style", "text in the colour of its background", "tiny text", "text off the page"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Text with the reason why a person would not see it ("" for what they see)."""

    text: str
    hidden: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The text of an HTML page, block by block; `links` are the targets that were not told in the text."""

    stretches: tuple[Stretch, ...]
    links: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    scripts: bool = False
    cut: bool = False

    @property
    def visible(self) -> str:
        """What a person sees, a line for each block."""
        return "\n".join(s.text for s in self.stretches if not s.hidden)


#: What begins a tag; "<" before anything else is text (HTML, "tag open state").
_TAG_BEGINS = re.compile(r"<[A-Za-z/!?]")


def whole(text: str) -> str:
    """Return a page without what begins and never ends: a comment, a tag.

    A browser takes it for a comment, or for nothing; Python's parser would look for the end of each of them anew.
    """
    begun = text.find("<!--", text.rfind("-->") + 1)
    text = text[:begun] if begun >= 0 else text
    end = text.rfind(">") + 1
    open_tag = _TAG_BEGINS.search(text, end)
    return text[: open_tag.start()] if open_tag else text


def read_html(text: str) -> Page:
    """Return the text of a page; only the first 2 Mi characters are read (`cut` says so)."""
    reader = _Reader()
    reader.feed(whole(text[:MAX_CHARACTERS]))
    reader.close()
    return Page(
        tuple(reader.blocks()),
        tuple(dict.fromkeys(reader.links)),
        tuple(dict.fromkeys(reader.images)),
        reader.scripts,
        len(text) > MAX_CHARACTERS,
    )


@dataclass(slots=True)
class _Open:
    """An element that is open: why its text is not seen, its colours, and the text's start for links."""

    tag: str
    hidden: str = ""
    color: str = "black"
    back: str = "white"
    href: str = ""
    raw: str = ""


class _Reader(HTMLParser):
    """Collects pieces of text with the reason why they are not seen; a newline stands for a block's edge."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[tuple[str, str]] = []
        self._open = [_Open("")]
        self._rules: dict[str, dict[str, str]] = {}
        self.links: list[str] = []
        self.images: list[str] = []
        self.scripts = False

    def blocks(self) -> list[Stretch]:
        """Return the text in blocks, each with one reason."""
        found: list[Stretch] = []
        for hidden, group in groupby(self._pieces, key=lambda piece: piece[1]):
            for line in "".join(text for text, _ in group).split("\n"):
                if words := " ".join(line.split()):
                    found.append(Stretch(words, hidden))
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS:
            self._add("\n")
        self._targets(tag, given)
        if tag in _VOID:
            return
        if len(self._open) < 5000:
            self._open.append(self._entered(tag, given))

    def _targets(self, tag: str, given: dict[str, str]) -> None:
        if tag == "img" or (tag == "input" and given.get("type") == "image"):
            if given.get("alt"):
                self._pieces.append((f"\n{given['alt']}\n", "alternative text"))
            if source := given.get("src"):
                self.images.append(source[:2000])
        for name in ("src", "background", "action", "data", "href"):
            if tag not in ("a", "img") and given.get(name):
                self.links.append(given[name][:2000])
        if any(name.startswith("on") for name in given) or given.get("href", "").strip().lower().startswith(
            "javascript"
        ):
            self.scripts = True

    def _entered(self, tag: str, given: dict[str, str]) -> _Open:
        above = self._open[-1]
        style = self._style(tag, given)
        color = (style.get("color") or given.get("color") or above.color).strip().lower()
        back = style.get("background-color") or style.get("background") or given.get("bgcolor") or above.back
        back = back.split()[0].strip().lower() if back.split() else above.back
        why = above.hidden or _unseen(style, given) or (WHITE if _same(color, back) else "")
        if above.hidden == WHITE and not _same(color, back):
            why = _unseen(style, given)
        self.scripts = self.scripts or tag == "script"
        href = given.get("href", "") if tag == "a" else ""
        return _Open(tag, why, color, back, href[:2000], tag if tag in _RAW else above.raw)

    def _style(self, tag: str, given: dict[str, str]) -> dict[str, str]:
        found = dict(self._rules.get(tag, {}))
        for name in given.get("class", "").split()[:20]:
            found |= self._rules.get(f".{name.lower()}", {})
        found |= self._rules.get(f"#{given['id'].lower()}", {}) if given.get("id") else {}
        return found | _declarations(given.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self._open) - 1, max(0, len(self._open) - 200), -1):
            if self._open[at].tag == tag:
                self._leave(self._open[at])
                del self._open[at:]
                break
        if tag in _BLOCKS:
            self._add("\n")

    def _leave(self, left: _Open) -> None:
        """Tell the target of a link behind its text: a person must see where it leads."""
        if left.href and not left.href.startswith("#"):
            self.links.append(left.href)
            self._pieces.append((f" <{left.href}>", left.hidden))

    def handle_data(self, data: str) -> None:
        raw = self._open[-1].raw
        if raw == "style":
            self._learn(data)
        elif raw and _RAW.get(raw):
            self._pieces.append((f"\n{data}\n", _RAW[raw]))
        else:
            # Line ends in the source are spaces; those of blocks are pieces of their own.
            self._add(data.replace("\n", " "))

    def handle_comment(self, data: str) -> None:
        self._pieces.append((f"\n{data}\n", "HTML comment"))

    def _add(self, text: str) -> None:
        self._pieces.append((text, self._open[-1].hidden))

    def _learn(self, sheet: str) -> None:
        for selectors, body in _RULE.findall(sheet[:200_000]):
            declared = _declarations(body)
            for selector in selectors.split(",") if len(self._rules) < MAX_RULES else ():
                name = selector.strip().lower().rpartition(" ")[2]
                if declared and re.fullmatch(r"[a-z0-9]*[.#]?[\w-]+", name):
                    key = name if name[0] in ".#" else re.sub(r"^[a-z0-9]+(?=[.#])", "", name)
                    self._rules[key] = self._rules.get(key, {}) | declared


def _declarations(text: str) -> dict[str, str]:
    found = {}
    for declaration in text[:4000].split(";"):
        name, _, value = declaration.partition(":")
        found[name.strip().lower()] = value.replace("!important", "").strip().lower()
    return {name: value for name, value in found.items() if name and value}


def _unseen(style: dict[str, str], given: dict[str, str]) -> str:
    if "hidden" in given or style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
        return HIDDEN
    if style.get("mso-hide") == "all" or _is_zero(style.get("opacity")) or style.get("content-visibility") == "hidden":
        return HIDDEN
    if "inset(100%" in style.get("clip-path", "") or re.match(r"rect\(0", style.get("clip", "")):
        return HIDDEN
    closed = style.get("overflow", "") in ("hidden", "clip")
    if closed and any(_is_zero(style.get(name)) for name in ("height", "width", "max-height", "max-width")):
        return HIDDEN
    if style.get("transform", "").replace(" ", "").startswith("scale(0)"):
        return HIDDEN
    if (size := _points(style.get("font-size"))) is not None and size <= 2:
        return TINY
    if any(_is_far(style.get(name)) for name in ("left", "top", "text-indent", "margin-left", "margin-top")):
        return OFF
    return ""


def _is_zero(value: str | None) -> bool:
    match = _NUMBER.match(value or "")
    return match is not None and abs(float(match[0])) < 0.02


def _is_far(value: str | None) -> bool:
    match = _NUMBER.match(value or "")
    return match is not None and float(match[0]) <= -_OFF


def _points(value: str | None) -> float | None:
    match = _NUMBER.match(value or "")
    if match is None:
        return None
    unit = (value or "")[match.end() :].strip()
    share = {"px": 0.75, "em": 11.0, "rem": 11.0, "%": 0.11, "pt": 1.0, "": 0.75}.get(unit, 1.0)
    return float(match[0]) * share


def _same(color: str, back: str) -> bool:
    one, other = _rgb(color), _rgb(back)
    if one is None or other is None:
        return color == "transparent"
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 16


_NAMED = {
    "white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "blue": (0, 0, 255), "green": (0, 128, 0),
    "yellow": (255, 255, 0), "gray": (128, 128, 128), "grey": (128, 128, 128), "silver": (192, 192, 192),
    "snow": (255, 250, 250), "ivory": (255, 255, 240), "whitesmoke": (245, 245, 245), "ghostwhite": (248, 248, 255),
}  # fmt: skip


def _rgb(color: str) -> tuple[int, ...] | None:
    if color in _NAMED:
        return _NAMED[color]
    digits = color.lstrip("#")
    if color.startswith("#") and re.fullmatch(r"[0-9a-f]{3}|[0-9a-f]{6}", digits):
        size = len(digits) // 3
        return tuple(int(digits[i * size : (i + 1) * size] * (2 // size), 16) for i in range(3))
    if match := re.match(r"rgba?\(([\d\s.,%]+)", color):
        values = [float(n) for n in _NUMBER.findall(match[1])]
        return tuple(int(v) for v in values[:3]) if len(values) >= 3 else None
    return None
