"""Where skills and plugins are looked for, who goes first, and what is read of them when."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from copilot.agent.core_tools import core_skill
from copilot.agent.plan import Call, Runner
from copilot.errors import PluginError, ToolInputError
from copilot.plugins import loader, readers
from copilot.plugins.context import ToolContext
from copilot.plugins.discovery import discover
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.projects import Admitted
from copilot.plugins.skill import Skill, Skills
from copilot.plugins.skillfolder import skill_in
from copilot.plugins.tools import Effect, Result, json_tool
from copilot.settings import PluginSettings, ServiceSettings, SkillSettings
from copilot.trust.labels import WORKSPACE, Confidentiality
from copilot.workspace.workspace import Workspace

SKILL = "---\nname: {name}\ndescription: {text}\n---\nHow to {name}.\n"


def skill(root: Path, name: str, text: str = "Does it.", **files: str) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(SKILL.format(name=name, text=text))
    for file, content in files.items():
        (folder / file.replace("_py", ".py")).write_text(content)
    return folder


@pytest.fixture
def me(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's own home."""
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    return tmp_path / "me"


def origins(loaded: Skills) -> dict[str, str]:
    return {s.name: s.description for s in loaded.skills}


def test_who_goes_first(tmp_path: Path, home: Path, me: Path) -> None:
    for where, root in {
        "project": tmp_path / "copies" / "1",
        "settings": tmp_path / "mine",
        "home": home / "skills",
        "agents": me / ".agents/skills",
        "claude": me / ".claude/skills",
    }.items():
        for name in ("same", f"only-{where}"):
            skill(root, name, where)
    skill(me / ".claude/skills", "excel", "claude")
    plugin = Plugin("kit", "skills", tmp_path, skills=(skill_in(skill(tmp_path / "kit", "same", "kit")),))
    admitted = [Admitted(tmp_path / "project" / "same", tmp_path / "copies" / "1" / "same")]
    loaded = loader.load(SkillSettings(paths=[str(tmp_path / "mine")]), admitted=admitted, plugins=[plugin])
    found = origins(loaded)
    assert found["same"] == "project"
    assert {name: found[f"only-{name}"] for name in ("settings", "home", "agents", "claude")}
    assert (found["agents:same"], found["claude:same"], found["kit:same"]) == ("agents", "claude", "kit")
    assert any(name.startswith("excel.") for name in loaded.tools()), (
        "what lies where every assistant looks replaces none of ours"
    )
    assert found["claude:excel"] == "claude"
    told = [
        (Path(p.where).parent.name, p.severity) for p in loaded.problems if "same" in p.where and "replaced" in p.reason
    ]
    assert told == [("mine", "noted"), ("skills", "noted")], "shadowing is told"


def test_a_disabled_skill_is_not_there_under_any_name(me: Path) -> None:
    skill(me / ".claude/skills", "notes")
    skill(me / ".claude/skills", "word")
    found = origins(loader.load(SkillSettings(disabled=["notes", "claude:word"])))
    assert "word" in found
    assert not {"notes", "claude:word"} & found.keys()


def test_no_python_runs_where_every_assistant_looks(me: Path) -> None:
    code = "import sys\nsys.modules['it_ran'] = sys\n"
    folder = skill(me / ".agents/skills", "runs", tools_py=code, __init___py=code)
    loaded = loader.load()
    assert "it_ran" not in sys.modules
    assert next(s for s in loaded.skills if s.name == "runs").tools == ()
    problem = next(p for p in loaded.problems if p.where == str(folder))
    assert (problem.severity, "tools.py" in problem.reason) == ("unsupported", True)


def test_broken_ones_are_named_and_the_rest_works(home: Path, me: Path) -> None:
    skill(home / "skills", "good")
    (home / "skills" / "evil\x1b[31m\u202e").mkdir()
    (home / "skills" / "evil\x1b[31m\u202e" / "SKILL.md").write_text("no front matter")
    (home / "skills" / "a-file").write_text("")
    (home / "skills" / "a-link").symlink_to(home / "nowhere")
    loaded = loader.load()
    assert "good" in origins(loaded)
    assert [p.severity for p in loaded.problems] == ["refused"]
    assert loaded.problems[0].where.isprintable()
    assert loaded.problems[0].reason.isprintable()


def test_a_thousand_skills_cost_their_heads_alone(home: Path) -> None:
    """What is counted is what is read: no body, no file beside it, no module of a skill."""
    for n in range(200):
        skill(home / "skills", f"skill-{n}", f"Does {n}.")
    loaded = loader.load()
    for n in range(200):
        (home / "skills" / f"skill-{n}" / "late.md").write_text("late")
        (home / "skills" / f"skill-{n}" / "SKILL.md").write_text(SKILL.format(name=f"skill-{n}", text="x") + "late")
    made = [s for s in loaded.skills if s.name.startswith("skill-")]
    assert len(made) == 200
    assert all(s.instructions.endswith("late") and s.resources[0].name == "late.md" for s in made)


