"""The closed objects of the manifest's schema: which fields each has, of which type, and how long they may be.

From the published schemas v2.1 to v2.4 and their documentation ("Plugin manifest schema 2.4 for Microsoft 365
Copilot"). A field that is not named is reported and ignored; names that start with x- are anybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from copilot.trust.sanitise import safe_text

Types = type | tuple[type, ...]
#: Characters of a text that has no limit of its own ("String length").
MOST_TEXT = 4_096
#: Fields of one object; a function has no more parameters than that.
MOST_FIELDS = 500


@dataclass(frozen=True, slots=True)
class Shape:
    """One closed object: types of its fields, those that must be there, limits of texts (the rest may be ignored)."""

    fields: Mapping[str, Types]
    required: tuple[str, ...] = ()
    limits: Mapping[str, int] | None = None
    open: bool = False
    values: Mapping[str, tuple[str, ...]] | None = None


MANIFEST = Shape(
    {
        **dict.fromkeys(("$schema", "schema_version", "name_for_human", "namespace"), str),
        **dict.fromkeys(("description_for_model", "description_for_human", "logo_url", "contact_email"), str),
        **dict.fromkeys(("legal_info_url", "privacy_policy_url"), str),
        **dict.fromkeys(("functions", "runtimes"), list),
        "capabilities": dict,
    },
    ("schema_version", "name_for_human", "namespace", "description_for_human"),
    {"name_for_human": 20, "description_for_human": 100, "description_for_model": 2048},
)
FUNCTION = Shape(
    {
        **dict.fromkeys(("id", "name", "description"), str),
        **dict.fromkeys(("parameters", "returns", "states", "capabilities"), dict),
    },
    ("name",),
)
PARAMETERS = Shape({"type": str, "properties": dict, "required": list}, ("properties",))
PARAMETER = Shape(
    {
        "type": str,
        "items": dict,
        "enum": list,
        "description": str,
        "default": (str, bool, int, float, list),
    },
    ("type",),
    values={"type": ("string", "array", "boolean", "integer", "number")},
)
RETURNS = Shape({"type": str, "description": str, "$ref": str}, values={"type": ("string",)})
STATES = Shape({"reasoning": dict, "responding": dict, "disengaging": dict})
STATE = Shape({"description": str, "instructions": (str, list), "examples": (str, list)})
CAPABILITIES = Shape({"confirmation": dict, "response_semantics": dict, "security_info": dict})
CONFIRMATION = Shape(
    {"type": str, "title": str, "body": str, "isNonConsequential": bool}, values={"type": ("None", "AdaptiveCard")}
)
SEMANTICS = Shape(
    {"data_path": str, "properties": dict, "static_template": dict, "oauth_card_path": str}, ("data_path",)
)
SEMANTIC_PROPERTIES = Shape(
    dict.fromkeys(
        ("title", "subtitle", "url", "thumbnail_url", "information_protection_label", "template_selector"), str
    )
)
SECURITY = Shape({"data_handling": list}, ("data_handling",))
RUNTIME = Shape(
    {"type": str, "auth": dict, "run_for_functions": list, "spec": dict, "output_template": str},
    ("type", "auth", "spec"),
    open=True,
    values={"type": ("OpenApi", "LocalPlugin", "RemoteMCPServer")},
)
AUTH = Shape(
    {"type": str, "reference_id": str},
    ("type",),
    open=True,
    values={"type": ("None", "OAuthPluginVault", "ApiKeyPluginVault")},
)
SPECS: dict[str, Shape] = {
    "OpenApi": Shape(
        {"url": str, "api_description": str, "progress_style": str},
        open=True,
        limits={"api_description": 32_000_000},
        values={"progress_style": ("None", "ShowUsage", "ShowUsageWithInput", "ShowUsageWithInputAndOutput")},
    ),
    "LocalPlugin": Shape(
        {"local_endpoint": str, "allowed_host": list},
        ("local_endpoint",),
        open=True,
        values={"local_endpoint": ("Microsoft.Office.Addin",)},
    ),
    "RemoteMCPServer": Shape({"url": str, "mcp_tool_description": dict}, ("url",), open=True),
}
PLUGIN_CAPABILITIES = Shape({"conversation_starters": list})
STARTER = Shape({"text": str, "title": str}, ("text",))

DATA_HANDLING = ("GetPublicData", "GetPrivateData", "DataTransform", "DataExport", "ResourceStateUpdate")
#: What came with a later version than a manifest's own: read all the same, and reported.
SINCE = {"RemoteMCPServer": 4, "LocalPlugin": 1, "file": 4, "security_info": 2}

#: What older samples and tools left in manifests, and what it means to us.
LEFT_OVER = {
    "localization": "texts in other languages are not used",
    "enable_dynamic_discovery": "the server is asked for its tools anyway",
    "rendering_templates": "it is of an older form than response_semantics",
}

Tell = Callable[[str, str], None]


def checked(value: Any, shape: Shape, place: str, tell: Tell) -> dict[str, Any]:
    """Return the fields of an object that are as they should be; `tell(place, reason)` of all others.

    Null is as if the field were not there. A text beyond its limit is kept whole, and told.
    """
    if not isinstance(value, dict):
        tell(place, f"it is {kind(value)}, and must be an object.")
        return {}
    kept: dict[str, Any] = {}
    for name, given in list(value.items())[:MOST_FIELDS]:
        if given is not None and _fits(str(name), given, shape, place, tell):
            kept[name] = given
    for name in shape.required:
        if name not in kept:
            tell(_at(place, name), "it is missing." if value.get(name) is None else "it is left out.")
    return kept


def _fits(name: str, given: Any, shape: Shape, place: str, tell: Tell) -> bool:
    at = _at(place, name)
    if name not in shape.fields:
        if not (shape.open and name.startswith("x-")):
            tell(at, LEFT_OVER.get(name, "the schema has no such field; it is ignored") + ".")
        return False
    wanted = shape.fields[name]
    right = isinstance(given, wanted) and (not isinstance(given, bool) or wanted is bool or isinstance(wanted, tuple))
    if not right:
        tell(at, f"it is {kind(given)}, and must be {_named(wanted)}; it is ignored.")
        return False
    if isinstance(given, str):
        _check_text(name, given, shape, at, tell)
    return True


def _check_text(name: str, given: str, shape: Shape, at: str, tell: Tell) -> None:
    limit = (shape.limits or {}).get(name, MOST_TEXT)
    if len(given) > limit:
        tell(at, f"it is longer than {limit} characters; hosts may cut it there.")
    allowed = (shape.values or {}).get(name)
    if allowed and given not in allowed:
        tell(at, f"{safe_text(given[:60])!r} is none of {', '.join(allowed)}.")


def texts(value: Any, place: str, tell: Tell) -> list[str]:
    """Return the texts of a list; `tell` of everything else in it."""
    given = value if isinstance(value, list) else []
    for number, each in enumerate(given):
        if not isinstance(each, str):
            tell(f"{place}[{number}]", f"it is {kind(each)}, and must be a text; it is ignored.")
    return [each for each in given if isinstance(each, str)]


def kind(value: Any) -> str:
    """Return what a JSON value is, in words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _named(type(value))


_NAMES: dict[type, str] = {
    **{str: "a text", bool: "true or false", int: "a number", float: "a number"},
    **{list: "a list", dict: "an object"},
}


def _named(wanted: Types) -> str:
    names = (_NAMES.get(each, each.__name__) for each in (wanted if isinstance(wanted, tuple) else (wanted,)))
    return " or ".join(dict.fromkeys(names))


def _at(place: str, name: str) -> str:
    shown = safe_text(name)[:60]
    return f"{place}.{shown}" if place else shown
