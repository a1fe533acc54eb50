"""What kind of sentence a request is, and the steps that it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from copilot.models.builtin.files import FileMention
from copilot.models.builtin.ground import Doc
from copilot.models.builtin.lexing import Token
from copilot.models.builtin.words import ACTING, PREPOSITIONS, VERBS


class Stance(Enum):
    """How a request is meant; only DO may change anything."""

    DO = "a command"
    TENTATIVE = "a wish or a doubtful command: ask first"
    ASK = "a question about what is in the files"
    ABOUT = "a question or supposition about acting"
    LOOK = "says that nothing may change"
    FORBID = "says what not to do"


@dataclass(frozen=True)
class Clause:
    """One step: its tokens from the verb on. `fronted` are tokens that stood before the verb ("in a.docx, ...")."""

    tokens: tuple[Token, ...]
    inherited_verb: str = ""

    @property
    def verb(self) -> str:
        """The word that opens the step, in small letters."""
        if self.inherited_verb or not self.tokens:
            return self.inherited_verb
        pair = " ".join(t.lower for t in self.tokens[:2])
        return _PAIRED.get(pair) or self.tokens[0].lower.removesuffix("'s")

    @property
    def text(self) -> str:
        """The step in the user's words."""
        return " ".join(t.text for t in self.tokens)


#: Verbs of two words, and the one verb that they mean.
_PAIRED = {"add up": "total", "sum up": "summarise", "work out": "calculate", "look up": "find", "get rid": "delete",
           "take out": "remove", "swap out": "swap", "fill in": "fill", "put together": "make"}  # fmt: skip

_ABOUT_START = re.compile(
    r"(?:and |so |but |ok |okay )*(?:"
    r"should|shall|ought|may i|can i|could i|can we|could we|may we|must i|must we|do i|do we|would i|would we|"
    r"how (?:do|would|can|could|should|to|might|shall)\b|what (?:would|if|happens|will happen|does it mean)|why\b|"
    r"(?:could|can|would|will) you (?:please )?(?:explain|describe|tell me how|advise|recommend|suggest)|"
    r"explain|describe how|tell me (?:how to|how i|how you|whether|if)|show me how|"
    r"is it (?:possible|ok|okay|safe|wise|better|advisable|a good)|would it|is there a way|are you able|"
    r"do you (?:think|recommend|know how|suggest)|suppose|supposing|imagine|assume|assuming|hypothetically|"
    r"what'?s the best way|what is the best way|i wonder|i am wondering|i'm wondering|wondering)"
)
_ABOUT_ANYWHERE = re.compile(
    r"\b(?:if|unless|whenever|in case|provided that|as soon as|maybe|perhaps|might|thinking (?:of|about)|"
    r"considering|would have|had we|hypothetically|what if|once .{1,40} (?:approves?|agrees?|confirms?|signs?)|"
    r"after .{1,40} (?:approves?|agrees?|confirms?)|when .{1,40} (?:approves?|agrees?|confirms?)|"
    r"before i|before we|not sure|unsure|later|tomorrow|next week|some day|someday)\b"
)
_NEGATED = re.compile(
    r"\b(?:do not|don't|dont|never|must not|mustn't|should not|shouldn't|cannot|can't|please no|avoid|refrain|"
    r"not to (?:change|edit|touch|modify|write|save)|no need to|"
    r"leave .{1,60} (?:alone|unchanged|untouched|as (?:it )?(?:is|are|they are))|"
    r"keep .{1,60} (?:unchanged|untouched|as (?:it )?is)|not (?:yet|now))\b"
    r"|^(?:stop|cancel|hold off|forget (?:it|that|about)|never mind|nevermind|no)\b"
)
_READ_ONLY = re.compile(
    r"\b(?:without \w+ing|no (?:changes?|edits?|modifications?|writes?)|dry run|only look|read[- ]only|just looking)\b"
)
_NOTHING_ELSE = re.compile(
    r"(?:do not|don't|dont|without) (?:chang\w*|touch\w*|alter\w*|edit\w*|modify\w*) (?:anything|any) (?:else|other)"
)
_ASK_START = re.compile(
    r"(?:and |so |but |ok |okay |please )*(?:what|which|who|whom|whose|where|when|how|is|are|was|were|does|did|do|has|"
    r"have|had|will|would|am|what's|who's|where's|when's)\b"
)
_REQUEST = re.compile(
    r"^(?:please|kindly|hey|hi|hello|ok|okay|so|now|then|also|next|first|finally|just|and|afterwards|after that|"
    r"dear|assistant|copilot|everpilot|"
    r"(?:can|could|would|will) you(?: be so (?:kind|good) as to| please| kindly| just| possibly)?|be so kind as to|"
    r"i (?:want|need) you to|i'd like you to|"
    r"i would like you to|i'd like|go ahead and|let's|for me|quickly|you can|secondly|thirdly|lastly|second|third|"
    r"let me (?=see|have)|i (?:want|need|would like) (?=the |a |an )|"
    r"i (?:want|need|would like|'d like) to (?=see|know|read))\b[\s,:!]*"
)
_TENTATIVE = re.compile(
    r"^(?:i (?:want|need|would like|plan|have|intend) to|i'd like to|we (?:need|want|have|should|must|ought) to|"
    r"we should|we must|you should|you might|it would be (?:nice|good|great)|would you mind|feel free to|try to|"
    r"i think|i guess|i should|somebody should|someone should|remember to|remind me to)\b"
)


