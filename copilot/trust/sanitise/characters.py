"""Takes out what a terminal would obey and a person would not see, character by character."""

from __future__ import annotations

import re
import unicodedata

_ESC, _BEL, _ST = "\x1b", "\x07", "\x9c"
#: The second character of ESC X, and the C1 character that means the same.
_CSI = {"[", "\x9b"}
_STRINGS = {"]", "P", "X", "^", "_", "\x9d", "\x90", "\x98", "\x9e", "\x9f"}

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_PRESENTATION = {"\ufe0e", "\ufe0f"}  # text or emoji form of the character before
#: Invisible or reordering characters that are not in category Cf, or that would pass for a letter.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\u2800") | {
    chr(c) for block in (range(0xFE00, 0xFE10), range(0xE0000, 0xE1000), range(0xFFF0, 0xFFFD)) for c in block
}
#: Format characters (Cf) that are drawn: signs of Arabic, Syriac and Kaithi numbers.
_DRAWN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
#: Marks on one letter that are kept. Tibetan needs the most; a flood of them covers the lines above.
_MOST_MARKS = 8

#: What needs no second look: printable ASCII, and letters and digits but for those that are drawn as nothing.
_PLAIN = re.compile("(?:[\\t\\n -~]+|[^\\W\u115f\u1160\u3164\uffa0]+)+")


class Characters:
    """Drops control sequences (ECMA-48), bidi controls, tags, invisible characters; `feed` may cut anywhere."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._state = self._text
        self._last = ""
        self._joiner = ""
        self._marks = 0

    def feed(self, text: str) -> str:
        """Return what of the text is to be seen. A joiner at its end waits for what it would join."""
        at = 0
        while at < len(text):
            plain = _PLAIN.match(text, at) if self._state == self._text else None
            if plain is not None:
                self._keep(plain[0])
                at = plain.end()
            else:
                self._state(text[at])
                at += 1
        shown = "".join(self._out)
        self._out.clear()
        return shown

    # ECMA-48 5.4: control sequences; 5.6: control strings; ECMA-35 13.2: escape sequences

    def _text(self, c: str) -> None:
        if c == _ESC:
            self._state = self._escape
        elif c in _CSI and c > "\x7f":
            self._state = self._sequence
        elif c in _STRINGS and c > "\x7f":
            self._state = self._string
        else:
            self._one(c)

    def _escape(self, c: str) -> None:
        if c in _CSI and c < "\x7f":
            self._state = self._sequence
        elif c in _STRINGS and c < "\x7f":
            self._state = self._string
        elif " " <= c <= "/":
            pass  # an intermediate byte: the final one is still to come
        else:
            self._state = self._text
            if not "0" <= c <= "~":
                self._text(c)

    def _sequence(self, c: str) -> None:
        if " " <= c <= "?":
            return  # parameter and intermediate bytes
        self._state = self._text
        if not "@" <= c <= "~":
            self._text(c)

    def _string(self, c: str) -> None:
        """A control string ends at BEL or ST; also at a line break, lest an unfinished one hides the whole answer."""
        if c in (_BEL, _ST):
            self._state = self._text
        elif c in (_ESC, "\n"):
            self._state = self._text
            self._text(c)

    def _one(self, c: str) -> None:
        category = unicodedata.category(c)
        if " " <= c <= "~" or c in "\n\t":
            self._keep(c)
        elif category in ("Cs", "Co"):
            self._keep("\ufffd")  # half a surrogate pair can't be encoded; what a private character shows, nobody knows
        elif category in ("Zl", "Zp"):
            self._keep("\n")
        elif c in (_ZWJ, _ZWNJ):
            self._joiner = c
        elif c in _PRESENTATION:
            if self._last and _is_symbol(self._last):
                self._keep(c)
        elif c in _INVISIBLE or category == "Cc" or (category == "Cf" and c not in _DRAWN):
            return
        elif category in ("Mn", "Me"):
            self._mark(c)
        else:
            self._keep(c)

    def _mark(self, c: str) -> None:
        marks = self._marks + 1
        if marks <= _MOST_MARKS:
            self._keep(c)
        self._marks = marks

    def _keep(self, text: str) -> None:
        """Pass text on, and the joiner before it where a script or an emoji sequence needs one."""
        if self._joiner and _joins(self._joiner, self._last, text[0]):
            self._out.append(self._joiner)
        self._joiner = ""
        self._marks = 0
        self._last = text[-1]
        self._out.append(text)


def _is_symbol(c: str) -> bool:
    return (c > "\x7f" and unicodedata.category(c) in ("So", "Sk", "Sm")) or c in "0123456789#*\u203c\u2049"


def _joins(joiner: str, before: str, after: str) -> bool:
    """Whether a joiner does visible work: in emoji sequences, and in Arabic, Indic and south-east Asian scripts."""
    if before <= "\x7f" or after <= "\x7f":
        return False
    if joiner == _ZWJ and _is_symbol(after) and (_is_symbol(before) or before in _PRESENTATION):
        return True
    return all("\u0600" <= c <= "\u1aff" and unicodedata.category(c)[0] in "LM" for c in (before, after))


def without_controls(text: str) -> str:
    """Return a whole text without what `Characters` drops."""
    return Characters().feed(text)
