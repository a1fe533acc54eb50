"""Front matter: the YAML between two lines of dashes at the head of a Markdown file, read leniently.

Scalars stay the text that they are written as (`version: 1.10` is "1.10", `true` is "true"): people mean text, and no
value can then be one that Python can't make. Each field is read on its own when the whole is no YAML, so that one bad
line costs one field. Aliases are refused: nobody needs them here, and a few lines of them make gigabytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from copilot.errors import PluginError
from copilot.plugins.files import read_bytes
from copilot.trust.sanitise import safe_text

#: Characters of front matter: the longest of public skills have about 6,000.
MOST = 60_000
#: Bytes of a file: of a SKILL.md the standard advises under 5,000 tokens, which is about 20,000 bytes.
MOST_BYTES = 1_000_000
_HEAD = 4 * MOST  # bytes that surely hold the front matter
_DEEPEST = 20
_TOLD = 6  # things that are wrong, in one message
_NULL = "tag:yaml.org,2002:null"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_HIDDEN = "characters that nobody sees were taken out of the front matter"
_BEGIN = re.compile(r"---[ \t]*\n")
_END = re.compile(r"^-{3,}[ \t]*(?:\n|\Z)", re.MULTILINE)
#: What some put before the first line: blank lines, and comments of HTML.
_BEFORE = re.compile(r"(?>\s+|<!--(?>.*?-->))*+(?=---[ \t]*\n)", re.DOTALL)
_KEY = re.compile(r"(?m)^(?=[^\s#:\-][^:\n]{0,100}:(?:[ \t\n]|\Z))")
#: Characters that people don't see; emoji and scripts need some of them, so `safe_text` decides.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]"
)


@dataclass
class Front:
    """The fields of a file's head; `notes` are repairs and doubts, `faults` what breaks the form."""

    fields: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class FrontMatterError(PluginError):
    """Front matter that can't be used; the message says why, and does not name the file."""


def visible(text: str) -> str:
    """Return the text without terminal controls and characters that nobody sees; lines stay."""
    return safe_text(text, lines=True) if _UNSEEN.search(text) else text


def head(path: Path) -> tuple[str, list[str]]:
    """Return the start of a file, all of its front matter in it, and what is wrong with its encoding.

    Raises PluginError when it can't be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_HEAD)
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}.") from error
    return decoded(content, cut=len(content) == _HEAD)


def body(path: Path) -> str:
    """Return what stands below the front matter, without characters that nobody sees; raises PluginError."""
    text, _ = decoded(read_bytes(path, MOST_BYTES))
    return visible(split(text)[1]).strip()


def decoded(content: bytes, *, cut: bool = False) -> tuple[str, list[str]]:
    """Return text, and what is wrong with its encoding; `cut`: the last character may be half."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace"), ["it is UTF-16, not UTF-8"]
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(content, not cut), []
    except UnicodeDecodeError:
        return content.decode("utf-8-sig", "replace"), ["it is no UTF-8; what could not be read was replaced"]


def split(text: str) -> tuple[str | None, str, str]:
    """Return front matter, body, and what is wrong with how they are told apart ("" when nothing is).

    The front matter is None where there is none. Line ends become "\\n".
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    fault = ""
    if not _BEGIN.match(text):
        before = _BEFORE.match(text)
        if before is None:
            return None, text, ""
        text, fault = text[before.end() :], "something stands before the first line of dashes"
    text = text[text.index("\n") + 1 :]
    end = _END.search(text)
    if end is None:
        front, body = _unclosed(text)
        return front, body, "the closing line of dashes is missing"
    return text[: end.start()], text[end.end() :], fault


def read(text: str) -> Front:
    """Return the fields of front matter, with what was repaired; raises FrontMatterError when nothing can be read."""
    front = Front({})
    if len(text) > MOST:
        raise FrontMatterError(f"the front matter is longer than {MOST:,} characters")
    seen = visible(text)
    if seen != text:
        front.faults.append(_HIDDEN)
    try:
        value = _value(seen, front)
    except yaml.YAMLError as error:
        front.faults.append(f"the front matter is no YAML ({first_line(error)})")
        value = _by_field(seen, front)
    if not isinstance(value, dict) or not value:
        raise FrontMatterError(listed([*front.faults, "the front matter holds no fields"]))
    front.fields = value
    return front


def listed(faults: Iterable[str]) -> str:
    """Return what is wrong as one sentence's worth: each thing once, and not all of a thousand."""
    each = list(dict.fromkeys(faults))
    return "; ".join([*each[: _TOLD - 1], each[-1]] if len(each) > _TOLD else each)


