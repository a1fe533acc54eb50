"""Swagger 2.0 written as OpenAPI 3.0: the same API in the newer words. References stay as they are.

What differs: host, basePath and schemes are `servers`; body and formData parameters are a `requestBody`; a parameter's
type is its `schema`; `collectionFormat` is a style; `securityDefinitions` are `components.securitySchemes`.
"""

from __future__ import annotations

from typing import Any

from copilot.plugins.openapi.document import Document, Node, texts

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
_SCHEMA = (
    "type",
    "format",
    "items",
    "default",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "minItems",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
)
#: collectionFormat -> (style, explode); tsv has no style and is written as csv.
_STYLES = {
    "multi": {"style": "form", "explode": True},
    "ssv": {"style": "spaceDelimited", "explode": False},
    "pipes": {"style": "pipeDelimited", "explode": False},
}
_FLOWS = {
    "accessCode": "authorizationCode",
    "application": "clientCredentials",
    "implicit": "implicit",
    "password": "password",
}


def converted(document: Document) -> dict[str, Any]:
    """Return the whole document in the words of OpenAPI 3.0."""
    root = document.root
    made = {key: value for key, value in root.map.items() if key not in ("swagger", "host", "basePath", "schemes")}
    made["openapi"] = "3.0.3"
    made["servers"] = _servers(root.map)
    made["components"] = {"securitySchemes": _schemes(root.child("securityDefinitions"))}
    paths = root.child("paths")
    made["paths"] = {path: _item(document, paths.child(path)) for path in paths.map}
    return made


def _servers(root: Any) -> list[dict[str, Any]]:
    host, base = root.get("host"), root.get("basePath")
    path = base if isinstance(base, str) else ""
    path = path if not path or path.startswith("/") else f"/{path}"
    schemes = [s for s in texts(root.get("schemes")) if s in ("http", "https")] or ["https"]
    if not isinstance(host, str) or not host:
        return [{"url": path}] if path else []
    return [{"url": f"{scheme}://{host}{path}"} for scheme in sorted(schemes, reverse=True)]


def _schemes(definitions: Node) -> dict[str, Any]:
    return {name: _scheme(definitions.child(name).map) for name in definitions.map}


def _scheme(given: Any) -> dict[str, Any]:
    if given.get("type") == "basic":
        return {"type": "http", "scheme": "basic"}
    if given.get("type") == "oauth2":
        told = {key: given[key] for key in ("authorizationUrl", "tokenUrl", "scopes") if key in given}
        return {"type": "oauth2", "flows": {_FLOWS.get(str(given.get("flow")), "implicit"): told}}
    return dict(given)


def _item(document: Document, node: Node) -> Any:
    item = document.follow(node)
    if not isinstance(item.value, dict):
        return item.value
    shared = [_shown(document, each) for each in item.child("parameters").items]
    made: dict[str, Any] = {}
    for method in _METHODS & set(item.map):
        operation = document.follow(item.child(method))
        if not isinstance(operation.value, dict):
            made[method] = operation.value
            continue
        own = [_shown(document, each) for each in operation.child("parameters").items]
        named = set(map(_name, own))
        parameters = [each for each in shared if _name(each) not in named] + own
        made[method] = _operation(document, operation, parameters)
    return made


def _name(parameter: dict[str, Any]) -> tuple[str, str]:
    return str(parameter.get("name")), str(parameter.get("in"))


def _shown(document: Document, node: Node) -> dict[str, Any]:
    return dict(document.follow(node).map)


def _operation(document: Document, node: Node, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    made = {
        key: value for key, value in node.map.items() if key not in ("parameters", "consumes", "produces", "schemes")
    }
    consumes = list(texts(node.map.get("consumes", document.root.map.get("consumes"))))
    made["parameters"] = [_parameter(each) for each in parameters if each.get("in") not in ("body", "formData")]
    body = next((each for each in parameters if each.get("in") == "body"), None)
    fields = [each for each in parameters if each.get("in") == "formData"]
    if body is not None:
        content = {media: {"schema": body.get("schema", {})} for media in consumes or ["application/json"]}
        made["requestBody"] = {
            "required": body.get("required") is True,
            "description": body.get("description"),
            "content": content,
        }
    elif fields:
        made["requestBody"] = _form(fields, consumes)
    return made


def _parameter(given: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {key: given[key] for key in ("name", "in", "required", "description") if key in given}
    made["schema"] = given["schema"] if isinstance(given.get("schema"), dict) else _schema(given)
    if given.get("type") == "array" and given.get("in") in ("query", "path", "header"):
        style = _STYLES.get(str(given.get("collectionFormat")), {"explode": False})
        made |= style if given["in"] == "query" else {"explode": False}
    return made


def _schema(given: dict[str, Any]) -> dict[str, Any]:
    return {key: given[key] for key in _SCHEMA if key in given}


def _form(fields: list[dict[str, Any]], consumes: list[str]) -> dict[str, Any]:
    files = any(each.get("type") == "file" for each in fields)
    forms = [media for media in consumes if "form" in media]
    media = "multipart/form-data" if files else next(iter(forms), "application/x-www-form-urlencoded")
    named = [each for each in fields if isinstance(each.get("name"), str)]
    properties = {
        each["name"]: {**_schema(each), **({"description": each["description"]} if "description" in each else {})}
        for each in named
    }
    required = [each["name"] for each in named if each.get("required") is True]
    schema = {"type": "object", "properties": properties, "required": required}
    encoding = {
        each["name"]: {"style": "form", "explode": each.get("collectionFormat") == "multi"}
        for each in named
        if each.get("type") == "array"
    }
    return {"required": bool(required), "content": {media: {"schema": schema, "encoding": encoding}}}
