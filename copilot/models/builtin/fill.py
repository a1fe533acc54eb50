"""Every way in which one step can be a call of one tool, with the documents that it may be about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from copilot.documents.terms import stem
from copilot.models.builtin.addresses import fill_addresses
from copilot.models.builtin.cells import fill_cell_values, fill_row_values
from copilot.models.builtin.choices import fill_choices
from copilot.models.builtin.clauses import Clause
from copilot.models.builtin.files import FileMention, Reference, Sure, by_title, mentions, name_words
from copilot.models.builtin.ground import Doc
from copilot.models.builtin.lexing import Token
from copilot.models.builtin.places import fill_numbers, fill_places
from copilot.models.builtin.state import State, part_names
from copilot.models.builtin.structure import (
    check_condition,
    fill_columns,
    fill_functions,
    fill_member,
    fill_operators,
    fill_sheets,
    offer_functions,
    spend_headers,
    spend_only,
)
from copilot.models.builtin.texts import (
    fill_queries,
    fill_texts,
    fill_value_at,
    not_found,
)
from copilot.models.builtin.toolview import Parameter, ToolView
from copilot.models.builtin.words import FILE_NOUNS, PRONOUNS

#: How a doubt about capital letters reads: "Acme" may be a name where "acme" is a part of an address.
OTHER_CASE = "writes it only as"
#: How many files are looked into when a request names none.
SEARCHED_FILES = 24
#: How many readings of one step with one tool are kept.
MOST_READINGS = 4


@dataclass(frozen=True)
class Scene:
    """What a step is read against: the files, those used last, and the file that the rest of the request names."""

    docs: tuple[Doc, ...]
    last: tuple[Doc, ...] = ()
    elsewhere: tuple[FileMention, ...] = ()
    pending: tuple[str, ...] = ()  # texts that earlier steps of the same request would write
    _mentions: dict[tuple[Token, ...], tuple[FileMention, ...]] = field(default_factory=dict, init=False, compare=False)

    def mentions(self, clause: Clause) -> tuple[FileMention, ...]:
        """The files that the step mentions; titles are looked at when no name fits. Each tool asks for them."""
        kept = self._mentions.get(clause.tokens)
        if kept is None:
            kept = self._mentions[clause.tokens] = self._find(clause)
        return kept

    def _find(self, clause: Clause) -> tuple[FileMention, ...]:
        found = mentions(clause.tokens, self.docs)
        if not found and len(self.docs) <= SEARCHED_FILES:
            found = by_title(clause.tokens, self.docs)
        return tuple(found)


def readings(view: ToolView, clause: Clause, scene: Scene) -> list[State]:
    """Return the fillings of the tool from the step, those with fewest gaps first."""
    found = _all(view, clause, scene)
    if found and scene.last and all(s.missing and s.sure is Sure.LAST for s in found):
        found += _all(view, clause, replace(scene, last=()))
    found.sort(key=lambda s: (len(s.missing), len(s.unexplained()), -s.sure, len(s.loose)))
    complete = [s for s in found if not s.missing]
    complete = [s for s in complete if len(s.unexplained()) == len(complete[0].unexplained())]
    if complete and complete[0].sure is Sure.NONE:
        most = max(_named_parts(s) for s in complete)
        complete = [s for s in complete if _named_parts(s) == most]
    if len(complete) == 1 and complete[0].sure is Sure.NONE and _named_parts(complete[0]):
        complete[0].sure = Sure.PART
    return complete[:MOST_READINGS] or found[:1]


def _all(view: ToolView, clause: Clause, scene: Scene) -> list[State]:
    found = []
    for start in _with_documents(view, clause, scene):
        _fill(start)
        found.append(start)
    return found


def _named_parts(state: State) -> int:
    """How many of the document's own tables, sheets and columns the request names: they point to it."""
    given = set(state.used.values())
    return sum(p.slot.kind in ("table", "sheet", "column") and p.name in given for p in state.view.parameters)


