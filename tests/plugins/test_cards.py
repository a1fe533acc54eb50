"""Adaptive Cards: the template language (Microsoft Learn, "Adaptive Cards Template Language"), expressions, and text.

Expected values of expressions are those of the documentation ("Adaptive expressions prebuilt functions") and of
Microsoft's own library for JavaScript, which was asked the same questions.
"""

from __future__ import annotations

from typing import Any

import pytest

from copilot.errors import PluginError
from copilot.plugins.cards import expand, markdown
from copilot.plugins.cards.expressions import MOST_DEPTH
from copilot.plugins.cards.templating import problems

DATA: dict[str, Any] = {
    "zero": 0,
    "blank": "",
    "null": None,
    "yes": True,
    "no": False,
    "name": "Bob",
    "num": 1234.5,
    "neg": -2.5,
    "amount": "5",
    "arr": [1, 2, 3],
    "objs": [{"x": 1, "v": "p"}, {"x": 2, "v": "q"}],
    "o": {"k": "v", "a b": 5},
    "date": "2024-03-05T14:07:09Z",
}

EXPRESSIONS: list[tuple[str, Any]] = [
    # names, properties, indexes
    ("name", "Bob"),
    ("Name", "Bob"),
    ("o.k", "v"),
    ("o['a b']", 5),
    ("objs[1].v", "q"),
    ("$root.name", "Bob"),
    ("$data.arr[0]", 1),
    # operators
    ("num + 1", 1235.5),
    ("'a' + 1", "a1"),
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("7 / 2", 3),
    ("7.5 / 2", 3.75),
    ("2 ^ 3", 8),
    ("5 % 3", 2),
    ("-num", -1234.5),
    ("'x' & 1", "x1"),
    ("1 == 1.0", True),
    ("'a' == 'A'", False),
    ("name != 'x' && num > 1", True),
    ("name!='' && num>=1", True),
    ("!yes || no", False),
    ("null ?? 'd'", "d"),
    ("yes ? 1 : 2", 1),
    # what counts as true: everything but false and null
    ("if(zero, 'y', 'n')", "y"),
    ("if(blank, 'y', 'n')", "y"),
    ("if(null, 'y', 'n')", "n"),
    ("if(missing, 'y', 'n')", "n"),
    ("not(zero)", False),
    ("and(yes, zero)", True),
    ("or(no, null)", False),
    ("exists(missing)", False),
    ("empty(blank)", True),
    ("empty(missing)", True),
    ("empty(arr)", False),
    ("coalesce(null, missing, 'c')", "c"),
    ("equals(amount, 5)", False),
    ("greater(2, 1)", True),
    ("lessOrEquals(2, 2)", True),
    ("less('a', 'b')", True),
    # texts
    ("concat(name, 1, yes)", "Bob1true"),
    ("substring(name, 1)", "ob"),
    ("substring(name, 0, 2)", "Bo"),
    ("replace(name, 'o', '0')", "B0b"),
    ("replaceIgnoreCase('ABC', 'b', 'x')", "AxC"),
    ("split(name, 'o')", ["B", "b"]),
    ("toUpper(name)", "BOB"),
    ("toLower(name)", "bob"),
    ("titleCase('a bC d')", "A Bc D"),
    ("sentenceCase('abC')", "Abc"),
    ("trim('  a ')", "a"),
    ("startsWith(name, 'B')", True),
    ("endsWith(name, 'b')", True),
    ("indexOf(name, 'b')", 2),
    ("indexOf(arr, 2)", 1),
    ("lastIndexOf('abab', 'b')", 3),
    ("countWord('a b')", 2),
    ("addOrdinal(11)", "11th"),
    ("addOrdinal(3)", "3rd"),
    ("length(name)", 3),
    ("contains(arr, 2)", True),
    ("contains(name, 'ob')", True),
    ("contains(o, 'k')", True),
    ("uriComponent('a b')", "a%20b"),
    ("'it\\'s'", "it's"),
    # lists and objects
    ("count(arr)", 3),
    ("first(arr)", 1),
    ("last(name)", "b"),
    ("join(arr, ', ')", "1, 2, 3"),
    ("join(arr, ', ', ' and ')", "1, 2 and 3"),
    ("take(arr, 2)", [1, 2]),
    ("skip(arr, 1)", [2, 3]),
    ("union(arr, createArray(9))", [1, 2, 3, 9]),
    ("intersection(arr, createArray(2, 9))", [2]),
    ("where(objs, it, it.x > 1)", [{"x": 2, "v": "q"}]),
    ("select(objs, it, it.v)", ["p", "q"]),
    ("foreach(o, it, it.key)", ["k", "a b"]),
    ("sortBy(objs, 'v')[0].v", "p"),
    ("getProperty(o, 'k')", "v"),
    ("json('{\"q\": 1}').q", 1),
    ("range(1, 3)", [1, 2, 3]),
    # numbers
    ("sum(arr)", 6),
    ("average(arr)", 2),
    ("max(1, 2, arr)", 3),
    ("mod(5, 3)", 2),
    ("div(7, 2)", 3),
    ("round(2.567, 1)", 2.6),
    ("round(2.5)", 3),
    ("int('5.7')", 5),
    ("float('1.5')", 1.5),
    ("bool('false')", False),
    ("string(arr)", "[1,2,3]"),
    ("formatNumber(num, 2)", "1,234.50"),
    ("formatNumber(1234567, 0)", "1,234,567"),
    ("formatNumber(2.675, 2)", "2.68"),
    ("formatNumber(amount, 2)", "5.00"),
    # dates: the format strings of .NET
    ("formatDateTime(date)", "2024-03-05T14:07:09.000Z"),
    ("formatDateTime(date, 'yyyy-MM-dd')", "2024-03-05"),
    ("formatDateTime(date, 'MMM d, yyyy h:mm tt')", "Mar 5, 2024 2:07 PM"),
    ("formatDateTime('2024-03-05', 'dddd, dd MMMM yyyy')", "Tuesday, 05 March 2024"),
    ("formatDateTime(date, 'D')", "Tuesday, March 5, 2024"),
    ("formatDateTime('2024-03-05T01:30:00+02:00', 'yyyy-MM-dd HH:mm')", "2024-03-04 23:30"),
    ("formatEpoch(1700000000, 'yyyy')", "2023"),
    ("formatTicks(636965431200000000, 'yyyy-MM-dd')", "2019-06-19"),
    ("addDays(date, 1, 'yyyy-MM-dd')", "2024-03-06"),
    ("dayOfWeek(date)", 2),
    ("year(date)", 2024),
]


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS)
def test_an_expression_has_the_value_that_the_documentation_says(expression: str, expected: Any) -> None:
    made = expand({"v": f"${{{expression}}}"}, DATA)
    assert made.value["v"] == expected
    assert type(made.value["v"]) is type(expected)
    assert not made.problems


