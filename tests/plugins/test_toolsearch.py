"""What is asked for is found: recall over tools as others describe theirs, and how words are made comparable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copilot.plugins import loader
from copilot.plugins.skill import Skill
from copilot.plugins.tool_words import shaped, terms
from copilot.plugins.tools import Effect, Tool, json_tool
from copilot.plugins.toolsearch import ToolIndex
from tests.plugins.foreign_tools import foreign
from tests.plugins.many_tools import DEVELOPED, HELD_OUT, LAST, skills
from tests.thinning import thinned

INDEX = ToolIndex(skills())


def recall(requests: dict[str, str], limit: int = 5) -> tuple[float, list[str]]:
    missed = [
        request
        for request, wanted in requests.items()
        if not {each.name for each in INDEX.search(request, limit)} & set(wanted.split())
    ]
    return 1 - len(missed) / len(requests), missed


def test_the_right_tool_is_among_the_first_five() -> None:
    """Of 176 tools. DEVELOPED and HELD_OUT were looked at in the end, LAST was measured once."""
    share, missed = recall(DEVELOPED | HELD_OUT | LAST)
    assert len(DEVELOPED | HELD_OUT | LAST) >= 150
    assert share >= 0.9, missed


def test_words_that_nobody_tuned_for() -> None:
    share, missed = recall(LAST)
    assert share >= 0.8, missed


def test_every_example_of_a_bundled_tool_finds_it_among_five_hundred_strangers() -> None:
    bundled = loader.load().skills
    index = ToolIndex([*foreign(50), *bundled])
    missed = [
        (tool.name, example)
        for skill in bundled
        for tool in skill.tools
        for example in thinned(tool.examples, 3)
        if tool.name not in {each.name for each in index.search_steps(example, 10)}
    ]
    assert len(missed) <= 2, missed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("createTicketForCustomer", "create ticket customer"),
        ("get_HTTPResponse_codes", "get HTTP response code"),
        ("listItems2", "list item 2 items"),
        ("Rechnungen löschen", "rechnungen loschen"),
        ("請求書を作成", "請求 求書 書を を作 作成"),
    ],
)
def test_identifiers_are_split_and_other_languages_kept(one: str, other: str) -> None:
    assert set(terms(one)) == set(terms(other))


def test_names_of_files_and_quotes_say_what_kind_of_thing_they_are() -> None:
    shapes, rest = shaped('put "Q3 results" into B4 of plans/budget.xlsx')
    assert set(shapes) == {"‹quote›", "‹cell›", "‹xlsx›"}
    assert "budget" not in rest
    assert "results" not in rest


def test_a_request_in_another_language_finds_what_is_described_in_it() -> None:
    tool = json_tool("rechnung.loeschen", "Löscht eine Rechnung.", {}, Effect.READ, lambda c, /, **a: "")
    index = ToolIndex([*skills(), Skill("rechnung", "Rechnungen verwalten.", tools=(tool,))])
    assert index.search("bitte die Rechnung 4711 löschen", 1)[0].name == "rechnung.loeschen"


def test_a_misspelled_word_is_understood() -> None:
    assert "payments.create_refund" in {each.name for each in INDEX.search("refnud the payment", 5)}


def test_a_skill_without_tools_is_found_itself() -> None:
    index = ToolIndex(
        [*skills(), Skill("brand-voice", "How we write to customers: tone, greeting, words.", "Be kind.")]
    )
    found = index.search("which tone do we use with customers?", 3)
    assert ("skill", "brand-voice") in {(each.kind, each.name) for each in found}


def test_each_step_of_a_request_finds_its_tool() -> None:
    names = {e.name for e in INDEX.search_steps("find flights to Rome and then translate the fares into German", 8)}
    assert {"travel.search_flights", "language.translate_text"} <= names


@pytest.mark.parametrize("request_", ["", "   ", "the of and", "zzqqxx", "\x1b[31m\u202e", "a" * 100_000, "'\"" * 500])
def test_what_says_nothing_finds_nothing_and_breaks_nothing(request_: str) -> None:
    assert isinstance(INDEX.search(request_, 5), list)
    assert ToolIndex([]).search(request_, 5) == []


def test_it_is_the_same_each_time() -> None:
    one, other = (ToolIndex(skills()).search("create a ticket", 20) for _ in range(2))
    assert one == other
    assert [f.score for f in one] == sorted((f.score for f in one), reverse=True)


def test_a_hostile_description_takes_no_more_than_its_place() -> None:
    """A tool that names every word there is does not come first everywhere."""
    words = " ".join({word for skill in skills() for tool in skill.tools for word in tool.description.split()})
    spam = json_tool("spam.all", words * 50, {}, Effect.READ, lambda c, /, **a: "")
    index = ToolIndex([*skills(), Skill("spam", "All.", tools=(spam,))])
    first = [index.search(request, 1)[0].name for request in DEVELOPED]
    assert first.count("spam.all") < len(first) / 10


def _named(*names: str, **about: str) -> list[Skill]:
    """Return skills with tools that say nothing of themselves but their names, or what `about` says."""
    made: dict[str, list[Tool]] = {}
    for name in names:
        skill, _, own = name.partition(".")
        told = about.get(own, own.replace("_", " "))
        made.setdefault(skill, []).append(json_tool(name, told, {}, Effect.READ, lambda c, /, **a: ""))
    return [Skill(skill, f"Tools of {skill}.", tools=tuple(tools)) for skill, tools in made.items()]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("what is new on GitHub", "github.list_events"),  # not a git, and not a hub
        ("put milk on my to-do list", "lists.create_todo_item"),
        ("show me the log of my hours", "tracker.get_worklog"),
        ("delete the table", "base.delete_table"),
        ("what is in the table", "base.get_table"),  # nobody asked to remove or to make one
        ("which rows does the table have", "base.list_table_rows"),
        ("merge PR 42", "github.merge_pull_request"),
        ("call my appointment on Friday off", "days.cancel_event"),
        ("what happened in ACME-42", "tracker.get_issue"),
    ],
)
def test_words_are_understood_as_they_are_said(asked: str, wanted: str) -> None:
    names = (
        *("github.list_events", "github.merge_pull_request", "github.create_pull_request", "hubs.list_hubs"),
        *("base.delete_table", "base.get_table", "base.list_table_rows", "base.create_table", "days.create_event"),
        *(
            "days.cancel_event",
            "lists.create_todo_item",
            "tracker.get_worklog",
            "tracker.get_issue",
            "tracker.get_user",
        ),
    )
    index = ToolIndex(_named(*names))
    assert index.search(asked, 1)[0].name == wanted


def test_a_plugin_with_an_example_for_everything_is_not_found_by_all_of_them() -> None:
    (spam,) = _named("spam.all")
    tool = replace(spam.tools[0], examples=tuple(DEVELOPED), cues=tuple(" ".join(DEVELOPED).split()))
    index = ToolIndex([*skills(), replace(spam, tools=(tool,))])
    first = [index.search(request, 1)[0].name for request in list(DEVELOPED)[20:]]
    assert first.count("spam.all") < len(first) / 10


def test_the_index_is_made_when_it_is_searched() -> None:
    def broken() -> None:
        raise AssertionError("read too early")

    class Late(tuple[str, ...]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            broken()

    skill = skills()[0]
    ToolIndex([replace(skill, tools=(replace(skill.tools[0], examples=Late(["x"])),))])