def text_of(value: Any) -> str:
    """Return a value as the text that a person would read: parts of a list or a map in one line."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {text_of(each)}" if each is not None else str(key) for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(text_of(each) for each in value)
    return "" if value is None else str(value).strip()


def flag(value: Any) -> bool | None:
    """Return whether a field says yes or no, None for neither."""
    said = text_of(value).lower()
    return True if said in ("true", "yes", "on", "1") else False if said in ("false", "no", "off", "0", "") else None


def words(value: Any) -> tuple[str, ...]:
    """Return the names in a list, or in a text with spaces or commas between them; parentheses hold together."""
    parts = value if isinstance(value, list) else [value]
    return tuple(word for part in parts for word in re.findall(r"[^\s,(]+(?:\([^)]{0,500}\))?", text_of(part)))


def first_line(error: Exception) -> str:
    """Return the first line of a YAML error, with the place in the front matter."""
    mark = getattr(error, "problem_mark", None)
    place = f", line {mark.line + 1} of it" if mark is not None else ""
    return f"{getattr(error, 'problem', None) or str(error).partition(chr(10))[0]}{place}"


def _unclosed(text: str) -> tuple[str, str]:
    """Return the lines that look like fields, and the rest: a heading or an empty line ends the fields."""
    end = re.search(r"(?m)^(?:#.*|[ \t]*)$", text)
    at = end.start() if end else len(text)
    return text[:at], text[at:]


def _value(text: str, front: Front) -> Any:
    loader = _LOADER(text)
    try:
        return _Values(front).of(loader.get_single_node())
    finally:
        loader.dispose()


def _by_field(text: str, front: Front) -> dict[str, Any]:
    """Return what can be read when each field stands alone; one that is no YAML by itself is plain text."""
    fields: dict[str, Any] = {}
    if "\t" in text:
        text = text.replace("\t", "  ")
        front.notes.append("tabs were read as spaces")
    for block in _blocks(text, front):
        try:
            value = _value(block, Front({}))
        except yaml.YAMLError:
            value = None
        if not isinstance(value, dict):
            key, _, written = block.partition(":")
            value = {key.strip(): _plain(written)}
            front.notes.append(f"{key.strip()} was read as if it were quoted")
        if twice := value.keys() & fields.keys():
            front.faults.append(f"{min(twice)} is there twice; the last counts")
        fields |= value
    return fields


def _blocks(text: str, front: Front) -> Iterator[str]:
    before, *blocks = _KEY.split(text)
    if any(line.strip() and not line.lstrip().startswith("#") for line in before.splitlines()):
        front.notes.append("lines before the first field were left out")
    yield from blocks


def _plain(written: str) -> str:
    """Return the text of a field that is no YAML: lines joined, without the signs of a block or quotes around it."""
    text = " ".join(re.sub(r"\A\s*[>|][+-]?[ \t]*\n", "", written).split())
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


class _Values:
    """Makes plain values of YAML's nodes: maps, lists, text and None."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._seen: set[int] = set()

    def of(self, node: Any, depth: int = 0) -> Any:
        if node is None or isinstance(node, yaml.ScalarNode):
            return None if node is None or node.tag == _NULL else self._text(node.value)
        if id(node) in self._seen:
            raise FrontMatterError("the front matter uses YAML aliases, which are not read here")
        if depth > _DEEPEST:
            raise FrontMatterError(f"the front matter is nested deeper than {_DEEPEST} levels")
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.of(child, depth + 1) for child in node.value]
        return self._mapping(node, depth)

    def _text(self, written: str) -> str:
        """Return a scalar; YAML's escapes can make characters that nobody sees where none stood."""
        seen = visible(written)
        if seen != written and _HIDDEN not in self._front.faults:
            self._front.faults.append(_HIDDEN)
        return seen

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = text_of(self.of(key, depth + 1))
            if name in found:
                self._front.faults.append(f"{name} is there twice; the last counts")
            found[name] = self.of(value, depth + 1)
        return found