TEMPLATES: list[tuple[str, Any, Any]] = [
    # "Binding to data"
    ("in a text", {"t": "Hi ${name}, ${arr[0]}!"}, {"t": "Hi Bob, 1!"}),
    ("a list in a text", {"t": "n: ${arr}"}, {"t": "n: 1,2,3"}),
    ("escaped", {"t": "\\${name} $${name} ${'}'} ${name"}, {"t": "${name} $Bob } ${name"}),
    ("missing stays", {"t": "${zz} and ${zz.q.r}"}, {"t": "${zz} and ${zz.q.r}"}),
    ("no key is filled", {"${name}": "key"}, {"${name}": "key"}),
    # "Assigning a data context to elements", "Repeating items in an array"
    ("an object", [{"$data": "${o}", "t": "${k}"}], [{"t": "v"}]),
    ("a list", [{"$data": "${objs}", "t": "${$index}: ${v}"}], [{"t": "0: p"}, {"t": "1: q"}]),
    ("a list in place", {"b": {"$data": "${objs}", "t": "${v}"}}, {"b": [{"t": "p"}, {"t": "q"}]}),
    ("an empty list", [{"$data": "${where(objs, i, i.x > 9)}", "t": "${v}"}], []),
    ("items themselves", [{"$data": "${arr}", "t": "${$data}"}], [{"t": 1}, {"t": 2}, {"t": 3}]),
    ("inline data", {"$data": {"name": "in"}, "t": "${name}"}, {"t": "in"}),
    ("the root from inside", [{"$data": "${o}", "t": "${k} ${$root.name}"}], [{"t": "v Bob"}]),
    # "Conditional layout with $when"
    ("when true", [{"$when": "${num > 1}", "t": 1}], [{"t": 1}]),
    ("when false", [{"$when": "${num < 1}", "t": 1}], []),
    ("when nothing", [{"$when": "${zz}", "t": 1}], []),
    ("when an item fits", [{"$data": "${objs}", "$when": "${x > 1}", "t": "${v}"}], [{"t": "q"}]),
    ("an element that is gone", {"c": {"$when": "${no}"}, "d": 2}, {"d": 2}),
]


