"""SKILL.md is read leniently; only what makes a skill useless is refused (Agent Skills standard)."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import PluginError
from copilot.plugins import frontmatter, skillmd
from copilot.plugins.skillfolder import find, linked, renamed, resources_in, skill_in


def write(folder: Path, text: str | bytes, name: str = "contract-review") -> Path:
    skill = folder / name
    skill.mkdir(exist_ok=True)
    (skill / "SKILL.md").write_bytes(text.encode() if isinstance(text, str) else text)
    return skill


GOOD = (
    "---\nname: contract-review\ndescription: Reviews contracts.\nmetadata:\n  version: 1.10\n---\n# How\nRead first.\n"
)


def test_a_good_file(tmp_path: Path) -> None:
    found = skillmd.read(write(tmp_path, GOOD), strict=True)
    assert (found.name, found.description) == ("contract-review", "Reviews contracts.")
    assert found.instructions == "# How\nRead first."
    assert found.metadata == {"version": "1.10"}, "metadata maps strings to strings, as they are written"
    assert found.notes == ()


def test_all_fields_of_the_standard_and_of_others(tmp_path: Path) -> None:
    text = GOOD.replace(
        "metadata:",
        "license: MIT\ncompatibility: Needs git\nallowed-tools: Bash(git log:*) Read,Grep\nargument-hint: '[FILE]'\n"
        "context: fork\nagent: Explore\nmodel: some-model\nhooks:\n  PreToolUse: []\nversion: 2\nmetadata:",
    )
    found = skillmd.read(write(tmp_path, text), strict=True)
    assert (found.license, found.compatibility, found.hint) == ("MIT", "Needs git", "[FILE]")
    assert found.allowed_tools == ("Bash(git log:*)", "Read", "Grep")
    assert found.notes == (), "fields of other assistants are no fault"
    listed = GOOD.replace("metadata:", "allowed-tools:\n  - Bash(git:*)\n  - Read\nmetadata:")
    assert skillmd.read(write(tmp_path, listed)).allowed_tools == ("Bash(git:*)", "Read")


def test_invocation(tmp_path: Path) -> None:
    """(written, the model may, a person may)"""
    table = [
        ("disable-model-invocation: true", False, True),
        ("disable-model-invocation: 'yes'", False, True),
        ("disable-model-invocation: false", True, True),
        ("disable-model-invocation: perhaps", False, True),
        ("user-invocable: false", True, False),
        ("user-invocable: true", True, True),
    ]
    for written, model, person in table:
        found = skillmd.read(write(tmp_path, GOOD.replace("metadata:", f"{written}\nmetadata:")))
        assert (found.model_invocation, found.user_invocation) == (model, person), written


REPAIRED = [
    (GOOD.replace("name: contract-review", "name: other"), "but the folder is"),
    (GOOD.replace("name: contract-review\n", ""), "name is missing"),
    (GOOD.replace("name: contract-review", "name: [a, b]"), "name is missing"),
    (GOOD.replace("name: contract-review", "name: Contract_Review"), "lower-case"),
    (GOOD.replace("name: contract-review", "name: a--b"), "lower-case"),
    (GOOD.replace("name: contract-review", "name: -a"), "lower-case"),
    (GOOD.replace("contract-review", "x" * 65), "longer than 64"),
    (GOOD.replace("Reviews contracts.", "Reviews: contracts and more"), "as if it were quoted"),
    (GOOD.replace("Reviews contracts.", "[WIP] reviews contracts"), "as if it were quoted"),
    (GOOD.replace("Reviews contracts.", "@all reviews contracts"), "as if it were quoted"),
    (GOOD.replace("Reviews contracts.", '"Reviews" contracts'), "as if it were quoted"),
    (GOOD.replace("Reviews contracts.", "*all* contracts"), "as if it were quoted"),
    (GOOD.replace("Reviews contracts.", "x" * 1025), "longer than 1024"),
    (GOOD.replace("Reviews contracts.", "[Reviews, contracts]"), "no text"),
    (GOOD.replace("metadata:\n  version: 1.10", "metadata: 7"), "metadata is no map"),
    (GOOD.replace("metadata:\n  version: 1.10", "metadata:\n\tversion: 1"), "tabs"),
    (GOOD.replace("metadata:", "name: contract-review\nmetadata:"), "name is there twice"),
    (GOOD.replace("metadata:", f"compatibility: {'x' * 501}\nmetadata:"), "longer than 500"),
    (GOOD.replace("name: contract", "Name: contract"), "Name was read as name"),
    (GOOD.replace("\n---\n# How", "\n\n# How"), "closing line of dashes is missing"),
    (GOOD.replace("metadata:", "allowed-tools: [Read, Grep]\nmetadata:"), "allowed-tools is no text"),
    ("\n<!-- licence -->\n" + GOOD, "before the first line"),
    (GOOD.replace("Reviews", "Rev\x1b[31miews"), "nobody sees"),
    (GOOD.replace("Reviews contracts.", '"Reviews\\e[31m contracts.\\u202e"'), "nobody sees"),
    (GOOD.encode("utf-16"), "UTF-16"),
    (GOOD.replace("Reviews", "Pr\xfcft").encode("latin-1"), "no UTF-8"),
]


@pytest.mark.parametrize(("text", "note"), REPAIRED)
def test_what_is_repaired_is_said_and_strictly_refused(tmp_path: Path, text: str | bytes, note: str) -> None:
    skill = write(tmp_path, text)
    found = skillmd.read(skill)
    assert found.description
    assert found.description.isprintable()
    assert note in " ".join(found.notes)
    with pytest.raises(PluginError, match="standard"):
        skillmd.read(skill, strict=True)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD.replace("\n", "\r\n"),
        GOOD.replace("description: Reviews contracts.", "description: >-\n  Reviews\n  contracts."),
        GOOD.replace("---\n# How", "---   \n# How"),
        GOOD.replace("metadata:", "released: 2024-13-45\nhours: 1:30\nmetadata:"),
    ],
)
def test_what_needs_no_repair(tmp_path: Path, text: str) -> None:
    found = skillmd.read(write(tmp_path, text), strict=True)
    assert (found.description, found.instructions) == ("Reviews contracts.", "# How\nRead first.")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("A line.\n" * 500, ""),
        ("A line.\n" * 501, "501 lines"),
        ("word " * 4_000, ""),
        ("word " * 4_100, "about 5,1"),
    ],
)
def test_a_body_that_is_longer_than_advised_is_told_and_no_fault(tmp_path: Path, body: str, told: str) -> None:
    """Agent Skills, "progressive disclosure": under 500 lines and 5,000 tokens are recommended, not required."""
    found = skillmd.read(write(tmp_path, GOOD.replace("# How\nRead first.\n", body)), strict=True)
    assert told in " ".join(found.notes)
    assert bool(found.notes) is bool(told)


@pytest.mark.parametrize(
    "text",
    [
        "no front matter",
        "---\nname: x\n---\nbody",
        "---\nname: x\ndescription: '  '\n---\n",
        "---\nname: x\ndescription:\n---\n",
        "---\nname: x\n- description: y\n---\n",
        "---\n- a\n- b\n---\n",
        "---\nname: [\n---\n",
        "---\n---\n",
        "",
        "---\ndescription: x\na: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n---\n",
        "---\ndescription: x\na: &a {b: *a}\n---\n",
        "---\ndescription: x\na: " + "[" * 50 + "]" * 50 + "\n---\n",
        "---\ndescription: " + "x" * 70_000 + "\n---\n",
        "---\n" + "{" * 5000 + "\n---\n",
    ],
)
def test_what_is_hopeless_is_refused_with_the_place(tmp_path: Path, text: str) -> None:
    skill = write(tmp_path, text)
    with pytest.raises(PluginError) as caught:
        skillmd.read(skill)
    assert str(skill) in str(caught.value)


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("..", "contract-review"),
        ("a/b\\c", "a-b-c"),
        ("'\u202eevil\u200b'", "evil"),
        ('"red\\e[31m"', "red"),
        ("ﬁle", "file"),
        ("vertragsprüfung", "vertragsprüfung"),
        ("Contract Review", "Contract Review"),
    ],
)
def test_a_name_is_never_more_than_a_name(tmp_path: Path, written: str, used: str) -> None:
    found = skillmd.read(write(tmp_path, GOOD.replace("contract-review", written)))
    assert found.name == used
    assert found.notes


def test_names_of_other_scripts_are_strict_enough(tmp_path: Path) -> None:
    """skills-ref takes any lower-case letters after NFKC."""
    text = GOOD.replace("contract-review", "vertragsprüfung")
    assert skillmd.read(write(tmp_path, text, "vertragsprüfung"), strict=True).name == "vertragsprüfung"


def test_a_broken_field_costs_that_field_alone(tmp_path: Path) -> None:
    text = GOOD.replace("metadata:", "hooks: {a: [}\nmetadata:")
    found = skillmd.read(write(tmp_path, text))
    assert (found.description, found.metadata) == ("Reviews contracts.", {"version": "1.10"})


def test_a_lower_case_file_name_is_read_leniently(tmp_path: Path) -> None:
    folder = tmp_path / "contract-review"
    folder.mkdir()
    (folder / "skill.md").write_text(GOOD)
    assert "named skill.md" in " ".join(skillmd.read(folder).notes)
    with pytest.raises(PluginError, match="standard"):
        skillmd.read(folder, strict=True)


# --- the rest of the folder -------------------------------------------------------------------------------------------


def full(tmp_path: Path) -> Path:
    folder = write(tmp_path, GOOD + "See [the rules](references/rules.md) and [the form](<assets/form.html>#top).\n")
    for name in ("references/rules.md", "assets/form.html", "scripts/run.py", "helper.py", ".hidden/x", "a/b/c/d.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"this is {name}")
    (folder / "out.md").symlink_to(tmp_path.parent)
    (folder / "secret.md").symlink_to("/etc/passwd")
    (folder / "again.md").symlink_to(folder / "references" / "rules.md")
    return folder


def test_files_are_resources_read_when_asked_for(tmp_path: Path) -> None:
    folder = full(tmp_path)
    found = {each.name: each for each in resources_in(folder)}
    listed = {"references/rules.md", "assets/form.html", "scripts/run.py", "helper.py", "a/b/c/d.txt", "again.md"}
    assert found.keys() == listed, "nothing hidden, and no link that leads out"
    assert found["references/rules.md"].read() == b"this is references/rules.md"
    assert found["assets/form.html"].media_type == "text/html"
    (folder / "references" / "rules.md").unlink()
    with pytest.raises(PluginError, match=r"rules\.md"):
        found["references/rules.md"].read()
    assert "helper.py" not in {each.name for each in resources_in(folder, python=False)}


def test_a_model_names_files_as_the_skill_does(tmp_path: Path) -> None:
    files = resources_in(full(tmp_path))
    table = {
        "references/rules.md": "references/rules.md",
        "./references/rules.md": "references/rules.md",
        "references/rules.md#part-2": "references/rules.md",
        "rules.md": "references/rules.md",
        "${CLAUDE_PLUGIN_ROOT}/skills/contract-review/references/rules.md": "references/rules.md",
        "references\\rules.md": "references/rules.md",
        "../../etc/passwd": None,
        "nothing.md": None,
    }
    for said, name in table.items():
        found = find(files, said)
        assert (found.name if found else None) == name, said


def test_links_of_the_body(tmp_path: Path) -> None:
    body = "[a](references/a.md) [b](./b.md#x) ![c](assets/c.png) [d](https://example.com/d.md) [e](mailto:x@y) [f](/f)"
    assert linked(body) == ("references/a.md", "b.md", "assets/c.png")


def test_a_skill_reads_no_more_than_its_head_until_it_is_used(tmp_path: Path) -> None:
    folder = full(tmp_path)
    skill = renamed(skill_in(folder, origin="user"), "other:name")
    (folder / "SKILL.md").write_text(GOOD.replace("Read first.", "Read last.\u200b\x1b[2J"))
    assert skill.name == "other:name"
    assert skill.instructions == "# How\nRead last.", "what nobody sees, no model is told"
    assert any(each.name == "references/rules.md" for each in skill.resources)
    gone = skill_in(folder)
    (folder / "SKILL.md").unlink()
    with pytest.raises(PluginError, match=r"SKILL\.md"):
        print(gone.instructions)


def test_words_and_flags() -> None:
    assert frontmatter.words("Bash(git:*), Read  Edit") == ("Bash(git:*)", "Read", "Edit")
    assert frontmatter.words(None) == ()
    assert [frontmatter.flag(v) for v in ("True", "off", None, "maybe")] == [True, False, False, None]
    assert frontmatter.text_of({"a": ["b", None], "c": "d"}) == "a: b, ; c: d"
