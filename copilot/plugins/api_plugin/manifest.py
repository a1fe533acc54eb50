"""An API plugin manifest as data: read leniently, with everything told that is not as the schema has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.api_plugin import shapes
from copilot.plugins.api_plugin.normalise import Normalised, normalised
from copilot.plugins.api_plugin.shapes import checked, texts
from copilot.plugins.skill import Problem, Severity
from copilot.trust.sanitise import safe_text

VERSIONS = ("v2.1", "v2.2", "v2.3", "v2.4")
#: More functions, runtimes or starters than this are no manifest that anybody wrote.
MOST_FUNCTIONS, MOST_RUNTIMES, MOST_STARTERS = 1_000, 100, 50
_LATER = re.compile(r"v2(?:\.\d{1,2})?\Z")
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_NAMESPACE = re.compile(r"[A-Za-z0-9-]+\Z")
#: `[[key]]`: a text that the app's manifest has in several languages ("String localization").
_LOCALISED = re.compile(r"\[\[([A-Za-z_]\w*)\]\]")


@dataclass(frozen=True, slots=True)
class State:
    """What the model is told of a function in one state; `replaces` where it is the whole instruction, not more."""

    description: str = ""
    instructions: tuple[str, ...] = ()
    replaces: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a person is asked before the call ("Confirmation object")."""

    kind: str = ""
    title: str = ""
    body: str = ""
    non_consequential: bool = False


@dataclass(frozen=True, slots=True)
class ResponseSemantics:
    """Where the items lie in an answer and how they are shown; `file` holds the template where it is not inline."""

    data_path: str
    properties: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """One function; `data_handling` is None where the manifest attests nothing ("Security info object")."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    states: Mapping[str, State] = field(default_factory=dict)
    confirmation: Confirmation = field(default_factory=Confirmation)
    semantics: ResponseSemantics | None = None
    data_handling: frozenset[str] | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Who runs functions: `serves` are names and globs, None for all; `reference` names the credential ("" for none).

    `auth` is None, OAuthPluginVault or ApiKeyPluginVault.
    """

    kind: str
    auth: str
    reference: str
    serves: tuple[str, ...] | None
    spec: Mapping[str, Any]
    place: str = ""


@dataclass(frozen=True)
class Manifest:
    """A manifest: `functions` is None where it names none, so that they are inferred from the runtimes."""

    version: str
    name: str
    namespace: str
    description: str
    for_model: str
    functions: tuple[Function, ...] | None
    runtimes: tuple[Runtime, ...]
    starters: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def parse(
    value: Any,
    where: str,
    *,
    env: Mapping[str, str] | None = None,
    localised: Mapping[str, str] | None = None,
    strict: bool = False,
) -> Manifest:
    """Return the manifest in a JSON value.

    `where` names the file in problems, `env` are variables of the packing tool, `localised` the texts that `[[key]]`
    stands for. Raises PluginError for what is no such manifest, for another version, and, if `strict`, for anything
    that the schema does not have.
    """
    if not isinstance(value, dict):
        raise PluginError(f"{where} is no API plugin manifest: it holds {shapes.kind(value)}, not an object.")
    reader = _Reader(normalised(value, where, env), localised or {})
    made = reader.manifest()
    if strict and reader.violations:
        told = "; ".join(reader.violations[:3])
        raise PluginError(f"{where} is not as the schema has it: {told}.", hint="Mend it, or load it leniently.")
    return made


#: What a default of each type is in JSON; others are not checked.
_OF: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
}


#: Defaults that some write as texts.
_SAID = {"true": True, "false": False}
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?\Z")


def _is_of(value: Any, kind: Any) -> bool:
    """Return whether a default is of the type that its parameter says."""
    wanted = _OF.get(kind) if isinstance(kind, str) else None
    return wanted is None or (isinstance(value, wanted) and (not isinstance(value, bool) or kind == "boolean"))


