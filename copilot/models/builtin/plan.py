"""From a request to calls, or to a question with a menu. Deterministic, and it never guesses a write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from copilot.models.builtin.attached import attach, detached, uninstructed, unpiped
from copilot.models.builtin.clauses import (
    Clause,
    Stance,
    clauses,
    gapped,
    is_promise,
    named,
    per_file,
    sentences_of,
    stance,
    without_lead,
)
from copilot.models.builtin.files import FileMention, Sure, mentions, name_words
from copilot.models.builtin.fill import OTHER_CASE, SEARCHED_FILES, Scene, readings
from copilot.models.builtin.follow import follow_up
from copilot.models.builtin.ground import Doc, Ground
from copilot.models.builtin.lexing import Token, scan
from copilot.models.builtin.memory import Memory, files_in, picked
from copilot.models.builtin.rank import LIMITS, Candidate, Ranking
from copilot.models.builtin.replies import LEFT_OUT, QUESTION, UNDO, Call, menu_text, needs_model
from copilot.models.builtin.spelling import corrected
from copilot.models.builtin.state import State, part_names
from copilot.models.builtin.toolview import ToolView
from copilot.models.builtin.words import (
    ACTING,
    ENGLISH_HINTS,
    FREE_WRITING,
    NEVER_MECHANICAL,
    STOPWORDS,
    VERBS,
    asks_for_prose,
    looks_english,
    stem,
    word_set,
)

MOST_OFFERED = 3
_OPENERS = word_set("""open take use edit update change modify go see load""")
_TAKE_BACK = re.compile(
    r"(?:undo|revert|rollback|roll back|take (?:it|that|this) back|take back|put (?:it|that) back)\b"
    r"|(?:go|change it|set it) back$"
)
_SMALL_TALK = re.compile(
    r"(?:hello|hi|hey|thanks|thank you|thx|good (?:morning|day|evening|afternoon)|help|bye|goodbye|"
    r"what can you do|who are you|"
    r"what are you|how are you|how do you work|what can i (?:ask|do|say)|test)\b[^a-z]*"
    r"(?:there|help me|everpilot|copilot)?[^a-z]*\Z"
)


_PIPED_ASIDE = "What was piped in was not used; that needs a language model."


@dataclass(frozen=True)
class Outcome:
    """What the planner decided: calls to make now, or a text, maybe with a menu.

    `unserved` says why a text does not do what was asked: "asked" (the person must answer first), "needs_model", or
    empty when the text is the answer.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    menu: tuple[Call, ...] = ()
    unserved: str = ""


def _asks(text: str, menu: tuple[Call, ...] = ()) -> Outcome:
    return Outcome(text, menu=menu, unserved="asked")


def _beyond(why: str, more: str = "") -> Outcome:
    return Outcome(f"{needs_model(why)}\n\n{more}".rstrip(), unserved="needs_model")


@dataclass(frozen=True)
class Step:
    """What one clause came to: a call that may be made, or candidates to ask about."""

    clause: Clause
    chosen: Candidate | None
    offered: tuple[Candidate, ...] = ()
    gaps: tuple[str, ...] = ()
    note: str = ""  # what the person should know of a step that is done