def _fill(state: State) -> None:
    """Fill the parameters in the order in which names are least likely to be mistaken."""
    fill_sheets(state)
    fill_cell_values(state)
    fill_addresses(state)
    fill_row_values(state)
    after_operator = fill_operators(state)
    fill_value_at(state, after_operator)
    fill_functions(state)
    fill_columns(state)
    fill_member(state)
    offer_functions(state)
    fill_choices(state)
    fill_numbers(state)
    fill_places(state)
    fill_texts(state)
    fill_queries(state)
    check_found(state)
    check_condition(state)
    spend_headers(state)
    spend_only(state)
    for mention in state.mentions:
        if any(doc in state.docs for doc in mention.docs):
            state.spend(mention.tokens, "document")
    if state.doc and not state.view.acts:
        words = name_words(state.doc)
        state.spend([i for i, t in enumerate(state.tokens) if t.kind == "word" and stem(t.lower) in words], "document")


def check_found(state: State) -> None:
    """A text to be found must occur in the document; it is then written as the document writes it."""
    for parameter in state.view.parameters:
        value = state.args.get(parameter.name)
        if parameter.slot.kind != "found_text" or not isinstance(value, str):
            continue
        if state.doc is None:
            continue
        found = state.doc.find(value)
        if not found:
            del state.args[parameter.name]
            state.missing[parameter.name] = not_found(state, value)
            continue
        state.args[parameter.name] = found[0].text
        spoken = "".join(state.tokens[i].value for i, n in state.used.items() if n == parameter.name)
        if state.view.acts and spoken != spoken.lower() and found[0].text == found[0].text.lower():
            state.loose.append(f"{state.doc.show} {OTHER_CASE} “{found[0].text}”")
        if len(found) > 1:
            state.loose.append(f"{state.doc.show} writes it in several ways: {', '.join(o.text for o in found[:4])}")
        if state.view.acts and any(o.inside_words for o in found):
            state.loose.append(f"“{found[0].text}” is also a part of longer words")


# -- documents --------------------------------------------------------------------------------------------------------


def _with_documents(view: ToolView, clause: Clause, scene: Scene) -> Iterator[State]:
    """Yield a state for each choice of documents that the request leaves open."""
    found = scene.mentions(clause)
    slots = [p for p in view.parameters if p.slot.kind == "document"]
    state = State(view, clause, found, pending=scene.pending)
    _fill_new_names(state, found)
    if not slots:
        yield state
        return
    if any(p.list_like for p in slots):
        yield _many(state, slots, scene)
        return
    yield from _each(state, slots, scene)


def _fill_new_names(state: State, found: Sequence[FileMention]) -> None:
    """Give a file name that is not there yet to the slot for a new file, when its suffix fits."""
    for parameter in state.open("new_document"):
        for mention in found:
            name = mention.missing or (mention.docs[0].show if mention.sure is Sure.NAMED and mention.docs else "")
            cued = state.tokens[mention.start].lower in ("to", "as", "into", "called", "named") or bool(mention.missing)
            fits = not parameter.slot.suffixes or PurePath(name).suffix.lower() in parameter.slot.suffixes
            if name and cued and fits and state.free(mention.core[0]):
                state.give(parameter, name, mention.tokens)
                if state.before(mention.start) in ("called", "named", "as"):
                    state.spend([mention.start - 1], parameter.name)
                if not mention.missing:
                    state.loose.append(f"{name} exists and would be replaced")
                break
        before = next((r.stop for c in ("called", "named", "as") for r in state.phrases(c)), None)
        if parameter.name not in state.args and before is not None and state.free(before):
            token = state.tokens[before]
            if token.kind == "quote" and PurePath(token.value).suffix:
                state.give(parameter, token.value, [before, before - 1])


