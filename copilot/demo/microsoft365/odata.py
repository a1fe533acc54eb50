"""Query options, and the shapes of answers: one resource, a page of a list, the changes since a token.

Source: Microsoft Graph, "Use query parameters", "Paging", "Use delta query".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from copilot.demo.microsoft365 import filters, kql
from copilot.demo.microsoft365.call import Call
from copilot.demo.microsoft365.refusals import bad_request, resync
from copilot.demo.microsoft365.state import Collection, Resource

#: What $expand adds, by its name: a function of the resource.
Expand = Mapping[str, Callable[[Resource], Any]]
#: What $search looks at.
Fields = Callable[[Resource], kql.Searched]

#: The directory wants each clause in quotes: "displayName:Finance" OR "mail:finance".
_CLAUSE = re.compile(r'"(\w+):([^"]*)"')
_ALWAYS = ("id", "@odata.etag", "@odata.type")
_OPTIONS = frozenset({"select", "filter", "search", "orderby", "top", "skip", "skiptoken", "expand", "count", "format"})


def shape(
    call: Call, resource: Resource, context: str, expand: Expand | None = None, hidden: Sequence[str] = ()
) -> Resource:
    """Return a resource as it is answered: without private keys, with what $select and $expand say.

    `context` is the end of @odata.context, such as "users/$entity". `hidden` fields come only when they are selected.
    """
    inner = _one(call, resource, expand or {}, hidden)
    return {"@odata.context": call.link("/$metadata") + "#" + context, **inner}


def plain(value: Any) -> Any:
    """Return a value without private keys, at any depth."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items() if not k.startswith("_")}
    return [plain(each) for each in value] if isinstance(value, list) else value


def page(
    call: Call,
    resources: Iterable[Resource],
    context: str,
    *,
    size: int = 100,
    most: int = 999,
    fields: Fields | None = None,
    expand: Expand | None = None,
    hidden: Sequence[str] = (),
) -> Resource:
    """Return a page of a list, with @odata.nextLink when more follows, and @odata.count when it was asked for.

    `size` is how many come when $top is not given, `most` how many at the most; `fields` is what $search looks at.
    """
    check_options(call)
    found = chosen(call, resources, fields)
    top, skip = number(call, "$top", size, most), number(call, "$skip", 0, None)
    start = skip + _skipped(call)
    part = found[start : start + top]
    answer: Resource = {"@odata.context": call.link("/$metadata") + "#" + context}
    if call.query.get("$count", "").lower() == "true":
        answer["@odata.count"] = len(found)
    if start + top < len(found):
        answer["@odata.nextLink"] = _next(call, start + top - skip)
    answer["value"] = [_one(call, each, expand or {}, hidden) for each in part]
    return answer


def chosen(call: Call, resources: Iterable[Resource], fields: Fields | None = None) -> list[Resource]:
    """Return the resources that $filter and $search let through, in the order of $orderby."""
    found = list(resources)
    if "$filter" in call.query:
        test = filters.parse(call.query["$filter"])
        found = [each for each in found if test(each)]
    if "$search" in call.query:
        found = _searched(call.query["$search"], found, fields)
    for part in reversed(call.query.get("$orderby", "").split(",")):
        path, _, way = part.strip().partition(" ")
        if path:
            found = _ordered(found, path, way.strip() == "desc")
    return found


def _ordered(resources: list[Resource], path: str, descending: bool) -> list[Resource]:
    return sorted(resources, key=lambda each: filters.sort_key(filters.value_at(each, path)), reverse=descending)


def _searched(query: str, resources: list[Resource], fields: Fields | None) -> list[Resource]:
    if fields is None:
        raise bad_request("$search is not supported here.", "BadRequest")
    whole = query.strip()
    if len(whole) > 1 and whole[0] == whole[-1] == '"' and '"' not in whole[1:-1].replace('\\"', ""):
        whole = whole[1:-1].replace('\\"', '"')
    test = kql.parse(_CLAUSE.sub(r'\1:"\2"', whole))
    return [each for each in resources if test(fields(each))]


def check_options(call: Call) -> None:
    """Raise the 400 for an option that there is not."""
    for name in call.query:
        if name.startswith("$") and name[1:] not in _OPTIONS:
            raise bad_request(f"The query parameter '{name}' is not supported.", "BadRequest")


def number(call: Call, name: str, usual: int, most: int | None) -> int:
    """Return a number of the query; raises the 400 for what is none, or is too much."""
    text = call.query.get(name, str(usual))
    if not text.isascii() or not text.isdecimal() or (name == "$top" and text == "0"):
        raise bad_request(f"Invalid value '{text}' for {name} query option found.", "BadRequest")
    if most is not None and int(text) > most:
        raise bad_request(
            f"The limit of '{most}' for {name.lstrip('$').capitalize()} query has been exceeded.", "BadRequest"
        )
    return int(text)