def stance(tokens: Sequence[Token]) -> Stance:
    """Return how the sentence is meant; what stands in quotes has no part in it."""
    text = _plain(tokens)
    if _NEGATED.search(text):
        return Stance.FORBID
    if _READ_ONLY.search(text):
        return Stance.LOOK
    if _ABOUT_START.match(text) or _ABOUT_ANYWHERE.search(text):
        return Stance.ABOUT
    bare = _REQUEST_ALL(text)
    if _TENTATIVE.match(bare):
        return Stance.TENTATIVE
    if _ASK_START.match(bare):
        return Stance.ASK
    asked = text.rstrip().endswith("?")
    if asked and not re.match(r"(?:please |hey |hi |ok |and |now |then )*(?:can|could|would|will) you\b", text):
        return Stance.TENTATIVE
    return Stance.DO


def is_promise(tokens: Sequence[Token]) -> bool:
    """Whether the sentence only says that nothing *else* may change, which holds for every edit anyway."""
    return bool(_NOTHING_ELSE.search(_plain(tokens))) and tokens[0].lower in ("do", "don't", "dont", "without")


def _plain(tokens: Sequence[Token]) -> str:
    return " ".join("‹›" if t.kind in ("quote", "file", "formula") else t.lower for t in tokens)


def _REQUEST_ALL(text: str) -> str:
    while match := _REQUEST.match(text):
        text = text[match.end() :]
    return text


def sentences_of(tokens: Sequence[Token]) -> list[list[Token]]:
    """Split at full stops, exclamation and question marks, semicolons and line ends (the mark stays)."""
    found: list[list[Token]] = [[]]
    for index, token in enumerate(tokens):
        found[-1].append(token)
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        spaced = after is None or after.start > token.end
        listing = token.text == ";" and after is not None and after.lower not in VERBS  # "a list: one; two"
        if token.kind == "punct" and token.text in ".!?;" and spaced and not listing:
            found.append([])
    return [sentence for sentence in found if any(t.kind != "punct" for t in sentence)]


def without_lead(tokens: Sequence[Token]) -> list[Token]:
    """Drop "can you please", "now" and the like from the front."""
    rest = list(tokens)
    while rest:
        text = _plain(rest)
        match = _REQUEST.match(text)
        if not match:
            break
        dropped = match.end()
        count = 0
        while dropped > 0 and count < len(rest):
            dropped -= len(_plain(rest[count : count + 1])) + 1
            count += 1
        rest = rest[max(count, 1) :]
    while rest and rest[0].kind == "punct":
        rest = rest[1:]
    return rest


def clauses(tokens: Sequence[Token], verbs: frozenset[str]) -> list[Clause]:
    """Split a sentence into its steps: at "and", "then" and commas that stand before one of `verbs`."""
    body, fronted = _fronted(without_lead(tokens), verbs)
    starts = [0]
    for index in range(1, len(body)):
        if _is_break(body, index, verbs):
            starts.append(index)
    pieces = [body[a:b] for a, b in zip(starts, [*starts[1:], len(body)], strict=True)]
    steps = []
    for piece in pieces:
        step = _trimmed(without_lead(piece))
        if step:
            named = any(t.kind == "file" for t in step)
            steps.append(Clause(tuple(step if named else [*step, *fronted]), _implied_verb(step, verbs)))
    return steps


_DRAWN = ("chart", "graph", "plot", "diagram")