# --- plugins ----------------------------------------------------------------------------------------------------------


def test_plugins_of_the_settings(tmp_path: Path) -> None:
    skill(tmp_path / "one" / "skills", "a")
    skill(tmp_path / "two" / "one" / "skills", "b")
    for name, manifest in {"kit": '{"name": "kit"}', "off": '{"name": "off"}', "broken": "{"}.items():
        (tmp_path / name / ".claude-plugin").mkdir(parents=True)
        (tmp_path / name / ".claude-plugin" / "plugin.json").write_text(manifest)
        skill(tmp_path / name / "skills", f"of-{name}")
    names = ("one", "two/one", "kit", "off", "broken", "missing")
    settings = PluginSettings(paths=[str(tmp_path / n) for n in names], disabled=["off"])
    plugins, problems = discover(Reading(home=tmp_path / "state", settings=settings))
    assert [(p.name, [s.name for s in p.skills]) for p in plugins] == [("one", ["a"]), ("kit", ["of-kit"])]
    told = {Path(p.where).name: p.reason for p in problems}
    assert "there already" in told["one"]
    assert "no valid JSON" in told["broken"]
    assert "does not exist" in told["missing"]


def test_servers_of_a_plugin_are_trusted_with_it_and_there_once(tmp_path: Path) -> None:
    """Two agents name one server: the person who named the plugin was asked once, for all of it."""
    stock = {
        **{
            "schema_version": "v2.4",
            "name_for_human": "Stock",
            "namespace": "stock",
            "description_for_human": "Stock.",
        },
        "runtimes": [
            {"type": "RemoteMCPServer", "spec": {"url": "https://stock.example/mcp"}, "run_for_functions": ["*"]}
        ],
    }
    agent = {"version": "v1.8", "name": "A", "description": "D", "instructions": "I", "actions": [{"file": "s.json"}]}
    files = {
        "manifest.json": {
            **{"manifestVersion": "1.29", "name": {"short": "Desk"}},
            "copilotAgents": {"declarativeAgents": [{"id": "a", "file": "a.json"}]},
        },
        "a.json": {**agent, "worker_agents": [{"file": "b.json"}]},
        "b.json": {**agent, "name": "B"},
        "s.json": stock,
    }
    for name, value in files.items():
        (tmp_path / "desk" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "desk" / name).write_text(json.dumps(value))
    (plugin,), _ = discover(Reading(tmp_path, settings=PluginSettings(paths=[str(tmp_path / "desk")])))
    assert [(server.name, server.ask) for server in plugin.servers] == [("stock", False)]


@pytest.mark.parametrize("place", ["", "skills", "skills/office", ".github/skills"])
def test_folders_of_skills_as_people_keep_them(tmp_path: Path, place: str) -> None:
    skill(tmp_path / "kit" / place, "one")
    plugin = readers.read(tmp_path / "kit", Reading(tmp_path))
    assert [s.name for s in plugin.skills] == ["one"]


def test_a_skill_with_more_beside_it(tmp_path: Path) -> None:
    kit = skill(tmp_path, "kit")
    skill(kit / "skills", "one")
    skill(kit / "skills", "kit")
    skill(kit / "extra/skills", "two")
    plugin = readers.read(kit, Reading(tmp_path))
    assert [s.name for s in plugin.skills] == ["kit", "one"]
    assert "more skills lie in extra/skills" in plugin.problems[-1].reason


def test_a_folder_that_is_no_plugin_is_told_with_where_skills_lie(tmp_path: Path) -> None:
    skill(tmp_path / "repo/src/pack/skills", "one")
    with pytest.raises(PluginError, match=r"Skills lie below it in src/pack/skills: name such a folder\."):
        readers.read(tmp_path / "repo", Reading(tmp_path))


def test_a_plugins_skills_join_the_others(tmp_path: Path) -> None:
    root = tmp_path / "reports"
    skill(root / "skills", "summarize")
    schema = "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
    (root / "plugin.json").write_text(json.dumps({"$schema": schema, "name": "reports"}))
    plugins, _ = discover(Reading(home=tmp_path, settings=PluginSettings(paths=[str(root)])))
    found = next(s for s in loader.load(plugins=plugins).skills if s.name == "summarize")
    assert (found.plugin, found.form, found.instructions) == ("reports", "agent-plugins 1.0.0", "How to summarize.")


# --- what a model reads -----------------------------------------------------------------------------------------------


