"""Settings: `copilot.toml` in the folder, then the user's, as checked models.

A folder's `copilot.toml` may come with documents that somebody sent. Until the user trusts it (once, bound to its
content), it may only choose among what is the user's already; see `_untrusted_wishes`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, model_validator

from copilot._home import home as home
from copilot.errors import SettingsError
from copilot.sections.accounts import AccountSettings as AccountSettings
from copilot.sections.accounts import WebSettings as WebSettings
from copilot.sections.bot import BotSettings as BotSettings
from copilot.sections.jobs import JobSettings as JobSettings
from copilot.sections.levels import Level as Level
from copilot.sections.levels import StepName as StepName
from copilot.sections.models import KEY_SOURCES as KEY_SOURCES
from copilot.sections.models import BudgetSettings as BudgetSettings
from copilot.sections.models import Deadlines as Deadlines
from copilot.sections.models import EntraSettings as EntraSettings
from copilot.sections.models import ModelSettings as ModelSettings
from copilot.sections.models import Price as Price
from copilot.sections.models import RecordSettings as RecordSettings
from copilot.sections.models import RoutingSettings as RoutingSettings
from copilot.sections.places import HistorySettings as HistorySettings
from copilot.sections.places import PlaceSettings as PlaceSettings
from copilot.sections.plugins import McpServerSettings as McpServerSettings
from copilot.sections.plugins import McpSettings as McpSettings
from copilot.sections.plugins import PluginAuth as PluginAuth
from copilot.sections.plugins import PluginSettings as PluginSettings
from copilot.sections.plugins import ServiceSettings as ServiceSettings
from copilot.sections.skills import SandboxSettings as SandboxSettings
from copilot.sections.skills import SkillSettings as SkillSettings
from copilot.sections.skills import ToolSettings as ToolSettings
from copilot.sections.table import Table
from copilot.sections.trust import AuditSettings as AuditSettings
from copilot.sections.trust import ToolRule as ToolRule
from copilot.sections.trust import TrustSettings as TrustSettings

FILE_NAME = "copilot.toml"


class Settings(Table):
    """Everything that can be set. All of it has a default: an empty file is a good configuration."""

    models: list[ModelSettings] = Field(default_factory=list)
    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    budgets: BudgetSettings = Field(default_factory=BudgetSettings)
    records: RecordSettings = Field(default_factory=RecordSettings)
    trust: TrustSettings = Field(default_factory=TrustSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    accounts: dict[str, AccountSettings] = Field(default_factory=dict)
    web: WebSettings = Field(default_factory=WebSettings)
    skills: SkillSettings = Field(default_factory=SkillSettings)
    plugins: PluginSettings = Field(default_factory=PluginSettings)
    mcp: McpSettings = Field(default_factory=McpSettings)
    history: HistorySettings = Field(default_factory=HistorySettings)
    places: PlaceSettings = Field(default_factory=PlaceSettings)
    tools: ToolSettings = Field(default_factory=ToolSettings)
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings)
    database: str = Field(
        default="",
        description="Where conversations and durable runs are kept: postgresql://..., for several workers or replicas; "
        "'' for files in the state folder. The password: in $PGPASSWORD or ~/.pgpass, or as $NAME in the address.",
    )
    jobs: JobSettings = Field(default_factory=JobSettings)
    bot: BotSettings = Field(default_factory=BotSettings)
    notes: list[str] = Field(default_factory=list, exclude=True, description="What was ignored, and why.")
    project_skills: list[str] = Field(
        default_factory=list, exclude=True, description="Where a trusted folder says that its own skills lie."
    )

    @model_validator(mode="after")
    def _names(self) -> Settings:
        names = [m.name for m in self.models]
        if twice := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"models: the name {min(twice)!r} is used twice")
        return self


def user_file() -> Path:
    """Return where the user's own `copilot.toml` is looked for (`EVERPILOT_CONFIG` names another file)."""
    import platformdirs

    if chosen := os.environ.get("EVERPILOT_CONFIG"):
        return Path(chosen).expanduser()
    if os.environ.get("EVERPILOT_HOME"):
        return home() / FILE_NAME
    return Path(platformdirs.user_config_dir("everpilot", appauthor=False)) / FILE_NAME


def load(folder: Path) -> Settings:
    """Return the settings for work in `folder`: its `copilot.toml` over the user's. Raises SettingsError."""
    named = bool(os.environ.get("EVERPILOT_CONFIG"))
    users, _ = _read(user_file(), must_exist=named)
    path = folder / FILE_NAME
    folders, digest = _read(path)
    parsed(folders, str(path))  # a mistake is told even where the setting would be ignored
    notes: list[str] = []
    if folders and _trusted().get(str(path.resolve())) != digest:  # of the very bytes that were parsed
        notes = [f"{path}: {wish}" for wish in _untrusted_wishes(folders, _names_in(users))]
        if "budgets" in folders:
            folders["budgets"] = _tightest(users.get("budgets", {}), folders["budgets"])
        if notes:
            notes.append(f"To allow it, look at the file and run: everpilot trust {folder}")
    projects = _own_skills(folder, folders, users)
    settings = parsed({**users, **folders}, str(path if folders else user_file()))
    settings.project_skills.extend(projects)
    settings.notes.extend(notes)
    return settings


