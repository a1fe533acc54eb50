"""The operations of a document, compiled: parameters and bodies become one flat object of arguments.

A broken operation is left out and told; the others are not touched by it (OpenAPI 3.1.1, sections 4.8.8 to 4.8.15).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from copilot.errors import PluginError
from copilot.plugins.openapi import bodies
from copilot.plugins.openapi.document import Document, Node, texts
from copilot.plugins.openapi.model import PLACES, Api, Body, Operation, Parameter, Place
from copilot.plugins.openapi.schemas import Definitions, Lean, shortened
from copilot.plugins.tools import tool_name
from copilot.slots import RoleKind

METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace", "query")
#: Methods that only ask (RFC 9110, section 9.2.1; QUERY: draft-ietf-httpbis-safe-method-w-body).
_ASKS = frozenset({"get", "head"})
_CONSEQUENTIAL = ("x-openai-isConsequential", "x-oai-isConsequential", "x-openai-is-consequential")
#: Headers that the client writes itself; the first three by OpenAPI 3.1.1, section 4.8.12.1.
_OWN_HEADERS = frozenset(
    {"accept", "content-type", "authorization", "host", "content-length", "connection", "transfer-encoding", "cookie"}
    | {"user-agent", "accept-encoding", "proxy-authorization", "te", "upgrade", "expect"}
)
_IDEMPOTENCY = frozenset({"idempotency-key", "x-idempotency-key"})
_SIGNS_IN = frozenset({"apiKey", "http", "oauth2", "openIdConnect"})
#: Styles by place, the default first (OpenAPI 3.1.1, section 4.8.12.3).
_STYLES: dict[str, tuple[str, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form", "cookie"),
    "querystring": ("form",),
}
#: Fields of an answer, and headers, that hold the address of the next page.
_NEXT = frozenset({"next", "nextlink", "next_link", "@odata.nextlink", "next_url", "nextpageurl", "next_page_url"})
MOST_DESCRIPTION, MOST_SUMMARY = 400, 120
_LONGEST_ARG = 48
#: What every reading tool takes beside its own arguments.
#: Where nothing of what is sent leaves this machine.
_LOOPBACK = re.compile(r"http://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=[:/]|\Z)", re.IGNORECASE)
_SELECT = {"type": "string", "description": "JSONPath (RFC 9535) of the part of the answer to return."}
_PAGE = {"type": "string", "description": "The address of the next page, exactly as an answer gave it."}


class Compiler:
    """Compiles one document; `base` is the address that relative servers are relative to, "" if nobody knows it."""

    def __init__(self, document: Document, base: str = "") -> None:
        self.problems: list[tuple[str, str, str]] = []
        self._document = document
        self._definitions = Definitions(document)
        self._root = document.root
        self._base = base
        self._names: set[str] = set()
        self._ids: set[str] = set()
        self._told: set[str] = set()
        self._callbacks = 0
        self._schemes = self._security_schemes()
        keys = (s for s in self._schemes.values() if s.get("type") == "apiKey")
        self._keys = {(str(s.get("name")), str(s.get("in"))) for s in keys}
        document.complain = lambda reason: self.tell("", reason, "unsupported")

    def tell(self, where: str, reason: str, severity: str) -> None:
        """Take note of a repair or a loss."""
        self.problems.append((where, reason, severity))

    def api(self, form: str) -> Api:
        """Return the compiled document. Raises PluginError when it has no operation that can be called."""
        info = self._root.child("info").map
        operations = tuple(self._operations())
        self._tell_left_out()
        if not operations:
            why = "; ".join(dict.fromkeys(reason for _, reason, _ in self.problems[:3]))
            told = f"no operation of it can be called{f': {why}' if why else ''}"
            raise PluginError(f"{told.rstrip('.')}.", code="empty")
        return Api(
            shortened(info.get("title"), 80),
            shortened(info.get("version"), 40),
            form,
            shortened(info.get("description") or info.get("summary"), MOST_DESCRIPTION),
            operations,
            self._schemes,
            tuple(self.problems),
        )

    def _tell_left_out(self) -> None:
        """Tell what of the standard is not done: who calls us, other methods, other ways to sign in."""
        if self._root.child("webhooks").map and self._root.child("paths").map:
            self.tell("webhooks", "nobody here is called by the service", "unsupported")
        if self._callbacks:
            self.tell("callbacks", f"nobody here is called back ({self._callbacks} operations)", "unsupported")
        for name, scheme in self._schemes.items():
            kind, way = str(scheme.get("type")), str(scheme.get("scheme")).lower()
            if kind not in _SIGNS_IN or (kind == "http" and way not in ("basic", "bearer")):
                shown = shortened(way if kind == "http" else kind, 40)
                self.tell(f"securitySchemes.{shortened(name, 40)}", f"nobody can sign in by {shown!r}", "unsupported")

    def _security_schemes(self) -> dict[str, dict[str, Any]]:
        found = self._root.child("components", "securitySchemes")
        schemes = {name: self._document.follow(found.child(name)).map for name in found.map}
        told = ("type", "in", "name", "scheme", "flows", "openIdConnectUrl")
        return {name: {key: each[key] for key in told if key in each} for name, each in schemes.items()}

    def _operations(self) -> Iterator[Operation]:
        paths = self._root.child("paths")
        if not paths.map:
            hooks = bool(self._root.child("webhooks").map)
            what = "only describes webhooks, which call somebody else" if hooks else "has no paths"
            self.tell("", f"it {what}", "unsupported")
        for path in paths.map:
            if path.startswith("x-"):
                continue
            item = self._document.follow(paths.child(path))
            if more := list(item.child("additionalOperations").map):
                self.tell(path, f"the methods {shortened(', '.join(more), 80)} are not called", "unsupported")
            for method in METHODS:
                if method in item.map and (made := self._guarded(path, method, item)) is not None:
                    yield made

    def _guarded(self, path: str, method: str, item: Node) -> Operation | None:
        where = f"{method.upper()} {path}"
        try:
            return self._operation(path, method, item)
        except PluginError as error:
            self.tell(where, error.message, "refused")
        except RecursionError:
            self.tell(where, "it is nested too deep.", "refused")
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            self.tell(where, f"it is not written as an operation is ({type(error).__name__}: {error}).", "refused")
        return None

    def _operation(self, path: str, method: str, item: Node) -> Operation:
        node = self._document.follow(item.child(method))
        if not isinstance(node.value, dict):
            raise PluginError("it is no object.")
        self._callbacks += bool(node.child("callbacks").map)
        lean, arguments = Lean(self._definitions), _Arguments()
        parameters = self._parameters(path, item, node, lean, arguments)
        key = next((p.name for p in parameters if p.name.lower() in _IDEMPOTENCY), "")
        body = self._body(node, lean, arguments, method)
        consequential = next((node.map[n] for n in _CONSEQUENTIAL if isinstance(node.map.get(n), bool)), None)
        reads = method in _ASKS and consequential is not True
        select = arguments.add("select", "answer", _SELECT, "option") if reads else ""
        pages = arguments.add("page", "answer", _PAGE, "url") if reads and self._shows_next(node) else ""
        operation_id = self._id(node, method, path)
        name = tool_name(_snake(operation_id))
        name = tool_name(_snake(operation_id), self._names) if name in self._names else name
        self._names.add(name)
        return Operation(
            operation_id,
            name,
            method.upper(),
            path,
            self._server(node, item),
            self._description(node, method, path),
            arguments.schema(lean.finish()),
            reads,
            tuple(p for p in parameters if p.arg),
            body,
            self._security(node),
            tuple(filter(None, [shortened(node.map.get("summary"), MOST_SUMMARY)])),
            tuple(dict.fromkeys(word for tag in texts(node.map.get("tags")) for word in re.findall(r"\w{3,}", tag)))[
                :8
            ],
            select,
            pages,
            key or "Idempotency-Key",
            consequential,
        )

    # --- names and words ----------------------------------------------------------------------------------------------

    def _id(self, node: Node, method: str, path: str) -> str:
        """Return the operationId; one that is missing is derived from method and path, one used twice is numbered."""
        where = f"{method.upper()} {path}"
        given = node.map.get("operationId")
        found = given.strip() if isinstance(given, str) else ""
        if not found:
            found = "_".join([method, *re.findall(r"[A-Za-z0-9]+", path)])
        if found in self._ids:
            free = next(f"{found}_{number}" for number in count(2) if f"{found}_{number}" not in self._ids)
            self.tell(where, f"operationId {shortened(found, 60)!r} is used twice; this one is {free!r}.", "repaired")
            found = free
        self._ids.add(found)
        return found

    def _description(self, node: Node, method: str, path: str) -> str:
        summary = shortened(node.map.get("summary"), MOST_SUMMARY).rstrip(".")
        more = shortened(node.map.get("description"), MOST_DESCRIPTION)
        if more.lower().startswith(summary.lower()):
            summary = ""
        said = ". ".join(part for part in (summary, more) if part) or shortened(f"{method.upper()} {path}", 120)
        return f"Deprecated. {said}" if node.map.get("deprecated") is True else said

    def _security(self, node: Node) -> tuple[dict[str, list[str]], ...]:
        given = node.map.get("security", self._root.map.get("security"))
        found = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        return tuple({name: list(texts(scopes)) for name, scopes in each.items()} for each in found)

    # --- where it is called -------------------------------------------------------------------------------------------

    def _server(self, node: Node, item: Node) -> str:
        """Return where an operation is called; without scheme and host where the document does not say them."""
        given = next((s.items for each in (node, item, self._root) if (s := each.child("servers")).items), [])
        urls = [url for server in given if (url := self._address(server)) is not None]
        if given and not urls:
            raise PluginError(f"its server {shortened(given[0].map.get('url'), 80)!r} is no web address.")
        secure = (url for url in urls if url.startswith("https://"))
        chosen = next(secure, next((url for url in urls if url.startswith("http")), urls[0] if urls else self._base))
        if chosen.startswith("http://") and not _LOOPBACK.match(chosen):
            self._tell_once(f"{chosen} is not encrypted; a secret is sent there only if it is this machine.", "noted")
        return chosen.rstrip("/")

    def _address(self, server: Node) -> str | None:
        """Return a server's address with its variables filled in, None for one that is none."""
        url = server.map.get("url")
        if not isinstance(url, str):
            return None
        variables = server.child("variables")
        for name in variables.map:
            value = variables.child(name, "default").value
            first = next(iter(texts(variables.child(name, "enum").value)), "")
            url = url.replace(f"{{{name}}}", value if isinstance(value, str) and value else first)
        url = url.strip()
        if url.startswith("//") and not self._base:
            self._tell_once(f"its server {shortened(url, 80)} names no scheme; https is taken.", "repaired")
            url = f"https:{url}"
        return plain_address(urljoin(f"{self._base}/", url) if self._base else url)

    def _tell_once(self, reason: str, severity: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self.tell("", reason, severity)

    # --- what it is called with ---------------------------------------------------------------------------------------

    def _parameters(self, path: str, item: Node, node: Node, lean: Lean, arguments: _Arguments) -> list[Parameter]:
        found: dict[tuple[str, str], Node] = {}
        for each in (*item.child("parameters").items, *node.child("parameters").items):
            shown = self._document.follow(each)
            name, place = shown.map.get("name"), shown.map.get("in")
            if not isinstance(name, str) or str(place) not in PLACES:
                self.tell(
                    f"{path}", f"a parameter without a name or place is left out ({each.pointer}).", "unsupported"
                )
                continue
            found[(name, cast(str, place))] = shown
        self._add_missing(path, found, node)
        kept = {key: each for key, each in found.items() if key not in self._keys}
        return [self._parameter(name, place, each, lean, arguments, path) for (name, place), each in kept.items()]

    def _add_missing(self, path: str, found: dict[tuple[str, str], Node], node: Node) -> None:
        """Add parameters that the path names and nobody declared; leave out those that it does not name."""
        named = re.findall(r"\{([^{}/]+)\}", path)
        for name in named:
            if (name, "path") not in found:
                self.tell(path, f"the path names {{{name}}}, which is not declared; it is taken as a text.", "repaired")
                text = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                found[(name, "path")] = Node(text, node.file, f"{node.pointer}/parameters")
        for name, place in [key for key in found if key[1] == "path" and key[0] not in named]:
            self.tell(
                path, f"the path does not name its parameter {shortened(name, 40)!r}; it is left out.", "repaired"
            )
            del found[(name, place)]

    def _parameter(self, name: str, place: str, node: Node, lean: Lean, arguments: _Arguments, path: str) -> Parameter:
        if place == "header" and (
            name.lower() in _OWN_HEADERS | _IDEMPOTENCY or not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII)
        ):
            return Parameter("", name, "header")
        media = next(iter(node.child("content").map), "")
        schema = node.child("content", media, "schema") if media else node.child("schema")
        made = lean.of(schema)
        if said := shortened(node.map.get("description"), 160):
            made = {**made, "description": said}
        required = place == "path" or node.map.get("required") is True
        arg = arguments.add(name, place, made, "target", required=required)
        style, explode = self._style(name, place, node, path)
        reserved = node.map.get("allowReserved") is True
        return Parameter(arg, name, cast(Place, place), style, explode, reserved, media, required)

    def _style(self, name: str, place: str, node: Node, path: str) -> tuple[str, bool]:
        """Return style and explode of a parameter; one that its place does not have becomes the default."""
        allowed = _STYLES[place]
        style = node.map.get("style", allowed[0])
        if style not in allowed:
            what = f"{place} parameter {shortened(name, 40)!r} can't have the style {shortened(str(style), 30)!r}"
            self.tell(path, f"{what}; it is written as {allowed[0]!r}.", "repaired")
            style = allowed[0]
        explode = node.map.get("explode")
        return style, explode if isinstance(explode, bool) else style in ("form", "cookie", "deepObject")

    def _body(self, node: Node, lean: Lean, arguments: _Arguments, method: str) -> Body | None:
        shown = self._document.follow(node.child("requestBody"))
        content = shown.child("content")
        if not content.map or method in _ASKS:
            return None
        media = bodies.preferred(list(content.map))
        return bodies.compiled(self._document, lean, content.child(media), media, shown.map, arguments.add)

    def _shows_next(self, node: Node) -> bool:
        """Whether an answer holds the address of the next page, in a header or as a field of its object."""
        if isinstance(node.map.get("x-ms-pageable"), dict):
            return True
        responses = node.child("responses")
        code = next((c for c in responses.map if c.startswith("2")), "default")
        shown = self._document.follow(responses.child(code))
        if any(name.lower() == "link" for name in shown.child("headers").map):
            return True
        for media in shown.child("content").map:
            schema = self._document.follow(shown.child("content", media, "schema"))
            for part in (schema, *map(self._document.follow, schema.child("allOf").items)):
                if any(name.lower() in _NEXT for name in part.child("properties").map):
                    return True
        return False


