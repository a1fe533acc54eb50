"""Declarative agents: what the vendor's schemas and documentation allow, and what people write instead."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import PluginError, ToolInputError
from copilot.plugins.declarative.editorial import ranked, similarity
from copilot.plugins.declarative.localisation import language_of
from copilot.plugins.persona import Capability, EditorialAnswer, Persona, handle, named
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.readers import read
from copilot.settings import PluginSettings
from copilot.trust.labels import Confidentiality

MINIMAL = {"version": "v1.8", "name": "Repairs", "description": "Tracks repairs.", "instructions": "Be brief."}


def load(folder: Path, manifest: Any, files: dict[str, str] | None = None, **how: Any) -> Plugin:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    path = folder / "declarativeAgent.json"
    path.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest), "utf-8")
    return read(path, Reading(folder / "state", settings=PluginSettings(), **how))


def persona(folder: Path, files: dict[str, str] | None = None, **fields: Any) -> Persona:
    return load(folder, {**MINIMAL, **fields}, files).personas[0]


def reasons(plugin: Plugin) -> str:
    return "\n".join(f"{problem.severity}: {problem.reason}" for problem in plugin.problems)


def met(folder: Path, files: dict[str, str] | None = None, **fields: Any) -> str:
    return reasons(load(folder, {**MINIMAL, **fields}, files))


# --- what the standard allows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1.0", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8"])
def test_every_version_loads_with_nothing_to_report(tmp_path: Path, version: str) -> None:
    plugin = load(
        tmp_path, {**MINIMAL, "version": version, "$schema": f"https://x/declarative-agent/{version}/schema.json"}
    )
    assert (plugin.problems, plugin.form) == ((), f"declarative-agent {version}")
    found = plugin.personas[0]
    assert (found.name, found.description, found.instructions) == ("Repairs", "Tracks repairs.", "Be brief.")
    assert found.handle == "repairs"


FULL: dict[str, Any] = {
    **MINIMAL,
    "id": "repairs",
    "capabilities": [
        {"name": "WebSearch", "sites": [{"url": "https://contoso.com/projects"}]},
        {
            "name": "OneDriveAndSharePoint",
            "items_by_sharepoint_ids": [{"site_id": "s", "search_associated_sites": True}],
            "items_by_url": [{"url": "https://contoso.sharepoint.com/teams/a"}],
        },
        {
            "name": "GraphConnectors",
            "connections": [
                {
                    "connection_id": "jira",
                    "additional_search_terms": "status:open",
                    "items_by_external_id": [{"item_id": "7"}],
                    "items_by_path": [{"path": "/a"}],
                    "items_by_container_name": [{"container_name": "c"}],
                    "items_by_container_url": [{"container_url": "https://c"}],
                    "items_by_external_url": [{"url": "https://e"}],
                }
            ],
        },
        {"name": "GraphicArt"},
        {"name": "CodeInterpreter"},
        {"name": "Dataverse", "knowledge_sources": [{"host_name": "h", "skill": "s", "tables": [{"table_name": "t"}]}]},
        {"name": "TeamsMessages", "urls": [{"url": "https://teams.microsoft.com/l/channel/1"}]},
        {"name": "Email", "shared_mailbox": "a@b.c", "group_mailboxes": ["g@b.c"], "folders": [{"folder_id": "inbox"}]},
        {"name": "EmailActions"},
        {"name": "People", "include_related_content": True},
        {"name": "ScenarioModels", "models": [{"id": "m"}]},
        {"name": "Meetings", "items_by_id": [{"id": "i", "is_series": False}]},
        {"name": "MeetingActions"},
        {"name": "EmbeddedKnowledge", "files": [{"file": "k/handbook.txt"}]},
    ],
    "conversation_starters": [
        {"text": "Open repairs?", "title": "Mine", "depends_on": [{"name": "capabilities", "id": "Email"}]}
    ],
    "behavior_overrides": {
        "suggestions": {"disabled": True},
        "special_instructions": {"discourage_model_knowledge": True},
        "default_response_mode": "Think deeper",
    },
    "disclaimer": {"text": "No promise."},
    "sensitivity_label": {"id": "11111111-2222-3333-4444-555555555555"},
    "worker_agents": [{"id": "T_1"}],
    "user_overrides": [{"path": "$.capabilities[?(@.name == 'WebSearch')]", "allowed_actions": ["remove"]}],
    "editorial_answers": {
        "answers": [{"question": "Return policy?", "answer": "30 days.", "similarity_thresholds": {"min": 3, "max": 8}}]
    },
}


def test_every_field_and_scope_is_read(tmp_path: Path) -> None:
    labels = {"11111111-2222-3333-4444-555555555555": "internal"}
    plugin = load(tmp_path, FULL, {"k/handbook.txt": "Holidays: 30 days."}, labels=labels)
    found = plugin.personas[0]
    assert plugin.problems == ()
    given = {each["name"]: {k: v for k, v in each.items() if k != "name"} for each in FULL["capabilities"]}
    assert {each.name: dict(each.scope) for each in found.capabilities} == given
    assert [each.text for each in found.shown_starters] == ["Open repairs?"]
    assert (found.suggestions, found.sources_only, found.mode) == (False, True, "quality")
    assert (found.disclaimer, found.removable) == ("No promise.", {"WebSearch"})
    assert found.label.confidentiality is Confidentiality.INTERNAL
    assert [each.id for each in found.workers] == ["T_1"]
    assert found.answers == (EditorialAnswer("Return policy?", "30 days.", 3, 8),)
    assert [(each.name, each.read()) for each in found.knowledge] == [("k/handbook.txt", b"Holidays: 30 days.")]
    assert found.knowledge[0].label.confidentiality is Confidentiality.INTERNAL


def test_a_strict_reading_takes_what_is_right_and_refuses_what_was_mended(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL, strict=True).personas
    with pytest.raises(PluginError, match="foo is no field"):
        load(tmp_path, {**MINIMAL, "foo": 1}, strict=True)


def test_an_unknown_sensitivity_label_makes_everything_restricted(tmp_path: Path) -> None:
    for value in ({"id": "other"}, "other", ["other"], 7):
        assert persona(tmp_path, sensitivity_label=value).label.confidentiality is Confidentiality.RESTRICTED
    for value in (None, {}, "", {"id": ""}):
        assert persona(tmp_path, sensitivity_label=value).label.confidentiality is Confidentiality.PUBLIC


# --- what people write ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": "1.2"}, "repaired: version is '1.2', read as v1.2"),
        ({"version": "v1.9"}, "noted: version v1.9 is not one that is known"),
        ({"version": None}, "repaired: version is missing; it is read as the newest"),
        ({"version": None, "schema_version": "v1.6"}, "repaired: schema_version is read as version"),
        ({"version": "v1.3", "disclaimer": {"text": "x"}}, "noted: disclaimer came with v1.4"),
        ({"version": "v1.2", "capabilities": [{"name": "Email"}]}, "noted: capabilities[0]: Email came with v1.3"),
        ({"$schema": "https://x/declarative-agent/v1.5/schema.json"}, "noted: $schema is that of v1.5"),
        ({"name": None}, "repaired: name is missing"),
        ({"name": "n" * 101}, "noted: name has 101 characters, and 100 are allowed"),
        ({"name": {"short": "A", "full": "B"}}, "repaired: name is an object"),
        ({"description": None}, "noted: description is missing"),
        ({"instructions": None}, "noted: instructions are missing"),
        ({"instructions": "i" * 8_001}, "noted: instructions has 8,001 characters"),
        ({"instructions": ["a"]}, "unsupported: instructions is a list where text is meant"),
        ({"foo": 1}, "unsupported: foo is no field of this form"),
        ({"capabilities": "WebSearch"}, "repaired: capabilities[0] is a text where an object is meant"),
        ({"capabilities": [{"name": "Telepathy"}]}, "unsupported: capabilities[0] is no capability ('Telepathy')"),
        ({"capabilities": [{"name": "web search"}]}, "repaired: capabilities[0]: 'web search' is read as WebSearch"),
        (
            {"capabilities": [{"name": "WebSearch"}, {"name": "WebSearch"}]},
            "repaired: capabilities[1]: WebSearch is there twice",
        ),
        (
            {"conversation_starters": [{"text": str(n)} for n in range(13)]},
            "repaired: conversation_starters has 13 entries",
        ),
        (
            {"conversation_starters": [{"title": "T"}]},
            "repaired: conversation_starters[0] has no text; its title is used",
        ),
        (
            {"conversation_starters": [{}, None, 3]},
            "unsupported: conversation_starters[1] is null where an object is meant",
        ),
        ({"conversationStarters": [{"text": "x"}]}, "repaired: conversationStarters is read as conversation_starters"),
        (
            {"behavior_overrides": {"default_response_mode": "DeepThink"}},
            "unsupported: behavior_overrides.default_response_mode",
        ),
        ({"disclaimer": "x"}, "repaired: disclaimer is a text"),
        (
            {"user_overrides": [{"path": "$..*", "allowed_actions": ["remove"]}]},
            "unsupported: user_overrides[0] ('$..*', remove)",
        ),
        (
            {"editorial_answers": {"url": "https://x/a.json"}},
            "unsupported: editorial_answers.url: https://x/a.json is not fetched",
        ),
        ({"editorial_answers": [{"question": "x", "answer": "y"}]}, "repaired: editorial_answers is a list"),
        (
            {"editorial_answers": {"answers": [{"question": "x"}]}},
            "unsupported: editorial_answers.answers[0] has no answer",
        ),
        ({"actions": [{"id": "a", "file": "gone.json"}]}, "unsupported: actions[0] is left out"),
        ({"actions": [{"id": "a", "file": "../../x.json"}]}, "leads out of the plugin's folder"),
        ({"actions": [{"id": "a"}]}, "unsupported: actions[0] is left out: it names no file"),
        ({"worker_agents": [{}]}, "unsupported: worker_agents[0] is left out: it has neither id nor file"),
        ({"instructions": "$[file('gone.txt')]"}, "unsupported: instructions is to be the text of 'gone.txt'"),
        ({"instructions": "gone.md"}, "unsupported: instructions is only the name of a file"),
        ({"name": "A${{SUFFIX}}"}, "repaired: name has the blank ${{SUFFIX}}"),
        ({"name": "[[NAME]]"}, "repaired: name is the key [[NAME]]"),
    ],
)
def test_what_is_mended_or_left_out_is_told_and_the_agent_loads(
    tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    assert reason in met(tmp_path, **fields)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{", "no valid JSON"),
        ("[]", "no plugin that is understood"),
        ('{"instructions": [[}', "no valid JSON"),
        ('{"$schema": "https://x/declarative-agent/v1.8/schema.json"}', "holds no declarative agent"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_agent_says_so(tmp_path: Path, value: str, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        load(tmp_path, value)


def test_a_limit_that_cannot_be_read_takes_the_capability_away_rather_than_the_limit(tmp_path: Path) -> None:
    for broken in ({"sites": [3]}, {"sites": {"a": "b"}}, {"sites": 7}, {"sites_by_country": ["de"]}):
        plugin = load(tmp_path, {**MINIMAL, "capabilities": [{"name": "WebSearch", **broken}]})
        assert plugin.personas[0].capabilities == (), broken
        assert "so WebSearch is left out" in reasons(plugin)
    empty = persona(tmp_path, capabilities=[{"name": "WebSearch", "sites": []}])
    assert empty.capabilities == (Capability("WebSearch", {"sites": []}),)


def test_limits_of_a_capability_that_is_there_twice_are_joined_and_never_lost(tmp_path: Path) -> None:
    one = {"name": "WebSearch", "sites": [{"url": "https://a.com"}]}
    other = {"name": "WebSearch", "sites": [{"url": "https://b.com"}]}
    both = persona(tmp_path, capabilities=[one, other]).capabilities[0].scope["sites"]
    assert both == [{"url": "https://a.com"}, {"url": "https://b.com"}]
    for order in ([one, {"name": "WebSearch"}], [{"name": "WebSearch"}, one]):
        assert persona(tmp_path, capabilities=order).capabilities[0].scope == {"sites": [{"url": "https://a.com"}]}


def test_instructions_are_put_in_from_files_as_the_toolkit_does(tmp_path: Path) -> None:
    files = {
        "a.txt": "First.\n$[file('more/b.txt')]",
        "more/b.txt": "ignored",
        "b.txt": "",
        "loop.txt": "$[file('loop.txt')]",
    }
    assert persona(tmp_path, files, instructions="$[file('a.txt')]").instructions == "First.\nignored"
    assert persona(tmp_path, files, instructions='Say: $[ file("more/b.txt") ]').instructions == "Say: ignored"
    assert persona(tmp_path, {"how.md": "Kindly."}, instructions="how.md").instructions == "Kindly."
    assert "too deep" in met(tmp_path, files, instructions="$[file('loop.txt')]")
    assert "leads out" in met(tmp_path, instructions="$[file('../../etc/hostname')]")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "in.txt").symlink_to(tmp_path / "secret.txt")
    plugin = load(tmp_path / "agent", {**MINIMAL, "instructions": "$[file('in.txt')]"})
    assert plugin.personas[0].instructions == ""
    assert "leads out" in reasons(plugin)


def test_workers_are_read_from_files_and_circles_end(tmp_path: Path) -> None:
    worker = {**MINIMAL, "name": "Worker", "worker_agents": [{"file": "../declarativeAgent.json"}]}
    files = {"w/worker.json": json.dumps(worker)}
    plugin = load(tmp_path, {**MINIMAL, "worker_agents": [{"file": "w/worker.json"}]}, files)
    inner = plugin.personas[0].workers[0].persona
    assert inner is not None
    assert (inner.name, inner.workers) == ("Worker", ())
    assert "they would ask for ever" in reasons(plugin)


def test_an_action_brings_its_tools_from_a_file_or_inline(tmp_path: Path) -> None:
    api = {
        "openapi": "3.0.0",
        "info": {"title": "R", "version": "1"},
        "servers": [{"url": "https://repairs.contoso.com"}],
        "paths": {"/repairs": {"get": {"operationId": "list", "responses": {"200": {"description": "ok"}}}}},
    }
    manifest = {
        "schema_version": "v2.4",
        "namespace": "repairs",
        "name_for_human": "Repairs",
        "description_for_human": "Repairs.",
        "functions": [{"name": "list", "description": "Lists repairs."}],
        "runtimes": [{"type": "OpenApi", "auth": {"type": "None"}, "spec": {"url": "api/openapi.json"}}],
    }
    files = {"plugin.json": json.dumps(manifest), "api/openapi.json": json.dumps(api)}
    for action in ({"id": "r", "file": "plugin.json"}, manifest):
        found = persona(tmp_path, files, actions=[action])
        assert [tool.name for skill in found.skills for tool in skill.tools] == ["repairs.list"]


def test_broken_values_anywhere_never_raise_anything_but_a_plugin_error(tmp_path: Path) -> None:
    """Every value of a full manifest is exchanged for each kind of wrong one."""
    wrong = [None, 0, -1.5, True, "", "x\x1b[31m\u202ey", [], [[]], {}, {"a": {"b": None}}, ["x"] * 500, [None]]
    generator = random.Random(7)
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "handbook.txt").write_text("x")
    for place in _places(FULL):
        for value in generator.sample(wrong, 2):
            broken = json.loads(json.dumps(FULL))
            _put(broken, place, value)
            found = load(tmp_path, broken).personas
            assert len(found) == 1


def _places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in inner for place in [(*above, key), *_places(each, (*above, key))]]


def _put(value: Any, place: tuple[Any, ...], new: Any) -> None:
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = new


def test_a_flood_of_fields_is_told_briefly(tmp_path: Path) -> None:
    plugin = load(tmp_path, {**MINIMAL, **{f"f{n}": n for n in range(3_000)}})
    assert len(plugin.problems) <= 101
    assert "2,900 more things are wrong" in reasons(plugin)


# --- editorial answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "known", "least", "most"),
    [
        ("How do I reset my password?", "how do i reset my password", 10, 10),
        ("How do I reset my pasword?", "How do I reset my password?", 9, 10),
        ("how to reset passwords", "How do I reset my password?", 9, 10),
        ("Who resets my password?", "How do I reset my password?", 5, 8.9),
        ("What is the refund policy for Germany?", "What is the refund policy?", 5, 8.9),
        ("What applies in 2024?", "What applies in 2023?", 0, 8.9),
        ("Where is the office in Bern?", "Where is the office in Berlin?", 0, 8.9),
        ("Tell me a joke", "How do I reset my password?", 0, 0),
        ("返品ポリシーは何ですか？", "返品ポリシーは何ですか", 10, 10),
        ("", "How?", 0, 0),
    ],
)
def test_similarity_of_questions(asked: str, known: str, least: float, most: float) -> None:
    assert least <= similarity(asked, known) <= most


def test_answers_are_ranked_and_kept_to_their_own_thresholds() -> None:
    known = [
        EditorialAnswer("What is the refund policy?", "30 days."),
        EditorialAnswer("What is the refund?", "A", 9, 9),
    ]
    assert [each.answer for _, each in ranked("refund policy", known)] == ["30 days."]


def test_answers_may_lie_in_a_file_of_the_package(tmp_path: Path) -> None:
    files = {"answers.json": json.dumps({"answers": [{"question": "Q?", "answer": "A."}]})}
    assert persona(tmp_path, files, editorial_answers={"url": "answers.json"}).answers == (EditorialAnswer("Q?", "A."),)
    bare = [{"question": "Q?", "answer": "A."}]
    assert persona(tmp_path, editorial_answers=bare).answers == (EditorialAnswer("Q?", "A."),)


# --- names ----------------------------------------------------------------------------------------------------------


def test_agents_are_found_by_name_id_and_handle() -> None:
    one, two = Persona("Contoso Help Desk", id="T_1"), Persona("Légal & Co")
    for name in ("Contoso Help Desk", "T_1", "contoso-help-desk", "contoso help_desk"):
        assert named(name, [one, two]) is one
    assert handle("Légal & Co") == "légal-co"
    with pytest.raises(ToolInputError, match="contoso-help-desk"):
        named("contoso-helpdesk", [one, two])
    with pytest.raises(ToolInputError, match="2 agents are named"):
        named("a", [Persona("A", plugin="x"), Persona("A", plugin="y")])


def test_only_what_the_author_allows_can_be_switched_off() -> None:
    agent = Persona(
        "A", capabilities=(Capability("WebSearch"), Capability("Email")), removable=frozenset({"WebSearch"})
    )
    assert [each.name for each in agent.without(["websearch"]).capabilities] == ["Email"]
    with pytest.raises(ToolInputError, match="WebSearch"):
        agent.without(["Email"])


@pytest.mark.parametrize(
    ("env", "tag"),
    [
        ({"LANG": "de_AT.UTF-8"}, "de-at"),
        ({"LC_ALL": "C", "LANG": "fr"}, ""),
        ({}, ""),
        ({"LANG": "sr_RS@latin"}, "sr-rs"),
    ],
)
def test_the_language_of_the_environment(env: dict[str, str], tag: str) -> None:
    assert language_of(env) == tag


def test_an_agent_brings_skills_of_its_own(tmp_path: Path) -> None:
    """Custom skills in declarative agents (manifest v1.9)."""
    tone = "---\nname: tone\ndescription: How we speak.\n---\nBe kind.\n"
    listed = [{"folder": "skills/tone"}, "skills/gone", {"folder": "../skills"}, {"folder": ""}, "skills/tone"]
    plugin = load(tmp_path, {**MINIMAL, "agent_skills": listed}, {"skills/tone/SKILL.md": tone})
    (skill,) = plugin.personas[0].skills
    assert (skill.name, skill.instructions) == ("tone", "Be kind.")
    told = reasons(plugin)
    assert "agent_skills came with v1.9" in told
    assert "agent_skills[1] is left out" in told
    assert "agent_skills[2] is left out: '../skills' leads out" in told
    assert "agent_skills[3] is left out: it names no folder." in told
    assert "agent_skills[4]: a second one named 'tone' is left out." in told


def test_an_action_is_no_agent(tmp_path: Path) -> None:
    told = met(tmp_path, actions=[{"id": "self", "file": "declarativeAgent.json"}, {"id": "here", "file": "."}])
    assert "actions[0] is left out" in told
    assert "is of the form declarative-agent" in told
    assert "actions[1] is left out" in told
