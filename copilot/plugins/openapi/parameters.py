"""Values written into an address, a header or a cookie, by the styles of OpenAPI 3.1.1, section 4.8.12.3 to 4.8.12.5.

The styles are RFC 6570 templates; `deepObject`, `spaceDelimited` and `pipeDelimited` are OpenAPI's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from copilot.errors import ToolInputError
from copilot.plugins.openapi.model import Parameter

#: RFC 3986, section 2.2: what `allowReserved` leaves as it is; not in a query: & + # begin something else there.
_RESERVED = ":/?[]@!$'()*,;"
_PREFIX = {"simple": "", "label": ".", "matrix": ";"}
_BETWEEN = {"simple": ",", "label": ".", "matrix": ";", "spaceDelimited": " ", "pipeDelimited": "|", "form": ","}


def written(value: Any) -> str:
    """Return a plain value as text: JSON's words for true, false and null, a text as it is; the rest is JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def path_text(parameter: Parameter, value: Any) -> str:
    """Return what takes the place of {name} in a path.

    Raises ToolInputError for a value that would be another path: an empty one, "." or "..".
    """
    if parameter.media:
        return quote(json.dumps(value, ensure_ascii=False), safe="")
    text = _in_path(parameter, value)
    if text in ("", ".", "..") or text.replace("%2E", ".").replace("%2e", ".") in (".", ".."):
        raise ToolInputError(f"{parameter.arg} can't be {text!r}: it is a part of the address.", code="arguments")
    return text


def _in_path(parameter: Parameter, value: Any) -> str:
    """RFC 6570, sections 3.2.2 (simple), 3.2.5 (label) and 3.2.7 (matrix)."""
    style, name, explode = parameter.style, quote(parameter.name, safe=""), parameter.explode
    prefix = _PREFIX.get(style, "")
    between = _BETWEEN[style] if explode else ","
    if isinstance(value, Mapping):
        items = [(_percent(k), _percent(v)) for k, v in value.items()]
        pieces = [f"{k}={v}" for k, v in items] if explode else [piece for item in items for piece in item]
        named = style == "matrix" and not explode
        return f"{prefix}{name}={between.join(pieces)}" if named else prefix + between.join(pieces)
    if isinstance(value, list):
        pieces = [_percent(each) for each in value]
        if style == "matrix" and explode:
            return "".join(f";{name}={piece}" for piece in pieces)
        return f";{name}={','.join(pieces)}" if style == "matrix" else prefix + between.join(pieces)
    text = _percent(value)
    if style == "matrix":
        return f";{name}={text}" if text else f";{name}"
    return prefix + text


def query_text(parameter: Parameter, value: Any) -> str:
    """Return a query's pieces for one parameter, joined by "&"; "" for one that has nothing to say."""
    safe = _RESERVED if parameter.reserved else ""
    if parameter.place == "querystring":
        return "&".join(_pair(k, v, safe, "=") for k, v in pairs("", value, "form", True))
    if parameter.media:
        return _pair(parameter.name, json.dumps(value, ensure_ascii=False), safe, "=")
    if parameter.style in ("spaceDelimited", "pipeDelimited", "form") and not parameter.explode:
        pieces = [_percent(piece, safe) for piece in _flat(value)]
        between = {"spaceDelimited": "%20", "pipeDelimited": "%7C"}.get(parameter.style, ",")
        return f"{quote(parameter.name, safe='$')}={between.join(pieces)}" if pieces else ""
    return "&".join(_pair(k, v, safe, "=") for k, v in pairs(parameter.name, value, parameter.style, True))


def header_text(parameter: Parameter, value: Any) -> str:
    """Return a header's value (style simple). Raises ToolInputError for one that no header can hold."""
    text = _simple(value, parameter.explode) if not parameter.media else json.dumps(value)
    if not text.isprintable() or not text.isascii():
        raise ToolInputError(f"{parameter.arg} goes into a header, which holds plain ASCII only.", code="arguments")
    return text


def cookie_texts(parameter: Parameter, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the cookies of one parameter, percent-encoded where RFC 6265 does not allow a character."""
    style_pairs = pairs(parameter.name, value, "form", parameter.explode)
    for name, text in style_pairs if not parameter.media else [(parameter.name, json.dumps(value))]:
        yield quote(name, safe="!#$&*+-.^_|~"), quote(text, safe="!#$&'()*+-./:<=>?@[]^_`{|}~")


def pairs(name: str, value: Any, style: str, explode: bool) -> Iterator[tuple[str, str]]:
    """Yield names and texts of a form, not yet encoded: see the table of OpenAPI 3.1.1, section 4.8.12.5."""
    if style == "deepObject":
        yield from _deep(name, value)
    elif isinstance(value, Mapping) and explode:
        yield from ((str(k), written(v)) for k, v in value.items() if v is not None)
    elif isinstance(value, list) and explode:
        yield from ((name, written(each)) for each in value)
    elif isinstance(value, Mapping | list):
        if pieces := _flat(value):
            yield name, _BETWEEN.get(style, ",").join(map(written, pieces))
    elif value is not None:
        yield name, written(value)


def _deep(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield color[R]=100 and, beyond the standard, color[a][b]=1 and color[a][]=1, as servers take them."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _deep(f"{name}[{key}]", each)
    elif isinstance(value, list):
        for each in value:
            yield from _deep(f"{name}[]", each)
    elif value is not None:
        yield name, written(value)


def _simple(value: Any, explode: bool) -> str:
    if isinstance(value, Mapping) and explode:
        return ",".join(f"{key}={written(each)}" for key, each in value.items())
    return ",".join(map(written, _flat(value)))


def _flat(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [piece for item in value.items() if item[1] is not None for piece in item]
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _pair(name: str, text: str, safe: str, equals: str) -> str:
    return f"{quote(name, safe='$')}{equals}{quote(text, safe=safe)}"


def _percent(value: Any, safe: str = "") -> str:
    return quote(written(value), safe=safe)
