"""Text from models and documents, made safe to print: every prefix of the output is safe, not only the whole.

Three machines in a row, each fed one character at a time, so that how a stream is cut can't matter:

* `_Characters` drops terminal control sequences (ECMA-48), other control characters, bidi controls, Unicode tags and
  invisible characters, which can hide text from a person or rewrite what was printed before;
* `_References` does the same to characters that are written as HTML references (`&#x202E;`), which Markdown decodes;
* `_Links` writes Markdown links and images out, `text (target)`, and breaks whatever could still be read as one.

What comes out is Markdown without links, images and link definitions. HTML stays as it is, as visible text: the
renderer has to show it as text.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable

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


class TerminalSanitiser:
    """Makes a stream of text safe for a terminal: `feed` each piece, print what comes back, `close` at the end."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._start()

    def _start(self) -> None:
        self._links = _Links(self._out.append)
        self._references = _References(self._links.put)
        self._characters = _Characters(self._references.put)

    def feed(self, chunk: str) -> str:
        """Return what can be shown now. The start of a link is held back until it is known to be one or not."""
        for character in chunk:
            self._characters.put(character)
        return self._taken()

    def close(self) -> str:
        """Return what was held back. The sanitiser can be used again afterwards, for another stream."""
        self._references.end()
        self._links.end()
        self._start()
        return self._taken()

    def _taken(self) -> str:
        text = "".join(self._out)
        self._out.clear()
        return text


def safe_text(text: str, *, lines: bool = False) -> str:
    """Return one string without anything that controls a terminal or hides text.

    For file names, summaries and quoted document text. Line breaks and tabs become spaces unless `lines`, so that a
    name can't pretend to be another line. Markdown is left alone.
    """
    clean = _without_controls(text)
    return clean if lines else clean.replace("\n", " ").replace("\t", " ")


def safe_markdown(text: str) -> str:
    """Return a whole Markdown text made safe, as `TerminalSanitiser` does for a stream."""
    sanitiser = TerminalSanitiser()
    return sanitiser.feed(text) + sanitiser.close()


class _Characters:
    """Drops what a terminal would obey and a person would not see."""

    def __init__(self, emit: Callable[[str], object]) -> None:
        self._emit = emit
        self._state: Callable[[str], None] = self._text
        self._last = ""
        self._joiner = ""

    def put(self, character: str) -> None:
        """Take one character."""
        self._state(character)

    # ECMA-48 5.4: control sequences; 5.6: control strings; ECMA-35 13.2: escape sequences

    def _text(self, c: str) -> None:
        if c == _ESC:
            self._state = self._escape
        elif c in _CSI and c > "\x7f":
            self._state = self._sequence
        elif c in _STRINGS and c > "\x7f":
            self._state = self._string
        else:
            self._plain(c)

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

    def _plain(self, c: str) -> None:
        if " " <= c <= "~" or c in "\n\t":
            self._keep(c)
            return
        category = unicodedata.category(c)
        if category == "Cs":
            self._keep("\ufffd")  # half a surrogate pair can't be encoded
        elif category in ("Zl", "Zp"):
            self._keep("\n")
        elif c in (_ZWJ, _ZWNJ):
            self._joiner = c
        elif c in _PRESENTATION:
            if self._last and _is_symbol(self._last):
                self._keep(c)
        elif category != "Cc" and c not in _INVISIBLE and (category != "Cf" or c in _DRAWN):
            self._keep(c)

    def _keep(self, c: str) -> None:
        """Pass a character on, and the joiner before it where a script or an emoji sequence needs one."""
        if self._joiner and _joins(self._joiner, self._last, c):
            self._emit(self._joiner)
        self._joiner = ""
        self._last = c
        self._emit(c)


def _is_symbol(c: str) -> bool:
    return unicodedata.category(c) in ("So", "Sk", "Sm") or c in "0123456789#*\u203c\u2049"


def _joins(joiner: str, before: str, after: str) -> bool:
    """Whether a joiner does visible work: in emoji sequences, and in Arabic, Indic and south-east Asian scripts."""
    if not before:
        return False
    if joiner == _ZWJ and _is_symbol(after) and (_is_symbol(before) or before in _PRESENTATION):
        return True
    return all("\u0600" <= c <= "\u1aff" and unicodedata.category(c)[0] in "LM" for c in (before, after))


def _without_controls(text: str) -> str:
    out: list[str] = []
    characters = _Characters(out.append)
    for character in text:
        characters.put(character)
    return "".join(out)


class _References:
    """Takes out character references (CommonMark 2.5) that stand for something `_Characters` would drop."""

    _LONGEST = 34  # &CounterClockwiseContourIntegral; and a little

    def __init__(self, emit: Callable[[str], object]) -> None:
        self._emit = emit
        self._held = ""

    def put(self, c: str) -> None:
        """Take one character."""
        if self._held and (c == ";" or (len(self._held) < self._LONGEST and c.isascii() and (c.isalnum() or c == "#"))):
            self._held += c
            if c == ";" and self._is_harmful():
                self._held = ""
            elif c == ";":
                self.end()
            return
        self.end()
        if c == "&":
            self._held = c
        else:
            self._emit(c)

    def end(self) -> None:
        """Say what is held."""
        held, self._held = self._held, ""
        for c in held:
            self._emit(c)

    def _is_harmful(self) -> bool:
        meant = _number(self._held) or html.unescape(self._held)
        return _without_controls(meant) != meant


