"""Filling what names a part of a document: sheets, tables, columns, cells, ranges, headings, styles, choices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from copilot.documents.segments import Outline, SheetOutline
from copilot.documents.terms import stem
from copilot.models.builtin.drawing import drawable, draws
from copilot.models.builtin.lexing import number
from copilot.models.builtin.state import SLOT_NOUNS, State, runs
from copilot.models.builtin.toolview import Parameter
from copilot.models.builtin.words import (
    DETERMINERS,
    FUNCTION_NAMES,
    FUNCTIONS,
    NUMBER_WORDS,
    OPERATOR_NAMES,
    OPERATORS,
    STOPWORDS,
    word_set,
)

#: Words before a column, by a word in the parameter's name; a slot's own cues come first.
_COLUMN_CUES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"sort|order", ("sorted by", "sort by", "ordered by", "order by", "by", "rank by", "ranked by")),
    (r"\bby\b|group|categor|label|\bx\b|axis|key",
     ("by", "per", "for each", "for every", "grouped by", "group by", "against", "broken down by", "split by",
      "across", "over", "and by")),
    (r"where|filter|condition", ("where", "whose", "with", "if")),
)  # fmt: skip
_COLUMN_NAMES_ACTED_ON = ("of", "total", "sum", "average", "in", "the")


def column_cues(parameter: Parameter) -> tuple[str, ...]:
    """Return the words that stand before a column of this parameter."""
    named = next((cues for pattern, cues in _COLUMN_CUES if re.search(pattern, parameter.words)), ())
    return (*parameter.slot.cues, *named)


@dataclass(frozen=True)
class Hit:
    """A name of the document that stands in the request."""

    name: str
    run: range
    exact: bool
    sheets: tuple[str, ...] = ()


def outline_of(state: State) -> Outline | None:
    """The outline of the call's document; None when there is no document, or it can't be read."""
    return state.doc.outline if state.doc else None


def chosen_sheets(state: State) -> list[SheetOutline]:
    """The sheets that the call is about: the one already given, else all visible ones."""
    outline = outline_of(state)
    sheets = [s for s in outline.sheets if not s.hidden] if outline else []
    given = {state.args[p.name] for p in state.view.parameters if p.slot.kind == "sheet" and p.name in state.args}
    return [s for s in sheets if s.name in given] or sheets


def _best_hits(hits: list[Hit]) -> list[Hit]:
    """Keep the longest of hits that overlap, letter by letter before by stem."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (-len(h.run), not h.exact)):
        if not any(set(hit.run) & set(k.run) for k in kept):
            kept.append(hit)
    return sorted(kept, key=lambda h: h.run.start)


def open_hits(state: State, names: Iterable[str]) -> list[Hit]:
    """Return where the names stand among the words that nothing was made of yet."""
    hits = [Hit(n, run, exact) for n in names for run, exact in runs(state.tokens, n)]
    return _best_hits([h for h in hits if all(state.free(i) for i in h.run)])


def with_noun(state: State, run: range, kind: str) -> range | None:
    """Return the run with the noun of its kind beside it ("Orders table", "column Amount"), None without one."""
    nouns = SLOT_NOUNS[kind]
    if run.stop < len(state.tokens) and state.tokens[run.stop].lower in nouns:
        return range(run.start, run.stop + 1)
    if state.before(run.start) in nouns:
        return range(run.start - 1, run.stop)
    return None


def fill_sheets(state: State) -> None:
    """Fill sheet and table slots from the names in the workbook."""
    outline = outline_of(state)
    for kind in ("table", "sheet"):
        for parameter in state.open(kind):
            names = _names(outline, kind)
            hit = _named_part(state, names, kind)
            if hit:
                state.give(parameter, hit.name, with_noun(state, hit.run, kind) or hit.run)
            elif parameter.required and len(names) == 1:
                state.args[parameter.name] = names[0]
            elif parameter.required:
                state.missing[parameter.name] = _which(kind, names, state)


