"""Plugins of Claude Code and Codex, and marketplaces: what we have is loaded, the rest is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import PluginError, ToolInputError
from copilot.plugins import readers
from copilot.plugins.packages import marketplace
from copilot.plugins.packages.commands import filled
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Prompt, PromptArgument, Skill
from copilot.plugins.skillfolder import linked
from copilot.plugins.starts import started, starts
from tests.conftest import ROOT

SKILL = "---\nname: {name}\ndescription: Does {name}.\n---\nDo it.\n"
COMMAND = (
    "---\ndescription: Reviews a file\nargument-hint: FILE [DEPTH]\nallowed-tools: Read\n---\nReview $1 in depth $2.\n"
)


def put(root: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return root


def read(root: Path, **env: str) -> Plugin:
    return readers.read(root, Reading(home=root.parent / "state", env={"HOME": "/", **env}))


@pytest.mark.parametrize("place", [".claude-plugin/plugin.json", ".codex-plugin/plugin.json", "plugin.json"])
def test_a_whole_plugin(tmp_path: Path, place: str) -> None:
    root = put(
        tmp_path / "p",
        {
            place: {"name": "docs-kit", "version": "1.0.0", "description": "Docs.", "author": "somebody"},
            "skills/write/SKILL.md": SKILL.format(name="write"),
            "skills/read/skill.md": SKILL.format(name="read"),
            "commands/review.md": COMMAND,
            "commands/git/commit.md": "# Commit it\nCommit with $ARGUMENTS.",
            "agents/one.md": "---\nname: one\n---\n",
            "hooks/hooks.json": {"hooks": {"PreToolUse": []}},
            ".mcp.json": {
                "mcpServers": {"db": {"command": "node", "args": ["${CLAUDE_PLUGIN_ROOT}/s.js", "${KEY:-none}"]}}
            },
        },
    )
    found = read(root)
    assert (found.name, found.version, found.description) == ("docs-kit", "1.0.0", "Docs.")
    assert [s.name for s in found.skills] == ["read", "write", "docs-kit:commands"]
    prompts = {p.name: p for s in found.skills for p in s.prompts}
    assert prompts["review"].description == "Reviews a file"
    assert prompts["review"].text({"arguments": "'a b.docx' deep"}) == "Review a b.docx in depth deep."
    assert prompts["git:commit"].description == "Commit it"
    server = found.servers[0]
    assert (server.name, server.plugin, server.args) == ("db", "docs-kit", (f"{root.resolve()}/s.js", "none"))
    assert server.env["CLAUDE_PLUGIN_ROOT"] == str(root.resolve())
    told = {p.reason.partition(" ")[0] for p in found.problems if p.severity == "unsupported"}
    assert told == {"hooks", "agents"}


def test_paths_and_inline_parts_of_a_manifest(tmp_path: Path) -> None:
    manifest = {
        "name": "My Plugin",
        "version": 2,
        "skills": ["./extra/", "./one", "./missing", "../out", 7],
        "commands": {"go": {"source": "./go.md"}},
        "mcpServers": {"a": {"url": "https://x.example/mcp"}, "b": {"command": "x", "args": ["${UNSET}"]}},
        "hooks": {"PreToolUse": []},
        "lspServers": "./lsp.json",
    }
    root = put(
        tmp_path / "p",
        {
            ".claude-plugin/plugin.json": manifest,
            "extra/a/SKILL.md": SKILL.format(name="a"),
            "extra/b/SKILL.md": "no front matter",
            "one/SKILL.md": SKILL.format(name="one"),
            "skills/c/SKILL.md": SKILL.format(name="c"),
            "skills/a-again/SKILL.md": SKILL.format(name="a"),
            "go.md": "Go.",
        },
    )
    found = read(root)
    assert found.name == "My-Plugin"
    assert [s.name for s in found.skills] == ["a", "c", "one", "My-Plugin:commands"]
    assert [p.name for p in found.skills[-1].prompts] == ["go"]
    assert [s.name for s in found.servers] == ["a"]
    told = " ".join(f"{p.where} {p.reason}" for p in found.problems)
    for part in (
        "My-Plugin",
        "version is no text",
        "'missing'",
        "leads out",
        "no path",
        "extra/b",
        "named 'a'",
        "UNSET",
    ):
        assert part in told, part
    assert {p.reason.partition(" ")[0] for p in found.problems if p.severity == "unsupported"} == {"hooks", "language"}


HOSTILE: list[Any] = ["", "[]", "null", "{", {}, {"name": 7}, {"name": "  "}, {"description": "x"}]


@pytest.mark.parametrize("manifest", HOSTILE, ids=str)
def test_a_manifest_that_is_none(tmp_path: Path, manifest: Any) -> None:
    root = put(tmp_path / "p", {".claude-plugin/plugin.json": manifest, "skills/a/SKILL.md": SKILL.format(name="a")})
    with pytest.raises(PluginError, match=r"plugin\.json"):
        read(root)


def test_any_type_anywhere_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    wrong: list[Any] = [None, 7, True, "x", [], {}, [None], [[]], {"a": None}, {"a": {"source": 7}}, ["../.."], "/etc"]
    fields = ("version", "description", "author", "skills", "commands", "agents", "hooks", "mcpServers", "lspServers")
    root = put(tmp_path / "p", {"skills/a/SKILL.md": SKILL.format(name="a")})
    for field in fields:
        for value in wrong:
            put(root, {".claude-plugin/plugin.json": {"name": "p", field: value}})
            assert "a" in [s.name for s in read(root).skills], (field, value)


def test_hostile_commands(tmp_path: Path) -> None:
    root = put(
        tmp_path / "p",
        {
            ".claude-plugin/plugin.json": {"name": "evil\u202e\x1b[2J"},
            "commands/no-yaml.md": "---\na: &a [x]\nb: *a\nc: *a\n---\nx",
            "commands/runs.md": "Status: !`git status`",
            "commands/\u202etxt.md": "Say it.",
        },
    )
    (root / "commands" / "out.md").symlink_to("/etc/passwd")
    found = read(root)
    assert found.name == "evil"
    assert sorted(p.name for p in found.skills[0].prompts) == ["runs", "txt"]
    assert all(p.where.isprintable() and p.reason.isprintable() for p in found.problems)
    assert "git status" in next(p.reason for p in found.problems if p.severity == "unsupported")


@pytest.mark.parametrize(
    ("text", "said", "made"),
    [
        ("Do $ARGUMENTS now", "this and that", "Do this and that now"),
        ("$1 then $2 and $3", "a 'b c'", "a then b c and "),
        ("$ARGUMENTS[1]", "a b", "b"),
        ("costs $50 or $5.00, ${1}", "x", "costs $50 or $5.00, ${1}\n\nx"),
        ("$1", "$2 b", "$2"),
        ("Go.", "", "Go."),
        ("$1", "it's", "it's"),
    ],
)
def test_blanks(text: str, said: str, made: str) -> None:
    assert filled(text, said) == made


def test_blanks_with_names() -> None:
    assert filled("Release $version of $name, $HOME, $versions", "1.2 kit", ["version", "name"]) == (
        "Release 1.2 of kit, $HOME, $versions"
    )


# --- marketplaces -----------------------------------------------------------------------------------------------------


def market(tmp_path: Path, plugins: list[Any], **more: Any) -> Path:
    files: dict[str, Any] = {".claude-plugin/marketplace.json": {"name": "shop", "plugins": plugins, **more}}
    for name in "abc":
        files[f"skills/{name}/SKILL.md"] = SKILL.format(name=name)
    files["plugins/x/.claude-plugin/plugin.json"] = {"name": "x", "version": "3"}
    files["plugins/x/commands/go.md"] = "Go."
    return put(tmp_path / "market", files)


def test_a_marketplace_lists_where_its_plugins_lie(tmp_path: Path) -> None:
    root = market(
        tmp_path,
        [
            {"name": "docs", "source": "./", "strict": False, "skills": ["./skills/a", "./skills/b"]},
            {"name": "x", "source": "x", "version": "9"},
            {"name": "far", "source": {"source": "github", "repo": "a/b", "ref": "v1", "path": "sub"}},
            {"name": "git", "source": {"source": "url", "url": "https://x.example/r.git", "sha": "abc"}},
            {"name": "web", "source": "https://x.example/r.git"},
            {"name": "npm", "source": {"source": "npm", "package": "@a/b", "version": "1"}},
            {"name": "local", "source": {"source": "local", "path": "./plugins/x"}},
            {"name": "path", "path": "./plugins/x"},
            *(7, {}, {"name": "n"}, {"name": "n", "source": {"source": "ftp"}}, {"name": 1, "source": "./"}),
            {"name": "x", "source": "./other"},
        ],
        metadata={"pluginRoot": "./plugins"},
    )
    found = marketplace.listing(root)
    assert found.name == "shop"
    places = {p.name: (p.kind, p.address, p.ref, p.path) for p in found.plugins}
    assert places == {
        "docs": ("path", ".", "", ""),
        "x": ("path", "plugins/x", "", ""),
        "far": ("github", "a/b", "v1", "sub"),
        "git": ("url", "https://x.example/r.git", "abc", ""),
        "web": ("url", "https://x.example/r.git", "", ""),
        "npm": ("npm", "@a/b", "1", ""),
        "local": ("path", "plugins/x", "", ""),
        "path": ("path", "plugins/x", "", ""),
    }
    assert len(found.problems) == 6
    assert marketplace.listing(root / ".claude-plugin" / "marketplace.json") == found
    docs = marketplace.read_listed(found, found.plugins[0], Reading(home=tmp_path))
    assert [s.name for s in docs.skills] == ["a", "b"], "only what its entry names"
    assert marketplace.read_listed(found, found.plugins[1], Reading(home=tmp_path)).version == "3"


def test_a_marketplace_as_one_plugin(tmp_path: Path) -> None:
    entries = [
        {"name": "docs", "source": "./", "strict": False, "skills": ["./skills/a"]},
        {"name": "x", "source": "./plugins/x"},
        {"name": "far", "source": {"source": "github", "repo": "a/b"}},
        {"name": "out", "source": "../.."},
        {"name": "gone", "source": "./gone"},
    ]
    found = read(market(tmp_path, entries))
    assert (found.name, found.form) == ("shop", "claude-marketplace")
    assert [(s.name, s.plugin) for s in found.skills] == [("a", "docs"), ("x:commands", "x")]
    told = " ".join(p.reason for p in found.problems)
    assert all(part in told for part in ("github a/b", "leads out", "no folder"))


@pytest.mark.parametrize("content", ["[]", "{}", '{"plugins": {}}', "{"])
def test_what_is_no_marketplace(tmp_path: Path, content: str) -> None:
    root = put(tmp_path / "m", {".claude-plugin/marketplace.json": content})
    with pytest.raises(PluginError, match=r"marketplace\.json"):
        read(root)


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_skill_alone_and_a_folder_of_skills(tmp_path: Path) -> None:
    root = put(
        tmp_path / "many",
        {
            "a/SKILL.md": SKILL.format(name="a"),
            "topic/b/SKILL.md": SKILL.format(name="b"),
            "topic/c/SKILL.md": "nothing",
            "node_modules/d/SKILL.md": SKILL.format(name="d"),
        },
    )
    found = read(root)
    assert (found.form, [s.name for s in found.skills]) == ("skills", ["a", "b"])
    assert "topic/c" in found.problems[0].where
    assert read(root / "a").form == "skill"
    with pytest.raises(PluginError, match=r"description|front matter"):
        read(root / "topic" / "c")


EXAMPLES = {
    "house-style": ("skill", ["house-style"]),
    "contract-desk": ("agent-plugins 1.0.0", ["key-dates"]),
    "meeting-kit": ("claude-plugin", ["minutes", "meeting-kit:commands"]),
    ".": ("claude-marketplace", ["minutes", "meeting-kit:commands", "house-style"]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_load_without_a_remark(name: str, tmp_path: Path) -> None:
    form, skills = EXAMPLES[name]
    found = readers.read(ROOT / "examples" / "plugins" / name, Reading(home=tmp_path, strict=True))
    assert (found.form, [s.name for s in found.skills], found.problems) == (form, skills, ())
    for skill in found.skills:
        files = {each.name for each in skill.resources}
        assert set(linked(skill.instructions)) <= files, "what the body links to is there"
        assert all(prompt.text({"arguments": "budgets 45"}) for prompt in skill.prompts)


# --- what a person starts ---------------------------------------------------------------------------------------------


def test_what_can_be_started_by_name(tmp_path: Path) -> None:
    root = put(
        tmp_path / "p",
        {
            ".claude-plugin/plugin.json": {"name": "kit"},
            "skills/write/SKILL.md": SKILL.format(name="write").replace("---\nDo", "argument-hint: TITLE\n---\nDo"),
            "skills/deploy/SKILL.md": SKILL.format(name="deploy").replace(
                "---\nDo it.", "disable-model-invocation: true\n---\nDeploy to $ARGUMENTS."
            ),
            "skills/quiet/SKILL.md": SKILL.format(name="quiet").replace("---\nDo", "user-invocable: false\n---\nDo"),
            "commands/review.md": COMMAND,
            "commands/help.md": "Help.",
        },
    )
    server = Skill("tracker", "Issues.", prompts=(_triage(), _triage("review")), origin="server")
    known = starts([*read(root).skills, server], taken=["/help"])
    assert list(known) == [
        *("/deploy", "/kit:deploy", "/kit:help", "/kit:review", "/kit:write"),
        *("/tracker:review", "/tracker:triage", "/triage", "/write"),
    ]
    assert known["/write"].hint == "TITLE"
    assert started("/Write a letter\nto Ann", known) == (
        "a letter\nto Ann\n\nFollow these instructions (the skill write):\n\nDo it.",
        "a letter\nto Ann",
    )
    assert started("/deploy staging", known) == ("Deploy to staging.", "staging")
    assert started("/kit:review a.docx 2", known) == ("Review a.docx in depth 2.", "a.docx 2")
    assert started("/triage 12 this and that", known) == ("triage 12: this and that", "12 this and that")
    for other in ("/help", "/nothing", "hello", "/home/me/a.docx", ""):
        assert started(other, known) is None
    with pytest.raises(ToolInputError, match="needs number"):
        started("/triage", known)


def _triage(name: str = "triage") -> Prompt:
    blanks = (PromptArgument("number", required=True), PromptArgument("why"))
    return Prompt(name, "Triages an issue.", lambda given: f"{name} {given['number']}: {given.get('why', '')}", blanks)
