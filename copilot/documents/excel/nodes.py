"""A small XML part as bytes with its elements by place: attributes, texts and elements change, all else stays.

Unlike a parsed tree it keeps the spelling of everything that is not changed, and it reads VML, which is not always
well-formed. For cell data it is too slow: that is `splice`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from copilot.documents.excel import markup

_TAG = re.compile(
    rb"""<(?:!--.*?-->|\?.*?\?>|(/?)(?:([^\s/>!?:"'=]+):)?([^\s/>!?:"'=]+)([^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*)>)""",
    re.DOTALL,
)


@dataclass(slots=True, eq=False)
class Node:
    """One element: `name` without its prefix, `start` to `inner` its start tag, `inner` to `close` its content."""

    name: str
    prefix: bytes
    start: int
    inner: int
    parent: Node | None
    close: int = -1
    end: int = -1
    children: list[Node] = field(default_factory=list)
    gone: bool = False
    tag: bytes | None = None
    text: bytes | None = None
    added: bytes = b""
    before: bytes = b""

    @property
    def left(self) -> list[Node]:
        """The children that are not removed."""
        return [child for child in self.children if not child.gone]


class Nodes:
    """The elements of `data` (UTF-8 without CDATA) from `start` to `end`."""

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self.data = data
        self._start, self._end = start, len(data) if end is None else end
        self.all: list[Node] = []
        self._read()

    def _read(self) -> None:
        around: list[Node] = []
        for match in _TAG.finditer(self.data, self._start, self._end):
            if match[3] is None:
                continue
            if match[1]:
                self._close(around, match)
                continue
            parent = around[-1] if around else None
            prefix = match[2] + b":" if match[2] else b""
            node = Node(match[3].decode("utf-8", "replace"), prefix, match.start(), match.end(), parent)
            self.all.append(node)
            if parent is not None:
                parent.children.append(node)
            if match[4].endswith(b"/"):
                node.close = node.end = match.end()
            else:
                around.append(node)
        for node in around:
            node.close = node.end = self._end

    def _close(self, around: list[Node], match: re.Match[bytes]) -> None:
        """Close the element that an end tag names, and what was left open inside of it."""
        name = match[3].decode("utf-8", "replace")
        if not any(node.name == name for node in around):
            return  # the end of an element that began before `start`
        while around:
            node = around.pop()
            node.close = node.end = match.start()
            if node.name == name:
                node.end = match.end()
                return

    def __iter__(self) -> Iterator[Node]:
        return (node for node in self.all if not node.gone)

    def named(self, *names: str) -> list[Node]:
        """Return the elements with one of these local names."""
        return [node for node in self if node.name in names]

    def get(self, node: Node, attribute: str) -> str | None:
        """Return an attribute, None if it is not there."""
        return markup.attribute(node.tag or self.data[node.start : node.inner], attribute.encode())

    def set(self, node: Node, attribute: str, value: str | None) -> None:
        """Set an attribute, or remove it for None; one that has the value already is left as it is written."""
        if self.get(node, attribute) != value:
            tag = node.tag or self.data[node.start : node.inner]
            node.tag = markup.with_attribute(tag, attribute.encode(), value)

    def text(self, node: Node) -> str:
        """Return the text of an element without children."""
        raw = node.text if node.text is not None else self.data[node.inner : node.close]
        return markup.unescape(raw.decode("utf-8", "replace"))

    def write(self, node: Node, text: str) -> None:
        """Set the text of an element without children."""
        if self.text(node) != text:
            node.text = markup.escape(text).encode()

    def remove(self, node: Node) -> None:
        """Remove an element with all that is in it."""
        node.gone = True
        for child in node.children:
            self.remove(child)

    def append(self, node: Node, fragment: bytes) -> None:
        """Add a fragment as the last child of an element."""
        node.added += fragment

    def insert_before(self, node: Node, fragment: bytes) -> None:
        """Add a fragment in front of an element."""
        node.before += fragment

    def patches(self) -> list[tuple[int, int, bytes]]:
        """Return (start, end, new bytes) in order, none inside another."""
        found = []
        for node in self.all:
            if node.parent is not None and node.parent.gone:
                continue
            if node.before:
                found.append((node.start, node.start, node.before))
            if node.gone:
                found.append((node.start, node.end, b""))
                continue
            found += self._changed(node)
        return sorted(found, key=lambda patch: patch[:2])

    def _changed(self, node: Node) -> Iterator[tuple[int, int, bytes]]:
        tag = node.tag or self.data[node.start : node.inner]
        if (node.added or node.text) and self.data[node.inner - 2 : node.inner] == b"/>":
            name = node.prefix + node.name.encode()
            opened = tag[:-2].rstrip() + b">" + (node.text or b"") + node.added + b"</" + name + b">"
            yield node.start, node.end, opened
            return
        if node.tag is not None:
            yield node.start, node.inner, tag
        if node.text is not None:
            yield node.inner, node.close, node.text
        if node.added:
            yield node.close, node.close, node.added

    def result(self) -> bytes:
        """Return the data with all changes; the same object when there are none."""
        return markup.patched(self.data, self.patches())
