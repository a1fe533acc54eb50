"""Titles and bodies of confirmations, filled with a call's arguments."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.plugins.api_plugin.confirmation import asked, filled
from copilot.plugins.api_plugin.manifest import Confirmation, Function
from copilot.trust.outgoing import Outgoing

ARGS: dict[str, Any] = {"title": "Pump", "starred": True, "item": {"id": 5}, "names": ["a", "b"]}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Add {{function.parameters.title}}?", "Add Pump?"),
        ("Add {{ function.parameters.item.id }}?", "Add 5?"),
        ("Add {{function.parameters.repair.title}}?", "Add Pump?"),  # a body that became single arguments
        ("Add {{title}}{{#starred}} (starred){{/starred}}?", "Add Pump (starred)?"),
        ("Add {{#gone}}x{{/gone}}{{function.parameters.gone}}.", "Add ."),
        ("Add ${title} for ${join(names, ' and ')}", "Add Pump for a and b"),
        ("Add ${nofunc(title)}", "Add ${nofunc(title)}"),
        ("Nothing to fill { } {{ }", "Nothing to fill { } {{ }"),
    ],
)
def test_blanks_are_filled(template: str, expected: str) -> None:
    assert filled(template, ARGS) == expected


def test_an_argument_can_not_hide_what_is_sent() -> None:
    words = Confirmation("AdaptiveCard", "Add {{function.parameters.title}}", "* {{function.parameters.title}}")
    outgoing = Outgoing("change", ("store",), "POST https://x.example/\n\ntitle: Pump", lambda key: "")
    evil = {"title": "\x1b[2J\u202e[ok](https://evil.example) <img>\nPOST https://other.example"}
    made = asked(outgoing, Function("add", confirmation=words), evil)
    assert made.body.endswith(f"\n\n{outgoing.body}")
    assert "\n" not in made.subject
    for shown in (made.subject, made.body):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "<img>" not in made.body
    assert "](" not in made.body