def _many(state: State, slots: Sequence[Parameter], scene: Scene) -> State:
    """Fill a list of documents, and single ones after it, from all that the step mentions."""
    parameter = next(p for p in slots if p.list_like)
    docs = []
    for mention in state.mentions:
        fitting = _fitting(mention.docs, parameter)
        if len(fitting) == 1 and state.free(mention.core[0]):
            docs.append(fitting[0])
            state.spend(mention.tokens, parameter.name)
        elif mention.missing:
            state.missing[parameter.name] = _no_such(mention.missing, scene)
    if docs:
        state.args[parameter.name] = list(dict.fromkeys(d.show for d in docs))
        state.docs = docs
    elif parameter.required and parameter.name not in state.missing:
        state.missing[parameter.name] = "which files?"
    return state


def _each(state: State, slots: Sequence[Parameter], scene: Scene) -> Iterator[State]:
    """Fill single documents in order; every combination that the mentions leave open is a state of its own."""
    states = [state]
    for position, parameter in enumerate(slots):
        states = [after for each in states for after in _one(each, parameter, scene, first=position == 0)]
    yield from states


def _one(state: State, parameter: Parameter, scene: Scene, *, first: bool) -> Iterator[State]:
    usable = [m for m in state.mentions if state.free(m.core[0]) and m.sure is not Sure.ALL]
    fitting = [m for m in usable if _fitting(m.docs, parameter)]
    several = len([p for p in state.view.parameters if p.slot.kind == "document" and p.required]) > 1
    if several and (pair := _pair(state, parameter, first=first)):
        yield pair
        return
    for mention in fitting[:1] if several else fitting:
        reference = _refer(state, parameter, mention, scene, first=first)
        for doc in reference.docs:
            yield _given(state, parameter, doc, reference)
    if not fitting:
        yield from _unmentioned(state, parameter, scene, first=first)


def _pair(state: State, parameter: Parameter, *, first: bool) -> State | None:
    """Fill two documents from one mention that means just two: "compare the two letters", the earlier name first."""
    told = [m for m in state.mentions if m.docs]
    docs = sorted(_fitting(told[0].docs, parameter), key=lambda d: d.show) if len(told) == 1 else []
    if len(docs) != 2 or told[0].sure is Sure.ALL:
        return None
    made = state.copy()
    made.give(parameter, docs[0 if first else 1].show, told[0].tokens)
    made.docs.append(docs[0 if first else 1])
    made.sure = min(made.sure, told[0].sure)
    made.spend([i for i, t in enumerate(state.tokens) if t.lower in ("two", "both")], parameter.name)
    return made


def _unmentioned(state: State, parameter: Parameter, scene: Scene, *, first: bool) -> Iterator[State]:
    """Fill a document slot that the step names no file for."""
    unknown = next((m for m in state.mentions if m.missing and state.free(m.core[0])), None)
    lost = state.copy()
    if unknown is not None and (parameter.required or first):
        lost.missing[parameter.name] = _no_such(unknown.missing, scene)
        lost.spend(unknown.tokens, parameter.name)
        yield lost
        return
    if not parameter.required:
        yield state
        return
    reference = _refer(state, parameter, None, scene, first=first)
    docs = tuple(d for d in reference.docs if not any(_points_elsewhere(m, d) for m in state.mentions if first))
    reference = Reference(docs, reference.sure)
    if not reference.docs:
        lost.missing[parameter.name] = _which_file(parameter, scene)
        yield lost
    for doc in reference.docs:
        yield _given(state, parameter, doc, reference)


def _points_elsewhere(mention: FileMention, doc: Doc) -> bool:
    """Whether the step names another file, and not by words that may as well be a name in this one."""
    if mention.sure is Sure.ALL:
        return False
    if mention.sure is not Sure.WORDS:
        return True
    words = {t.lower() for name in part_names(doc) for t in name.split()}
    return not set(mention.words) <= words