class _Reader:
    def __init__(self, source: Normalised, localised: Mapping[str, str]) -> None:
        self._source = source
        self._localised = localised
        self.violations: list[str] = []

    def tell(self, place: str, reason: str, severity: Severity = "noted") -> None:
        self._source.tell(place, reason, severity)

    def _violation(self, place: str, reason: str) -> None:
        self.violations.append(f"{place}: {reason.rstrip('.')}")
        self.tell(place, reason, "unsupported" if "ignored" in reason else "noted")

    def checked(self, value: Any, shape: shapes.Shape, place: str) -> dict[str, Any]:
        return checked(value, shape, place, self._violation)

    def manifest(self) -> Manifest:
        top = self.checked(self._source.value, shapes.MANIFEST, "")
        version = self._version(top)
        name = self._text(top.get("name_for_human", "")).strip() or "API plugin"
        if not _NAMESPACE.match(top.get("namespace", "")):
            self._violation("namespace", "it may hold letters, digits and hyphens only.")
        functions = self._functions(top.get("functions"))
        return Manifest(
            version,
            name,
            top.get("namespace", ""),
            self._text(top.get("description_for_human", "")),
            self._text(top.get("description_for_model", "")),
            functions or None,
            tuple(self._runtimes(top.get("runtimes", []))),
            tuple(self._starters(top.get("capabilities", {}))),
            tuple(self._source.problems),
        )

    def _version(self, top: Mapping[str, Any]) -> str:
        given = top.get("schema_version", "")
        if given in VERSIONS:
            return str(given)
        where, shown = self._source.where, safe_text(str(given))[:20]
        if given == "v1":
            raise PluginError(f"{where}: version 1 of the manifest names an OpenAPI document in `api`; it is missing.")
        if not _LATER.match(given):
            raise PluginError(f"{where}: schema_version {shown!r} can't be read; {', '.join(VERSIONS)} can.")
        self._violation("schema_version", f"{shown} is not known; it is read as {VERSIONS[-1]}.")
        return VERSIONS[-1]

    def _text(self, text: str) -> str:
        return _LOCALISED.sub(lambda m: self._localised.get(m[1], m[0]), text)

    # --- functions ------------------------------------------------------------------------------------------------

    def _functions(self, given: Any) -> tuple[Function, ...]:
        found: dict[str, Function] = {}
        for number, value in enumerate(given[:MOST_FUNCTIONS] if isinstance(given, list) else []):
            place = f"functions[{number}]"
            function = self._function(value, place)
            if function is None:
                continue
            if function.name in found:
                self.tell(place, f"there are two functions {function.name!r}; the first counts.", "refused")
                continue
            found[function.name] = function
        if isinstance(given, list) and len(given) > MOST_FUNCTIONS:
            self.tell("functions", f"there are over {MOST_FUNCTIONS:,}; the rest is left out.", "unsupported")
        return tuple(found.values())

    def _function(self, value: Any, place: str) -> Function | None:
        fields = self.checked(value, shapes.FUNCTION, place)
        name = fields.get("name", "").strip()
        if not name:
            self.tell(place, "a function without a name can't be called; it is left out.", "refused")
            return None
        if not _FUNCTION_NAME.match(name):
            self._violation(f"{place}.name", f"{safe_text(name[:60])!r} is not letters, digits, _ and -.")
        if "returns" in fields:
            self.checked(fields["returns"], shapes.RETURNS, f"{place}.returns")
        capabilities = self.checked(fields.get("capabilities", {}), shapes.CAPABILITIES, f"{place}.capabilities")
        return Function(
            name,
            self._text(fields.get("description", "")).strip(),
            self._parameters(fields.get("parameters"), f"{place}.parameters"),
            dict(self._states(fields.get("states", {}), f"{place}.states")),
            self._confirmation(capabilities.get("confirmation", {}), f"{place}.capabilities.confirmation"),
            self._semantics(capabilities.get("response_semantics"), f"{place}.capabilities.response_semantics"),
            self._security(capabilities.get("security_info"), f"{place}.capabilities.security_info"),
            place,
        )

    def _parameters(self, value: Any, place: str) -> dict[str, Any] | None:
        if value is None:
            return None
        fields = self.checked(value, shapes.PARAMETERS, place)
        properties: dict[str, Any] = {}
        for name, each in fields.get("properties", {}).items():
            at = f"{place}.properties.{safe_text(str(name))[:60]}"
            made = self.checked(each, shapes.PARAMETER, at)
            self._default(made, at)
            properties[str(name)] = made
        required = texts(fields.get("required", []), f"{place}.required", self._violation)
        for name in required:
            if name not in properties:
                self.tell(f"{place}.required", f"{safe_text(name[:60])!r} is no property; it is ignored.")
        return {"properties": properties, "required": [name for name in required if name in properties]}

    def _default(self, made: dict[str, Any], at: str) -> None:
        """Read a default that is written as a text as what it says; leave out one of another type."""
        given, kind = made.get("default"), made.get("type")
        if given is None or _is_of(given, kind):
            return
        said = _SAID.get(given.strip().lower(), given) if isinstance(given, str) else given
        if isinstance(said, str) and _NUMBER.match(said):
            said = float(said) if "." in said else int(said)
        if _is_of(said, kind):
            made["default"] = said
            self.tell(f"{at}.default", f"the text {safe_text(str(given))!r} is read as {kind}.", "repaired")
            return
        self._violation(f"{at}.default", f"it is {shapes.kind(made.pop('default'))}; it is ignored.")

    def _states(self, value: Any, place: str) -> Iterator[tuple[str, State]]:
        for name, given in self.checked(value, shapes.STATES, place).items():
            fields = self.checked(given, shapes.STATE, f"{place}.{name}")
            told, shown = fields.get("instructions", []), fields.get("examples", [])
            lines = [told] if isinstance(told, str) else texts(told, f"{place}.{name}.instructions", self._violation)
            samples = [shown] if isinstance(shown, str) else texts(shown, f"{place}.{name}.examples", self._violation)
            stripped = (tuple(s for each in many if (s := each.strip())) for many in (lines, samples))
            instructions, examples = stripped
            yield name, State(fields.get("description", "").strip(), instructions, isinstance(told, str), examples)

    def _confirmation(self, value: Any, place: str) -> Confirmation:
        fields = self.checked(value, shapes.CONFIRMATION, place)
        title, body = (self._text(fields.get(name, "")) for name in ("title", "body"))
        return Confirmation(fields.get("type", ""), title, body, fields.get("isNonConsequential", False))

    def _semantics(self, value: Any, place: str) -> ResponseSemantics | None:
        if value is None:
            return None
        fields = self.checked(value, shapes.SEMANTICS, place)
        if "oauth_card_path" in fields:
            self.tell(f"{place}.oauth_card_path", "signing in is done with your own credentials.", "unsupported")
        given = {name: self._path(path, place) for name, path in fields.get("properties", {}).items()}
        properties = self.checked(given, shapes.SEMANTIC_PROPERTIES, f"{place}.properties")
        template = fields.get("static_template")
        file = template.get("file") if template is not None and set(template) == {"file"} else None
        if "data_path" not in fields:
            return None
        named = file if isinstance(file, str) else ""
        return ResponseSemantics(fields["data_path"], properties, None if named else template, named)

    def _path(self, value: Any, place: str) -> Any:
        """Return a path that some write as an object of its own."""
        if isinstance(value, dict) and set(value) == {"json_path"}:
            self.tell(f"{place}.properties", "json_path in an object is read as the path.", "repaired")
            return value["json_path"]
        return value

    def _security(self, value: Any, place: str) -> frozenset[str] | None:
        if value is None:
            return None
        fields = self.checked(value, shapes.SECURITY, place)
        found = texts(fields.get("data_handling", []), f"{place}.data_handling", self._violation)
        for name in found:
            if name not in shapes.DATA_HANDLING:
                self._violation(f"{place}.data_handling", f"{safe_text(name[:40])!r} is not known; it is ignored.")
        return frozenset(found) & frozenset(shapes.DATA_HANDLING)

    # --- runtimes -------------------------------------------------------------------------------------------------

    def _runtimes(self, given: list[Any]) -> Iterator[Runtime]:
        for number, value in enumerate(given[:MOST_RUNTIMES]):
            place = f"runtimes[{number}]"
            fields = self.checked(value, shapes.RUNTIME, place)
            kind = {name.lower(): name for name in shapes.SPECS}.get(fields.get("type", "").lower())
            if kind is None:
                self.tell(place, f"a runtime of the type {safe_text(fields.get('type', ''))[:40]!r}.", "unsupported")
                continue
            yield self._runtime(fields, kind, place)
        if len(given) > MOST_RUNTIMES:
            self.tell("runtimes", f"there are over {MOST_RUNTIMES}; the rest is left out.", "unsupported")

    def _runtime(self, fields: dict[str, Any], kind: str, place: str) -> Runtime:
        auth = self.checked(fields.get("auth", {"type": "None"}), shapes.AUTH, f"{place}.auth")
        reference = auth.get("reference_id", "").strip()
        if auth.get("type", "None") != "None" and not reference:
            self._violation(f"{place}.auth.reference_id", f"it is missing, and {auth['type']} needs it.")
        if "output_template" in fields:
            self.tell(f"{place}.output_template", "Liquid templates are not run; the answer is shown.", "unsupported")
        serves = fields.get("run_for_functions")
        names = texts(serves, f"{place}.run_for_functions", self._violation)
        given = dict(fields.get("spec", {}))
        if "x-mcp_tool_description" in given and "mcp_tool_description" not in given:
            given["mcp_tool_description"] = given.pop("x-mcp_tool_description")
            self.tell(f"{place}.spec", "x-mcp_tool_description is read as mcp_tool_description.", "repaired")
        spec = self.checked(given, shapes.SPECS[kind], f"{place}.spec")
        return Runtime(
            kind,
            auth.get("type", "None"),
            reference if auth.get("type", "None") != "None" else "",
            None if serves is None else tuple(names),
            spec,
            place,
        )

    def _starters(self, value: Any) -> Iterator[str]:
        fields = self.checked(value, shapes.PLUGIN_CAPABILITIES, "capabilities")
        for number, each in enumerate(fields.get("conversation_starters", [])[:MOST_STARTERS]):
            starter = self.checked(each, shapes.STARTER, f"capabilities.conversation_starters[{number}]")
            if text := self._text(starter.get("text", "")).strip():
                yield text