def _names(outline: Outline | None, kind: str) -> list[str]:
    sheets = outline.sheets if outline else ()
    if kind == "sheet":
        return [s.name for s in sheets]
    return [t.name for s in sheets for t in s.tables]


def _named_part(state: State, names: list[str], kind: str) -> Hit | None:
    """Return the sheet or table that is named as one: with its noun, after "in"/"on", quoted, or unmistakably."""
    aliases = {_bare(n): n for n in names} | {n: n for n in names} if kind == "table" else {n: n for n in names}
    columns = {c.lower() for s in _all_sheets(state) for c in s.columns}
    hits = open_hits(state, aliases)
    for hit in hits:
        if with_noun(state, hit.run, kind):
            return Hit(aliases[hit.name], hit.run, hit.exact)
    for hit in hits:
        placed = state.before(hit.run.start) in ("in", "on", "from", "to", "of", "into", "the")
        if placed and hit.exact and hit.name.lower() not in columns:
            soft = any(set(hit.run) & set(m.tokens) for m in state.mentions)
            if not soft:
                return Hit(aliases[hit.name], hit.run, hit.exact)
    return None


def _bare(table: str) -> str:
    """Return "Orders" for "tblOrders", "OrdersTable" and "tbl_Orders"."""
    return re.sub(r"(?i)^(?:tbl|table)_?(?=\w)|_?table$", "", table) or table


def _all_sheets(state: State) -> Sequence[SheetOutline]:
    outline = outline_of(state)
    return outline.sheets if outline else ()


def _which(kind: str, names: Sequence[str], state: State) -> str:
    where = state.doc.show if state.doc else "the file"
    some = ", ".join(names[:8])
    return f"which {kind}? {where} has {some}" if names else f"{where} has no {kind}"


# -- columns ----------------------------------------------------------------------------------------------------------


def column_hits(state: State) -> list[Hit]:
    """Return the column headers that stand in the request, in order."""
    found: list[Hit] = []
    by_name: dict[str, list[str]] = {}
    tables = {state.args[p.name] for p in state.view.parameters if p.slot.kind == "table" and p.name in state.args}
    for sheet in chosen_sheets(state):
        in_table = [c for t in sheet.tables if t.name in tables for c in t.columns]
        for column in in_table or [*sheet.columns, *(c for t in sheet.tables for c in t.columns)]:
            places = by_name.setdefault(column, [])
            if sheet.name not in places:
                places.append(sheet.name)
    shown = {s.name for s in chosen_sheets(state)}
    for region in state.doc.regions if state.doc and not tables else ():  # a sheet may hold several blocks of data
        for column in region.columns if region.sheet in shown else ():
            places = by_name.setdefault(column, [])
            if region.sheet not in places:
                places.append(region.sheet)
    for column, sheets in by_name.items():
        if not column.strip():
            continue
        for form in dict.fromkeys((column, re.sub(r"\s*[(\[].*?[)\]]\s*$", "", column))):
            found += [Hit(column, run, exact, tuple(sheets)) for run, exact in runs(state.tokens, form)]
    found = [h for h in found if all(state.free(i) for i in h.run)]
    return _best_hits(found) or _partial_hits(state, by_name)


def _partial_hits(state: State, by_name: dict[str, list[str]]) -> list[Hit]:
    """Return headers of which one word is named, when no other header has that word: "revenue" for "Net revenue"."""
    found = []
    for index, token in enumerate(state.tokens):
        if index == 0 or token.kind != "word" or not state.free(index) or len(token.text) < 4:
            continue
        word = stem(token.lower)
        if word in _names_of(state):
            continue
        holders = [c for c in by_name if word in [stem(w) for w in re.findall(r"\w+", c.lower())]]
        if len(holders) == 1:
            found.append(Hit(holders[0], range(index, index + 1), False, tuple(by_name[holders[0]])))
    return _best_hits(found)