@dataclass
class Planner:
    """Plans requests over the tools of one model call."""

    views: Sequence[ToolView]
    ground: Ground
    ranking: Ranking = field(init=False)
    verbs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.ranking = Ranking(self.views)
        own = frozenset(v for view in self.views if view.acts for v in view.verbs if v.isalpha())
        self.verbs = (VERBS | own) - word_set("""what which who whose how when where is are does do""")

    def plan(self, memory: Memory) -> Outcome:
        """Return what to do about the request. What was piped in, and a skill's instructions, are left aside, which is
        said."""
        asked, skill = uninstructed(memory.request)
        if skill and not asked:
            return Outcome(needs_model(f"The skill {skill} is instructions on how to work."), unserved="needs_model")
        outcome = self._unpiped(replace(memory, request=asked))
        aside = f"The instructions of the skill {skill} were not used; that needs a language model. " if skill else ""
        return replace(outcome, text=f"{aside}{outcome.text}".strip())

    def _unpiped(self, memory: Memory) -> Outcome:
        command, piped = unpiped(memory.request)
        if not piped:
            return self._planned(memory)
        outcome = self._planned(replace(memory, request=command))
        return replace(outcome, text=f"{_PIPED_ASIDE} {outcome.text}".strip())

    def _planned(self, memory: Memory) -> Outcome:
        if pick := self._pick(memory):
            return pick
        docs = tuple(self.ground.docs())
        names = [d.show for d in docs]
        request, files = detached(memory.request, names)
        tokens = self._spelt(scan(request, names), docs)
        if not any(t.kind != "punct" for t in tokens):
            return Outcome(self.abilities())
        if refusal := self._refusal(tokens):
            return refusal
        scene = Scene(docs, self._last(memory, docs))
        followed = follow_up(tokens, memory, self.views, scene)
        if followed is not None:
            return self._follow(followed, tokens)
        return self._steps(tokens, scene, files)

    def _spelt(self, tokens: list[Token], docs: Sequence[Doc]) -> list[Token]:
        """Set slips right in words that neither English as far as it is known here nor the files have."""
        body = without_lead(tokens)
        first = len(tokens) - len(body)

        def known(word: str) -> bool:
            if word in ENGLISH_HINTS or any(stem(word) in view.wider_vocabulary for view in self.views):
                return True
            return any(word in part_names(d) or stem(word) in name_words(d) for d in docs[:SEARCHED_FILES])

        return corrected(tokens, first, known)

    # -- ways out before planning

    def _pick(self, memory: Memory) -> Outcome | None:
        index = picked(memory.request, memory.menu)
        if index is None:
            return None
        entry = memory.menu[index]
        view = next((v for v in self.views if v.name == entry["tool"]), None)
        if view is None or (problem := view.check(entry["args"])):
            reason = "that tool is not there any more" if view is None else problem
            return _asks(f"I can't do number {index + 1}: {reason}.")
        return Outcome(calls=(Call(view.name, view.wire_name, entry["args"]),))

    def _last(self, memory: Memory, docs: Sequence[Doc]) -> tuple[Doc, ...]:
        names = files_in(memory.calls, [d.show for d in docs])
        return tuple(d for n in names for d in docs if d.show == n)

    def _refusal(self, tokens: Sequence[Token]) -> Outcome | None:
        words = [t.text for t in tokens if t.kind == "word"]
        if not looks_english(words):
            return _beyond("I understand English commands only.")
        body = without_lead(tokens)
        verb = body[0].lower if body else ""
        known = {v for view in self.views for v in view.verbs}
        if verb in NEVER_MECHANICAL and verb not in known:
            return _beyond(f"I don't {verb}: I follow direct commands and quote, I don't write prose.")
        if asks_for_prose(body) and verb not in ("add", "insert"):
            return _beyond("I don't write texts of my own: I follow direct commands and quote.")
        if not verb or _SMALL_TALK.match(" ".join(t.lower for t in tokens)):
            return Outcome(self.abilities())
        if _TAKE_BACK.match(" ".join(t.lower for t in body)) and verb not in known:
            return Outcome(UNDO)
        return None

    def abilities(self) -> str:
        """Say what can be asked, by examples of the tools at hand."""
        examples = [view.examples[0] for view in self.views if view.examples][:6]
        listed = "".join(f"\n- {e}" for e in examples)
        return f"I follow direct commands over the documents in this folder, for example:{listed}"

    # -- steps

    def _steps(self, tokens: Sequence[Token], scene: Scene, files: Sequence[Token] = ()) -> Outcome:
        sentences = [s for s in sentences_of(tokens) if not is_promise(s)]
        stances = [stance(s) for s in sentences]
        may_act = not any(s in (Stance.FORBID, Stance.LOOK, Stance.ABOUT) for s in stances)
        planned: list[tuple[Stance, Clause]] = []
        for sentence, how in zip(sentences, stances, strict=True):
            found = self._clauses(sentence, how)
            planned += [(h, attach(c, files, mentions(c.tokens, scene.docs))) for h, c in found]
        if not planned:
            return Outcome("You said what not to do, so nothing was done.")
        if any(h is Stance.ABOUT for h, _ in planned) and self._speaks_of_acting(tokens):
            return self._about(planned, scene)
        opened = [(h, c) for h, c in planned if len(planned) > 1 and self._only_opens(c, scene)]
        planned = [p for p in planned if p not in opened] or planned
        steps: list[Step] = []
        for position, (how, clause) in enumerate(planned):
            others = [c for _, c in [*planned[:position][::-1], *planned[position + 1 :], *opened]]
            where = Scene(scene.docs, scene.last, self._elsewhere(others, scene), _pending(steps))
            steps += self._step(clause, how, where, may_act=may_act)
        return self._decide(steps, tokens, may_act=may_act)

    def _clauses(self, sentence: list[Token], how: Stance) -> list[tuple[Stance, Clause]]:
        """Split a sentence; of one that also forbids, only the parts that do not."""
        if how is Stance.FORBID:
            parts = _around_commas(sentence)
            kept = [(stance(p), p) for p in parts if stance(p) is not Stance.FORBID]
            return [(h, c) for h, p in kept for c in clauses(p, self.verbs)]
        if how is Stance.LOOK:
            sentence = _without_promise(sentence)
        return [(how, c) for c in clauses(sentence, self.verbs)]

    @staticmethod
    def _elsewhere(others: Sequence[Clause], scene: Scene) -> tuple[FileMention, ...]:
        return tuple(m for c in others for m in mentions(c.tokens, scene.docs))

    @staticmethod
    def _only_opens(clause: Clause, scene: Scene) -> bool:
        """Whether a step only says which file the others are about: "open contract.docx and ..."."""
        spoken = {i for m in mentions(clause.tokens, scene.docs) for i in m.tokens}
        rest = [t for i, t in enumerate(clause.tokens) if i not in spoken and t.kind != "punct"]
        return bool(spoken) and len(rest) == 1 and rest[0].lower in _OPENERS

    @staticmethod
    def _speaks_of_acting(tokens: Sequence[Token]) -> bool:
        words = {t.lower for t in tokens if t.kind == "word"}
        forms = {
            f for w in words for f in (w, *(w.removesuffix(e) for e in ("ing", "d", "ed")), w.removesuffix("ing") + "e")
        }
        return bool(forms & ACTING)

    def _about(self, planned: Sequence[tuple[Stance, Clause]], scene: Scene) -> Outcome:
        """Answer a question about acting: nothing happens; a command inside it is offered."""
        text = QUESTION
        for how, clause in planned:
            body = self._from_verb(clause)
            if how is Stance.ABOUT and body is not None:
                offered = self._candidates(body, scene, acting=True)
                ready = [c for c in offered if c.view.acts and not c.state.missing and c.led_to][:MOST_OFFERED]
                if ready:
                    calls = tuple(_call(c.state) for c in ready)
                    return _asks(menu_text(f"{text} If you want it done:", calls), calls)
        return Outcome(text, unserved="needs_model")

    def _from_verb(self, clause: Clause) -> Clause | None:
        for index, token in enumerate(clause.tokens):
            if token.lower in ACTING:
                return Clause(clause.tokens[index:])
        return None

    def _candidates(self, clause: Clause, scene: Scene, *, acting: bool) -> list[Candidate]:
        words = self.ranking.words(clause)
        found = []
        for view in self.views:
            if (view.acts and not acting) or _other_way(view, clause):
                continue
            found += [self.ranking.score(state, words) for state in readings(view, clause, scene) if _valid(state)]
        return sorted(found, key=lambda c: -c.score)

    def _step(self, clause: Clause, how: Stance, scene: Scene, *, may_act: bool) -> list[Step]:
        """Plan one clause; one that does not plan as a whole is tried with its verb going on after "and"."""
        acting = may_act and how in (Stance.DO, Stance.TENTATIVE)
        step = self._one(clause, how, scene, acting=acting)
        if step.chosen is not None or not acting:
            return [step]
        found = scene.mentions(clause)
        everywhere, note = self._in_all(clause, found, how, scene)
        for parts in (per_file(clause, found), everywhere, gapped(clause)):
            where = replace(scene, elsewhere=(*found, *scene.elsewhere))
            tried: list[Step] = []
            for part in parts if len(parts) > 1 or any(m.sure is Sure.ALL for m in found) else ():
                tried.append(self._one(part, how, replace(where, pending=_pending(tried)), acting=acting))
            if tried and all(s.chosen for s in tried):
                return [replace(tried[0], note=note if parts is everywhere else ""), *tried[1:]]
        return [step]

    def _in_all(
        self, clause: Clause, found: Sequence[FileMention], how: Stance, scene: Scene
    ) -> tuple[list[Clause], str]:
        """Return the step once for each document that it fits, when it names all of them: "in every document".

        Beside it stands what is left out: documents that can't be read, or hold the text where no tool can change it.
        """
        everywhere = next((m for m in found if m.sure is Sure.ALL), None)
        parts: list[Clause] = []
        texts: set[str] = set()
        for doc in everywhere.docs if everywhere else ():
            part = named(clause, everywhere, doc)  # type: ignore[arg-type]
            step = self._one(part, how, replace(scene, elsewhere=()), acting=True)
            if step.offered and all(any(OTHER_CASE in d for d in c.state.loose) for c in step.offered):
                continue
            if step.offered:
                return [], ""  # it may fit this one too: doing it in the others alone would be half of it
            if step.chosen:
                parts.append(part)
                texts |= _found_texts(step.chosen.state)
        done = {t.value for part in parts for t in part.tokens if t.kind == "file"}
        return parts, _left_out([d for d in (everywhere.docs if everywhere else ()) if d.show not in done], texts)

    def _one(self, clause: Clause, how: Stance, scene: Scene, *, acting: bool) -> Step:
        candidates = self._candidates(clause, scene, acting=acting)
        complete = [c for c in candidates if not c.state.missing]
        if absent := next((a for c in candidates if (a := _absent_column(c))), ""):
            return Step(clause, None, (), (absent,))
        gaps = _gaps(candidates)
        if not complete:
            return Step(clause, None, (), gaps)
        able = [c for c in complete if c.view.acts or c.able]
        close = bool(able) and not complete[0].view.acts and able[0].score > complete[0].score - LIMITS.able
        if how is Stance.ASK or close:
            complete = [*able, *(c for c in complete if c not in able)]
        if _only_quotes(complete[0].view):  # what can be computed is not looked up in a sentence
            computed = [c for c in complete if _computes(c) and c.able and c.score >= LIMITS.guess]
            complete = [*computed, *(c for c in complete if c not in computed)]
        complete = _own_first(complete)
        best = complete[0]
        if _computes(best) and best.able and not best.state.loose:
            complete = [best, *(c for c in complete[1:] if not _only_quotes(c.view))]
        rivals = [
            c
            for c in complete[1:]
            if (c.led_to and _writes(c.state) != _writes(best.state) and _call(c.state).args != _call(best.state).args)
            or c.view != best.view
        ]
        stronger = [c for c in candidates if c.score > best.score + LIMITS.write_margin and _lacks_words(c.state)]
        if self._runs(best, rivals, how) and not (stronger and best.view.acts):
            return Step(clause, best)
        near = max(LIMITS.menu, best.score - LIMITS.menu_margin)
        offered = sorted([best, *rivals], key=lambda c: c.state.unexplained_facts())
        offered = [c for c in offered if c.score >= near and c.led_to and c.sensible]
        return Step(clause, None, tuple(_distinct(offered)), gaps if stronger or not offered else ())

    @staticmethod
    def _runs(best: Candidate, rivals: Sequence[Candidate], how: Stance) -> bool:
        """Whether the best reading is sure enough to be made without asking."""
        margin = best.score - rivals[0].score if rivals else 9.0
        state = best.state
        if best.view.acts:
            led = best.verb >= LIMITS.verb or (best.verb >= LIMITS.near_verb and (best.cue or best.explicit > 1))
            sure = how is Stance.DO and led and not state.loose and state.sure > Sure.NONE
            acting = [r for r in rivals if r.view.acts and r.verb and not r.state.unexplained()]
            acting = [r for r in acting if r.score > best.score - LIMITS.rival or _same_words(r.state, state)]
            if state.sure <= Sure.ONLY and acting:
                return False  # no file was named, and another call would fit another one
            if best.misses_object:
                return False  # "add a table ..." is no new row, however well the rest fits
            return sure and not state.unexplained() and margin >= LIMITS.write_margin
        # The same arguments to another reading tool are no other answer.
        others = [r for r in rivals if r.able and _call(r.state).args != _call(state).args]
        if not state.docs:  # nor is the same in one file, when no file was named
            others = [r for r in others if r.state.sure is not Sure.NONE]
        margin = best.score - others[0].score if others else 9.0
        whole_question = how is Stance.ASK and not state.unexplained()
        enough = best.score >= (LIMITS.question if whole_question else LIMITS.guess)
        sure = enough and best.led_to and best.able
        return sure and margin >= LIMITS.read_margin and not _limited(state) and not state.loose

    # -- results

    def _decide(self, steps: Sequence[Step], tokens: Sequence[Token], *, may_act: bool) -> Outcome:
        if all(s.chosen for s in steps):
            calls = tuple(_call(s.chosen.state) for s in steps if s.chosen)
            return Outcome("\n".join(s.note for s in steps if s.note), calls)
        unclear = next(s for s in steps if not s.chosen)
        whole = "" if len(steps) == 1 else f"Step “{unclear.clause.text}”: "
        if unclear.offered:
            calls = tuple(a for c in unclear.offered for a in _alternatives(c.state))[:MOST_OFFERED]
            return _asks(menu_text(whole + _question(unclear), calls), calls)
        return self._no_plan(unclear, tokens, whole)

    def _no_plan(self, step: Step, tokens: Sequence[Token], lead: str) -> Outcome:
        if step.gaps:
            return _asks(f"{lead}{_sentence('; '.join(step.gaps))} Nothing was done.")
        words = {t.lower for t in tokens if t.kind == "word"}
        if words & FREE_WRITING or step.clause.verb in ("make", "create", "generate", "build"):
            return _beyond(f"{lead}I follow direct commands and quote; I don't write or judge.")
        return _beyond(f"{lead}I could not match that to anything I can do without guessing.", self.abilities())

    def _follow(self, state: State, tokens: Sequence[Token]) -> Outcome:
        call = _call(state)
        if state.missing or state.view.check(call.args):
            gaps = "; ".join(state.missing.values()) or "the last call does not fit that"
            return _asks(f"{_sentence(gaps)} Nothing was done.")
        doubtful = state.view.acts and (state.loose or state.unexplained())
        if doubtful or len(state.unexplained()) > 1:
            return _asks(menu_text("Do you mean this?", (call,)), (call,))
        return Outcome(calls=(call,))


