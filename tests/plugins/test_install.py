"""Installing from real things: folders, zips, git repositories, wheels, marketplaces; updates, rollbacks, kills."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot.errors import PluginError, ToolInputError
from copilot.plugins import lockfile
from copilot.plugins.discovery import discover
from copilot.plugins.examine import read
from copilot.plugins.installed import Installed
from copilot.plugins.lockfile import Entry
from copilot.plugins.managing import Manager, pinned
from copilot.plugins.plugin import Reading
from copilot.plugins.scaffold import make
from copilot.plugins.sources import pypi
from copilot.plugins.sources.marketplaces import Marketplaces
from copilot.plugins.sources.source import parse, silent
from copilot.plugins.trusting import Decisions

TOOLS = '''
from copilot import ToolContext, tool
open(__file__ + ".ran", "w").close()

@tool(effect="EFFECT")
def look(ctx: ToolContext, words: str) -> str:
    """Look something up."""
    return words
'''


def skill(folder: Path, *, text: str = "Do it.", tools: str = "", name: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    head = f"---\nname: {name or folder.name}\ndescription: Helps with orders. Use it for orders.\n---\n"
    (folder / "SKILL.md").write_text(head + text)
    if tools:
        (folder / "__init__.py").write_text("")
        (folder / "tools.py").write_text(TOOLS.replace("EFFECT", tools))
    return folder


@pytest.fixture
def manager(home: Path) -> Manager:
    return Manager(Installed(home), Reading(home))


def install(manager: Manager, source: object, name: str = "") -> Entry:
    with manager.offer(str(source), name=name) as offer:
        return manager.keep(offer)


def loaded(manager: Manager) -> list[str]:
    return [each.entry.name for each in manager.installed.loadable()[0]]


# --- folders ----------------------------------------------------------------------------------------------------------


def test_nothing_of_a_plugin_runs_before_it_is_trusted(manager: Manager, tmp_path: Path, home: Path) -> None:
    folder = skill(tmp_path / "orders", tools="read")
    with manager.offer(str(folder)) as offer:
        shown = offer.candidate.shown
        assert [(tool.name, tool.effect) for tool in shown.tools] == [("orders.look", "read")]
        assert shown.programs == ("__init__.py", "tools.py")
        assert offer.installed is None
    assert manager.installed.entries() == {}
    assert [p.name for p in (home / "installed").iterdir()] == []
    assert not list(tmp_path.rglob("*.ran")) + list(home.rglob("*.ran"))
    entry = install(manager, folder)
    assert not list(home.rglob("*.ran"))
    place = manager.installed.root(entry)
    assert place.name == "orders"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (home / "installed").rglob("*")}
    assert modes == {0o600, 0o700}
    plugins, problems = discover(Reading(home))
    assert [tool.name for tool in plugins[0].skills[0].tools] == ["orders.look"]
    assert problems == []
    assert place.joinpath("tools.py.ran").exists()


def test_what_was_altered_or_is_not_trusted_any_more_is_named_and_not_loaded(
    manager: Manager, tmp_path: Path, home: Path
) -> None:
    entry = install(manager, skill(tmp_path / "orders"))
    install(manager, skill(tmp_path / "bills"))
    assert loaded(manager) == ["bills", "orders"]
    file = manager.installed.place(entry) / "SKILL.md"
    file.write_text(file.read_text() + "Obey me.")
    found, problems = manager.installed.loadable()
    assert [each.entry.name for each in found] == ["bills"]
    assert "SKILL.md changed" in problems[0].reason
    assert "everpilot plugins install" in problems[0].reason
    Decisions(home).revoke(home / "installed" / "bills")
    assert loaded(manager) == []
    install(manager, tmp_path / "orders")
    assert loaded(manager) == ["orders"]
    manager.installed.lock.write_text("broken")
    assert "plugins.lock" in manager.installed.loadable()[1][0].reason


def test_an_update_says_what_grows_and_can_be_taken_back(manager: Manager, tmp_path: Path) -> None:
    folder = skill(tmp_path / "orders", tools="read")
    first = install(manager, folder)
    with manager.newer("orders") as offer:
        assert offer.same
    manager.installed.data("orders").joinpath("kept").write_text("x")
    skill(folder, text="Do more.", tools="send")
    (folder / "run.sh").write_text("echo")
    with manager.newer("orders") as offer:
        assert offer.difference is not None
        assert offer.difference.grown == ("tool orders.look goes from read to send", "new program run.sh")
        assert offer.difference.changed == ("SKILL.md changed", "run.sh is new", "tools.py changed")
        second = manager.keep(offer)
    assert second.previous_sha256 == first.sha256
    assert loaded(manager) == ["orders"]
    back = manager.installed.rollback("orders")
    assert (back.sha256, back.previous_sha256) == (first.sha256, second.sha256)
    assert loaded(manager) == ["orders"]
    assert manager.installed.data("orders").joinpath("kept").exists()
    assert manager.installed.rollback("orders").sha256 == second.sha256
    for number in range(3):
        skill(folder, text=f"Version {number}")
        install(manager, folder)
    assert len([p for p in (manager.installed.folder / "orders").iterdir() if p.is_dir()]) == 2


def test_disabled_removed_and_purged(manager: Manager, tmp_path: Path, home: Path) -> None:
    install(manager, skill(tmp_path / "orders"))
    manager.installed.enable("orders", False)
    assert loaded(manager) == []
    skill(tmp_path / "orders", text="More.")
    assert install(manager, tmp_path / "orders").enabled is False
    manager.installed.enable("orders", True)
    assert loaded(manager) == ["orders"]
    manager.installed.data("orders")
    manager.installed.remove("orders")
    assert (home / "plugin-data" / "orders").is_dir()
    assert not (home / "installed" / "orders").exists()
    assert Decisions(home).all() == []
    with pytest.raises(ToolInputError, match="orders"):
        manager.installed.remove("orders")
    install(manager, tmp_path / "orders")
    manager.installed.remove("orders", purge=True)
    assert not (home / "plugin-data" / "orders").exists()


def test_a_name_from_elsewhere_is_not_taken_over(manager: Manager, tmp_path: Path) -> None:
    install(manager, skill(tmp_path / "orders"))
    other = skill(tmp_path / "other" / "orders")
    with pytest.raises(PluginError, match="--name"), manager.offer(str(other)):
        pass
    assert install(manager, other, "orders-2").name == "orders-2"
    assert loaded(manager) == ["orders", "orders-2"]


# --- kills ------------------------------------------------------------------------------------------------------------


def killed(work: Callable[[], None]) -> None:
    """Run it in a process that is killed in the middle."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("moment", ["while it is fetched", "before the move", "before the trust", "before the lock"])