def _names_of(state: State) -> set[str]:
    """Stems of the words in the file's and the sheets' names: "sales" in sales.xlsx is no column "Average sale"."""
    names = [PurePath(state.doc.show).stem] if state.doc else []
    names += [s.name for s in _all_sheets(state)]
    return {stem(w) for n in names for w in re.findall(r"[^\W_]+", n.lower())}


def fill_columns(state: State) -> None:
    """Give the columns in the request to the column slots: by the words before them, then in order."""
    parameters = state.open("column")
    if not parameters:
        return
    values = {text.casefold() for text, _ in _members(state)} if _takes_condition(state) else set()
    hits = [h for h in column_hits(state) if h.exact or _spoken(state, h.run) not in values]
    rest: list[Hit] = []
    for hit in hits:
        owner = next((p for p in parameters if _cued(state, hit, p) and _measures(state, p, hit)), None)
        if owner is None:
            rest.append(hit)
        else:
            _take(state, owner, hit)
    rest = _nearest_first(state, parameters, rest)
    plain = [p for p in parameters if p.name not in state.args or p.list_like]
    plain.sort(key=lambda p: (not p.required, bool(column_cues(p))))
    for hit in rest:
        target = next(
            (
                p
                for p in plain
                if (p.name not in state.args or p.list_like) and _may_take(state, p) and _measures(state, p, hit)
            ),
            None,
        )
        if target is not None:
            _take(state, target, hit)
    for parameter in parameters:
        if parameter.required and parameter.name not in state.args and not _by_adjective(state, parameter):
            _compared_column(state, parameter)
    _need_column(state, parameters)
    _sum_for_how_many(state, parameters)
    _fill_sheet_of(state, hits)


def spend_only(state: State) -> None:
    """Account for "only", when a reading call is narrowed by what the request says: "only the Word documents"."""
    kinds = {p.slot.kind for p in state.view.parameters if p.name in set(state.used.values())}
    if not state.view.acts and kinds & {"choice", "value", "heading", "number", "range"}:
        state.spend([i for i, t in enumerate(state.tokens) if t.lower == "only"], "shown")


def spend_headers(state: State) -> None:
    """Account for headers that a call which shows whole rows shows anyway: "which *client* has the highest fees"."""
    kinds = {p.slot.kind for p in state.view.parameters}
    function = next((state.args.get(p.name) for p in state.view.parameters if p.slot.kind == "function"), "count")
    if not state.view.acts and "column" in kinds and function == "count":
        for hit in open_hits(state, _column_names(state)):
            state.spend(hit.run, "shown")


def _measures(state: State, parameter: Parameter, hit: Hit) -> bool:
    """Whether rows can be ranked by a column, if that is what it is for: "the most expensive *task*" can't."""
    ranks = parameter.required and any("top" in p.slot.cues for p in state.view.parameters)
    return not ranks or not _is_text(state, hit.name)


_MEASURES = (
    (
        word_set("expensive cheap cheapest priciest dearest costly"),
        re.compile(r"(?i)\b(?:cost|price|amount|fee|total|value)s?\b"),
    ),
    (word_set("newest oldest latest earliest recent"), re.compile(r"(?i)\b(?:date|day|opened|created|start|due)\b")),
    (word_set("longest shortest"), re.compile(r"(?i)\b(?:days?|hours?|duration|length|weeks?|months?)\b")),
)


def _by_adjective(state: State, parameter: Parameter) -> bool:
    """Rank by the only column that an adjective measures: "the most expensive task" by Cost."""
    words = {t.lower for i, t in enumerate(state.tokens) if state.free(i)}
    if state.view.acts or not any(p.name == "lowest" or "top" in p.slot.cues for p in state.view.parameters):
        return False
    for adjectives, pattern in _MEASURES:
        named = [(s.name, c) for s in chosen_sheets(state) for c in s.columns if pattern.search(c)]
        if words & adjectives and len(named) == 1:
            state.args[parameter.name] = named[0][1]
            state.spend([i for i, t in enumerate(state.tokens) if t.lower in adjectives | {"most"}], parameter.name)
            _name_sheet(state, named[0][0])
            return True
    return False