def _writes(state: State) -> object:
    """What a call would write into cells, so that two tools that write the same are not taken for rivals."""
    given = {p.slot.kind: state.args[p.name] for p in state.view.parameters if p.name in state.args}
    cells = given.get("cell_values")
    place = given.get("cell", given.get("range"))
    if isinstance(cells, dict) and len(cells) == 1:
        return given.get("document"), given.get("sheet"), next(iter(cells.items()))
    if state.view.acts and place is not None and "value" in given:
        return given.get("document"), given.get("sheet"), (place, given["value"])
    return state.view.name, id(state)


def _found_texts(state: State) -> set[str]:
    slots = [p for p in state.view.parameters if p.slot.kind == "found_text" and p.name in state.args]
    return {str(state.args[p.name]) for p in slots}


def _left_out(docs: Sequence[Doc], texts: set[str]) -> str:
    """Name the documents that can't be read, and those that hold a text which no tool can change there."""
    said = []
    for doc in docs:
        if doc.reading is None:
            said.append(f"{doc.show} (it can't be read: {doc.problem.rstrip('.')})")
        elif any(doc.find(text) for text in texts):
            written = next(o.text for text in sorted(texts) for o in doc.find(text))
            why = "the text stands there too, but I can't change it in such a file"
            said.append(f"{doc.show} ({why if written in texts else f'it {OTHER_CASE} “{written}”'})")
    return f"{LEFT_OUT} {'; '.join(said)}." if said else ""


