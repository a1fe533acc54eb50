"""Each example of a plugin is installed and used by the very commands of its README, and does what that says."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from copilot import Copilot
from copilot.errors import PluginError
from copilot.settings import PluginSettings, Settings
from tests.acceptance.conftest import Everpilot
from tests.agent.scripted import Scripted
from tests.conftest import ROOT
from tests.warm import Warm

EXAMPLES = ROOT / "examples" / "plugins"
README = (EXAMPLES / "README.md").read_text("utf-8")
#: The form that `plugins list` names, and what each command says after the installation.
SAYS = {
    "house-style": ("skill", [r"\| prior to \| before \|"]),
    "bank-statement": ("skill", [r"1,850\.50 is left", r"Run by: python[\s\S]*export\.csv[\s\S]*in a terminal"]),
    "contract-desk": ("agent-plugins 1.0.0", [r"rules for counting"]),
    "meeting-kit": ("claude-plugin", [r"what was decided"]),
    "declarative-agent": ("m365-app 1.29", [r"up to 120 euros", r"Ann has 12 of 30 days left"]),
    "room-booking": (
        "api-plugin v2.4",
        [r"Birch[\s\S]*3rd floor[\s\S]*Seats", r"POST [\s\S]*/bookings\n[\s\S]*\"room\": \"r2\""],
    ),
    "ticket-desk": ("openapi 3.1", [r"printer", r"POST [\s\S]*/tickets\n[\s\S]*\"title\": \"The screen is dark\""]),
    "travel-expenses": ("mcp-servers", [r"44\.00 euros", r"tool claim\n +country: France\n +days: 2\n"]),
}
SERVERS = {"declarative-agent": ("Leave", "8097"), "room-booking": ("Rooms", "8098"), "ticket-desk": ("Desk", "8099")}


def commands(name: str) -> list[list[str]]:
    """The commands that the README has for an example, word by word."""
    section = README.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    return [
        shlex.split(line) for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()
    ]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The examples with their servers on free ports, and the folder's documents beside."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(EXAMPLES, root / "examples" / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "statement.csv").write_text("date,text,amount\n2026-05-01,Rent,-1250.00\n2026-05-03,Salary,3100.50\n")
    (root / "export.csv").write_text("date;text;amount\n01.05.2026;Rent;1.250,00-\n5 May 2026;Coffee;(3.2)\nx;y;z\n")
    (root / "rota.txt").write_text("Ann: Mon Tue Thu\nBob: Tue Wed\n")
    (root.parent / "own.toml").write_text('[plugins.auth.rooms]\nkind = "api_key"\napi_key_env = "ROOMS_KEY"\n')
    servers = [_server(root / "examples" / "plugins" / name, *how) for name, how in SERVERS.items()]
    yield root
    for server in servers:
        server.shutdown()
        server.server_close()


def _server(folder: Path, handler: str, port: str) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), runpy.run_path(str(folder / "server.py"))[handler])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    for path in (each for end in ("json", "yaml") for each in folder.glob(f"*.{end}")):
        path.write_text(
            path.read_text("utf-8").replace(f"127.0.0.1:{port}", f"127.0.0.1:{server.server_port}"), "utf-8"
        )
    return server


def test_the_readme_names_every_example() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert folders == {*SAYS, "functions", "entry-point"} == set(re.findall(r"^## (\S+)$", README, re.MULTILINE))


@pytest.mark.parametrize("name", SAYS)
def test_the_commands_of_an_example_do_what_they_say(name: str, examples: Path, warm: Warm | None) -> None:
    if name == "travel-expenses":
        pytest.importorskip("mcp")
    everpilot = Everpilot(examples, warm)
    everpilot.env |= {"ROOMS_KEY": "let-me-in", "EVERPILOT_CONFIG": str(examples.parent / "own.toml")}
    everpilot.env["PATH"] = f"{Path(sys.executable).parent}:{everpilot.env['PATH']}"
    form, says = SAYS[name]
    lines = commands(name)
    installs = [words for words in lines if words[1] == "plugins"]
    for words in installs:
        done = everpilot(*words[1:], *(["--yes"] if words[2] == "install" else []))
        assert (done.code, "refused" in done.out + done.err) == (0, False), done.out + done.err
    assert [row["form"] for row in everpilot("plugins", "list", "--json").json] == [form]
    for words, told in zip(lines[len(installs) :], says, strict=True):
        done = everpilot(*words[1:])
        assert re.search(told, done.out), done.out + done.err
        assert done.code == (3 if "To do it" in done.out else 0)


def test_the_script_of_an_example_runs_once_it_was_seen(office: Path, examples: Path) -> None:
    skill = examples / "examples" / "plugins" / "bank-statement"
    shutil.copy(examples / "export.csv", office)
    run = {"skill": "bank-statement", "script": "scripts/tidy.py", "arguments": ["export.csv"], "files": ["export.csv"]}
    copilot = Copilot(office, model=Scripted(script=[[("skills__run_script", run)], "Tidied."]), settings=_with(skill))
    asked = copilot.ask("tidy export.csv")
    assert "SHA-256" in str(asked.approvals)
    try:
        done = copilot.resume(asked.thread, approve=True)
    except PluginError as error:
        pytest.skip(str(error))
    assert done.text == "Tidied."
    (told,) = [m.text for m in copilot._model.seen[-1] if m.type == "tool"]  # type: ignore[union-attr]
    if "sandbox" in told:
        pytest.skip(told)
    assert "line 4: no date: 'x'" in told
    assert "tidy.csv" in told


def test_what_goes_out_by_call_is_done_once_a_person_said_so(examples: Path) -> None:
    copilot = Copilot(examples, settings=_with(examples / "examples" / "plugins" / "ticket-desk"))
    for said, status in ((False, "ask"), (True, "done")):
        seen: list[str] = []

        def decide(shown: list[dict[str, Any]], said: bool = said, seen: list[str] = seen) -> bool:
            seen.append(str(shown))
            return said

        args = {"title": "The lift sings"}
        assert copilot.call("ticket-desk.create_ticket", args, mode="yes", decide=decide)["status"] == status
        assert "The lift sings" in seen[0]
    assert copilot.call("ticket-desk.list_tickets", {})["text"].count("The lift sings") == 1


def _with(*paths: Path) -> Settings:
    return Settings(plugins=PluginSettings(paths=[str(path) for path in paths]))


def test_functions_are_tools_of_a_program(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "functions" / "deadlines.py"))["main"](str(office))
    assert "10 working days after 2026-05-01 is Friday, 2026-05-15." in capsys.readouterr().out


def test_a_package_is_found_by_its_entry_point(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip leaves it: the package, and beside it the metadata that its pyproject.toml says."""
    import tomllib

    source = examples / "examples" / "plugins" / "entry-point"
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    shutil.copytree(source / "office_days", tmp_path / "site" / "office_days")
    info = tmp_path / "site" / "office_days-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["copilot.skills"]
    (info / "entry_points.txt").write_text("[copilot.skills]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    asked = commands("entry-point")[-1][-1]
    answer = Copilot(examples, env={}).ask(asked)
    assert "On Tue, Ann, Bob are in." in answer.text