def _nearest_first(state: State, parameters: Sequence[Parameter], hits: list[Hit]) -> list[Hit]:
    """Put the column right before a comparison first, if columns are only compared: "which tasks are *due* before"."""
    names = {p.name for p in state.view.parameters if p.slot.kind in ("operator", "value")}
    spoken = [i for i, n in state.used.items() if n in names]
    at, end = min(spoken, default=-1), max(spoken, default=-1)
    if any("top" in p.slot.cues for p in state.view.parameters):  # "the three best pupils in *maths*"
        return sorted(hits, key=lambda h: state.before(h.run.start) not in ("in", "by", "on", "for"))
    compared = [p for p in parameters if p.name not in state.args]
    if at < 0 or len(compared) != 1 or not _CONDITION.search(compared[0].words):
        return hits
    return sorted(hits, key=lambda h: at - h.run.stop if h.run.stop <= at else h.run.start - end - 0.5)


def _takes_condition(state: State) -> bool:
    return any(p.slot.kind == "operator" for p in state.view.parameters)


def _spoken(state: State, run: range) -> str:
    return " ".join(state.tokens[i].lower for i in run)


def _compared_column(state: State, parameter: Parameter) -> None:
    """Take the only column of numbers for "orders over 1000"; with several, the first is no more than a proposal."""
    compared = any(p.slot.kind == "operator" and p.name in state.args for p in state.view.parameters)
    value = next((state.args.get(p.name) for p in state.view.parameters if p.slot.kind == "value"), None)
    operator = next((state.args.get(p.name) for p in state.view.parameters if p.slot.kind == "operator"), "=")
    numeric = numeric_columns(state, str(operator), value) if compared and isinstance(value, (int, float)) else []
    if not numeric:
        state.missing[parameter.name] = _which("column", _column_names(state), state)
        return
    state.args[parameter.name] = numeric[0]
    _name_sheet(state, chosen_sheets(state)[0].name)
    if len(numeric) > 1:
        state.loose.append(f"which column: {', '.join(numeric[:6])}")
        state.choices = {parameter.name: numeric[:3]}


def numeric_columns(state: State, operator: str, value: float) -> list[str]:
    """Return the columns of numbers of which some, but not all, compare so with the value (all, if there is none)."""
    from copilot.models.builtin.samples import sample_rows

    sheets = chosen_sheets(state)[:1]
    if not sheets or state.doc is None:
        return []
    rows = sample_rows(state.doc, sheets[0])
    numbers: dict[str, list[float]] = {}
    for index, name in enumerate(sheets[0].columns):
        values = [row[index] for row in rows if index < len(row) and row[index].strip()]
        if values and all(number(v) is not None for v in values) and name.strip():
            numbers[name] = [n for v in values if (n := number(v)) is not None]
    above = {n: [v > value for v in vs] for n, vs in numbers.items()}
    told = [n for n, found in above.items() if any(found) and not all(found)]
    return told if told and operator[:1] in "<>" else list(numbers)


def _need_column(state: State, parameters: Sequence[Parameter]) -> None:
    """A sum needs something to sum, even where the schema lets the column be left out for a count."""
    function = next((state.args.get(p.name) for p in state.view.parameters if p.slot.kind == "function"), None)
    plain = [p for p in parameters if not any(re.search(pattern, p.words) for pattern, _ in _COLUMN_CUES)]
    if function in (None, "count") or not plain:
        return
    given = next((state.args[p.name] for p in plain if p.name in state.args), None)
    if given is None or (isinstance(given, str) and _is_text(state, given)):
        state.missing[plain[0].name] = _which("column", _column_names(state), state)


