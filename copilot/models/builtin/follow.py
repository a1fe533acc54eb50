"""Requests that only make sense after another: "and by product?", "now do the same in the quarterly report"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from copilot.models.builtin import addresses, choices, places, structure, texts
from copilot.models.builtin.clauses import Clause, Stance, stance
from copilot.models.builtin.files import Sure, mentions
from copilot.models.builtin.fill import Scene, check_found
from copilot.models.builtin.ground import Doc
from copilot.models.builtin.lexing import Token
from copilot.models.builtin.memory import Memory
from copilot.models.builtin.state import State
from copilot.models.builtin.toolview import ToolView

_AGAIN = re.compile(
    r"^(?:and |then |now |also |please |can you |could you )*(?:(?:do|make|apply|repeat|run) )?"
    r"(?:(?:exactly )?the same|that|it|this|again|same)"
    r"(?: thing| change| edit| replacement)?(?: again| too| also| as well)? (?:in|for|to|with|on|from)\b"
)
_ELLIPSIS = re.compile(r"^(?:(?:and|what about|how about|and what about|now|same for|or|then)\s+)+(?:now )?")


def follow_up(tokens: Sequence[Token], memory: Memory, views: Sequence[ToolView], scene: Scene) -> State | None:
    """Return the last call with what the request changes in it; None when the request is no follow-up."""
    if not memory.calls:
        return None
    text = " ".join(t.lower or "‹›" for t in tokens)
    again, ellipsis = _AGAIN.match(text), _ELLIPSIS.match(text)
    wire, args = memory.calls[-1]
    view = next((v for v in views if v.wire_name == wire), None)
    if view is None or not (again or ellipsis) or (again is None and view.acts):
        return None
    if view.acts and (tokens[-1].text == "?" or stance(tokens) in (Stance.FORBID, Stance.LOOK, Stance.ABOUT)):
        return None
    match = again or ellipsis
    assert match is not None
    count = len(match[0].rstrip().split(" ")) - (1 if again else 0)
    clause = Clause(tuple(t for t in tokens[count:] if t.text not in "?!."), "again")
    return _patched(view, args, clause, scene)


def _patched(view: ToolView, args: dict[str, object], clause: Clause, scene: Scene) -> State | None:
    state = State(view, clause, tuple(mentions(clause.tokens, scene.docs)))
    state.docs = _documents(state, args, scene)
    state.sure = Sure.WORDS
    structure.fill_sheets(state)
    addresses.fill_addresses(state)
    texts.fill_value_at(state, structure.fill_operators(state))
    structure.fill_functions(state)
    structure.fill_columns(state)
    structure.fill_member(state)
    choices.fill_choices(state)
    places.fill_numbers(state)
    _fill_query(state)
    if not state.args:
        return None
    missing = {n: why for n, why in state.missing.items() if n not in args}
    state.args = {**args, **state.args}
    state.missing = missing
    check_found(state)
    for mention in state.mentions:
        if any(doc in state.docs for doc in mention.docs):
            state.spend(mention.tokens, "document")
    return state


def _documents(state: State, args: dict[str, object], scene: Scene) -> list[Doc]:
    """Return the call's documents: a file that the request names takes the place of the first one."""
    slots = [p for p in state.view.parameters if p.slot.kind == "document"]
    docs = [d for p in slots for d in scene.docs if d.show == args.get(p.name)]
    for parameter in slots[:1]:
        for mention in state.mentions:
            fitting = [d for d in mention.docs if not parameter.slot.suffixes or d.suffix in parameter.slot.suffixes]
            if len(fitting) == 1 and not _names_a_part(state, docs, mention.core):
                state.give(parameter, [fitting[0].show] if parameter.list_like else fitting[0].show, mention.tokens)
                return [fitting[0], *docs[1:]]
            if len(fitting) > 1 or mention.missing:
                state.missing[parameter.name] = (
                    f"which file? {', '.join(d.show for d in fitting[:4]) or mention.missing}"
                )
    return docs


def _names_a_part(state: State, docs: Sequence[Doc], core: tuple[int, int]) -> bool:
    """Whether the words are rather a column of the present file: "and by product?" beside product-list.xlsx."""
    words = " ".join(t.lower for t in state.tokens[core[0] : core[1]])
    outlines = [d.outline for d in docs]
    return words in {c.lower() for o in outlines if o for s in o.sheets for c in s.columns}


def _fill_query(state: State) -> None:
    slot = next((p for p in state.view.parameters if p.slot.kind == "query" and p.required), None)
    if slot is not None and not state.args:
        texts.fill_queries(state)
