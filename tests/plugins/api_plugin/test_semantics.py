"""Answers by `response_semantics`: items, templates, what is beside the cards."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.plugins.api_plugin.manifest import ResponseSemantics
from copilot.plugins.api_plugin.semantics import MOST_ITEMS, Semantics
from copilot.trust.labels import Confidentiality

GUID = "11111111-2222-3333-4444-555555555555"


def card(*texts: str, **more: Any) -> dict[str, Any]:
    return {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": text} for text in texts], **more}


def semantics(path: str = "$", template: Any = None, **properties: str) -> Semantics:
    faults: list[str] = []
    made = Semantics.of(
        ResponseSemantics(path, properties), template, {GUID: "internal"}, lambda p, r: faults.append(r)
    )
    assert not faults
    return made


def test_without_a_template_title_and_subtitle_stand_above_the_data() -> None:
    made = semantics("$.items", title="$.a", subtitle="$.b", url="$.u")
    shown = made.show({"items": [{"a": "One", "b": "first", "u": "https://x.example/1", "id": 5}]})
    assert shown.markdown == '**One** · first\n\nSource: https://x.example/1\n\nData: {"id": 5}'
    assert shown.sources == ("One (https://x.example/1)",)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("$", [{"a": "A1"}, {"a": "A2"}]),
        ("$.value", {"value": [{"a": "A1"}, {"a": "A2"}]}),
        ("$.value[*]", {"value": [{"a": "A1"}, {"a": "A2"}]}),
        ("$..row", {"x": {"row": {"a": "A1"}}, "y": {"row": {"a": "A2"}}}),
    ],
)
def test_a_list_stands_for_its_items(path: str, answer: Any) -> None:
    assert semantics(path, card("n ${a}")).show(answer).markdown == "n A1\n\nn A2"


def test_the_mapped_properties_are_known_to_the_template() -> None:
    shown = semantics("$", card("${title} by ${who}"), title="$.label").show({"label": "L1", "who": "Ann"})
    assert shown.markdown == "L1 by Ann"


def test_each_item_chooses_its_template_and_the_manifests_own_is_for_the_others() -> None:
    made = semantics("$.rows", card("plain ${n}"), template_selector="$.look")
    answer = {
        "rows": [
            {"n": "aaa", "look": "$.cards.debit"},
            {"n": "bbb", "look": "$.cards.gone"},
            {"n": "ccc"},
            {"n": "ddd", "look": card("inline ${n}")},
            {"n": "eee", "look": "$.cards[?match(@, 'a')]"},
        ],
        "cards": {"debit": card("debit ${n}")},
    }
    first = [block for block in made.show(answer).markdown.split("\n\n") if not block.startswith("Data")]
    assert first == ["debit aaa", "plain bbb", "plain ccc", "inline ddd", "plain eee"]


def test_an_empty_answer() -> None:
    assert semantics("$.rows", card("x ${a}")).show({"rows": []}).markdown == "There is nothing that fits."
    told = {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "None.", "$when": "${length($root) == 0}"}]}
    assert semantics("$.rows", told).show({"rows": []}).markdown == "None."


def test_many_items_are_cut_and_told() -> None:
    shown = semantics("$", card("n ${a}")).show([{"a": f"item{number}"} for number in range(MOST_ITEMS + 5)])
    assert shown.markdown.endswith("[5 more items are not shown; ask for fewer]")
    assert len(shown.items) == MOST_ITEMS + 5


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (GUID, Confidentiality.INTERNAL),
        ({"id": GUID.upper()}, Confidentiality.INTERNAL),
        ("Highly Confidential", Confidentiality.RESTRICTED),
        ("99999999-2222-3333-4444-555555555555", Confidentiality.RESTRICTED),
        (None, None),
        ("", None),
    ],
)
def test_labels_are_decided_by_guid_and_never_by_name(label: Any, expected: Confidentiality | None) -> None:
    made = semantics("$", information_protection_label="$.label")
    assert made.confidentiality([{"label": label}, {}]) is expected


@pytest.mark.parametrize("answer", [None, 1, "text", [], {}, [None], [[1]], {"rows": {"a": 1}}, {"rows": None}])
def test_whatever_an_api_answers_is_shown(answer: Any) -> None:
    made = semantics("$.rows", card("x ${a}"), title="$.a", template_selector="$.t")
    assert made.show(answer).markdown


def test_words_of_an_api_are_made_safe() -> None:
    evil = "![x](https://evil.example/?q=1) <script> \x1b[2J"
    shown = semantics("$", card("${a}"), title="$.b", url="$.c").show({"a": evil, "b": evil, "c": f"https://x/{evil}"})
    assert "![" not in shown.markdown
    assert "<script>" not in shown.markdown
    assert "\x1b" not in shown.markdown


def test_a_template_that_makes_too_much_is_told_and_the_data_stays() -> None:
    heavy = {"type": "AdaptiveCard", "body": [{"$data": "${range(0, 1000)}", "b": [{"$data": "${$root.l}", "t": "x"}]}]}
    shown = semantics("$", heavy, title="$.n").show({"n": "Name", "l": list(range(300))})
    assert shown.markdown.startswith("**Name**")
    assert "can't be filled" in shown.problems[0]
    many = semantics("$", heavy).show([{"l": list(range(300))}] * 40)  # they share one budget
    assert len(many.items) == 40


def test_a_huge_answer_is_cut() -> None:
    item = {f"field {number}": "x" * 500 for number in range(2_000)}
    made = semantics("$..*", card("${$root}", "${string($root)}"), title="$", url="$")
    assert len(made.show({"a": [item] * 4}).markdown) < 1_000_000