def _own_skills(folder: Path, folders: dict[str, Any], users: dict[str, Any]) -> list[str]:
    """Return where a folder's settings say that its skills lie; the user's own paths take their place.

    To trust the settings is not to trust the code: each such skill is trusted by its own content (plugins/projects.py).
    """
    skills = folders.get("skills", {})
    paths = [str(folder / Path(path).expanduser()) for path in skills.pop("paths", [])]
    if skills or paths:
        folders["skills"] = {**skills, "paths": users.get("skills", {}).get("paths", [])}
    return paths


def _read(path: Path, *, must_exist: bool = False) -> tuple[dict[str, Any], str]:
    """Return a settings file as data, and the SHA-256 of the bytes it was read from; empty when there is none."""
    try:
        content = path.read_bytes()
        return tomllib.loads(content.decode("utf-8-sig")), hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"EVERPILOT_CONFIG names {path}, which does not exist.") from None
        return {}, ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no valid TOML: {error}.", hint="Mend the file or move it away.") from None
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}.") from error


def parsed(data: dict[str, Any], where: str) -> Settings:
    """Return checked settings out of plain data. Raises SettingsError, whose message begins with `where`."""
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(p) for p in e['loc']) or 'file'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise SettingsError(f"{where}: {problems}.", hint="See docs/settings.md for what can be set.") from None


def _names_in(data: dict[str, Any]) -> set[str]:
    models = data.get("models")
    return {str(e.get("name")) for e in models if isinstance(e, dict)} if isinstance(models, list) else set()


#: Tables that only the user's own file, or a trusted folder, decides.
_USERS_OWN = (
    *("trust", "skills", "accounts", "web", "plugins", "mcp"),
    *("records", "audit", "history", "places", "sandbox", "database", "jobs", "bot"),
)


def _untrusted_wishes(data: dict[str, Any], users: set[str]) -> list[str]:
    """Take out of `data` what a folder may not decide by itself, and return what was taken out, in words.

    What stays: servers on this machine and, unless the user has chosen models (named `users`), well-known vendors at
    their own address with their own key variable, and installed classes: what the data could reach without this file.
    """
    wishes = []
    kept = []
    for entry in data.get("models", []):
        if not _may_wish(entry, chosen=bool(users)):
            wishes.append(f"model {entry.get('name')!r} is ignored: the folder is not trusted to say where data goes")
        else:
            kept.append(entry)
    if wishes:
        names = (_names_in({"models": kept}) or users) | {"builtin"}
        if "order" in (routing := data.get("routing", {})):
            routing["order"] = [n for n in routing["order"] if n in names]
        data["models"] = kept
        if not kept:  # an empty list would take the place of the user's
            del data["models"]
    for table in _USERS_OWN:
        if data.pop(table, None) is not None:
            wishes.append(f"[{table}] is ignored: the folder is not trusted")
    return wishes


def _tightest(users: dict[str, Any], folders: dict[str, Any]) -> dict[str, Any]:
    """Return budgets of which each is the smaller one: a folder that is not trusted may only tighten them."""
    return {name: min(t[name] for t in (users, folders) if name in t) for name in {**users, **folders}}


#: What a folder that is not trusted may say of a model: not a command or a store that keys come from.
_WISHES = frozenset(
    {
        *("name", "provider", "model", "base_url", "api_key_env", "max_confidentiality", "deadlines", "options"),
        *("window", "output", "tools", "parallel_tools", "vision", "json_schema", "reasoning", "dialect"),
    }
)
#: What opens gates: it may be claimed of a server on this machine only.
_CLAIMS = frozenset({"region", "retention_days", "price", "budget"})
#: Providers whose model is a file: a crafted one attacks its reader.
_READS_FILES = frozenset({"local"})


def _may_wish(entry: dict[str, Any], *, chosen: bool) -> bool:
    """Return whether a folder that is not trusted may bring this model. Text among the options can be an address."""
    plain = all(isinstance(value, bool | int | float) for value in entry.get("options", {}).values())
    plain = plain and set(entry) <= _WISHES | _CLAIMS and entry.get("provider") not in _READS_FILES
    if (url := entry.get("base_url")) is not None:
        return plain and _is_loopback(url)
    mine = not chosen and not entry.get("api_key_env") and not _CLAIMS & set(entry)
    return plain and mine and entry.get("max_confidentiality") != "restricted"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trust_file() -> Path:
    return home() / "trusted.json"


def _trusted() -> dict[str, str]:
    try:
        found = json.loads(_trust_file().read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        print(f"everpilot: {_trust_file()} can't be read ({error}); no folder is trusted.", file=sys.stderr)
        return {}
    return found if isinstance(found, dict) else {}


def trusted_files() -> dict[str, str]:
    """Return the settings files that the user has trusted, with the SHA-256 that each had then."""
    return _trusted()


def trust(path: Path, content: bytes | None = None) -> None:
    """Record that the user trusts this file as it is now, or as it was shown (`content`); a change voids it."""
    if not path.is_file():
        raise SettingsError(f"There is no {path} to trust.")
    digest = hashlib.sha256(path.read_bytes() if content is None else content).hexdigest()
    _keep_trusted({**_trusted(), str(path.resolve()): digest})


def distrust(path: Path) -> bool:
    """Take the trust in this file back; False if it had none."""
    trusted = _trusted()
    if trusted.pop(str(path), None) is None:
        return False
    _keep_trusted(trusted)
    return True


def _keep_trusted(trusted: dict[str, str]) -> None:
    beside = _trust_file().with_suffix(".tmp")
    beside.write_text(json.dumps(trusted, indent=1), "utf-8")
    beside.chmod(0o600)
    beside.replace(_trust_file())
