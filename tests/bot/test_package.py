"""The app package: what Microsoft's schema and Teams' rules ask for, and what is said of settings that don't do."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import platformdirs
import pytest

from copilot.cli import main
from copilot.errors import PluginError, SettingsError
from copilot.hosts.bot import icons
from copilot.hosts.bot.commands import _COMMANDS
from copilot.hosts.bot.package import SCHEMAS, Listing, app_of, content, manifest
from copilot.plugins import app_package
from copilot.plugins.plugin import Reading
from copilot.sections.bot import BotSettings

APP = "11111111-2222-3333-4444-555555555555"
URL = "https://bot.example.com"
BOT = BotSettings(app_id=APP)
#: Of Microsoft's npm package with the published schemas (MIT).
VERSION = "1.1.2"


@pytest.fixture(scope="module")
def schemas() -> Path:
    """Return the folder of the published schemas, installed once into a cache folder."""
    folder = Path(platformdirs.user_cache_dir("everpilot-tests", appauthor=False)) / f"app-manifest-{VERSION}"
    npm = shutil.which("npm")
    if not npm and not folder.is_dir():
        pytest.skip("npm is not installed")
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            order = [
                str(npm),
                *["install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--prefix"],
                made,
            ]
            try:
                order.append(f"@microsoft/app-manifest@{VERSION}")
                subprocess.run(order, check=True, capture_output=True, timeout=60)
            except (subprocess.SubprocessError, OSError) as error:
                pytest.skip(f"@microsoft/app-manifest can't be installed: {error}")
            shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder / "node_modules/@microsoft/app-manifest/build/json-schemas/teams"


@pytest.mark.parametrize("version", SCHEMAS)
def test_it_is_as_the_published_schema_says(schemas: Path, version: str) -> None:
    schema = json.loads((schemas / f"v{version}" / "MicrosoftTeams.schema.json").read_text("utf-8"))
    for account in ("", "work"):
        for copilot in (True, False):
            bot = BotSettings(app_id=APP, account=account)
            made = manifest(bot, Listing(URL, schema=version, copilot=copilot))
            jsonschema.Draft4Validator(schema).validate(made)


def test_it_offers_what_the_bot_can_do_and_asks_for_no_more() -> None:
    made = manifest(BotSettings(app_id=APP, account="work"), Listing(f"{URL}/", version="2.3.4"))
    (bot,) = made["bots"]
    assert bot["botId"] == APP
    assert set(bot["scopes"]) == {"personal", "team", "groupChat", "copilot"}
    assert bot["supportsFiles"] is True
    assert manifest(BotSettings(app_id=APP, cloud="gov"), Listing(URL))["bots"][0]["supportsFiles"] is False
    titles = [command["title"] for command in bot["commandLists"][0]["commands"]]
    assert {"help", "files", "stop"} <= set(titles)
    assert set(titles) <= set(_COMMANDS)  # a word that is offered is one that is understood
    assert made["copilotAgents"]["customEngineAgents"][0]["id"] == APP
    assert made["webApplicationInfo"] == {"id": APP, "resource": f"api://botid-{APP}"}
    assert made["validDomains"] == ["bot.example.com"]
    assert made["version"] == "2.3.4"
    assert "authorization" not in made
    alone = manifest(BOT, Listing(URL, copilot=False))
    assert "copilot" not in alone["bots"][0]["scopes"]
    assert not {"copilotAgents", "webApplicationInfo"} & set(alone)


def test_a_bot_is_always_the_same_app_and_never_another_ones() -> None:
    assert app_of(APP) == app_of(APP.upper()) != app_of(APP.replace("5", "6"))
    made = manifest(BOT, Listing(URL))
    assert made["id"] != APP
    assert content(made) == content(manifest(BOT, Listing(URL)))


@pytest.mark.parametrize(
    ("bot", "changed", "words"),
    [
        ({"app_id": ""}, {}, "bot.app_id is not set"),
        ({"app_id": "everpilot"}, {}, "bot.app_id 'everpilot' is not of the form"),
        ({}, {"url": ""}, "--url is missing"),
        ({}, {"url": "http://bot.example.com"}, "does not begin with https://"),
        ({}, {"url": "https://127.0.0.1"}, "names no host of the internet"),
        ({}, {"url": "https://localhost"}, "names no host of the internet"),
        ({}, {"url": "https://[::1"}, "is no address"),
        ({}, {"url": "https://me:pw@bot.example.com"}, "has more than a host and a path"),
        ({}, {"url": " https://bot.example.com"}, "has a space in it"),
        ({}, {"url": "https://bot.example.com/a b"}, "has a space in it"),
        ({}, {"terms": "https://contoso.com/a b"}, "is no https address"),
        ({}, {"url": "https://bot.example.com:8443"}, "has more than a host and a path"),
        ({}, {"name": "x" * 31}, "name.short has 31 characters, and 30 are allowed"),
        ({}, {"full_name": "x" * 101}, "name.full has 101 characters, and 100 are allowed"),
        ({}, {"short": "x" * 81}, "description.short has 81 characters, and 80 are allowed"),
        ({}, {"full": "x" * 4001}, "description.full has 4,001 characters, and 4,000 are allowed"),
        ({}, {"developer": "x" * 33}, "developer.name has 33 characters, and 32 are allowed"),
        ({}, {"name": " "}, "name.short is empty"),
        ({}, {"name": "a\u202eb"}, "name.short has characters that nobody sees"),
        ({}, {"name": "a\u00adb"}, "name.short has characters that nobody sees"),
        ({}, {"name": "a\U000e0041"}, "name.short has characters that nobody sees"),
        ({}, {"short": "a\ud800"}, "description.short has characters that nobody sees"),
        ({}, {"version": "1.2.3-.."}, "--app-version '1.2.3-..' is not like 1.2.3"),
        ({}, {"version": "1.2.٣"}, "is not like 1.2.3"),
        ({}, {"privacy": "javascript:alert(1)"}, "--privacy 'javascript:alert(1)' is no https address"),
        ({}, {"version": "1.2"}, "--app-version '1.2' is not like 1.2.3"),
        ({}, {"schema": "1.19"}, "--schema 1.19 is not one of 1.22"),
    ],
)
def test_what_microsoft_would_refuse_is_not_written(bot: dict[str, Any], changed: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        manifest(BotSettings(**{"app_id": APP, **bot}), replace(Listing(URL), **changed))
    assert words in str(caught.value)


def test_our_own_reader_of_app_packages_reads_it(tmp_path: Path) -> None:
    """A bot runs elsewhere: it says so, and finds nothing else to say."""
    zipfile.ZipFile(io.BytesIO(content(manifest(BOT, Listing(URL))))).extractall(tmp_path)
    with pytest.raises(PluginError) as caught:
        app_package.read(tmp_path, Reading(tmp_path))
    assert "a custom engine agent is a bot that runs elsewhere" in str(caught.value)
    assert str(caught.value).count("is left out") == 1


# --- icons ------------------------------------------------------------------------------------------------------------


def pixels(png: bytes) -> list[list[tuple[int, ...]]]:
    """Return the rows of a PNG whose rows have no filter."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, size = 8, b"", 0
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            size, high, *rest = struct.unpack(">IIBBBBB", body)
            assert (size, rest) == (high, [8, 6, 0, 0, 0])
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, width = zlib.decompress(data), 1 + 4 * size
    rows = [raw[width * y : width * (y + 1)] for y in range(size)]
    assert all(row[0] == 0 for row in rows)
    return [[tuple(row[1 + 4 * x : 5 + 4 * x]) for x in range(size)] for row in rows]


