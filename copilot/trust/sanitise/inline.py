"""What stands within a line of Markdown: links, images, HTML, autolinks, definitions, code spans."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from copilot.trust.sanitise import targets
from copilot.trust.sanitise.characters import without_controls
from copilot.trust.sanitise.elements import ELEMENTS

#: Characters that a construct may have: what is longer is none, and is written out.
LIMIT = 2000
_DEPTH = 6  # brackets in brackets
_LONGEST_ENTITY = 36  # &CounterClockwiseContourIntegral; and a little

_LONGEST_PREFIX = 200
#: A code fence (CommonMark 4.5) in whatever containers: quotes, list items.
FENCE = re.compile(r"((?:[ \t>]|(?:[-*+]|\d{1,9}[.)])(?=[ \t]))*)(`{3,}|~{3,})")

_SPECIAL = re.compile(r"[\[\]<`\\&\n!]|://")
_IN_BRACKETS = re.compile(r"[\[\]\\`\n]")
_IN_PARENTHESES = re.compile(r"[()\\<>\n]")
_RUN = re.compile(r"`+")
_ENTITY = re.compile(r"&(?:#[xX][0-9a-fA-F]+|#[0-9]+|[A-Za-z][A-Za-z0-9]*);?")
#: A line that goes on a paragraph for certain: it begins with a word.
_GOES_ON = re.compile(r"\n[ \t]{0,3}[^\W\d]")

_EMAIL = re.compile(r"<[\w.+-]+@[A-Za-z0-9.-]+>", re.ASCII)
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>|]*)>")
_SLACK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>|]*)\|([^<>\n]*)>")
_WORDS = re.compile(r"</?([A-Za-z][\w.]*)(?:, ?[\w.]+)*>", re.ASCII)
_ANGLES = re.compile(rf"<{{1,{LIMIT}}}")
#: What may begin a tag, or becomes something else that may.
_OPENS_TAG = frozenset("/!?@#&\\")
_PUNCTUATION = ("", ".", ",", ";", ":", "!", "?", ")")
_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)(?![\w.:@+-])")
#: After this it is no autolink, no address, and no word in angle brackets.
_NO_ADDRESS = re.compile(r"[<>\n]")
_SCHEME = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]{1,31}:")
_NO_WORD = re.compile(r"[<>\n=\"'`\[\]]")
#: LaTeX commands that link, load or style where mathematics is drawn (KaTeX: `trust`; MathJax: `html`, `require`).
#: An end that the next piece could complete: a reference, a tag, a link, a definition, an escape, an address.
_OPEN_END = re.compile(r"&#?\w*\Z|[<\]!\\`~:/]\Z")
_LAST_WORD = re.compile(r"\s\S*\Z")
_ADDRESS = re.compile(r"(?:://|www\.|mailto:|@|\w\.\w)\S*\Z")
_COMMAND = re.compile(
    r"\\(href|url|includegraphics|html[A-Za-z]*|class|cssId|style|require|input|include|unicode|special|write|mmlToken)"
    r"(?![A-Za-z])"
)
_LETTERS = re.compile(r"\\[A-Za-z]*")
#: `[^1]: A sentence` is a note, `[1]: word` a definition (CommonMark 4.7: one word, and a title in quotes at most).
_NOTE = re.compile(r"""\]:[ \t]*[^\s<>/\\:&%"'(.#?`\[\]]+[:,.;]?[ \t]+[^\s"'(<`\[]""")
_MAYBE_NOTE = re.compile(r"""\]:[ \t]*(?:[^\s<>/\\:&%"'(.#?`\[\]]+[:,.;]?[ \t]*)?\Z""")
_AUTHORITY = re.compile(r"[\w.\-:@%~!$*+=]*")
_TRAILING = ".,;:!?)'*$+=~"
_URL = re.compile(r"[^\s<>`\"\[\]\\&!]*")


@dataclass(frozen=True, slots=True)
class _Link:
    """A link that was read: what its brackets and its parentheses hold, and where it ends."""

    words: str
    target: str
    end: int


class Wait(Exception):
    """No error: more text is needed from `at` on. `awaits` has the characters that can decide, "" for any."""

    def __init__(self, awaits: str = "", at: int = 0) -> None:
        super().__init__(awaits)
        self.awaits = awaits
        self.at = at


class Inline:
    """Writes the text of paragraphs without links, images and HTML.

    In what it says, brackets are never followed by a target and no tag stands outside of a code span. A code span is
    left as it is only where every renderer sees the same one: on one line, and with nothing on its paragraph before
    it that could be half of another (`dirty`).
    """

    def __init__(
        self, emit: Callable[[str], object], *, code: bool = True, links: Callable[[str], bool] | None = None
    ) -> None:
        self._emit = emit
        self._links = links
        self.code = code
        self.dirty = False
        self._tail = ""  # the last characters that were said
        self._line = ""  # the start of the line that was said
        self._in_address = False  # renderers that make links of addresses take backticks for a part of them
        self._letter = False  # whether the line has one so far
        self._defines = True  # whether the last bracket may open a definition
        self._text = ""
        self._at = 0
        self._end = False
        self._handlers: dict[str, Callable[[], None]] = {
            "[": self._bracket,
            "]": self._closing,
            "<": self._angle,
            "`": self._ticks,
            "\\": self._backslash,
            "&": self._reference,
            "!": self._bang,
            "://": self._address,
        }

    def run(self, text: str, at: int, end: bool) -> int:
        """Say a line of the text from `at` on; return where it ends, behind its line break, or the text does.

        `end` says that nothing comes after the text. Raises Wait where that isn't known: `said` tells how far it came.
        """
        self._text, self._at, self._end = text, at, end
        while self._at < len(text):
            special = _SPECIAL.search(text, self._at)
            if special is None:
                self.say(text[self._at :] if end else text[self._at :].rstrip(":/"))
                self._at = len(text) if end else self._plain_end()
                break
            self.say(text[self._at : special.start()])
            self._at = special.start()
            if special[0] == "\n":
                self.line_break()
                self._at += 1
                break
            self._handlers[special[0]]()
        return self._at

    @property
    def said(self) -> int:
        """How far in the text the last run came."""
        return self._at

    def line_break(self) -> None:
        """Say the end of a line."""
        self._put("\n")
        self._letter = False

    def raw(self, text: str) -> None:
        """Say code as it is."""
        self._put(text)

    def opening(self, mark: str) -> None:
        """Say what opens a fence."""
        self._put(mark)
        self._line = "fence"

    def say(self, text: str) -> None:
        """Say text that holds nothing active in itself, and keep it apart from what was said before."""
        if not text:
            return
        if "`" in text:
            self.dirty = True
        if _joins(self._tail, text):
            self._put(" ")
        if self.code and (text[0] in "`~" or self._line[-1:] in ("`", "~")) and FENCE.match(self._line + text):
            self._put("\\")  # what is none must not look like one
        self._letter = self._letter or any(map(str.isalpha, text))
        self._put(text)

    def whole(self, text: str) -> None:
        """Say a complete piece of text, of one line or of several, in the middle of another."""
        kept = self._text, self._at, self._end
        at = 0
        while at < len(text):
            at = self.run(text, at, True)
        self._text, self._at, self._end = kept

    def _put(self, text: str) -> None:
        if text:
            self._tail = (self._tail + text[-_LONGEST_ENTITY:])[-_LONGEST_ENTITY:]
            word = _LAST_WORD.search(text)
            glued = self._in_address and word is None
            self._in_address = glued or _ADDRESS.search(word[0] if word else self._tail) is not None
            _, line_break, line = text.rpartition("\n")
            self._line = (line if line_break else self._line + line)[:_LONGEST_PREFIX]
            self._emit(text)

    def _plain_end(self) -> int:
        """Return where plain text ends that may go on with `://`."""
        rest = self._text[self._at :]
        return self._at + len(rest.rstrip(":/"))

    def _window(self) -> tuple[int, bool]:
        """Return where to stop looking, and whether what lies beyond can't matter."""
        stop = min(len(self._text), self._at + LIMIT)
        return stop, self._end or stop == self._at + LIMIT

    def _next(self, offset: int = 1) -> str:
        """Return the character that far behind the present one, "" at the end; raises Wait where it isn't known."""
        at = self._at + offset
        if at >= len(self._text) and not self._end:
            raise Wait
        return self._text[at : at + 1]

    def _take(self, count: int) -> None:
        """Say the next characters as they are."""
        self.say(self._text[self._at : self._at + count])
        self._at += count

    # --- brackets -------------------------------------------------------------------------------------------------

    def _bang(self) -> None:
        if self._next() == "[":
            self._at += 1
            try:
                self._bracket(image=True)
            except Wait:
                self._at -= 1
                raise
        else:
            self._take(1)

    def _bracket(self, *, image: bool = False) -> None:
        """Say a link or an image, or only the bracket where it opens none."""
        closing = self._matching()
        link = self._link(closing) if closing is not None else None
        if link is None or (not image and self._is_index(link)):
            self._say_bracket(image, broken=closing is None)
            return
        self._at = link.end
        self._say_link(link, image)

    def _say_bracket(self, image: bool, *, broken: bool) -> None:
        self._defines = not self._letter
        if image:
            self.say("! " if broken or self._text.startswith("[[", self._at) else "!")
            self._put("[")
        else:
            self.say("[")
        self._at += 1

    def _matching(self) -> int | None:
        """Return where the bracket at the present place is closed, None if nowhere."""
        stop, known = self._window()
        depth, at = 0, self._at
        while found := _IN_BRACKETS.search(self._text, at, stop):
            at = found.end()
            match found[0]:
                case "[":
                    depth += 1
                    if depth > _DEPTH:
                        return None
                case "]":
                    depth -= 1
                    if depth == 0:
                        return found.start()
                case "\\":
                    at += 1
                case "`":
                    at = self._past_code(found.start(), stop, known)
                case _ if not self._goes_on(found.start(), known):
                    return None
        if known:
            return None
        raise Wait("[]\n`")

    def _past_code(self, at: int, stop: int, known: bool) -> int:
        """Return where a code span ends that begins here, or the run of backticks if none does."""
        run = _RUN.match(self._text, at, stop)
        assert run is not None
        if self.dirty or not self.code:
            return run.end()
        if run.end() == stop and not known:
            raise Wait
        closing = _closing_run(len(run[0])).search(self._text, run.end(), stop)
        if closing is None or (closing.end() == stop and not known):
            if known or "\n" in self._text[run.end() : stop]:
                return run.end()
            raise Wait("`\n")
        return run.end() if "\n" in self._text[run.end() : closing.start()] else closing.end()

    def _goes_on(self, at: int, known: bool) -> bool:
        """Return whether the paragraph goes on behind a line break for certain."""
        if _GOES_ON.match(self._text, at):
            return True
        if not known and not self._text[at : at + 5].strip():
            raise Wait
        return False

    def _link(self, closing: int) -> _Link | None:
        """Return the link whose text ends at `closing`, if it is one. What never ends is taken up to where it must."""
        if closing + 1 >= len(self._text) and not self._end:
            raise Wait
        if not self._text.startswith("(", closing + 1):
            return None
        stop = min(len(self._text), closing + 2 + LIMIT)
        end, after = self._target(closing + 2, stop, self._end or stop == closing + 2 + LIMIT)
        return _Link(self._text[self._at + 1 : closing], self._text[closing + 2 : end], after)

    def _target(self, start: int, stop: int, known: bool) -> tuple[int, int]:
        """Return where a target ends that begins at `start`, and where the text goes on."""
        depth, at, angle = 0, start, False
        while found := _IN_PARENTHESES.search(self._text, at, stop):
            at = found.end()
            match found[0]:
                case "\\":
                    at += 1
                case "<":
                    angle = angle or not self._text[start : found.start()].strip()
                case ">":
                    angle = False
                case "\n" if not self._goes_on(found.start(), known):
                    return found.start(), found.start()
                case "(" if not angle:
                    depth += 1
                case ")" if not angle:
                    if depth == 0:
                        return found.start(), found.end()
                    depth -= 1
        if known:
            return stop, stop
        raise Wait(")\n")

    def _say_link(self, link: _Link, image: bool) -> None:
        """Say `text (target)`; where both are the same, once."""
        self._apart()
        address, title = targets.split(link.target)
        shown = targets.shown(address)
        if not image and shown and self._links is not None and not title and self._links(shown):
            self._say_active(link.words, shown)
            return
        words = link.words.strip()
        if image:
            self.say("image: ")
        alone = not words or words in (shown, address)
        self.whole(shown if alone else words)
        if shown and not alone:
            self.say(" (")
            self.whole(shown)
        if title:
            self.say(" ")
            self.whole(title)
        if shown and not alone:
            self.say(")")
        self._apart()

    def _apart(self) -> None:
        """Say a space where what stands next would make something of what was said."""
        if _OPEN_END.search(self._tail):
            self._put(" ")

    def _is_index(self, link: _Link) -> bool:
        """Return whether brackets and parentheses stand behind a word and lead nowhere, as in `a[0](x)`."""
        short = len(link.target) < _LONGEST_PREFIX and "[" not in link.target
        return short and self._tail[-1:].isalnum() and not targets.leads(link.target.strip())

    def _say_active(self, words: str, shown: str) -> None:
        """Say a link that may be followed: its text can't close it, and its target is encoded."""
        said: list[str] = []
        inner = Inline(said.append, code=False)
        inner.whole(words)
        text = re.sub(r"(?<!\\)[\[\]`]", r"\\\g<0>", "".join(said))
        self.say(" " if self._tail.endswith(("!", "\\", "]")) else "")
        self._put(f"[{text}]({shown.replace('(', '%28').replace(')', '%29')})")
        self._letter = True

    def _closing(self) -> None:
        following = self._next()
        if following == "(":
            self.say("] ")
            self._at += 1
        elif following == ":" and self._defines:
            self._say_definition()
        else:
            self._take(1)

    def _say_definition(self) -> None:
        """Say `]:` so that it defines nothing, unless a sentence follows: then it never did."""
        stop, known = self._window()
        if _NOTE.match(self._text, self._at, stop):
            self._put("]:")
        elif not known and _MAYBE_NOTE.match(self._text, self._at):
            raise Wait
        else:
            self.say("] :")
        self._at += 2

    # --- HTML and addresses -----------------------------------------------------------------------------------------

    def _angle(self) -> None:
        """Say one or more `<`: as they are before what begins no tag (HTML, 13.2.5.6), else as `&lt;`."""
        found = _ANGLES.match(self._text, self._at)
        assert found is not None
        run = len(found[0])
        following = self._next(run) if run < LIMIT else "/"
        if not following.isalpha() and following not in _OPENS_TAG:
            self._take(run)
        elif run > 1 or not self._in_angles():
            self._put("&lt;" * run)
            self._at += run

    def _in_angles(self) -> bool:
        """Say an address or a word in angle brackets; return False for what might be a tag."""
        stop, known = self._window()
        text, at = self._text, self._at
        if found := _AUTOLINK.match(text, at, stop):
            self._say_alone(found)
        elif found := _SLACK.match(text, at, stop):
            self._at = found.end()
            self._say_link(_Link(found[2], found[1], found.end()), False)
        elif found := _EMAIL.match(text, at, stop) or self._word(stop):
            self._at = found.end()
            self._put(found[0])
        else:
            if not known and self._may_be_a_word(stop):
                raise Wait
            return False
        return True

    def _say_alone(self, found: re.Match[str]) -> None:
        """Say an address that stood in angle brackets, apart from the words around."""
        if found.end() == len(self._text) and not self._end:
            raise Wait
        self._at = found.end()
        self._apart()
        if self._tail[-1:].isalnum():
            self.say(" ")
        self.whole(targets.shown(found[1]))
        following = self._text[self._at : self._at + 1]
        if not following.isspace() and following not in _PUNCTUATION:
            self.say(" ")

    def _word(self, stop: int) -> re.Match[str] | None:
        """Return `<T>` where it is code in a sentence: no element's name, and not where a block of HTML can begin."""
        found = _WORDS.match(self._text, self._at, stop)
        if found is None or found[1].lower() in ELEMENTS or found[0].startswith("</"):
            return None
        return found if self._letter else None

    def _may_be_a_word(self, stop: int) -> bool:
        scheme = _SCHEME.match(self._text, self._at, stop)
        if (_NO_ADDRESS if scheme else _NO_WORD).search(self._text, self._at + 1, stop):
            return False
        name = _NAME.match(self._text, self._at, stop)
        return name is None or name.end() == stop or name[1].lower() not in ELEMENTS

    def _address(self) -> None:
        """Say `://` and the authority behind it, its host in ASCII; a host behind a user name is named again."""
        stop, known = self._window()
        authority = _AUTHORITY.match(self._text, self._at + 3, stop)
        assert authority is not None
        if authority.end() == stop and not known:
            raise Wait
        written, host = targets.in_ascii(authority[0].rstrip(_TRAILING))
        end = authority.start() + len(authority[0].rstrip(_TRAILING))
        if host:
            rest, end = self._rest_of_address(end, stop, known, f", host {host}")
            written += rest
        self.say("://")
        self._at = end
        self.say(written)

    def _rest_of_address(self, start: int, stop: int, known: bool, note: str) -> tuple[str, int]:
        """Return the path and query of an address, with the note behind it unless it is there; and where they end."""
        whole = _URL.match(self._text, start, stop)
        assert whole is not None
        if whole.end() == stop and not known:
            raise Wait
        rest = whole[0].rstrip(_TRAILING)
        end = start + len(rest)
        following = self._text[end : end + len(note)]
        if following != note and note.startswith(following) and not self._end:
            raise Wait
        return (rest if following == note else rest + note), end

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _ticks(self) -> None:
        stop, known = self._window()
        run = _RUN.match(self._text, self._at, stop)
        assert run is not None
        if run.end() == stop and not known:
            raise Wait
        end = self._past_code(self._at, stop, known)
        span = self._text[self._at : end]
        if end == run.end() or "|" in span or self._in_address:
            self.say(run[0])
            self._at = run.end()
        else:
            self._letter = True
            self.raw(span)
            self._at = end

    def _backslash(self) -> None:
        following = self._next()
        if following.isascii() and following.isalpha():
            self._command()
        elif following == "`":
            self.dirty = True
            self._put("\\`")
            self._at += 2
        elif following in ("<", "&"):
            self._escaped()
        elif following in ("", "\n"):
            self._take(1)
        else:
            self._put("\\" + following)
            self._at += 2

    def _escaped(self) -> None:
        """Say an escaped `<` or `&`. Not every reader of the text knows of the escape."""
        kept, self._emit = self._emit, (said := list[str]()).append
        tail, start = self._tail, self._at
        self._at += 1
        try:
            self._handlers[self._text[self._at]]()
        except Wait:
            self._at, self._tail = start, tail
            raise
        finally:
            self._emit = kept
        words = "".join(said)
        if words == self._text[start + 1 : self._at]:
            self._put("\\")
        self._put(words)

    def _command(self) -> None:
        stop, known = self._window()
        letters = _LETTERS.match(self._text, self._at, min(stop, self._at + 32))
        assert letters is not None
        if letters.end() == stop and not known:
            raise Wait
        self._put(letters[0] if _COMMAND.match(self._text, self._at, stop) is None else letters[0][1:])
        self._letter = True
        self._at = letters.end()

    def _reference(self) -> None:
        """Say a character reference (CommonMark 2.5), unless it stands for something that is never shown."""
        stop = min(len(self._text), self._at + _LONGEST_ENTITY)
        found = _ENTITY.match(self._text, self._at, stop)
        whole = found is not None and found[0].endswith(";")
        end = found.end() if found else min(self._at + 3, stop)
        if end == len(self._text) and not whole and not self._end and _begins_reference(self._text[self._at : end]):
            raise Wait
        if found is None:
            self._take(1)
        elif not _is_harmful(found[0]):
            self.say(found[0])
            self._at = found.end()
        else:
            self._at = found.end()
            if not self._line.strip(" \t>-*+0123456789.)"):
                self._put("\ufffd")  # a line that seemed to begin with it must not begin a block
            self._apart()


@lru_cache(maxsize=64)
def _closing_run(length: int) -> re.Pattern[str]:
    return re.compile(rf"(?<!`)`{{{length}}}(?!`)")


def _joins(before: str, after: str) -> bool:
    """Return whether two pieces that were apart would make something of their own together."""
    last, first = before[-1:], after[0]
    if last == "<":
        return first.isalpha() or first in "/!?"
    if last == "]":
        return first == "("
    return last == "!" and first == "["


def _begins_reference(text: str) -> bool:
    return re.fullmatch(r"&(?:#[xX]?[0-9a-fA-F]*|[A-Za-z][A-Za-z0-9]*)?", text) is not None


def _is_harmful(reference: str) -> bool:
    meant = _number(reference) or html.unescape(reference)
    return without_controls(meant) != meant


def _number(reference: str) -> str:
    """Return the character of `&#8238;` or `&#x202E;` as it is, where HTML would mend it; "" for any other one."""
    digits = reference.removeprefix("&#").removesuffix(";").lower()
    try:
        return chr(int(digits[1:], 16) if digits.startswith("x") else int(digits)) if reference.startswith("&#") else ""
    except (ValueError, OverflowError):
        return ""
