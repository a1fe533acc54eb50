"""Marketplaces: lists of plugins (packages/marketplace.py) that a person added by name.

A marketplace is only looked into: a plugin of it is installed from the place that its entry names, with the same
question as any other.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import PluginError, ToolInputError
from copilot.plugins.sources.source import Progress, Source, parse
from copilot.workspace.save import make_private

if TYPE_CHECKING:
    from copilot.plugins.packages.marketplace import Listed, Marketplace

FILE = "marketplaces.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class Marketplaces:
    """The marketplaces that were added, in the state folder."""

    def __init__(self, state: Path) -> None:
        self._file = state / FILE

    def all(self) -> dict[str, str]:
        """Return the sources by name. Raises PluginError when the file is damaged."""
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise PluginError(
                f"{self._file} can't be read: {error}.", hint="Move it away and add them again."
            ) from None
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def add(self, text: str, into: Path, progress: Progress, *, name: str = "") -> tuple[str, list[str]]:
        """Add a marketplace and return its name and its plugins. Raises PluginError when there is no list in it."""
        source = parse(text)
        listed = _listing(source, into, progress)
        chosen = name or listed.name
        if not _NAME.match(chosen):
            raise PluginError(f"{chosen[:80]!r} is no name of a marketplace.", hint="Choose one with --name NAME.")
        self._write({**self.all(), chosen: source.text})
        return chosen, [each.name for each in listed.plugins]

    def remove(self, name: str) -> None:
        """Forget a marketplace; what was installed from it stays. Raises ToolInputError for an unknown one."""
        known = self.all()
        if name not in known:
            raise ToolInputError.unknown("marketplace", name, known)
        self._write({key: value for key, value in known.items() if key != name})

    def resolve(self, wanted: Source, into: Path, progress: Progress) -> Source:
        """Return where `plugin@marketplace` is fetched from. Raises PluginError or ToolInputError for unknown ones."""
        known = self.all()
        if wanted.place not in known:
            hint = "Add it with: everpilot plugins marketplace add SOURCE"
            raise PluginError(f"There is no marketplace {wanted.place!r}.", hint=hint)
        market = parse(known[wanted.place])
        plugins = {each.name: each for each in _listing(market, into, progress).plugins}
        if wanted.inside not in plugins:
            raise ToolInputError.unknown("plugin", wanted.inside, plugins, where=f"the marketplace {wanted.place}")
        listed = plugins[wanted.inside]
        found = _source_of(listed, market)
        # Only the marketplace knows what such a plugin is, so it is looked up there again for an update.
        return found if listed.strict else replace(found, text=wanted.text, entry=listed.entry)

    def _write(self, sources: Mapping[str, str]) -> None:
        make_private(self._file.parent)
        beside = self._file.with_suffix(f".{secrets.token_hex(4)}.tmp")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(dict(sorted(sources.items())), file, indent=1)
        beside.replace(self._file)


def _listing(source: Source, into: Path, progress: Progress) -> Marketplace:
    from copilot.plugins.packages.marketplace import listing
    from copilot.plugins.sources.fetching import fetch

    return listing(Path(source.place) if source.kind == "folder" else fetch(source, into, progress).path)


def _source_of(listed: Listed, market: Source) -> Source:
    """Return the source that an entry names: a folder of the marketplace itself, or a repository."""
    if listed.kind == "path":
        return _inside(market, listed.address)
    if listed.kind in ("npm", "pip"):
        raise PluginError(f"{listed.name} is a package of {listed.kind}, which is not fetched from a marketplace.")
    if listed.kind == "github" and not re.fullmatch(r"[\w.-]+/[\w.-]+", listed.address):
        raise PluginError(f"{listed.name} names {listed.address[:80]!r}, which is no repository.")
    address = f"https://github.com/{listed.address}" if listed.kind == "github" else listed.address
    path = listed.path.strip("./")
    return parse(address + (f"#{listed.ref}" if listed.ref or path else "") + (f":{path}" if path else ""))


def _inside(market: Source, path: str) -> Source:
    """Return a folder of the marketplace itself as a source."""
    relative = "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))
    if ".." in relative.split("/") or ":" in relative:
        raise PluginError(f"{path!r} leads out of the marketplace {market.text}.")
    if market.kind == "folder":
        place = (Path(market.place) / relative).resolve()
        if not place.is_relative_to(Path(market.place).resolve()):
            raise PluginError(f"{path!r} leads out of the marketplace {market.text}.")
        return parse(str(place))
    if market.kind != "git":
        raise PluginError(f"{market.text} is no folder and no repository.", hint="Unpack it and add the folder.")
    inside = "/".join(part for part in (market.inside, relative) if part)
    return parse(f"{market.place}#{market.ref}" + (f":{inside}" if inside else ""))