def _given(state: State, parameter: Parameter, doc: Doc, reference: Reference) -> State:
    made = state.copy()
    made.docs.append(doc)
    made.sure = min(made.sure, reference.sure)
    if len(reference.docs) > 1 and reference.sure is not Sure.NONE:
        made.loose.append(f"which file: {', '.join(d.show for d in reference.docs[:4])}")
    made.args[parameter.name] = doc.show
    mention = reference.mention
    if mention is not None:
        soft = mention.soft if mention.sure is Sure.WORDS else frozenset()
        made.spend([i for i in mention.tokens if i not in soft or not _doubles(doc, made, i)], parameter.name)
        made.spend([mention.start], parameter.name)
    else:
        _spend_pronoun(made, parameter)
    return made


def _doubles(doc: Doc, state: State, index: int) -> bool:
    """Whether a word of the file's name also names one of its columns and does not stand before a kind of file."""
    word = state.tokens[index].lower
    kinds = ("workbook", "spreadsheet", "file", "document", "deck", "presentation", "report")
    after = state.tokens[index + 1].lower if index + 1 < len(state.tokens) else ""
    return word in part_names(doc) and after not in kinds


def _refer(state: State, parameter: Parameter, mention: FileMention | None, scene: Scene, *, first: bool) -> Reference:
    """Return the documents that the slot may mean, surest reason first."""
    if mention is not None:
        return Reference(_fitting(mention.docs, parameter), mention.sure, mention)
    if not first:
        last = tuple(d for d in _fitting(scene.last, parameter) if d not in state.docs)
        others = tuple(d for d in _fitting(scene.docs, parameter) if d not in state.docs)
        if _pronoun(state) and len(last) == 1:
            return Reference(last, Sure.LAST)
        return Reference(others, Sure.ONLY) if len(others) == 1 else Reference((), Sure.NONE)
    for outer in scene.elsewhere:
        if fitting := _fitting(outer.docs, parameter):
            return Reference(fitting, outer.sure)
    if scene.elsewhere:
        return Reference((), Sure.NONE)
    if last := _fitting(scene.last, parameter):
        return Reference(last[:1], Sure.LAST)
    fitting = _fitting(scene.docs, parameter)
    if len(fitting) == 1:
        return Reference(fitting, Sure.ONLY)
    return Reference(fitting[:SEARCHED_FILES] if _pronoun(state) is None else (), Sure.NONE)


def _fitting(docs: Sequence[Doc], parameter: Parameter) -> tuple[Doc, ...]:
    suffixes = parameter.slot.suffixes
    return tuple(d for d in docs if not suffixes or d.suffix in suffixes)


def _pronoun(state: State) -> int | None:
    """The index of "it" or "that file", when it stands where a file may stand."""
    for index, token in enumerate(state.tokens):
        after = state.tokens[index + 1].lower if index + 1 < len(state.tokens) else ""
        if token.lower in PRONOUNS and state.free(index) and (after in FILE_NOUNS or token.lower in ("it", "there")):
            return index
    return None


def _spend_pronoun(state: State, parameter: Parameter) -> None:
    index = _pronoun(state)
    if index is None:
        return
    after = index + 1 < len(state.tokens) and state.tokens[index + 1].lower in FILE_NOUNS
    state.spend([index, index + 1] if after else [index], parameter.name)
    if index > 1 and state.before(index) in ("in", "to", "of", "from", "into", "on", "for", "with"):
        state.spend([index - 1], parameter.name)
    if state.view.effect == "delete" or (index == 1 and state.view.acts and len(state.tokens) == 2):
        state.loose.append("what “it” is")


def _no_such(name: str, scene: Scene) -> str:
    from rapidfuzz import process

    close = [m[0] for m in process.extract(name, [d.show for d in scene.docs], limit=3, score_cutoff=60)]
    return f"there is no {name} here" + (f"; the closest: {', '.join(close)}" if close else "")


def _which_file(parameter: Parameter, scene: Scene) -> str:
    fitting = _fitting(scene.docs, parameter)
    if not fitting:
        return f"there is no {'/'.join(parameter.slot.suffixes[:2]) or 'such'} file in the folder"
    return f"which file? There is {', '.join(d.show for d in fitting[:6])}"