def test_the_colour_icon_is_a_full_square_with_its_symbol_in_the_middle() -> None:
    rows = pixels(icons.color())
    assert len(rows) == 192
    plain = (*icons.ACCENT, 255)
    inked = [(x, y) for y, row in enumerate(rows) for x, pixel in enumerate(row) if pixel != plain]
    assert all(pixel[3] == 255 for row in rows for pixel in row)
    assert all(48 <= each < 144 for point in inked for each in point)
    assert len(inked) > 1_000


def test_the_outline_icon_is_white_on_transparent_without_room_around_it() -> None:
    rows = pixels(icons.outline())
    assert len(rows) == 32
    assert {pixel[:3] for row in rows for pixel in row} == {(255, 255, 255)}
    inked = [(x, y) for y, row in enumerate(rows) for x, pixel in enumerate(row) if pixel[3] > 128]
    for axis in (0, 1):
        assert (min(p[axis] for p in inked), max(p[axis] for p in inked)) == (0, 31)
    assert sum(pixel[3] == 0 for row in rows for pixel in row) > 400
    assert len(pixels(icons.small())) == 32


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's own settings, of a bot."""
    path = tmp_path / "own.toml"
    path.write_text(WHOLE)
    monkeypatch.setenv("EVERPILOT_CONFIG", str(path))
    return path