_PLAIN_FIGURES = word_set("total sum average mean median avg maximum minimum")


def _absent_column(candidate: Candidate) -> str:
    """Say that a workbook has no column of the name that follows "total of", when nothing in it has that name."""
    state = candidate.state
    figure = next((p.name for p in state.view.parameters if p.slot.kind == "function" and p.name in state.args), "")
    lacking = any(p.slot.kind == "column" and p.name in state.missing for p in state.view.parameters)
    if not figure or not lacking or state.doc is None or state.sure < Sure.KIND:
        return ""
    start = next((i for i, t in enumerate(state.tokens) if t.lower in _PLAIN_FIGURES), -1) + 1
    while start and start < len(state.tokens) and state.tokens[start].lower in ("of", "the", "column", "all", "for"):
        start += 1
    if (
        not start
        or start >= len(state.tokens)
        or not state.free(start)
        or state.tokens[start].kind not in ("word", "quote")
    ):
        return ""
    name = state.tokens[start].value
    if state.doc.find(name) or name.lower() in STOPWORDS:
        return ""
    why = next(
        w
        for n, w in state.missing.items()
        if any(p.name == n and p.slot.kind == "column" for p in state.view.parameters)
    )
    return f"{state.doc.show} has no column “{name}”; {why}"


def _only_quotes(view: ToolView) -> bool:
    """Whether a tool takes a question as it stands."""
    needed = [p for p in view.parameters if p.required]
    kinds = {p.slot.kind for p in needed}
    return not view.acts and "query" in kinds and kinds <= {"query", "document"}


