"""The app package for Teams and Microsoft 365: `manifest.json`, three icons, in one zip.

Sources: Microsoft, "App manifest" and its JSON schema (tests check against it), "Teams app package", "Update manifest
for bot SSO", "Custom engine agents". The bot itself runs elsewhere; the package holds no secret.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import category
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from copilot.errors import SettingsError, WorkspaceError
from copilot.hosts.bot import icons
from copilot.hosts.bot.clouds import WITH_FILES
from copilot.sections.bot import BotSettings

#: Versions of the manifest in which all that is written here has the same meaning, from the oldest to the newest.
#: The oldest is the first with a custom engine agent's disclaimer.
SCHEMAS = ("1.22", "1.23", "1.24", "1.25", "1.26", "1.27", "1.28", "1.29", "1.30")
_SCHEMA = "https://developer.microsoft.com/json-schemas/teams/v{}/MicrosoftTeams.schema.json"
#: Characters that the schema allows.
_LONGEST = {
    "name.short": 30,
    "name.full": 100,
    "description.short": 80,
    "description.full": 4_000,
    "developer.name": 32,
    "developer.websiteUrl": 2_048,
    "developer.privacyUrl": 2_048,
    "developer.termsOfUseUrl": 2_048,
    "version": 256,
}
_DESCRIPTION = (
    "Ask about documents, or have them changed: attach Word, Excel, PowerPoint or PDF files and say what you need. "
    "Answers name the places that they rest on. Every change is shown exactly before it is made, and only what you "
    "approved is done."
)
_DISCLAIMER = "Answers are made by AI and can be wrong: look at the places that they name before you rely on them."
#: What a person can choose in place of typing, with what it does.
_COMMANDS = (
    ("help", "What I can do for you"),
    ("files", "Which files of yours I have"),
    ("undo", "Take back my last change"),
    ("new", "Begin a new conversation"),
    ("stop", "Stop what I am doing; what was approved before stays saved"),
)
_SIGN_OUT = ("sign out", "Forget your sign-in")
_SPACE = re.compile(r"\s")
_WORDS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(rf"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-{_WORDS})?(?:\+{_WORDS})?", re.ASCII)
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
#: Kinds of characters (Unicode's general categories) that nobody sees: control, format, half of a pair, separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True)
class Listing:
    """What people see of the app before they talk to it. `url` is where the bot is reached; pages left out are there.

    `version` is that of this program unless it is given; Teams takes an update only under a higher one.
    """

    url: str
    name: str = "Everpilot"
    full_name: str = ""
    short: str = "Works with your documents, and shows each change before it is made."
    full: str = _DESCRIPTION
    developer: str = "Everpilot"
    website: str = ""
    privacy: str = ""
    terms: str = ""
    version: str = ""
    schema: str = SCHEMAS[-1]
    copilot: bool = True


def manifest(bot: BotSettings, listing: Listing) -> dict[str, Any]:
    """Return `manifest.json`. Raises SettingsError that names everything in it that Microsoft would refuse."""
    made = _made(bot, listing)
    if wrong := list(_problems(made, bot, listing)):
        raise SettingsError(f"The app package can't be made: {'; '.join(wrong)}.", hint="See docs/teams.md.")
    return made


def content(manifest: Mapping[str, Any]) -> bytes:
    """Return the zip: the same bytes for the same manifest."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    files = {"manifest.json": text.encode(), "color.png": icons.color(), "outline.png": icons.outline()}
    files["color32x32.png"] = icons.small()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)  # the time is that of the format's beginning, always
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            package.writestr(entry, data)
    return out.getvalue()


