"""What a person reads before a call is made: the manifest's title and body, filled with the call's arguments.

Whether anybody is asked is the policy's: what changes something elsewhere is asked each time; what only asks for
something is free once the plugin was trusted, which is its first use ("Confirmation prompts for API plugins").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.api_plugin.manifest import Confirmation, Function
from copilot.plugins.cards import fill
from copilot.plugins.cards.expressions import member
from copilot.plugins.cards.functions import shown
from copilot.trust.outgoing import Outgoing
from copilot.trust.sanitise import safe_markdown, safe_text

#: `{{ function.parameters.item.title }}`, as the vendor's samples and tools write it; some leave the start away.
_BLANK = re.compile(r"\{\{\s*(?:function\.parameters\.)?([\w.-]{1,200})\s*\}\}")
#: `{{#starred}} ... {{/starred}}`: shown where the argument is there and true.
_SECTION = re.compile(
    r"\{\{#\s*(?:if )?\s*(?:function\.parameters\.)?([\w.-]{1,200})\s*\}\}(.*?)\{\{/[\w. -]{1,200}\}\}", re.DOTALL
)
#: Data handling that changes or gives away something ("Data handling values").
CONSEQUENTIAL = frozenset({"ResourceStateUpdate", "DataExport"})
#: Characters of a title and a body.
MOST_TITLE, MOST_BODY = 200, 4_096


def is_consequential(function: Function) -> bool:
    """Return whether the manifest attests that the function does more than to look something up."""
    return bool((function.data_handling or frozenset()) & CONSEQUENTIAL)


def asked(outgoing: Outgoing, function: Function, args: Mapping[str, Any]) -> Outgoing:
    """Return what would be sent with the manifest's words above it.

    The request itself stays whole below them: whoever approves sees what is done, and not only what a template says.
    """
    title = safe_text(filled(function.confirmation.title, args))[:MOST_TITLE].strip()
    words = filled(function.confirmation.body, args)[:MOST_BODY]
    above = safe_markdown(words).strip()
    return replace(
        outgoing,
        subject=outgoing.subject or title,
        body=f"{above}\n\n{outgoing.body}" if above else outgoing.body,
    )


def filled(template: str, args: Mapping[str, Any]) -> str:
    """Return a title or body with the arguments in its blanks (`{{function.parameters.x}}` or `${x}`)."""
    template = template[:MOST_BODY]
    values = {**args, "function": {"parameters": dict(args)}}
    try:
        text = fill(template, values, keep_missing=False)
    except PluginError:
        text = template
    text = _SECTION.sub(lambda match: match[2] if _value(match[1], args) else "", text)
    return _BLANK.sub(lambda match: shown(_value(match[1], args)), text)


def _value(path: str, args: Mapping[str, Any]) -> Any:
    """Return an argument by its path; of a body that became single arguments its last step names one."""
    value: Any = dict(args)
    for step in path.split("."):
        value = member(value, step)
    return value if value is not None else member(dict(args), path.rpartition(".")[2])


def words_of(confirmation: Confirmation) -> str:
    """Return title and body as they are written, for listings."""
    return safe_text(" ".join(part for part in (confirmation.title, confirmation.body) if part))
