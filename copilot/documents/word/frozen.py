"""Addresses that go on meaning what they named when a batch began, whatever its edits do to the document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from copilot.documents.word.blocks import Block, parse_address, short_hash
from copilot.errors import ToolInputError

if TYPE_CHECKING:
    from copilot.documents.word.document import Document

#: The kinds of blocks that have a text of their own: a table's is only its first row.
_WRITTEN = ("paragraph", "cell", "row")


class Frozen:
    """The blocks of a document as it was read, and which edit of a batch rewrote or deleted those that it names."""

    def __init__(self, document: Document, addresses: Iterable[str]) -> None:
        self._document = document
        self._blocks = {block.path: block for block in document.blocks}
        self._known = {block.element for block in document.blocks}
        parsed = (parse_address(each.strip()) for address in addresses for each in address.split("..", 1))
        named = dict.fromkeys(found[0] for found in parsed if found and found[0] in self._blocks)
        self._texts = {path: document.text(self._blocks[path]) for path in named}
        self.digests = {path: short_hash(text) for path, text in self._texts.items()}
        self._asked: set[str] = set()
        self._gone: dict[str, str] = {}
        self._rewritten: dict[str, str] = {}

    def at(self, path: str) -> Block | None:
        """Return the block, as it stands now, that had this path; None if there was none.

        Raises ToolInputError "overlap" for one that an edit before has deleted.
        """
        block = self._blocks.get(path)
        if block is None:
            return None
        self._asked.add(path)
        now = self._document.block_of(block.element)
        if now is None:
            culprit = self._gone.get(path, "An operation before this one")
            reason = f"{block.where} ({path}), which this one names, is gone: {culprit} deleted it."
            raise ToolInputError(reason, hint="Leave out one of the two.", code="overlap")
        return now

    def knows(self, block: Block) -> bool:
        """Return whether the block was there when the batch began."""
        return block.element in self._known

    def table(self, number: int) -> Block | None:
        """Return a table of the body made since, counted behind those that there were; None for no such one."""
        known = {b.element for b in self._blocks.values() if b.kind == "table" and "." not in b.path}
        now = (b for b in self._document.blocks if b.kind == "table" and "." not in b.path and b.path.startswith("t"))
        made = [block for block in now if block.element not in known]
        before = sum(1 for path in self._blocks if path.startswith("t") and "." not in path)
        return made[number - before - 1] if 0 < number - before <= len(made) else None

    def done(self, culprit: str) -> None:
        """Note what an edit ("Operation 2 (delete_blocks)") has done.

        Raises ToolInputError "overlap" when it named a block and rewrote it after another one had done so.
        """
        for path, before in self._texts.items():
            if path in self._gone:
                continue
            now = self._document.block_of(self._blocks[path].element)
            text = None if now is None else self._document.text(now)
            if text == before:
                continue
            earlier = self._rewritten.get(path)
            if earlier and path in self._asked and self._blocks[path].kind in _WRITTEN:
                reason = f"{culprit}: {self._blocks[path].where} ({path}) was rewritten by {earlier} already."
                raise ToolInputError(reason, hint="Put both changes of the place into one operation.", code="overlap")
            self._note(path, text, culprit)
        self._asked.clear()

    def _note(self, path: str, text: str | None, culprit: str) -> None:
        if text is None:
            self._gone[path] = culprit
        else:
            self._rewritten[path] = culprit
            self._texts = {**self._texts, path: text}
