"""What the published manifests write otherwise than the published schema, brought into its form; each repair is told.

With (a) to (c) the official samples of v2.1 to v2.4 validate against the official schemas:
(a) `namespace` is derived from `name_for_human`, (b) `auth.type` is matched without regard to case, and `auth.Type` is
read as it, (c) a missing `auth` is None. Beyond that, what the vendor's own tools leave behind: variables of theirs
(`${{NAME}}`), a version without its "v", and manifests of version 1, which described one OpenAPI document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from copilot.plugins.skill import Problem, Severity

AUTH_TYPES = ("None", "OAuthPluginVault", "ApiKeyPluginVault")
#: `${{NAME}}`, as the vendor's toolkit writes what it fills in from `.env` files when it packs an app.
_VARIABLE = re.compile(r"\$\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_DEEPEST = 60


@dataclass
class Normalised:
    """A manifest in the schema's form, and what was repaired."""

    value: dict[str, Any]
    where: str
    problems: list[Problem] = field(default_factory=list)

    def tell(self, place: str, reason: str, severity: Severity = "repaired") -> None:
        """Take note of a repair."""
        self.problems.append(Problem(f"{self.where}#{place}" if place else self.where, reason, severity))


def normalised(manifest: Mapping[str, Any], where: str, env: Mapping[str, str] | None = None) -> Normalised:
    """Return the manifest in the schema's form; the one that was given is not changed. Never raises."""
    made = Normalised(deepcopy(dict(manifest)), where)
    _fill(made, env or {})
    _version(made)
    if made.value.get("schema_version") == "v1":
        _first_version(made)
    _namespace(made)
    runtimes = made.value.get("runtimes")
    for number, runtime in enumerate(runtimes if isinstance(runtimes, list) else []):
        if isinstance(runtime, dict):
            _auth(made, runtime, f"runtimes[{number}]")
    return made


def variables(text: str, env: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return a text with the packing tool's variables filled in, and the names of those that are not set; they stay."""
    unset = list(dict.fromkeys(match[1] for match in _VARIABLE.finditer(text) if match[1] not in env))
    return _VARIABLE.sub(lambda match: env.get(match[1], match[0]), text), unset


def _namespace(made: Normalised) -> None:
    """(a): derive a missing namespace."""
    if isinstance(made.value.get("namespace"), str) and made.value["namespace"].strip():
        return
    name = made.value.get("name_for_human")
    derived = re.sub(r"[^A-Za-z0-9]", "", name) if isinstance(name, str) else ""
    made.value["namespace"] = derived or "plugin"
    made.tell("namespace", f"namespace is missing; {made.value['namespace']!r} is derived from name_for_human.")


def _auth(made: Normalised, runtime: dict[str, Any], place: str) -> None:
    """(b) and (c): the kind of sign-in of a runtime."""
    auth = runtime.get("auth")
    if auth is None:
        runtime["auth"] = {"type": "None"}
        made.tell(f"{place}.auth", "auth is missing; None is taken.")
        return
    if isinstance(auth, str):
        runtime["auth"] = auth = {"type": auth}
        made.tell(f"{place}.auth", "auth is a text; it is read as its type.")
    if not isinstance(auth, dict):
        return
    if "type" not in auth and "Type" in auth:
        auth["type"] = auth.pop("Type")
        made.tell(f"{place}.auth", "Type is read as type.")
    given = auth.get("type")
    folded = {name.lower(): name for name in AUTH_TYPES}
    if isinstance(given, str) and given not in AUTH_TYPES and given.strip().lower() in folded:
        auth["type"] = folded[given.strip().lower()]
        made.tell(f"{place}.auth.type", f"{given!r} is read as {auth['type']!r}.")


def _version(made: Normalised) -> None:
    given = made.value.get("schema_version")
    text = str(given).strip().lower() if isinstance(given, str | float | int) else ""
    text = text if text.startswith("v") or not text else f"v{text}"
    text = "v1" if text in ("v1.0", "v1.0.0") else text
    if text and text != given:
        made.tell("schema_version", f"{given!r} is read as {text!r}.")
        made.value["schema_version"] = text


def _first_version(made: Normalised) -> None:
    """Bring a manifest of version 1 (`api`, `auth` at the top) into the form of version 2."""
    value = made.value
    api, auth = value.pop("api", None), value.pop("auth", None)
    if not isinstance(api, dict) or str(api.get("type", "openapi")).lower() != "openapi":
        return
    signs_in = str(auth.get("type", "none")).lower() if isinstance(auth, dict) else "none"
    kind = {"none": "None", "oauth": "OAuthPluginVault"}.get(signs_in, "ApiKeyPluginVault")
    reference = {} if kind == "None" else {"reference_id": str(value.get("name_for_model") or "plugin")}
    value["runtimes"] = [{"type": "OpenApi", "auth": {"type": kind, **reference}, "spec": {"url": api.get("url", "")}}]
    if isinstance(named := value.pop("name_for_model", None), str):
        value.setdefault("namespace", re.sub(r"[^A-Za-z0-9-]", "", named))
    value["schema_version"] = "v2.1"
    made.tell("", "version 1 of the manifest is read as version 2.1 with one OpenAPI runtime.")


def _fill(made: Normalised, env: Mapping[str, str]) -> None:
    """Fill in variables of the vendor's toolkit; one that is not set stays in an address, and leaves its name in a
    reference and nothing anywhere else."""
    told: set[str] = set()

    def filled(text: str, key: str) -> str:
        def put(match: re.Match[str]) -> str:
            name = match[1]
            if name not in told:
                told.add(name)
                state = "is filled in" if name in env else "is not set"
                made.tell("", f"the variable {name} of the packing tool {state}.", "noted")
            return env.get(name, {"reference_id": name, "url": match[0]}.get(key, ""))

        return _VARIABLE.sub(put, text)

    made.value = _mapped(made.value, filled)


def _mapped(value: Any, filled: Any, key: str = "", depth: int = 0) -> Any:
    if isinstance(value, str):
        return filled(value, key) if "${{" in value else value
    if depth > _DEEPEST:
        return value
    if isinstance(value, dict):
        return {k: _mapped(v, filled, str(k), depth + 1) for k, v in value.items()}
    return [_mapped(v, filled, key, depth + 1) for v in value] if isinstance(value, list) else value