def write(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write the package, over one of before. Raises WorkspaceError."""
    if not path.name or path.is_dir():
        raise WorkspaceError(f"{path} is a folder, and the package is a file.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content(manifest))
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise WorkspaceError(f"{path} can't be written: {error.strerror or error}.") from error


def app_of(app_id: str) -> str:
    """Return the id of the app in Teams: always the same for a bot, so that a new package is an update of the old."""
    return str(uuid5(NAMESPACE_URL, f"everpilot:bot:{app_id.strip().lower()}"))


def resource(app_id: str) -> str:
    """Return the application ID URI that Teams asks tokens of people for, as Microsoft wants it for a bot alone."""
    return f"api://botid-{app_id}"


def _made(bot: BotSettings, listing: Listing) -> dict[str, Any]:
    url = listing.url.rstrip("/")
    made = {
        "$schema": _SCHEMA.format(listing.schema),
        "manifestVersion": listing.schema,
        "version": listing.version or _version(),
        "id": app_of(bot.app_id),
        "developer": {
            "name": listing.developer,
            "websiteUrl": listing.website or url,
            "privacyUrl": listing.privacy or url,
            "termsOfUseUrl": listing.terms or url,
        },
        "localizationInfo": {"defaultLanguageTag": "en"},
        "name": {"short": listing.name, "full": listing.full_name or listing.name},
        "description": {"short": listing.short, "full": listing.full},
        "icons": {"color": "color.png", "outline": "outline.png", "color32x32": "color32x32.png"},
        "accentColor": "#{:02X}{:02X}{:02X}".format(*icons.ACCENT),
        "defaultInstallScope": "personal",
        "defaultGroupCapability": {"team": "bot", "groupchat": "bot", "meetings": "bot"},
        "bots": [_bot(bot, listing)],
        "permissions": ["identity"],
        "validDomains": [_host(url)],
    }
    if bot.account:
        made["webApplicationInfo"] = {"id": bot.app_id, "resource": resource(bot.app_id)}
    if listing.copilot:
        agent = {"id": bot.app_id, "type": "bot", "disclaimer": {"text": _DISCLAIMER}}
        made["copilotAgents"] = {"customEngineAgents": [agent]}
    return made


def _bot(bot: BotSettings, listing: Listing) -> dict[str, Any]:
    alone = ["personal", "copilot"] if listing.copilot else ["personal"]
    words = [*_COMMANDS, _SIGN_OUT] if bot.account else _COMMANDS
    commands = [{"title": title, "description": text} for title, text in words]
    return {
        "botId": bot.app_id,
        "scopes": [*alone, "team", "groupChat"],
        "supportsFiles": bot.cloud in WITH_FILES,
        "isNotificationOnly": False,
        "commandLists": [
            {"scopes": alone, "commands": commands},
            {"scopes": ["team", "groupChat"], "commands": commands},
        ],
    }


def _version() -> str:
    """Return the version of this program as semantic versioning has it: three numbers."""
    from importlib.metadata import version

    numbers = re.match(r"(?:\d+!)?(\d+)(?:\.(\d+))?(?:\.(\d+))?", version("everpilot"))
    return ".".join(each or "0" for each in numbers.groups()) if numbers else "0.0.0"


# --- checks -----------------------------------------------------------------------------------------------------------


def _problems(made: Mapping[str, Any], bot: BotSettings, listing: Listing) -> Iterator[str]:
    """Yield what is wrong, each as a part of a sentence."""
    if why := app_id_problem(bot.app_id):
        yield why
    if listing.schema not in SCHEMAS:
        yield f"--schema {listing.schema} is not one of {', '.join(SCHEMAS)}"
    if not _VERSION.fullmatch(made["version"]):
        yield f"--app-version {made['version']!r} is not like 1.2.3 (semver.org)"
    if why := url_problem(listing.url):
        yield why
    pages = {"--website": listing.website, "--privacy": listing.privacy, "--terms": listing.terms}
    for name, page in pages.items():
        if page and not (page.startswith("https://") and _host(page) and not _SPACE.search(page)):
            yield f"{name} {page!r} is no https address"
    yield from _text_problems(made)


def _text_problems(made: Mapping[str, Any]) -> Iterator[str]:
    for name, most in _LONGEST.items():
        text = _at(made, name)
        if not text.strip() and not name.endswith("Url"):
            yield f"{name} is empty"
        if len(text) > most:
            yield f"{name} has {len(text):,} characters, and {most:,} are allowed"
        if any(category(character) in _UNSEEN for character in text):
            yield f"{name} has characters that nobody sees"


def app_id_problem(app_id: str) -> str:
    """Return what is wrong with the setting `bot.app_id`, "" for nothing."""
    if not app_id:
        return "bot.app_id is not set: it is the client ID of the bot's registration in Entra"
    return "" if _is_guid(app_id) else f"bot.app_id {app_id!r} is not of the form 00000000-0000-0000-0000-000000000000"


def url_problem(url: str) -> str:
    """Return what is wrong with the bot's public address, "" for nothing."""
    if not url:
        return "--url is missing: the address at which Teams reaches the bot, like https://bot.example.com"
    try:
        parts = urlsplit(url)
        plain = parts.port is None and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        return f"--url {url!r} is no address"
    if parts.scheme != "https":
        return f"--url {url!r} does not begin with https://, and Teams calls no other"
    if not _HOST.fullmatch(_host(url)):
        return f"--url {url!r} names no host of the internet (names in other alphabets: as xn--...)"
    if _SPACE.search(url):
        return f"--url {url!r} has a space in it"
    return "" if plain else f"--url {url!r} has more than a host and a path"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _at(made: Mapping[str, Any], name: str) -> str:
    for key in name.split("."):
        made = made[key]
    return str(made)


def _is_guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