_IDENTIFIER = re.compile(r"(?i)\b(?:id|no|nr|number|code|order|sku|date|year|month|day)\b|#")


def _sum_for_how_many(state: State, parameters: Sequence[Parameter]) -> None:
    """ "How many units ..." of a column of numbers asks for their sum, not for the number of rows."""
    function = next((p for p in state.view.parameters if p.slot.kind == "function"), None)
    plain = [p for p in parameters if not any(re.search(pattern, p.words) for pattern, _ in _COLUMN_CUES)]
    column = next((state.args[p.name] for p in plain if p.name in state.args), None)
    if function is None or state.args.get(function.name) != "count" or not isinstance(column, str):
        return
    said = any(state.used.get(i) == function.name for r in state.phrases("how many") for i in r)
    total = _allowed(function, FUNCTION_NAMES["sum"])
    if not said or total is None or _IDENTIFIER.search(column):
        return
    for region in state.doc.regions if state.doc else ():
        if column in region.columns and column != region.columns[0]:
            values = [c.value for c in region.cells(region.column(column)) if c.value is not None]
            if values and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
                state.args[function.name] = total
                return


def _is_text(state: State, column: str) -> bool:
    """Whether a column of the sheet holds words in all of its first rows: nothing to sum."""
    from copilot.models.builtin.samples import sample_rows

    sheet = next((s for s in chosen_sheets(state) if column in s.columns), None)
    if sheet is None or state.doc is None:
        return False
    at = sheet.columns.index(column)
    values = [row[at] for row in sample_rows(state.doc, sheet) if row[at].strip()]
    return bool(values) and all(re.match(r"[^\W\d_]", v) for v in values)


def _column_names(state: State) -> list[str]:
    return list(dict.fromkeys(c for s in chosen_sheets(state) for c in s.columns))


def _may_take(state: State, parameter: Parameter) -> bool:
    """Whether a column without a cue may go to this parameter: a required one, or one that nothing else leads to."""
    led = any(re.search(pattern, parameter.words) for pattern, _ in _COLUMN_CUES)
    return parameter.required or not led or _has_condition(state, parameter)


def offer_functions(state: State) -> None:
    """Propose a sum for "hours per week": a figure in groups is wanted, and which one was not said."""
    function = next((p for p in state.view.parameters if p.slot.kind == "function"), None)
    columns = [p for p in state.view.parameters if p.slot.kind == "column" and p.name in set(state.used.values())]
    if function is None or function.name not in state.missing or len(columns) < 2:
        return
    known = [v for n in ("sum", "average", "count") if (v := _allowed(function, FUNCTION_NAMES[n])) is not None]
    if known:
        del state.missing[function.name]
        state.args[function.name] = known[0]
        state.choices = {function.name: known}
        state.loose.append(f"which function: {', '.join(known)}")


def check_condition(state: State) -> None:
    """A column to compare needs what to compare with, even where the schema lets both be left out."""
    compared = [p for p in state.view.parameters if p.slot.kind == "column" and _CONDITION.search(p.words)]
    values = [p for p in state.view.parameters if p.slot.kind == "value"]
    if any(p.slot.kind == "operator" for p in state.view.parameters) and values:
        given = [p for p in values if p.name in state.args]
        if any(p.name in state.args for p in compared) and not given:
            state.missing[values[0].name] = "compared with what?"
        if given and compared and not any(p.name in state.args for p in compared):
            _compared_column(state, compared[0])


def _members(state: State) -> list[tuple[str, tuple[str, str]]]:
    """The texts that stand in one column only, with its sheet and header."""
    from copilot.models.builtin.samples import members

    return members(state.doc, chosen_sheets(state)) if state.doc else []