def plain_address(url: str) -> str | None:
    """Return an address without query and slash at its end, a path if it is only that, None for what is neither."""
    try:
        parts = urlsplit(url)
        plain = parts.username is None and (parts.port or 1) > 0
    except ValueError:
        return None
    if not plain or re.search(r"[{}\s\\<>\"]", url) or parts.scheme not in ("http", "https", ""):
        return None
    if not parts.scheme:
        return None if parts.netloc else f"/{parts.path.strip('/')}".rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/") if parts.hostname else None


class _Arguments:
    """The one flat object of arguments of a tool, as it is put together."""

    def __init__(self) -> None:
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self.roles: dict[str, RoleKind] = {}

    def add(self, name: str, place: str, schema: dict[str, Any], role: RoleKind, *, required: bool = False) -> str:
        """Take a property and return its name: of two that are called the same the later one says its place, too."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:_LONGEST_ARG] or place
        numbered = (f"{plain}_{place}{number}" for number in count(2))
        tried = (plain, f"{plain}_{place}")
        chosen = next((n for n in tried if n not in self._properties), "") or next(
            n for n in numbered if n not in self._properties
        )
        self._properties[chosen] = {**schema, "x-role": role} if role != "target" else schema
        self._required += [chosen] if required else []
        return chosen

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"type": "object", "properties": self._properties, "additionalProperties": False}
        made |= {"required": self._required} if self._required else {}
        return made | ({"$defs": definitions} if definitions else {})


def roles_of(schema: dict[str, Any]) -> tuple[dict[str, Any], dict[str, RoleKind]]:
    """Return a compiled schema as a model is given it, and what each of its arguments matters to the policy."""
    properties, roles = {}, {}
    for name, each in schema["properties"].items():
        roles[name] = cast(RoleKind, each.get("x-role", "target"))
        properties[name] = {key: value for key, value in each.items() if key != "x-role"}
    return {**schema, "properties": properties}, roles


def _snake(text: str) -> str:
    """Return "list_all_pets" for "listAllPets"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text).lower()
