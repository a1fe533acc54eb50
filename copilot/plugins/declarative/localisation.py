"""The words of an app package in a person's language: `[[key]]` and the language files that `localizationInfo` names.

The default language's file comes first, then the one that fits the person best (RFC 4647, section 3.4, lookup).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.declarative.fields import Fields, Notes, brief
from copilot.plugins.files import PluginFiles

#: A text that is a key as a whole; keys are letters, digits and _ ("Localize your agent").
_KEY = re.compile(r"\A\s*\[\[\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*\]\]\s*\Z")
_MOST_LANGUAGES = 100
_MOST_BYTES = 1_000_000
#: Variables that say which language messages are to be in, the first that is set (POSIX, 8.2).
_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


@dataclass(frozen=True)
class Strings:
    """What the keys mean, and what the app's own fields are by their paths ("name.short")."""

    keys: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def localised(self, text: str, place: str, notes: Notes) -> str:
        """Return the words of a text that is a key; any other as it is. A key that nobody explains is reported."""
        match = _KEY.match(text)
        if not match:
            return text
        if match[1] in self.keys:
            return self.keys[match[1]]
        told = f"{place} is the key [[{brief(match[1])}]], and no language file says what it means; its name is shown."
        notes.add(told, "repaired")
        return match[1].replace("_", " ")


def language_of(env: Mapping[str, str]) -> str:
    """Return the person's language as a tag ("de-at"), "" where the environment says none."""
    named = next((env[name] for name in _VARIABLES if env.get(name)), "")
    tag = named.partition(".")[0].partition("@")[0].replace("_", "-").lower()
    return "" if tag in ("c", "posix") else tag


def strings(app: Fields, files: PluginFiles, language: str) -> Strings:
    """Return the words of an app package for a language; a file that can't be read is reported and left out."""
    info = app.object("localizationInfo")
    if info is None:
        return Strings()
    chosen = [info.raw("defaultLanguageFile")] if info.has("defaultLanguageFile") else []
    more = {
        each.raw("languageTag").lower(): each.raw("file")
        for each in info.objects("additionalLanguages", _MOST_LANGUAGES)
    }
    if fitting := _best(language, info.raw("defaultLanguageTag").lower(), more):
        chosen.append(more[fitting])
    found = [_read(files, path, app.notes) for path in dict.fromkeys(chosen) if path]
    return Strings(_joined(each[0] for each in found), _joined(each[1] for each in found))


def _best(wanted: str, default: str, offered: Mapping[str, str]) -> str:
    """Return the offered tag that fits best, "" where the default does as well or none does."""
    tag = wanted
    while tag:
        if tag == default:
            return ""
        if tag in offered:
            return tag
        if near := [each for each in sorted(offered) if each.split("-")[0] == tag]:
            return "" if default.split("-")[0] == tag else near[0]
        tag = tag.rpartition("-")[0]
    return ""


def _read(files: PluginFiles, path: str, notes: Notes) -> tuple[dict[str, str], dict[str, str]]:
    try:
        value = files.json(path)
    except PluginError as error:
        notes.add(f"A language file is left out: {error}", "unsupported")
        return {}, {}
    if not isinstance(value, dict):
        notes.add(f"The language file {brief(path)!r} holds no object, and is left out.", "unsupported")
        return {}, {}
    keys = value.get("localizationKeys")
    return _texts(keys if isinstance(keys, dict) else {}), _texts(value)


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): text for name, text in value.items() if isinstance(text, str)}


def _joined(maps: Any) -> dict[str, str]:
    joined: dict[str, str] = {}
    for each in maps:
        joined |= each
    return joined