@pytest.mark.parametrize(("what", "template", "expected"), TEMPLATES, ids=[each[0] for each in TEMPLATES])
def test_a_template_is_filled(what: str, template: Any, expected: Any) -> None:
    assert expand(template, DATA).value == expected


def test_the_host_is_known_and_missing_data_can_leave_nothing() -> None:
    made = expand({"h": "${$host.app}", "t": "a ${zz}b"}, DATA, host={"app": "X"}, keep_missing=False)
    assert made.value == {"h": "X", "t": "a b"}


@pytest.mark.parametrize("expression", ["nofunc(1)", "1 +", "a..b", "formatDateTime('junk')", "num.f(1)", "utcNow()"])
def test_what_cant_be_computed_stays_as_it_is_and_is_told(expression: str) -> None:
    made = expand({"t": f"x ${{{expression}}} y"}, DATA)
    assert made.value == {"t": f"x ${{{expression}}} y"}
    assert expression in made.problems[0]


def test_faults_of_a_template_are_known_without_data() -> None:
    template = {"body": [{"text": "${nofunc(name)} ${if(a, b, c)}"}, {"text": "${1 +}"}, {"text": "plain"}]}
    found = problems(template)
    assert len(found) == 2
    assert "nofunc" in found[0]
    assert "1 +" in found[1]


def _nested(depth: int) -> Any:
    value: Any = "${name}"
    for _ in range(depth):
        value = [value]
    return value