def _own_first(complete: list[Candidate]) -> list[Candidate]:
    """Return the calls; of those that take a question as it stands only the one that comes first, if no file is meant.

    A word of the question that is also in a file's title does not mean that file: "holidays" is what it is about.
    """
    best = complete[0]
    meant = best.state.docs and not all(m.soft for m in best.state.mentions)
    own = [c for c in complete if c.view.first and c.able]
    if not own or meant or not _only_quotes(best.view):
        return complete
    return [*own, *(c for c in complete if c not in own and not _only_quotes(c.view))]


def _computes(candidate: Candidate) -> bool:
    """Whether a reading call takes a column and a figure or a condition from the request."""
    state = candidate.state
    given = set(state.used.values())
    kinds = {p.slot.kind for p in state.view.parameters if p.name in given}
    ranked = any(p.name in state.args and "top" in p.slot.cues for p in state.view.parameters)
    figure = bool(kinds & {"function", "value"}) or ranked
    return not state.view.acts and "column" in {*kinds} and figure and candidate.led_to


def _same_words(one: State, other: State) -> bool:
    """Whether two calls differ in the file and the tool alone."""

    def values(state: State) -> set[str]:
        slots = [p for p in state.view.parameters if p.slot.kind != "document"]
        return {str(state.args[p.name]) for p in slots if p.name in state.args}

    return values(one) == values(other)


