"""What an agent says before a conversation: its disclaimer, and requests to begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.hosts.terminal.screen import Screen
    from copilot.plugins.persona import Persona


def greet(screen: Screen, persona: Persona | None) -> None:
    """Show who answers, the disclaimer and the starters; nothing where no agent does."""
    if persona is None:
        return
    head = Text.assemble((safe_text(persona.name), "bold"), f"  {safe_text(_one_line(persona.description))}")
    screen.console.print(head)
    if persona.disclaimer:
        screen.console.print(Text(safe_text(persona.disclaimer), style="yellow"))
    for starter in persona.shown_starters:
        named = f"{safe_text(starter.title)}: " if starter.title and starter.title != starter.text else ""
        screen.note(f"  {named}{safe_text(starter.text)}")


def starters_of(persona: Persona | None) -> tuple[str, ...]:
    """Return the requests that the line completes; none where the agent wants no suggestions."""
    if persona is None or not persona.suggestions:
        return ()
    return tuple(safe_text(starter.text) for starter in persona.shown_starters)


def _one_line(text: str) -> str:
    return " ".join(text.split())