BOMBS: dict[str, tuple[Any, Any]] = {
    "repeats of repeats": (
        [{"$data": "${a}", "b": [{"$data": "${$root.a}", "c": [{"$data": "${$root.a}", "t": "${$data}"}]}]}],
        {"a": list(range(300))},
    ),
    "one long text many times": ([{"$data": "${a}", "t": "x ${$root.s}"}], {"a": list(range(900)), "s": "s" * 90_000}),
    "doubled again and again": ("${concat(concat(s, s, s, s), concat(s, s, s, s))}", {"s": "s" * 400_000}),
    "replaced by more": ("${replace(s, 's', s)}", {"s": "s" * 20_000}),
    "joined": ("${join(select(range(0, 1000), i, $root.s), '')}", {"s": "s" * 20_000}),
    "written": ("${string(select(range(0, 1000), i, $root.s))}", {"s": "s" * 20_000}),
    "deep": (_nested(200), DATA),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_template_that_makes_too_much_is_refused(bomb: str) -> None:
    template, data = BOMBS[bomb]
    with pytest.raises(PluginError, match="can't be filled"):
        expand({"t": template}, data)


@pytest.mark.parametrize(
    "expression",
    ["(" * 500 + "1" + ")" * 500, "!" * 500 + "a", "1" + "+1" * 1_500, "a" + "[0]" * 900, "x" * 5_000, "9^9^9^9^9^9"],
)
def test_an_expression_that_is_too_much_is_text(expression: str) -> None:
    made = expand({"t": f"${{{expression}}}"}, DATA)
    assert made.value == {"t": f"${{{expression}}}"}
    assert made.problems
    assert len(made.problems[0]) < 250
    assert MOST_DEPTH < 500


@pytest.mark.parametrize(
    "template", [None, 1, "", [], {}, {"$data": None}, {"$data": 5, "t": "${$data}"}, {"$when": []}]
)
def test_odd_templates_and_data_are_no_failure(template: Any) -> None:
    for data in (None, [], {}, "text", 1, {"a": {"b": None}}):
        expand(template, data)


# --- cards as text ----------------------------------------------------------------------------------------------------


def _card(*body: Any, **more: Any) -> dict[str, Any]:
    return {"type": "AdaptiveCard", "version": "1.5", "body": list(body), **more}


def _text(text: Any, **more: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, **more}


FACTS = {"type": "FactSet", "facts": [{"title": "Owner", "value": "Ann"}, {"title": "Empty", "value": ""}]}
TABLE = {
    "type": "Table",
    "rows": [
        {"cells": [{"items": [_text("A")]}, {"items": [_text("B")]}]},
        {"type": "TableRow", "cells": [{"type": "TableCell", "items": [_text("1|2")]}, {"items": []}]},
    ],
}
CARDS: list[tuple[str, dict[str, Any], str]] = [
    ("text", _card(_text("One"), _text("Two")), "One\n\nTwo"),
    ("bold", _card(_text("One", weight="Bolder")), "**One**"),
    ("heading", _card(_text("One", style="heading")), "### One"),
    ("numbers", _card(_text(5)), "5"),
    ("facts", _card(FACTS), "- Owner: Ann"),
    ("rich", _card({"type": "RichTextBlock", "inlines": ["a ", {"type": "TextRun", "text": "b"}]}), "a b"),
    ("container", _card({"type": "Container", "items": [_text("in")]}), "in"),
    (
        "columns",
        _card({"type": "ColumnSet", "columns": [{"type": "Column", "items": [_text(t)]} for t in "ab"]}),
        "a · b",
    ),
    ("table", _card(TABLE), "| A | B |\n| --- | --- |\n| 1\\|2 |  |"),
    ("image", _card({"type": "Image", "url": "https://x.example/a.png", "altText": "Logo"}), "Image: Logo (https://x.example/a.png)"),
    ("data image", _card({"type": "Image", "url": "data:image/png;base64,AAAA"}), ""),
    ("link", _card(actions=[{"type": "Action.OpenUrl", "title": "View", "url": "https://x.example/1"}]), "View (https://x.example/1)"),
    ("script", _card(actions=[{"type": "Action.OpenUrl", "title": "View", "url": "javascript:alert(1)"}]), ""),
    ("button", _card(actions=[{"type": "Action.Submit", "title": "Send"}]), "(button: Send)"),
    ("show card", _card(actions=[{"type": "Action.ShowCard", "title": "M", "card": _card(_text("m"))}]), "**M**\n\nm"),
    ("hidden", _card(_text("a"), _text("b", isVisible=False)), "a"),
    (
        "toggled",
        _card(
            _text("b", isVisible=False, id="more"),
            actions=[{"type": "Action.ToggleVisibility", "title": "t", "targetElements": ["more"]}],
        ),
        "b",
    ),
    ("fallback", _card({"type": "Graph", "fallback": _text("none")}), "none"),
    ("unknown", _card({"type": "Badge", "text": "new"}), "new"),
    ("input", _card({"type": "Input.Text", "id": "n", "label": "Name"}), "Name: (to be filled in)"),
    ("date", _card(_text("{{DATE(2024-03-05T14:07:09Z, LONG)}}")), "Tuesday, March 5, 2024"),
    ("time", _card(_text("{{TIME(2024-03-05T14:07:09Z)}}")), "2:07 PM UTC"),
    ("time elsewhere", _card(_text("{{TIME(2024-03-05T14:07:09+02:00)}}")), "2:07 PM +02:00"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "card", "expected"), CARDS, ids=[each[0] for each in CARDS])
def test_a_card_reads_as_it_is_seen(what: str, card: dict[str, Any], expected: str) -> None:
    assert markdown(card) == expected


def test_a_cards_words_are_made_safe() -> None:
    shown = markdown(_card(_text("<b>x</b> ![i](https://x.example/i.png) \x1b[31mred\u202e [t](https://y.example)")))
    assert "<b>" not in shown
    assert "![" not in shown
    assert "](" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "t (https://y.example)" in shown


def test_a_long_or_deep_card_is_cut() -> None:
    deep: dict[str, Any] = _text("deep")
    for _ in range(500):
        deep = {"type": "Container", "items": [deep]}
    assert markdown(_card(deep)) == ""
    assert markdown(_card(*[_text("word " * 100)] * 4_000)).endswith("[cut: the card goes on]")


@pytest.mark.parametrize("card", [None, 1, "x", [], {}, {"body": {}}, _card(None, 1, [], {"type": 5}, {"facts": 1})])
def test_what_is_no_card_shows_nothing(card: Any) -> None:
    assert markdown(card) == ""
