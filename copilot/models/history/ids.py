"""Tool-call ids and file names in a vendor's alphabet: the same thread always gives the same ones, each one once."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata

from copilot.models.dialects import IdRule

# Letters and digits are in every vendor's alphabet.
_DIGITS = string.digits + string.ascii_letters
_USUAL_LENGTH = 24


class Ids:
    """Gives out ids for one thread, in the order of its calls."""

    def __init__(self, rule: IdRule) -> None:
        self._rule = rule
        self._used: set[str] = set()

    def take(self, call_id: str) -> str:
        """Return an id for the next call that bore `call_id`: that one itself if the vendor takes it and it is free."""
        found, turn = call_id, 0
        while found in self._used or not self._rule.accepts(found):
            found = self._made(call_id, turn)
            turn += 1
        self._used.add(found)
        return found

    def _made(self, call_id: str, turn: int) -> str:
        seed = f"{turn} {call_id}".encode("utf-8", "surrogatepass")
        number = int.from_bytes(hashlib.sha256(seed).digest())
        length = self._rule.length or min(_USUAL_LENGTH, self._rule.max_length)
        made = ""
        for _ in range(length):
            number, digit = divmod(number, len(_DIGITS))
            made += _DIGITS[digit]
        return made


class FileNames:
    """Gives out names for the files of one thread, in their order."""

    def __init__(self, rule: IdRule) -> None:
        self._rule = rule
        self._used: set[str] = set()

    def take(self, name: str) -> str:
        """Return a name for the next file called `name`: what the vendor takes of it, without the ending, and free."""
        plain = unicodedata.normalize("NFKD", name.rpartition(".")[0] or name).encode("ascii", "ignore").decode()
        words = re.sub(f"[^{self._rule.alphabet}]", " ", plain).split()
        base = " ".join(words)[: self._rule.max_length - 8].strip() or "document"
        found, turn = base, 1
        while found.lower() in self._used:
            turn += 1
            found = f"{base} {turn}"
        self._used.add(found.lower())
        return found