def _implied_verb(step: Sequence[Token], verbs: frozenset[str]) -> str:
    """Return the verb that a command without one leaves out: "line chart of ...", "new sheet ...", "=A1*2 in B2"."""
    if step[0].kind == "formula" and len(step) > 2:
        return "put"
    first = step[0].lower
    if first == "new":
        return "add"
    if first in verbs or first in PREPOSITIONS or _ASK_START.match(first):
        return ""
    return "draw" if any(t.lower in _DRAWN for t in step[1:3]) else ""


def _fronted(tokens: list[Token], verbs: frozenset[str]) -> tuple[list[Token], list[Token]]:
    """Return the sentence without "in contract.docx," or "contract.docx:" before it, and that phrase."""
    for index, token in enumerate(tokens[:8]):
        place = tokens and (tokens[0].lower in PREPOSITIONS | {"using"} or tokens[0].kind == "file")
        if index and place and token.text in (",", ":") and len(tokens) > index + 1:
            phrase = tokens[:index]
            if phrase[0].kind == "file":
                return without_lead(tokens[index + 1 :]), phrase
            return without_lead(tokens[index + 1 :]), phrase
    if tokens and tokens[0].lower in ("in", "on", "from", "within", "across"):
        for index, token in enumerate(tokens[:9]):
            if index > 1 and token.lower in verbs and tokens[index - 1].lower not in ("the", "a", "this", "of"):
                return tokens[index:], tokens[:index]
    return tokens, []


def _is_break(body: Sequence[Token], index: int, verbs: frozenset[str]) -> bool:
    """Whether a new step begins at `index`: a joiner before it and a verb, not used as a noun, at it."""
    before = body[index - 1].lower
    joined = before in ("and", "then", ",", ";", "also", "afterwards", "plus", "&", ":") or before == "."
    if not joined or body[index].lower not in verbs:
        return False
    if before == ":" and body[0].lower in verbs:
        return False  # "add a row: Order the sensors, ..."
    after = body[index + 1] if index + 1 < len(body) else None
    return after is not None and (after.kind != "punct" and after.lower not in ("of", "and", "is", "by"))


def _trimmed(tokens: list[Token]) -> list[Token]:
    """Drop joiners and marks from the end."""
    rest = list(tokens)
    while rest and (rest[-1].lower in ("and", "then", "also", "please", "thanks") or rest[-1].text in ",;.!?"):
        rest = rest[:-1]
    return rest


def gapped(clause: Clause) -> list[Clause]:
    """Split a step at every "and" or comma, the verb going on: "replace A with B and C with D"."""
    pieces: list[list[Token]] = [[]]
    for token in clause.tokens:
        if token.lower == "and" or token.text == ",":
            pieces.append([])
        else:
            pieces[-1].append(token)
    pieces = [p for p in pieces if p]
    first = Clause(tuple(pieces[0])) if pieces else clause
    return [first, *(Clause(tuple(p), first.verb) for p in pieces[1:])]


_AND = frozenset({"and", ",", "both", "&", "then", "also", "as", "well", "plus"})


def per_file(clause: Clause, found: Sequence[FileMention]) -> list[Clause]:
    """Return the step once for each file it names: "... in the contract and in the report"."""
    parts = []
    for mention in found:
        others = {i for m in found if m is not mention for i in m.tokens}
        others |= {i for i, t in enumerate(clause.tokens) if t.lower == "both"}
        joiners = {i for i in range(len(clause.tokens)) if i + 1 == mention.start and clause.tokens[i].lower in _AND}
        while joiners and any(clause.tokens[i - 1].lower in _AND for i in joiners if i and i - 1 not in joiners):
            joiners |= {i - 1 for i in joiners if i and clause.tokens[i - 1].lower in _AND}
        while others and any(clause.tokens[i - 1].lower in _AND for i in others if i and i - 1 not in others):
            others |= {i - 1 for i in others if i and clause.tokens[i - 1].lower in _AND}
        kept = [t for i, t in enumerate(clause.tokens) if i not in others | joiners]
        parts.append(Clause(tuple(kept), clause.inherited_verb))
    return parts


def named(clause: Clause, mention: FileMention, doc: Doc) -> Clause:
    """Return the step with one file's name in the place of a mention of many."""
    at = clause.tokens[mention.core[0]]
    name = Token(doc.show, at.start, at.end, "file", doc.show)
    keep = (
        clause.tokens[mention.start : mention.start + 1] if clause.tokens[mention.start].lower in PREPOSITIONS else ()
    )
    tokens = (*clause.tokens[: mention.start], *keep, name, *clause.tokens[mention.end :])
    return Clause(tokens, clause.inherited_verb)


def acts(clause: Clause) -> bool:
    """Whether the step opens with a verb that changes something."""
    return clause.verb in ACTING