def _lacks_words(state: State) -> bool:
    """Whether a call lacks a value, though it has its document: then the request rather means that call."""
    kinds = {p.slot.kind for p in state.view.parameters if p.name in state.missing}
    return bool(kinds) and "document" not in kinds


def _other_way(view: ToolView, clause: Clause) -> bool:
    """Whether a command to change something is read as a mere look: "create a document" is no "list"."""
    if view.acts:
        return clause.verb in VERBS and clause.verb not in view.verbs | view.near_verbs
    return clause.verb in ACTING and clause.verb not in view.verbs


def _alternatives(state: State) -> list[Call]:
    """Return the call once for each value that fits as well."""
    call = _call(state)
    found = [replace(call, args={**call.args, n: v}) for n, vs in state.choices.items() for v in vs]
    return found or [call]


def _pending(steps: Sequence[Step]) -> tuple[str, ...]:
    """The texts that the steps so far would write: "below it" may mean the last one."""
    states = [s.chosen.state for s in steps if s.chosen and s.chosen.view.acts]
    texts = [s.args[p.name] for s in states for p in s.view.parameters if p.slot.kind == "text" and p.name in s.args]
    return tuple(t for t in texts if isinstance(t, str))


def _valid(state: State) -> bool:
    """Keep fillings with gaps (they explain what is missing) and those that the schema takes."""
    return bool(state.missing) or state.view.check(_call(state).args) is None