def fill_member(state: State) -> None:
    """Fill a condition from a value that stands in one column only: "orders from the North region"."""
    operator, value = (next(iter(state.open(kind)), None) for kind in ("operator", "value"))
    columns = [p for p in state.view.parameters if p.slot.kind == "column"]
    column = next((p for p in columns if _CONDITION.search(p.words)), columns[0] if len(columns) == 1 else None)
    if state.view.acts or operator is None or value is None or column is None:
        return
    places = _members(state)
    names = dict(places)
    hits = [
        h for h in open_hits(state, names) if (h.run.start or state.clause.inherited_verb) and _meaningful(state, h.run)
    ]
    given = state.args.get(column.name)
    fitting = [h for h in hits if given in (None, names[h.name][1])]
    if not fitting and _CONDITION.search(column.words) and not _led_to(state, column):
        fitting = hits  # "which items are in Porto": the items are what is looked for, not what is compared
    is_equal = _allowed(operator, OPERATOR_NAMES["="])
    if len(fitting) != 1 or is_equal is None:
        return
    sheet, header = names[fitting[0].name]
    state.give(value, fitting[0].name, fitting[0].run)
    state.args |= {operator.name: is_equal, column.name: header}
    for parameter in (operator, value, column):
        state.missing.pop(parameter.name, None)
    _name_sheet(state, sheet)


def _led_to(state: State, column: Parameter) -> bool:
    """Whether a cue, and not only its place, gave the column to the parameter."""
    runs_of = [i for i, n in state.used.items() if n == column.name]
    return bool(runs_of) and any(state.phrase_ends_at(c, min(runs_of)) for c in (*column_cues(column), "where"))


def _meaningful(state: State, run: range) -> bool:
    opens = run.start == 0 and not state.clause.inherited_verb
    return not opens and not all(state.tokens[i].lower in STOPWORDS for i in run)


def _name_sheet(state: State, name: str) -> None:
    """Name the sheet unless it is the first one, and account for its name in the request."""
    slot = next(iter(state.open("sheet")), None)
    if slot is not None and len(chosen_sheets(state)) > 1:
        state.args[slot.name] = name
        for hit in open_hits(state, [name]):
            state.spend(hit.run, slot.name)


_CONDITION = re.compile(r"where|filter|condition")


def _has_condition(state: State, parameter: Parameter) -> bool:
    where = bool(_CONDITION.search(parameter.words))
    return where and any(p.slot.kind == "operator" and p.name in state.args for p in state.view.parameters)


def _cued(state: State, hit: Hit, parameter: Parameter) -> range | None:
    if parameter.name in state.args and not parameter.list_like:
        return None
    start = hit.run.start
    while start and (state.tokens[start - 1].lower in DETERMINERS or state.tokens[start - 1].lower in ("column",)):
        start -= 1
    for cue in sorted(column_cues(parameter), key=len, reverse=True):
        if run := state.phrase_ends_at(cue, start):
            return run
    return None


def _take(state: State, parameter: Parameter, hit: Hit) -> None:
    run = with_noun(state, hit.run, "column") or hit.run
    cue = _cued(state, hit, parameter) or range(0)
    if parameter.list_like:
        given = list(state.args.get(parameter.name, ()))
        state.give(parameter, [*given, hit.name] if hit.name not in given else given, run)
    else:
        state.give(parameter, hit.name, run)
    state.spend([i for i in cue if i], parameter.name)
    if not hit.exact and stem(hit.name.lower()) != stem(" ".join(state.tokens[i].lower for i in hit.run)):
        state.loose.append(f"column {hit.name!r}")