def test_the_command_writes_it_over_an_older_one(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bot.zip"
    out.write_text("old")
    words = ["bot", "package", "--url", URL, "--out", str(out), "--name", "Contoso", "--privacy", f"{URL}/privacy"]
    assert main([*words, "--dir", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    assert "name your own with --website, --terms." in said.err
    with zipfile.ZipFile(out) as package:
        assert sorted(package.namelist()) == ["color.png", "color32x32.png", "manifest.json", "outline.png"]
        made = json.loads(package.read("manifest.json"))
    assert made["name"]["short"] == "Contoso"
    assert made["developer"]["privacyUrl"] == f"{URL}/privacy"
    assert [each.name for each in tmp_path.iterdir() if "bot.zip" in each.name] == ["bot.zip"]


def test_where_nothing_can_be_written_that_is_said(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "missing" / "bot.zip"
    assert main(["bot", "package", "--url", URL, "--out", str(out), "--dir", str(tmp_path)]) == 1
    assert f"{out} can't be written: No such file or directory." in capsys.readouterr().err
    for folder, shown in ((str(tmp_path), str(tmp_path)), ("", ".")):
        assert main(["bot", "package", "--url", URL, "--out", folder, "--dir", str(tmp_path)]) == 1
        assert f"{shown} is a folder, and the package is a file." in capsys.readouterr().err


def test_settings_that_are_ignored_are_named(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "copilot.toml").write_text(f'[bot]\napp_id = "{APP}"\n')
    assert main(["bot", "package", "--url", URL, "--dir", str(tmp_path)]) == 2
    assert "[bot] is ignored: the folder is not trusted" in capsys.readouterr().err


# --- everpilot bot check ----------------------------------------------------------------------------------------------


def failed(settings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str = "", **env: str) -> dict[str, str]:
    """Return what is not in order, by its name."""
    from copilot.hosts.bot.checks import checks, question

    path = tmp_path / "own.toml"
    path.write_text(settings)
    monkeypatch.setenv("EVERPILOT_CONFIG", str(path))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return {each.name: each.text for each in checks(question(tmp_path, url=url, online=False)) if not each.ok}


MODEL = '[[models]]\nname = "own"\nprovider = "ollama"\nmodel = "qwen3"\n'
WHOLE = f'{MODEL}[bot]\napp_id = "{APP}"\ntenant = "{APP}"\nsecret_env = "BOT_SECRET"\n'
ACCOUNT = f'[accounts.work]\nconnector = "microsoft365"\nmethod = "on_behalf_of"\nclient_id = "{APP}"\n'


def test_a_bot_that_is_set_up_has_nothing_to_mend(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = f'{WHOLE}account = "work"\nwebchat = true\nwebchat_key_env = "PAGE_KEY"\n{ACCOUNT}'
    env = {"BOT_SECRET": "x", "PAGE_KEY": "k" * 20, "EVERPILOT_KEY": "k"}
    assert failed(whole, tmp_path, monkeypatch, URL, **env) == {}


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        (MODEL, "app", "bot.app_id is not set"),
        (WHOLE.replace(MODEL, ""), "models", "no model is set"),
        (WHOLE.replace("ollama", "openai"), "models", "OPENAI_API_KEY"),
        (f'{WHOLE}metrics_key_env = "UNSET"\n', "metrics", "UNSET is not set"),
        (WHOLE.replace(f'app_id = "{APP}"', 'app_id = "everpilot"'), "app", "is not of the form"),
        (WHOLE.replace("BOT_SECRET", "UNSET"), "proof", "UNSET is not set"),
        (WHOLE.replace('secret_env = "BOT_SECRET"', ""), "proof", "has no proof beside it"),
        (WHOLE.replace(f'tenant = "{APP}"', ""), "people", "nobody may talk to it"),
        (WHOLE.replace(f'tenant = "{APP}"', 'tenant = "contoso.com"'), "people", "'contoso.com' is no tenant ID"),
        (f'{WHOLE}tenants = ["*"]\n', "people", "anybody may talk to it"),
        (f"{WHOLE}webchat = true\n", "page", "set bot.webchat_key_env"),
        (f'{WHOLE}webchat = true\nwebchat_key_env = "UNSET"\n', "page", "UNSET is not set"),
        (f'{WHOLE}account = "work"\n', "sign-in", "there is no [accounts.work]"),
        (f'{WHOLE}account = "work"\n{ACCOUNT.replace("on_behalf_of", "token")}', "sign-in", 'method = "on_behalf_of"'),
        (f'{WHOLE}account = "work"\n{ACCOUNT.replace("5555", "6666")}', "sign-in", "client_id must be bot.app_id"),
        (f'database = "postgresql://nobody@127.0.0.1:1/x"\n{WHOLE}', "database", "can't be used"),
        (f'database = "mysql://x"\n{WHOLE}', "database", "is no address of a Postgres"),
    ],
)
def test_what_is_missing_is_named(
    settings: str, name: str, words: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = {"BOT_SECRET": "x", "EVERPILOT_KEY": "k"}
    found = failed(settings, tmp_path, monkeypatch, **env)
    assert words in found[name]
    assert set(found) <= {name, "settings"}


def test_the_command_says_each_and_fails_with_one(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BOT_SECRET", raising=False)
    assert main(["bot", "check", "--dir", str(tmp_path)]) == 1
    assert "FAIL proof: bot.secret_env: BOT_SECRET is not set." in capsys.readouterr().out
    monkeypatch.setenv("BOT_SECRET", "x")
    assert main(["bot", "check", "--json", "--url", URL, "--dir", str(tmp_path)]) == 0
    assert all(each["ok"] for each in json.loads(capsys.readouterr().out))