def _call(state: State) -> Call:
    order = [p.name for p in state.view.parameters if p.name in state.args]
    return Call(state.view.name, state.view.wire_name, {n: state.args[n] for n in order})


def _gaps(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Say what the most fitting tool still lacks."""
    fitting = [c for c in candidates if c.state.missing and c.led_to and c.score >= LIMITS.menu]
    fitting.sort(key=lambda c: not _lacks_words(c.state))
    return tuple(fitting[0].state.missing.values()) if fitting else ()


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return at most three candidates of different calls."""
    kept: list[Candidate] = []
    for candidate in candidates:
        if all(_call(candidate.state) != _call(k.state) for k in kept):
            kept.append(candidate)
    return kept[:MOST_OFFERED]


def _limited(state: State) -> bool:
    """Whether a word that narrows the request ("only", "except", "not") is unaccounted for."""
    from copilot.models.builtin.words import LIMITERS

    unknown_verb = bool(state.tokens) and 0 not in state.used and state.tokens[0].text in state.unexplained()
    return unknown_verb or state.unexplained_facts() or any(w.lower() in LIMITERS for w in state.unexplained())


def _question(step: Step) -> str:
    doubts = [d for c in step.offered[:1] for d in c.state.loose]
    words = step.offered[0].state.unexplained() if step.offered else []
    why = f" I am not sure about: {'; '.join(doubts)}." if doubts else ""
    why = why or (f" I can't account for: {', '.join(words[:6])}." if words else "")
    return f"Do you mean {'this' if len(step.offered) == 1 else 'one of these'}?{why}"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:] if text.split(" ")[0].isalpha() else text
    return text if text.endswith(("?", ".", "!")) else text + "."


def _around_commas(sentence: Sequence[Token]) -> list[list[Token]]:
    """Split at commas and at "but", "just" and "and": the parts of "don't change anything, just show me B4"."""
    parts: list[list[Token]] = [[]]
    for token in sentence:
        if token.text in (",", ";", ":", "-", "–", "—") or token.lower in ("but", "just", "instead"):
            parts.append([])
        else:
            parts[-1].append(token)
    return [p for p in parts if any(t.kind != "punct" for t in p)]


def _without_promise(sentence: Sequence[Token]) -> list[Token]:
    """Drop "without changing anything" and what follows it up to a comma."""
    kept: list[Token] = []
    dropping = False
    for token in sentence:
        if token.lower in ("without", "no", "dry") and not dropping:
            dropping = True
        elif token.text in (",", ";", ":"):
            dropping = False
            continue
        if not dropping:
            kept.append(token)
    return kept