def _fill_sheet_of(state: State, hits: Sequence[Hit]) -> None:
    """Name the sheet when the columns stand on one sheet only; doubt when they stand on several."""
    used = [h for h in hits if any(i in state.used for i in h.run)]
    if not used or any(p.name in state.args for p in state.view.parameters if p.slot.kind in ("sheet", "table")):
        return
    common = [s for s in used[0].sheets if all(s in h.sheets for h in used)]
    sheet = next(iter(state.open("sheet")), None)
    visible = [s.name for s in chosen_sheets(state)]
    if sheet is None or not common:
        return
    if draws(state):
        common = drawable(state, [h.name for h in used], common) or common
    in_table = [n for n in common if _in_table(state, n, [h.name for h in used])]
    if len(common) == 1 or (len(in_table) == 1 and not state.view.acts):
        if len(visible) > 1:
            _name_sheet(state, (in_table or common)[0] if len(common) > 1 else common[0])
        return
    state.args[sheet.name] = common[0]
    state.choices = {sheet.name: common[:3]}
    state.loose.append(f"sheet {common[0]!r}, although {', '.join(map(repr, common[1:4]))} would fit too")


def _in_table(state: State, sheet: str, columns: Sequence[str]) -> bool:
    """Whether one table of the sheet has all the columns: data rather than a summary of it."""
    tables = [t for s in chosen_sheets(state) if s.name == sheet for t in s.tables]
    return any(set(columns) <= set(t.columns) for t in tables)


# -- cells, functions, choices ----------------------------------------------------------------------------------------


def fill_functions(state: State) -> None:
    """Fill slots for sum, average, count, min, max, median."""
    for parameter in state.open("function"):
        found = [(r.start, -len(r), name, r) for name, ws in FUNCTIONS.items() for w in ws for r in state.phrases(w)]
        for _, _, name, run in sorted(found, key=lambda f: f[:2]):
            value = _allowed(parameter, FUNCTION_NAMES[name])
            if value is not None:
                state.give(parameter, value, run)
                break
        if parameter.required and parameter.name not in state.args:
            state.missing[parameter.name] = "which function: sum, average, count, min, max?"


def _allowed(parameter: Parameter, names: Sequence[str]) -> Any:
    if not parameter.choices:
        return names[0]
    return next((c for n in names for c in parameter.choices if str(c).lower() == n), None)


def fill_operators(state: State) -> int | None:
    """Fill the operator slot; return the index of the token after it, where the value begins."""
    parameter = next(iter(state.open("operator")), None)
    if parameter is None:
        return None
    found = [(-len(r), r.start, name, r) for name, ws in OPERATORS.items() for w in ws for r in state.phrases(w)]
    named = _member_runs(state) if found and not state.view.acts else []
    for _, _, name, run in sorted(found, key=lambda f: f[:2]):
        value = _allowed(parameter, OPERATOR_NAMES[name])
        if value is None or not all(state.free(i) for i in run) or not _compares(state, name, run):
            continue
        if any((len(m) > 1 and set(m) & set(run)) or (name == "=" and m.start == run.stop) for m in named):
            continue  # "tasks that are not started": the text of a cell, which says its column
        state.give(parameter, value, run)
        return run.stop
    if parameter.required:
        state.missing[parameter.name] = "compared how?"
    return None


def _member_runs(state: State) -> list[range]:
    """Where texts stand that are in one column only."""
    return [h.run for h in open_hits(state, dict(_members(state))) if h.exact and _meaningful(state, h.run)]


def _compares(state: State, operator: str, run: range) -> bool:
    """Whether the words compare with something: "over 1000", "Region is North"; not "what is the total"."""
    if run.stop >= len(state.tokens) or (run.start == 0 and not state.clause.inherited_verb):
        return False
    after = state.tokens[run.stop]
    if operator == "=" and state.tokens[run.start].lower in ("is", "are", "being") and after.kind == "word":
        values = [text for text, _ in _members(state)]
        if values and not any(r.start == run.stop for text in values for r, _ in runs(state.tokens, text)):
            return False  # "which items are stored in Porto": nothing in the sheet reads "stored"
    if operator in ("=", "contains", "!="):
        return state.before(run.start) not in ("what", "which", "who", "there") and after.lower not in ("the", "a")
    return after.kind in ("number", "date") or after.lower in NUMBER_WORDS
