"""An operation as a tool: one that reads is a fetch, any other is shown as the whole request before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from copilot.errors import EverpilotError
from copilot.plugins.context import ToolContext
from copilot.plugins.openapi import paging, responses
from copilot.plugins.openapi.bodies import Upload
from copilot.plugins.openapi.client import Client, Prepared, may_have_happened
from copilot.plugins.openapi.model import Operation
from copilot.plugins.openapi.operations import roles_of
from copilot.plugins.tools import Effect, Result, Tool, json_tool
from copilot.plugins.web import Answer
from copilot.trust.labels import WORKSPACE
from copilot.trust.outgoing import Attachment, Kind, Outgoing

#: Makes what a model reads of an answer: the operation, the answer, and its JSON (None where it is none).
Present = Callable[[Operation, Answer, Any], Result]
#: Statuses that say that nothing was done (RFC 9110, section 15.5), beside every other 4xx: not a timeout of theirs.
_PERHAPS_DONE = frozenset({408, 425, 499})


def present(operation: Operation, answer: Answer, data: Any) -> Result:
    """Return an answer as Markdown and data, with how to ask for what comes next."""
    text = responses.markdown(answer, data)
    more = paging.hint(operation, answer, data)
    return Result(f"{text}\n\n{more}" if more else text, data, (answer.url,))


def tool_of(
    operation: Operation,
    client: Client,
    skill: str,
    *,
    present: Present = present,
    name: str = "",
    description: str = "",
    asks: bool | None = None,
    **more: Any,
) -> Tool:
    """Return the tool of an operation, called `skill.name`.

    `present` makes what the model reads; `asks` True lets a person decide on each call of one that only reads, too.
    `more` are other fields of `Tool`. Raises PluginError for a schema that can't be used.
    """
    schema, roles = roles_of(operation.schema)
    reads = operation.reads and not asks

    def read(context: ToolContext, /, **args: Any) -> Result:
        return _read(context, client, operation, args, present)

    def send(context: ToolContext, /, **args: Any) -> Outgoing:
        return _outgoing(context, client, operation, args, present)

    return json_tool(
        f"{skill}.{name or operation.name}",
        description or operation.description,
        schema,
        Effect.FETCH if reads else Effect.SEND,
        read if reads else send,
        roles=roles,
        **{"service": client.service, "examples": operation.examples, "cues": operation.cues, **more},
    )


def _read(
    context: ToolContext, client: Client, operation: Operation, args: Mapping[str, Any], present: Present
) -> Result:
    prepared = client.prepare(operation, args)
    answer = client.send(operation, prepared)
    context.labels += [client.service.source, replace(WORKSPACE, sources=(answer.url,))]
    return _result(operation, answer, args, present)


def _result(operation: Operation, answer: Answer, args: Mapping[str, Any], present: Present) -> Result:
    if answer.status >= 400:
        raise responses.error_of(answer, operation.label)
    data = responses.data_of(answer)
    path = args.get(operation.select) if operation.select else None
    if not path or data is None:
        return present(operation, answer, data)
    found = responses.selected(data, str(path))
    more = paging.hint(operation, answer, data)
    text = responses.cut(responses.of_data(found))
    return Result(f"{text}\n\n{more}" if more else text, found, (answer.url,))


def _outgoing(
    context: ToolContext, client: Client, operation: Operation, args: Mapping[str, Any], present: Present
) -> Outgoing:
    files, attachments = _files(context, operation, args)
    prepared = client.prepare(operation, args, files)

    def deliver(key: str) -> str:
        return _deliver(client, operation, prepared, key, args, present)

    kind: Kind = "delete" if operation.method == "DELETE" else "change"
    whom = (client.service.name,)
    return context.send(kind, whom, prepared.shown(), deliver, attachments=attachments)


def _deliver(
    client: Client, operation: Operation, prepared: Prepared, key: str, args: Mapping[str, Any], present: Present
) -> str:
    answer = client.send(operation, prepared, key)
    if answer.status >= 500 or answer.status in _PERHAPS_DONE:
        raise may_have_happened(answer, operation)
    try:
        return _result(operation, answer, args, present).markdown
    except EverpilotError:
        if answer.status >= 400:
            raise  # it refused: nothing was done
        return responses.markdown(answer, responses.data_of(answer))


def _files(
    context: ToolContext, operation: Operation, args: Mapping[str, Any]
) -> tuple[dict[str, list[Upload]], tuple[Attachment, ...]]:
    """Return the documents that arguments name, by the property that they fill; what they hold is labelled."""
    body = operation.body
    if body is None:
        return {}, ()
    named = {"": body.arg} if body.mode == "file" else {n: a for a, n in body.fields.items() if n in body.files}
    files: dict[str, list[Upload]] = {}
    attachments: list[Attachment] = []
    for name, arg in named.items():
        given = args.get(arg)
        for path in given if isinstance(given, list) else [given] if given else []:
            attachments.append(context.attach(str(path)))
            files.setdefault(name, []).append(Upload(attachments[-1].name, context.open(str(path)).content))
    return files, tuple(attachments)


def at(operation: Operation, server: str) -> Operation:
    """Return the operation at another address."""
    return replace(operation, server=server.rstrip("/"))