def test_a_kill_in_the_middle_leaves_the_old_version(
    moment: str, manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = skill(tmp_path / "orders")
    first = install(manager, folder)
    skill(folder, text="New.")

    def work() -> None:
        if moment == "while it is fetched":
            manager._progress = die
        places = {
            "before the move": (manager.installed, "_move"),
            "before the trust": (manager.installed._decisions, "trust"),
            "before the lock": (lockfile, "write"),
        }
        if moment in places:
            monkeypatch.setattr(*places[moment], die)
        with manager.newer("orders") as offer:
            manager.keep(offer)

    killed(work)
    assert manager.installed.entries()["orders"].sha256 == first.sha256
    assert loaded(manager) == ["orders"]
    assert install(manager, folder).sha256 != first.sha256
    assert not [p for p in manager.installed.folder.iterdir() if p.name.startswith(".coming")]
    assert loaded(manager) == ["orders"]


# --- git --------------------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always")
    env = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "HOME")}
    done = subprocess.run(["git", *who, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = skill(tmp_path / "orders-repo", name="orders")
    skill(folder / "more" / "bills")
    git(folder, "init", "-q", "-b", "main")
    (folder / ".gitattributes").write_text("*.md filter=evil\n")
    git(folder, "config", "filter.evil.smudge", f"touch {tmp_path / 'ran'}; cat")
    (folder / ".git" / "hooks" / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    (folder / ".git" / "hooks" / "post-checkout").chmod(0o755)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "v1")
    return folder


def test_git_by_branch_tag_commit_and_folder(
    manager: Manager, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With everything in place that could make git run something: none of it does."""
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {tmp_path / 'ran'}")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    (tmp_path / "me").mkdir()
    hooks = f"[core]\n\thooksPath = {repository / '.git' / 'hooks'}\n"
    hooks += f'[filter "evil"]\n\tsmudge = touch {tmp_path}/ran\n'
    (tmp_path / "me" / ".gitconfig").write_text(hooks)
    url = f"file://{repository}"
    first = git(repository, "rev-parse", "HEAD")
    entry = install(manager, url)
    assert (entry.name, entry.resolved, entry.base) == ("orders", f"commit {first}", "orders")
    (repository / "SKILL.md").write_text((repository / "SKILL.md").read_text() + "More.")
    git(repository, "commit", "-qam", "two")
    with manager.newer("orders") as offer:
        assert offer.difference is not None
        assert offer.difference.changed == ("SKILL.md changed",)
        assert manager.keep(offer).resolved != entry.resolved
    assert install(manager, f"{url}#v1", "tagged").resolved == f"commit {first}"
    assert install(manager, f"{url}#{first}", "commit").sha256 == manager.installed.entries()["tagged"].sha256
    assert install(manager, f"{url}#:more/bills").name == "bills"
    assert not (tmp_path / "ran").exists()
    assert not list(manager.installed.folder.rglob(".git"))


def test_git_failures_say_what_to_do(manager: Manager, repository: Path, tmp_path: Path) -> None:
    url = f"file://{repository}"
    for source, words in (
        (f"{url}#none", "behind the #"),
        (f"{url}#:none", "It has: more"),
        (f"{url}#--upload-pack=x", "no branch"),
        (f"{url}#main:../x", "leads out"),
        (f"file://{tmp_path}/nothing", "address"),
        ("ext::sh -c touch% x", "no file"),
        ("git://example.com/x.git", "git is not used"),
        ("http://example.com/x.git", "http is not used"),
        ("https://me:secret@example.com/x.git", "password"),
        ("https://example.com/x.zip", "Download it"),
    ):
        with pytest.raises(PluginError, match=words) as refused, manager.offer(source):
            pass
        assert "secret" not in str(refused.value)
    (repository / "out.md").symlink_to("/etc/hostname")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "link")
    with pytest.raises(PluginError, match="leads out"), manager.offer(url):
        pass
    assert manager.installed.entries() == {}


# --- wheels -----------------------------------------------------------------------------------------------------------


def wheel(folder: Path, name: str, files: dict[str, str], *, points: str = "", needs: str = "") -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + (f"Requires-Dist: {needs}\n" if needs else "")
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    more = {f"{info}/METADATA": metadata, f"{info}/WHEEL": tags, f"{info}/RECORD": ""}
    if points:
        more[f"{info}/entry_points.txt"] = f"[copilot.skills]\n{points}\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in {**files, **more}.items():
            archive.writestr(path, text)


def test_wheels_are_downloaded_unpacked_and_not_run(
    manager: Manager, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pip")
    index = tmp_path / "index"
    folder = skill(tmp_path / "orders", tools="read")
    files = {f"acme/orders/{p.name}": p.read_text() for p in folder.iterdir()}
    wheel(index, "acme", {"acme/__init__.py": "1 / 0", **files}, points="orders = acme.orders", needs="httpx>=1")
    wheel(index, "pure", {"pure/__init__.py": "skill = 1 / 0"}, points="x = pure:skill")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    with manager.offer("pypi:acme==1.0") as offer:
        assert any("httpx>=1" in problem.reason for problem in offer.candidate.shown.problems)
        entry = manager.keep(offer)
    assert (entry.name, entry.resolved, entry.base) == ("orders", "1.0", "orders")
    assert not list(home.rglob("*.ran"))
    with pytest.raises(PluginError, match="pip install pure"), manager.offer("pypi:pure"):
        pass
    for requirement in ("acme @ https://example.com/a.whl", "--index-url=x", "acme; python_version>'3'", "a b"):
        with pytest.raises(PluginError, match=r"requirement|more than a name"), manager.offer(f"pypi:{requirement}"):
            pass
    assert "acme" not in sys.modules


# --- single files, marketplaces, locks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ERROR: No matching distribution found for acme", "found for acme. Check name and version"),
        ("WARNING: Retrying after connection broken by NewConnectionError\nERROR: None", "offline"),
        ("", "no reason"),
    ],
)
def test_why_nothing_was_downloaded(said: str, words: str) -> None:
    assert words in str(pypi._not_downloaded("acme", said))


def test_a_single_file_and_a_zip(manager: Manager, tmp_path: Path) -> None:
    servers = {"mcpServers": {"clock": {"command": "clock-server", "args": ["--utc"]}}}
    (tmp_path / "mcp.json").write_text(json.dumps(servers))
    with manager.offer(str(tmp_path / "mcp.json")) as offer:
        assert offer.candidate.shown.servers == {"clock": "clock-server --utc"}
        entry = manager.keep(offer)
    assert manager.installed.root(entry).name == "mcp.json"
    assert loaded(manager) == [entry.name]
    folder = skill(tmp_path / "orders")
    with zipfile.ZipFile(tmp_path / "download.zip", "w") as archive:
        archive.write(folder / "SKILL.md", "orders-main/SKILL.md")
    assert install(manager, tmp_path / "download.zip").base == "orders"
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.json").write_text('{"hello": 1}')
    for nothing in ("empty", "notes.json"):
        with pytest.raises(PluginError), manager.offer(str(tmp_path / nothing)):
            pass


def test_a_server_in_the_plugins_folder_is_the_same_after_an_update(manager: Manager, tmp_path: Path) -> None:
    folder = make("clock", "mcp", tmp_path).folder
    install(manager, folder)
    (folder / "README.md").write_text("New.")
    with manager.newer("clock") as offer:
        assert "${PLUGIN_ROOT}/server.py" in offer.candidate.shown.servers["clock"]
        assert offer.difference is not None
        assert (offer.difference.grown, offer.difference.changed) == ((), ("README.md changed",))
    servers = json.loads((folder / "mcp.json").read_text())
    servers["mcpServers"]["clock"]["args"].append("--all")
    (folder / "mcp.json").write_text(json.dumps(servers))
    with manager.newer("clock") as offer:
        assert offer.difference is not None
        assert "--all (was" in offer.difference.grown[0]


def test_a_marketplace_is_added_and_installed_from(manager: Manager, tmp_path: Path, home: Path) -> None:
    market = tmp_path / "market"
    skill(market / "plugins" / "orders" / "skills" / "orders")
    (market / "plugins" / "orders" / ".claude-plugin").mkdir()
    (market / "plugins" / "orders" / ".claude-plugin" / "plugin.json").write_text('{"name": "orders"}')
    (market / ".claude-plugin").mkdir()
    entries = [
        {"name": "orders", "source": "./plugins/orders"},
        {"name": "evil", "source": {"source": "github", "repo": "../../x"}},
    ]
    listed = {"name": "acme", "owner": {"name": "A"}, "plugins": entries}
    (market / ".claude-plugin" / "marketplace.json").write_text(json.dumps(listed))
    with pytest.raises(PluginError, match="marketplace add"), manager.offer("orders@acme"):
        pass
    name, plugins = Marketplaces(home).add(str(market), tmp_path / "x", silent)
    assert (name, "orders" in plugins) == ("acme", True)
    assert install(manager, "orders@acme").source == str(market / "plugins" / "orders")
    with pytest.raises(ToolInputError, match="orders"), manager.offer("order@acme"):
        pass
    with pytest.raises((PluginError, ToolInputError)), manager.offer("evil@acme"):
        pass
    Marketplaces(home).remove("acme")
    assert Marketplaces(home).all() == {}


def test_of_a_marketplace_only_the_plugin_that_was_named_is_installed(
    manager: Manager, tmp_path: Path, home: Path
) -> None:
    """As anthropics/skills lists its plugins: each is the whole repository, and the entry names what of it is meant."""
    market = tmp_path / "market"
    for name in ("docx", "pdf", "art"):
        skill(market / "skills" / name)
    (market / "LICENSE.txt").write_text("MIT")
    (market / "setup.py").write_text("1 / 0")
    (market / ".claude-plugin").mkdir()
    entries = [
        {"name": "papers", "source": "./", "strict": False, "skills": ["./skills/docx", "./skills/pdf"]},
        {"name": "pictures", "source": "./", "strict": False, "skills": ["./skills/art"]},
        {"name": "escape", "source": "./", "strict": False, "skills": ["../../x"]},
    ]
    listed = {"name": "shop", "owner": {"name": "A"}, "plugins": entries}
    (market / ".claude-plugin" / "marketplace.json").write_text(json.dumps(listed))
    Marketplaces(home).add(str(market), tmp_path / "x", silent)
    entry = install(manager, "papers@shop")
    assert (entry.name, entry.form, entry.source) == ("papers", "claude-plugin", "papers@shop")
    shown = manager.shown(entry)
    assert (set(shown.skills), shown.programs) == ({"docx", "pdf"}, ())
    assert "LICENSE.txt" in shown.files
    assert set(manager.shown(install(manager, "pictures@shop")).skills) == {"art"}
    with manager.newer("papers") as offer:
        assert offer.same
    with pytest.raises(PluginError, match="leads out"), manager.offer("escape@shop"):
        pass


def test_what_tests_leave_behind_is_no_part_of_a_plugin(manager: Manager, tmp_path: Path) -> None:
    folder = skill(tmp_path / "orders")
    first = install(manager, folder)
    for name in (".pytest_cache", ".ruff_cache", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / "x").write_text("x")
    with manager.newer("orders") as offer:
        assert offer.content.digest == first.sha256


def test_a_lock_installs_exactly_what_it_names(manager: Manager, repository: Path, tmp_path: Path) -> None:
    entry = install(manager, f"file://{repository}")
    manager.installed.remove("orders")
    (repository / "SKILL.md").write_text((repository / "SKILL.md").read_text() + "Evil.")
    git(repository, "commit", "-qam", "two")
    with manager.exactly(entry, tmp_path) as offer:
        assert manager.keep(offer).sha256 == entry.sha256
    folder = install(manager, skill(tmp_path / "bills"))
    skill(tmp_path / "bills", text="Other.")
    with pytest.raises(PluginError, match="other content"), manager.exactly(folder, tmp_path):
        pass
    assert pinned(parse("pypi:acme>=1"), "1.2").place == "acme==1.2"


def test_what_is_no_source_is_told(tmp_path: Path) -> None:
    for text in ("", "-x", "a\nb"):
        with pytest.raises(PluginError, match="no source"):
            parse(text)
    with pytest.raises(PluginError, match="pypi:invoices"):
        parse("invoices", here=tmp_path)
    with pytest.raises(PluginError, match="There is no"):
        parse("./invoices.zip", here=tmp_path)
    assert parse("git@github.com:a/b.git#v1").kind == "git"
    assert parse("https://github.com/a/b#main:sub/dir").inside == "sub/dir"


def test_the_credentials_that_a_plugin_asks_for_are_shown_and_new_ones_are_told(
    manager: Manager, tmp_path: Path
) -> None:
    """By a server's entry, and by a document with security: a person sees them before they trust it."""
    plugin = tmp_path / "crm"
    plugin.mkdir()
    entry = {"type": "http", "url": "https://crm.example/mcp"}
    (plugin / ".mcp.json").write_text(json.dumps({"mcpServers": {"crm": entry}}))
    install(manager, plugin)
    (plugin / ".mcp.json").write_text(json.dumps({"mcpServers": {"crm": {**entry, "auth": "crm-key"}}}))
    with manager.newer("crm") as offer:
        assert offer.candidate.shown.credentials == ("crm-key",)
        assert offer.candidate.shown.to_dict()["credentials"] == ["crm-key"]
        assert offer.difference is not None
        assert "asks for the credential crm-key" in offer.difference.grown
    api = {"openapi": "3.1.0", "info": {"title": "CRM", "version": "1"}, "servers": [{"url": "https://crm.example"}]}
    scheme = {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X"}}}
    paths = {"/a": {"get": {"operationId": "look", "responses": {"200": {"description": "OK"}}}}}
    place = tmp_path / "api"
    place.mkdir()
    for more, asked in (({}, ()), ({"components": scheme}, ("crm",))):
        (place / "openapi.json").write_text(json.dumps({**api, "paths": paths, **more}))
        assert read(place, Reading(tmp_path)).references == asked
