"""The container file, the Compose file and what they mount name what there is: files, commands, settings, variables."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from copilot import cli
from copilot._database import dsn
from copilot.settings import Settings, parsed
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the container file, each with its arguments."""
    lines = [line for line in (ROOT / "Containerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in whole.splitlines() if line.strip()]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return found


def variables() -> set[str]:
    """Return the names of the secrets that the examples name."""
    examples = (DEPLOY / f"{name}.env.example" for name in ("bot", "postgres"))
    return {name for each in examples for name in re.findall(r"^(\w+)=", each.read_text("utf-8"), re.MULTILINE)}


def settings() -> Settings:
    return parsed(tomllib.loads((DEPLOY / "copilot.toml").read_text("utf-8")), "deploy/copilot.toml")


def command(words: list[str]) -> Any:
    """Return a command as our own command line reads it."""
    return cli._command_parser(words[0]).parse_args(words[1:])


# --- the image --------------------------------------------------------------------------------------------------------


def test_it_builds_from_what_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = [rest for name, rest in instructions() if name == "COPY" and not rest.startswith("--")]
    for source in (each for rest in copied for each in shlex.split(rest)[:-1]):
        assert (ROOT / source).exists(), source
        assert source.removeprefix("./") in kept
    assert all((ROOT / each).exists() for each in kept)
    built = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = {*built["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"], built["project"]["readme"]}
    assert needed | set(built["project"]["license-files"]) <= kept


def test_it_installs_extras_that_there_are_and_the_bot_is_among_them() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (extras,) = [rest.partition("=")[2] for name, rest in instructions() if name == "ARG"]
    names = extras.split(",")
    brought = " ".join(project["optional-dependencies"][name][0] for name in names)
    assert {"bot", "jobs"} <= set(re.findall(r"[\w-]+", brought)) | set(names)


def test_it_runs_as_nobody_in_particular_and_holds_no_secret() -> None:
    order = [name for name, _ in instructions()]
    last = dict(instructions())
    user = last["USER"].split(":")[0]
    assert user.isdecimal()
    assert int(user) >= 1_000
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert all(":" in rest.split()[0] for name, rest in instructions() if name == "FROM")
    told = " ".join(rest for name, rest in instructions() if name in ("ENV", "ARG"))
    assert not variables() & set(re.findall(r"\w+", told))


def test_its_command_serves_and_its_health_check_asks_a_page_that_there_is() -> None:
    from copilot.hosts.bot import app

    last = dict(instructions())
    assert json.loads(last["ENTRYPOINT"]) == ["everpilot"]
    served = command(json.loads(last["CMD"]))
    assert (served.action, served.host, served.port) == ("serve", "0.0.0.0", int(last["EXPOSE"]))
    (port, page) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", last["HEALTHCHECK"])[0]
    assert int(port) == served.port
    assert f'"{page}"' in Path(str(app.__file__)).read_text("utf-8")


# --- the composition --------------------------------------------------------------------------------------------------


def test_every_service_runs_a_command_that_there_is() -> None:
    ours = {name: each for name, each in compose()["services"].items() if each["image"] == "everpilot"}
    replicas = [name for name, each in ours.items() if each["command"][:2] == ["bot", "serve"]]
    assert len(replicas) == 2
    for each in ours.values():
        command(each["command"])
        assert each["read_only"] is True
        assert each["tmpfs"] == ["/tmp"]
        assert each["cap_drop"] == ["ALL"]
    grace = compose()["services"][replicas[0]]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > Settings().bot.drain_seconds + 15
    for line in (ROOT / "compose.yaml").read_text("utf-8").splitlines():
        if found := re.search(r"run --rm bot-a (.*)", line):
            command(shlex.split(found[1]))


def test_what_is_mounted_is_there() -> None:
    whole = compose()
    written = {rest for name, rest in instructions() if name == "VOLUME"}
    (ours,) = map(json.loads, written)
    for name, service in whole["services"].items():
        for mount in service["volumes"]:
            source, target = mount.split(":")[:2]
            if source.startswith("."):
                assert (ROOT / source).is_file(), mount
            else:
                assert source in whole["volumes"], mount
                assert target in ours or service["image"] != "everpilot", f"{name}: {target} belongs to root"
        for file in service.get("env_file", []):
            assert (ROOT / f"{file}.example").is_file()
            assert any(fnmatch.fnmatch(file, line) for line in (ROOT / ".gitignore").read_text("utf-8").splitlines())
        assert set(service.get("depends_on", {})) <= set(whole["services"])
    assert set(whole["volumes"]) == {
        mount.split(":")[0] for each in whole["services"].values() for mount in each["volumes"] if mount[0] != "."
    }


def test_the_database_is_told_none_of_the_secrets_of_the_bot() -> None:
    files = {name: service.get("env_file", []) for name, service in compose()["services"].items()}
    assert files["postgres"] == ["deploy/postgres.env"]
    assert set(files["postgres"]) < set(files["bot-a"])
    assert not files["balancer"]


def test_every_service_says_how_it_is() -> None:
    for service in compose()["services"].values():
        of_image = service["image"] == "everpilot" and "healthcheck" not in service
        assert of_image or service["healthcheck"]
        assert not service["image"].endswith(":latest")


def test_the_balancer_asks_the_replicas_for_a_page_that_there_is() -> None:
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    (upstreams,) = re.findall(r"reverse_proxy (.*) \{", text)
    for each in upstreams.split():
        name, port = each.split(":")
        assert port in compose()["services"][name]["expose"]
    assert "health_uri /ready" in text
    assert "header_up" not in text  # Host stays, and who asked is told
    assert "$EVERPILOT_DOMAIN" in text
    assert "EVERPILOT_DOMAIN" in compose()["services"]["balancer"]["environment"]


def test_the_settings_are_settings_and_name_secrets_of_the_example() -> None:
    chosen = settings()
    assert chosen.bot.secret_env in variables()
    env = dict.fromkeys(variables(), "a/b")
    database = dsn(chosen.database, env)
    assert "@postgres:5432/everpilot" in database
    assert compose()["services"]["postgres"]["environment"]["POSTGRES_DB"] == "everpilot"
    files = [mount.split(":")[1] for mount in compose()["services"]["bot-a"]["volumes"]]
    assert any(Path(chosen.bot.files).is_relative_to(each) for each in files)
    text = (DEPLOY / "copilot.toml").read_text("utf-8")
    assert set(re.findall(r'_env = "(\w+)"', text)) <= variables()


@pytest.mark.parametrize(
    "comment", re.findall(r"^# (\w+) = (.*?)(?: +#.*)?$", (DEPLOY / "copilot.toml").read_text("utf-8"), re.M)
)
def test_what_the_settings_show_as_a_comment_is_a_setting(comment: tuple[str, str]) -> None:
    name, value = comment
    parsed({"bot": {name: tomllib.loads(f"x = {value}")["x"]}}, "deploy/copilot.toml")


# --- what the pages say of it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["teams.md", "bot.md"])
def test_the_commands_of_the_pages_are_commands(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8").replace("\\\n", " ")
    shells = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    found = re.findall(r"^(?:.* )?(?:everpilot|run --rm bot-a) (bot [^#\n]*)", shells, re.MULTILINE)
    found += re.findall(r"^ExecStart=\S+/everpilot (.*)$", text, re.MULTILINE)
    assert len(found) > 2
    for words in found:
        command(shlex.split(words))


def test_the_metrics_that_the_page_names_are_those_that_there_are() -> None:
    from copilot.hosts.bot.metrics import Metrics

    counted = Metrics().text()[0].decode()
    there = {name for name in re.findall(r"# TYPE (\w+)", counted) if not name.endswith("_created")}
    named = set(re.findall(r"`(everpilot_bot_\w+)", (ROOT / "docs" / "bot.md").read_text("utf-8")))
    assert named == there


def test_the_settings_that_the_pages_show_are_settings() -> None:
    for page in ("teams.md", "bot.md"):
        for block in re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL):
            parsed(tomllib.loads(block), page)