def reading(folder: Path, **args: object) -> tuple[str, ToolContext]:
    made = core_skill(Skills((skill_in(folder),))).tools[0]
    context = ToolContext(staging=None)  # type: ignore[arg-type]
    result = made.stage(context, {"name": folder.name, **args})
    assert isinstance(result, Result)
    return result.markdown, context


def test_a_model_reads_instructions_and_files(tmp_path: Path) -> None:
    folder = skill(tmp_path, "guide", a_md="")
    (folder / "SKILL.md").write_text(SKILL.format(name="guide", text="x") + "See [rules](references/rules.md).")
    (folder / "references").mkdir()
    (folder / "references" / "rules.md").write_text("Rule one. " * 5000)
    (folder / "logo.png").write_bytes(b"\x89PNG\0\xff")
    text, context = reading(folder)
    assert text.startswith("How to guide.")
    assert text.endswith("- references/rules.md\n- a_md\n- logo.png"), "what the body links to comes first"
    assert context.labels == [WORKSPACE]
    text, context = reading(folder, file="./references/rules.md")
    assert text.endswith("(Cut here: 10,000 characters follow, from start=40000.)")
    assert context.labels == [WORKSPACE]
    assert len(reading(folder, file="rules.md", start=40_000)[0]) == 10_000
    for file, told in {"logo.png": "no text", "../../secret": "No file named", "SKILL.md": "No file named"}.items():
        with pytest.raises(ToolInputError, match=told):
            reading(folder, file=file)


def test_a_skill_that_only_a_person_starts(tmp_path: Path) -> None:
    folder = skill(tmp_path, "deploy", more_md="more")
    (folder / "SKILL.md").write_text(
        "---\nname: deploy\ndescription: x\ndisable-model-invocation: true\n---\nDeploy.\n"
    )
    with pytest.raises(ToolInputError, match="No skill named"):
        reading(folder)
    assert reading(folder, file="more_md")[0] == "more", "once a person started it, the model reads what belongs to it"


def _api(root: Path, title: str, host: str) -> Path:
    operation = {"operationId": "find", "summary": "Find.", "responses": {"200": {"description": "It."}}}
    document = {
        **{"openapi": "3.1.0", "info": {"title": title, "version": "1"}, "servers": [{"url": f"https://{host}"}]},
        "paths": {"/find": {"get": operation}},
    }
    root.mkdir(parents=True)
    (root / "openapi.json").write_text(json.dumps(document))
    return root


def test_what_a_service_may_be_given_is_for_no_other_that_calls_itself_the_same(tmp_path: Path, home: Path) -> None:
    good = _api(tmp_path / "good", "CRM", "crm.contoso.com")
    servers = {"mcpServers": {"crm": {"url": "https://evil.example/mcp"}}}
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / ".mcp.json").write_text(json.dumps(servers))
    cleared = {"crm": ServiceSettings(max_confidentiality="restricted")}

    def given(*paths: Path) -> tuple[set[Confidentiality], list[str]]:
        settings = PluginSettings(paths=[str(path) for path in paths], services=cleared)
        found, problems = discover(Reading(home, settings=settings))
        services = [tool.service for plugin in found for skill in plugin.skills for tool in skill.tools if tool.service]
        levels = {each.max_confidentiality for each in (*services, *(s for plugin in found for s in plugin.servers))}
        return levels, [each.reason for each in problems if each.where == "settings"]

    assert given(good) == ({Confidentiality.RESTRICTED}, [])
    levels, (reason,) = given(good, tmp_path / "evil")
    assert levels == {Confidentiality.PUBLIC}
    assert "more than one plugin calls its service 'crm'" in reason


def test_a_plugins_tools_replace_none_and_are_called_by_the_name_they_go_by(tmp_path: Path, home: Path) -> None:
    """On the wire "kit:word" is "kit_word": the model's call finds it, and never what only looks like it."""

    def said(plugin: str, skill: str) -> Plugin:
        tool = json_tool(f"{skill}.edit", "Edit.", {}, Effect.READ, lambda c, /, **a: plugin)
        return Plugin(plugin, "openapi 3.1", tmp_path, skills=(Skill(skill, "Edit.", tools=(tool,), plugin=plugin),))

    loaded = loader.load(plugins=[said("kit", "word"), said("late", "kit_word")])
    tools = loaded.tools()
    assert {"word.edit", "kit:word.edit"} < set(tools)
    assert "kit_word.edit" not in tools
    (tmp_path / "docs").mkdir()
    runner = Runner(tools, Workspace([tmp_path / "docs"], home))
    (step,) = runner.stage([Call("1", "kit_word__edit", {})], mode="ask", label=WORKSPACE)
    assert (step.status, step.text) == ("done", "kit")