def _one(call: Call, resource: Resource, expand: Expand, hidden: Sequence[str]) -> Resource:
    names = [name.strip() for name in call.query.get("$select", "").split(",") if name.strip()]
    roots = {name.partition("/")[0] for name in names}
    held = {k: v for k, v in resource.items() if not k.startswith("_")}
    if names and "*" not in roots:
        held = {k: v for k, v in held.items() if k in roots or k in _ALWAYS}
    else:
        held = {k: v for k, v in held.items() if k not in hidden}
    for name in _expanded(call):
        if name not in expand:
            raise bad_request(f"Could not find a property named '{name}' to expand.", "BadRequest")
        held[name] = expand[name](resource)
    return dict(plain(held))


def _expanded(call: Call) -> list[str]:
    """Return the names of $expand; options in brackets behind them are passed over."""
    names, depth, word = [], 0, ""
    for sign in call.query.get("$expand", "") + ",":
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            names.append(word.partition("(")[0].strip())
            word = ""
        else:
            word += sign
    return [name for name in names if name]


# --- tokens of lists --------------------------------------------------------------------------------------------------


def _skipped(call: Call) -> int:
    if "$skiptoken" not in call.query:
        return 0
    found = read_token(call.query["$skiptoken"])
    if not isinstance(found, int):
        raise bad_request("The $skiptoken is not valid.", "BadRequest")
    return found


def _next(call: Call, skipped: int) -> str:
    return call.link(call.path, **{**call.query, "$skiptoken": token_of(skipped)})


def token_of(value: Any) -> str:
    """Return an opaque token that stands for a JSON value."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def read_token(token: str) -> Any:
    """Return what a token stands for. Raises the 400 for a made-up one."""
    try:
        return json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        raise bad_request("The token is not valid.", "BadRequest") from None


# --- delta --------------------------------------------------------------------------------------------------------


def delta(
    call: Call,
    collection: Collection,
    context: str,
    *,
    size: int = 200,
    token: str = "$deltatoken",
    keep: Callable[[Resource], bool] = lambda resource: True,
    gone: Callable[[Resource], Resource] | None = None,
    view: Callable[[Resource], Resource] = lambda resource: resource,
) -> Resource:
    """Return a page of what changed since the token, with @odata.nextLink or @odata.deltaLink.

    `token` is the name of the query option ("token" on drives); "latest" begins now. `keep` picks resources of a
    collection that holds more; `gone` is how a removed one is shown (else `{"id", "@removed"}`), `view` how the others
    are. Raises the 410 for an old token.
    """
    since, until, at = _place(call, collection, token)
    size = number(call, "$top", size, None) if "$top" in call.query else size
    listed = [(n, id) for n, id in collection.since(since) if at < n <= until]
    # who begins is not told of what is not there
    ids = [id for _, id in listed[:size] if since or ((held := collection.get(id)) is not None and keep(held))]
    shown = [each for id in ids if (each := _changed(collection, id, keep, gone, view)) is not None]
    answer: Resource = {"@odata.context": call.link("/$metadata") + "#" + context}
    rest = {k: v for k, v in call.query.items() if k not in (token, "$skiptoken")}
    if len(listed) > size:
        answer["@odata.nextLink"] = call.link(
            call.path, **rest, **{token: token_of([since, until, listed[size - 1][0]])}
        )
    else:
        answer["@odata.deltaLink"] = call.link(call.path, **rest, **{token: token_of([until, 0, 0])})
    answer["value"] = [_one(call, each, {}, ()) for each in shown]
    return answer


def _place(call: Call, collection: Collection, name: str) -> tuple[int, int, int]:
    """Return since when, until when, and after which change this page goes on."""
    text = call.query.get(name, "") or call.arguments.get(name.lstrip("$"), "")
    now = collection.newest
    if not text:
        return 0, now, 0
    if text == "latest":
        return now, now, now
    found = read_token(text)
    if not (isinstance(found, list) and len(found) == 3 and all(isinstance(n, int) for n in found)):
        raise bad_request("The delta token is not valid.", "BadRequest")
    since, until, at = found
    if 0 < since < collection.horizon:
        raise resync(call.link(call.path))
    return since, until or now, at


def _changed(
    collection: Collection,
    id: str,
    keep: Callable[[Resource], bool],
    gone: Callable[[Resource], Resource] | None,
    view: Callable[[Resource], Resource],
) -> Resource | None:
    held = collection.get(id)
    if held is not None and keep(held):
        return view(held)
    lost = held or collection.removed.get(id, {"id": id})
    return gone(lost) if gone else {"id": id, "@removed": {"reason": "deleted" if held is None else "changed"}}
