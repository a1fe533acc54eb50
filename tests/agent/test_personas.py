"""Personas at work: through the real graph, router, policy and files; only the model is a script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest

from copilot import Copilot, Role, ToolContext, tool
from copilot.agent.events import Delta, Discard, Final, ToolEvent
from copilot.agent.persona_step import NO_SOURCE
from copilot.agent.personas import outfit, persona_prompt, preferred, tuned, within
from copilot.errors import ToolInputError
from copilot.plugins import loader
from copilot.plugins.persona import Capability, Persona
from copilot.plugins.skill import Skill, Skills
from copilot.plugins.tools import build
from copilot.settings import ModelSettings, PluginSettings, RoutingSettings, Settings, TrustSettings
from copilot.trust.labels import UNKNOWN, Label
from tests.agent.scripted import Scripted
from tests.conftest import ROOT

GUID = "11111111-2222-3333-4444-555555555555"
DESK: dict[str, Any] = {
    "version": "v1.8",
    "name": "Help Desk",
    "description": "Helps with IT.",
    "instructions": "Say ticket, never issue.",
    "capabilities": [
        {"name": "WebSearch", "sites": [{"url": "https://contoso.com/help"}]},
        {"name": "EmbeddedKnowledge", "files": [{"file": "handbook.txt"}]},
    ],
    "conversation_starters": [{"text": "My tickets?"}],
    "behavior_overrides": {"special_instructions": {"discourage_model_knowledge": True}},
    "disclaimer": {"text": "No legal advice."},
    "user_overrides": [{"path": "$.capabilities[?(@.name == 'WebSearch')]", "allowed_actions": ["remove"]}],
    "worker_agents": [{"file": "worker.json"}],
    "editorial_answers": {
        "answers": [{"question": "How do I reset my password?", "answer": "Go to reset.contoso.com."}]
    },
}
WORKER = {"version": "v1.8", "name": "Archivist", "description": "Knows the archive.", "instructions": "Search."}


@tool(effect="fetch")
def get(ctx: ToolContext, url: Annotated[str, Role("url")]) -> str:
    """Fetch a page."""
    return f"page {url}"


def settings_of(folder: Path, **changes: Any) -> Settings:
    """Make the plugin, and return settings that name it."""
    place = folder / "desk"
    place.mkdir(exist_ok=True)
    (place / "declarativeAgent.json").write_text(json.dumps({**DESK, **changes}), "utf-8")
    (place / "worker.json").write_text(json.dumps(WORKER), "utf-8")
    (place / "handbook.txt").write_text("Holidays\n\nEverybody has thirty days of holidays in a year.\n", "utf-8")
    trust = TrustSettings(labels={GUID: "internal"})
    return Settings(trust=trust, plugins=PluginSettings(paths=[str(place / "declarativeAgent.json")]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "notes.txt").write_text("Acme owes 30 days.")
    return documents


def assistant(folder: Path, script: list[Any], agent: str = "help-desk", **changes: Any) -> Copilot:
    return Copilot(folder, model=Scripted(script=script), settings=settings_of(folder.parent, **changes), agent=agent)


def system_of(copilot: Copilot) -> str:
    return str(copilot._model.seen[-1][0].text)  # type: ignore[union-attr]


# --- what it may use ------------------------------------------------------------------------------------------------


def test_it_has_its_own_tools_and_reading_of_the_folder_and_nothing_else(folder: Path) -> None:
    copilot = assistant(folder, ["x"])
    names = set(copilot.offered.tools())
    assert {"knowledge.search", "knowledge.read", "agents.ask", "documents.read", "word.read"} <= names
    assert not {name for name in names if name.startswith(("word.replace", "excel.set", "powerpoint.replace"))}
    acting = {name for name, each in copilot.offered.tools().items() if each.effect.value != "read"}
    assert acting <= {"web.search", "web.fetch"}, "what serves its WebSearch, and asks"
    whole = Copilot(folder, settings=copilot.settings)
    assert whole.offered is whole.skills
    assert "word.replace_text" in whole.offered.tools()


def test_a_tool_that_it_has_not_is_unknown_to_it(folder: Path) -> None:
    copilot = assistant(folder, ["x"])
    outcome = copilot.call("word.replace_text", {"path": "notes.txt", "old": "a", "new": "b"}, mode="yes")
    assert outcome["error"]["code"] == "unknown_tool"


def test_what_is_not_served_here_is_told_and_what_makes_files_may_write(folder: Path) -> None:
    loaded = loader.load()
    plain = outfit(Persona("A", capabilities=(Capability("Dataverse"),)), loaded)
    assert "Dataverse is not served here" in plain.problems[-1].reason
    assert "word.replace_text" not in plain.tools()
    making = outfit(Persona("A", capabilities=(Capability("CodeInterpreter"),)), loaded)
    assert "word.replace_text" in making.tools()


def test_a_web_search_stays_at_its_sites(folder: Path) -> None:
    loaded = Skills((Skill("web", "The web.", tools=(build(get, skill="web"),)),))
    agent = Persona("A", capabilities=(Capability("WebSearch", {"sites": [{"url": "https://contoso.com/help"}]}),))
    made = outfit(agent, loaded).tools()["web.get"]
    assert made.function(None, url="https://contoso.com/help/printers") == "page https://contoso.com/help/printers"
    assert outfit(Persona("A", capabilities=(Capability("WebSearch"),)), loaded).tools()["web.get"].function is get
    assert "web.get" not in outfit(Persona("A"), loaded).tools()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://contoso.com/help", True),
        ("https://www.contoso.com/help/a?q=1", True),
        ("https://contoso.com/helpers", False),
        ("https://contoso.com/", False),
        ("https://contoso.com.evil.com/help", False),
        ("https://evil.com/#contoso.com/help", False),
        ("https://contoso.com@evil.com/help", False),
        ("https://contoso.com/help/../admin", False),
        ("https://contoso.com/help/%2e%2e/admin", False),
        ("ftp://contoso.com/help", False),
        ("https://[bad/help", False),
    ],
)
def test_sites_hold_against_addresses_that_only_look_like_them(url: str, allowed: bool) -> None:
    limited = within(build(get, skill="web"), ["https://contoso.com/help"])
    if allowed:
        assert limited.function(None, url=url)
    else:
        with pytest.raises(ToolInputError, match="may not go to"):
            limited.function(None, url=url)


def test_what_its_author_allows_can_be_switched_off(folder: Path) -> None:
    copilot = Copilot(folder, settings=settings_of(folder.parent), agent="help-desk", without=["websearch"])
    assert copilot.persona is not None
    assert [each.name for each in copilot.persona.capabilities] == ["EmbeddedKnowledge"]
    with pytest.raises(ToolInputError, match="WebSearch"):
        _ = copilot.like(without=["EmbeddedKnowledge"]).persona


def test_an_unknown_agent_is_named_with_those_there_are(folder: Path) -> None:
    with pytest.raises(ToolInputError, match="help-desk"):
        _ = assistant(folder, ["x"], agent="help-dsk").persona


# --- what it says ---------------------------------------------------------------------------------------------------


def test_its_words_come_behind_the_system_prompt(folder: Path) -> None:
    copilot = assistant(folder, [[("knowledge__search", {"question": "days of holidays"})], "Thirty."])
    copilot.ask("how many days of holidays?")
    prompt = system_of(copilot)
    assert prompt.index("You are Everpilot") < prompt.index("Help Desk") < prompt.index("Say ticket, never issue.")
    assert "Answer only from what tools returned" in prompt


def test_its_files_are_searched_and_cited(folder: Path) -> None:
    copilot = assistant(folder, ["x"])
    found = copilot.call("knowledge.search", {"question": "How many days of holidays?"})
    assert "thirty days of holidays" in found["text"]
    assert found["sources"][0].startswith("handbook.txt")
    read = copilot.call("knowledge.read", {"file": "handbook.txt"})
    assert "Everybody has thirty days" in read["text"]
    wrong = copilot.call("knowledge.read", {"file": "hand.txt"})
    assert "handbook.txt" in wrong["error"]["message"]


@pytest.mark.parametrize(
    ("asked", "called", "told"),
    [
        ("how many days of holidays does everybody have?", ["knowledge.search"], "thirty days"),
        ("how many days of holidays did Bob take?", ["knowledge.search", "documents.answer"], "12 days"),
        ("what does Acme owe?", ["knowledge.search", "documents.answer"], "Acme owes"),
        ("what does plan.md say about holidays?", ["documents.answer"], "12 days"),
        ("what does the plan say about Bob?", ["documents.answer"], "12 days"),
    ],
)
def test_the_planner_asks_its_files_first_and_the_folder_where_they_know_nothing(
    folder: Path, asked: str, called: list[str], told: str
) -> None:
    """A word of the question that a file in the folder has for a title does not mean that file."""
    (folder / "plan.md").write_text("# Holidays\n\nHow many days of holidays Bob took: 12 days.")
    copilot = Copilot(folder, settings=settings_of(folder.parent), agent="help-desk", env={})
    events = list(copilot.stream(asked))
    assert [e.name for e in events if isinstance(e, ToolEvent) and e.status == "started"] == called
    assert told in events[-1].text  # type: ignore[union-attr]


def test_an_authors_answer_is_given_before_any_model(folder: Path) -> None:
    copilot = assistant(folder, ["from the model"])
    events = list(copilot.stream("how can I reset my password"))
    final = events[-1]
    assert isinstance(final, Final)
    assert (final.text, final.served_by) == ("Go to reset.contoso.com.", "editorial answer of Help Desk")
    assert [event.text for event in events if isinstance(event, Delta)] == ["Go to reset.contoso.com."]
    assert copilot._model.seen == []  # type: ignore[union-attr]


def test_a_similar_question_is_the_models_with_the_answer_beside_it(folder: Path) -> None:
    copilot = assistant(folder, ["Which password?"])
    final = copilot.ask("when must I reset my old password")
    assert final.text == "Which password?"
    assert "Go to reset.contoso.com." in system_of(copilot)


def test_a_thread_goes_on_after_an_authors_answer(folder: Path) -> None:
    copilot = assistant(folder, ["unused", [("documents__read", {"path": "notes.txt"})], "30 days."])
    thread = copilot.ask("How do I reset my password?").thread
    assert copilot.ask("and what does Acme owe?", thread=thread).text == "30 days."


def test_without_a_source_it_answers_nothing(folder: Path) -> None:
    copilot = assistant(folder, ["Paris.", "Which one do you mean?"])
    events = list(copilot.stream("capital of France?"))
    final = events[-1]
    assert isinstance(final, Final)
    assert (final.text, (final.error or {}).get("code")) == (NO_SOURCE, "no_source")
    assert any(isinstance(event, Discard) for event in events)
    assert copilot.ask("capital?", thread=final.thread).text == "Which one do you mean?"
    read = assistant(folder, [[("documents__read", {"path": "notes.txt"})], "30 days.", "As I said."])
    final = read.ask("what does Acme owe?")
    assert final.text == "30 days."
    assert read.ask("say it again", thread=final.thread).text == "As I said."


# --- where its words may go -----------------------------------------------------------------------------------------


def test_an_unknown_sensitivity_label_keeps_the_conversation_from_models_that_are_not_cleared(folder: Path) -> None:
    copilot = assistant(folder, ["secret"], sensitivity_label={"id": "unknown"})
    final = copilot.ask("what does the handbook say?")
    assert final.served_by == "builtin"
    assert "may not see restricted data" in str(final.attempts)
    assert copilot._model.seen == []  # type: ignore[union-attr]
    known = assistant(
        folder, [[("knowledge__read", {"file": "handbook.txt"})], "Thirty."], sensitivity_label={"id": GUID}
    )
    assert known.ask("what does the handbook say?").text == "Thirty."


# --- workers --------------------------------------------------------------------------------------------------------


def test_a_worker_answers_with_its_own_words_and_tools(folder: Path) -> None:
    call = ("agents__ask", {"name": "Archivist", "message": "What does Acme owe?"})
    copilot = assistant(folder, [[call], "done"])
    worker = Scripted(script=[[("documents__read", {"path": "notes.txt"})], "Thirty days."])
    asked: list[Any] = []
    ask = copilot._ask

    def by_another_model(persona: Persona, message: str, label: Label) -> Any:
        asked.append((persona.name, message, label))
        copilot._model, mine = worker, copilot._model
        try:
            return ask(persona, message, label)
        finally:
            copilot._model = mine

    copilot._ask = by_another_model  # type: ignore[method-assign]
    events = list(copilot.stream("ask the archivist"))
    said = next(event.text for event in events if getattr(event, "status", "") == "done")
    assert said == "Archivist says:\nThirty days."
    assert [each[:2] for each in asked] == [("Archivist", "What does Acme owe?")]
    assert "Say ticket, never issue." not in worker.seen[0][0].text
    assert "agents__ask" not in str(worker.seen[0][0].text)
    final = events[-1]
    assert isinstance(final, Final)
    assert final.text == "done"


def test_a_worker_that_cannot_do_it_says_why_to_the_one_that_asked(folder: Path) -> None:
    copilot = assistant(folder, [[("agents__ask", {"name": "nobody", "message": "x"})], "Who else?"])
    final = copilot.ask("ask somebody")
    assert (final.error or {})["code"] == "unknown_agent"


def test_a_worker_knows_how_confidential_the_question_is(folder: Path) -> None:
    copilot = assistant(folder, ["never asked"])
    assert copilot.persona is not None
    worker = copilot.persona.workers[0].persona
    assert worker is not None
    restricted = UNKNOWN | Label.from_dict({"integrity": "untrusted", "confidentiality": "restricted"})
    answered = copilot._ask(worker, "what does Acme owe?", restricted)
    assert answered.label.confidentiality is restricted.confidentiality
    assert copilot._model.seen == []  # type: ignore[union-attr]


def test_a_worker_that_is_not_installed_is_told(folder: Path) -> None:
    copilot = assistant(folder, ["x"], worker_agents=[{"id": "T_9"}])
    assert "agents.ask" not in copilot.offered.tools()
    assert any("'T_9' is not installed here" in problem.reason for problem in copilot.offered.problems)


# --- models and threads ---------------------------------------------------------------------------------------------


def test_its_mode_and_model_are_hints_that_the_persons_choice_beats() -> None:
    agent = Persona(
        "A", mode="fast", capabilities=(Capability("ScenarioModels", {"models": [{"id": "x"}, {"id": "big"}]}),)
    )
    own = Settings(models=[ModelSettings(name="big", provider="openai")])
    assert tuned(agent, own).routing.policy == "fast"
    assert preferred(agent, own) == "big"
    assert preferred(agent, Settings()) == ""
    chosen = Settings(routing=RoutingSettings(order=["big"]))
    assert tuned(agent, chosen) is chosen


def test_a_thread_remembers_its_agent(folder: Path) -> None:
    copilot = assistant(folder, ["Which one?"])
    thread = copilot.ask("hello").thread
    assert copilot.threads.agent(thread) == "help-desk"
    assert copilot.threads.agent("other") == ""


def test_the_prompt_of_a_persona_is_short_of_what_it_has_not() -> None:
    assert persona_prompt(Persona("A"), ()) == "You work as the agent “A”.\n"


def test_the_example_answers_with_no_model_at_all(folder: Path) -> None:
    place = ROOT / "examples" / "plugins" / "declarative-agent"
    settings = Settings(plugins=PluginSettings(paths=[str(place)]))
    copilot = Copilot(folder, settings=settings, agent="house-rules", env={})
    for asked, told in {
        "How much may a hotel cost a night?": "A hotel may cost up to 120 euros a night",
        "Whom do I ask about my contract?": "people@contoso.com",
    }.items():
        assert told in copilot.ask(asked).text