def _number(reference: str) -> str:
    """Return the character of `&#8238;` or `&#x202E;` as it is, where HTML would mend it; "" for any other one."""
    digits = reference.removeprefix("&#").removesuffix(";").lower()
    try:
        return chr(int(digits[1:], 16) if digits.startswith("x") else int(digits)) if reference.startswith("&#") else ""
    except (ValueError, OverflowError):
        return ""


class _Links:
    """Writes links out as `text (target)`, however they are nested.

    Characters after a `[` are held until the link is complete, or can't become one: at the end of a line or after
    `_LIMIT` characters. The last word has `_say`: it never lets `](` or the `]:` of a link definition through, so that
    nothing in the output is a link even where this class and a renderer disagree about Markdown.
    """

    _LIMIT = 4000
    _DEPTH = 6

    def __init__(self, emit: Callable[[str], object]) -> None:
        self._emit = emit
        self._frames: list[_Frame] = []
        self._held = 0
        self._bang = False
        self._escaped = False
        self._ticks = 0  # backticks in the present run
        self._code = 0  # length of the run that opened the code we are in
        self._last = ""  # of what was said
        self._letter = False  # whether the line has one so far
        self._defines = True  # whether the last bracket may open a definition

    def put(self, c: str) -> None:
        """Take one character."""
        self._track_code(c)
        if self._frames:
            self._held += 1
            if c == "\n" or self._held > self._LIMIT:
                self._give_up()
        if self._frames and self._frames[-1].target is not None:
            self._in_target(self._frames[-1], c)
        else:
            self._in_text(c)

    def end(self) -> None:
        """Say what is held."""
        self._give_up()
        self._flush_bang()

    def _track_code(self, c: str) -> None:
        """Follow code spans and fences, roughly: inside them a bracket is code, and only `_say` guards it."""
        if c == "`":
            self._ticks += 1
            return
        if self._ticks:
            if not self._code:
                self._code = self._ticks
            elif self._ticks == self._code:
                self._code = 0
            self._ticks = 0
        if c == "\n" and self._code < 3:
            self._code = 0  # a code span rarely goes over a line break, and a lone backtick must not last

    def _in_text(self, c: str) -> None:
        frame = self._frames[-1] if self._frames else None
        if frame and frame.closed and c == "(":
            frame.target = ""
            return
        if frame and frame.closed:
            self._reopen()
        if self._escaped or self._code or self._ticks:
            self._escaped = False
            self._pass(c)
        elif c == "[":
            self._open()
        elif c == "]" and self._frames:
            self._flush_bang()
            self._frames[-1].closed = True
        else:
            self._escaped = c == "\\"
            self._pass(c)

    def _open(self) -> None:
        if len(self._frames) >= self._DEPTH:
            self._give_up()
        self._frames.append(_Frame(image=self._bang))
        self._bang = False

    def _in_target(self, frame: _Frame, c: str) -> None:
        assert frame.target is not None
        if frame.escaped:
            frame.escaped = False
        elif c == "\\":
            frame.escaped = True
        elif c == "(" and not frame.target.startswith("<"):
            frame.depth += 1
        elif c == ")" and not (frame.target.startswith("<") and ">" not in frame.target):
            frame.depth -= 1
            if frame.depth < 0:
                self._frames.pop()
                self._text(frame.rendered())
                return
        frame.target += c

    def _pass(self, c: str) -> None:
        self._flush_bang()
        if c == "!" and not self._code:
            self._bang = True
        else:
            self._text(c)

    def _flush_bang(self) -> None:
        if self._bang:
            self._bang = False
            self._text("!")

    def _text(self, text: str) -> None:
        if self._frames:
            self._frames[-1].text.append(text)
        else:
            self._held = 0
            for c in text:
                self._say(c)

    def _reopen(self) -> None:
        """The last bracket was no link: its text belongs to what is around it."""
        frame = self._frames.pop()
        self._text(frame.literal())

    def _give_up(self) -> None:
        self._flush_bang()
        while self._frames:
            self._reopen()

    def _say(self, c: str) -> None:
        """Say one character, and a space before it where it would complete the syntax of a link or a definition.

        A definition's bracket starts a line (CommonMark 4.7), so one behind letters opens none: `see note [3]: ...` and
        the ranges of Excel, `Table1[Q1]:Table1[Q4]`, stay as they are. Its label may hold escaped brackets.
        """
        if c == "[" and self._last != "\\":
            self._defines = not self._letter
        if self._last == "]" and (c == "(" or (c == ":" and self._defines)):
            self._emit(" ")
        self._letter = c != "\n" and (self._letter or c.isalpha())
        self._emit(c)
        self._last = c


class _Frame:
    """A bracket that may become a link: its text so far, and its target once `](` was seen."""

    def __init__(self, *, image: bool) -> None:
        self.image = image
        self.text: list[str] = []
        self.closed = False
        self.target: str | None = None
        self.depth = 0
        self.escaped = False

    def rendered(self) -> str:
        """Return the complete link as `text (target)`, with everything that stood in its parentheses."""
        text, target = "".join(self.text).strip(), (self.target or "").strip()
        if target.startswith("<") and target.endswith(">"):
            target = target[1:-1]
        return target if text in ("", target) else f"{text} ({target})" if target else text

    def literal(self) -> str:
        """Return what was read."""
        closing = "]" if self.closed else ""
        target = "" if self.target is None else f"({self.target}"
        return f"{'!' if self.image else ''}[{''.join(self.text)}{closing}{target}"
