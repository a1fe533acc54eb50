"""Answering, at a terminal, what waits for a person because a client could not ask."""

from __future__ import annotations

from pathlib import Path

from copilot import settings
from copilot.agent.copilot import Copilot
from copilot.cli import DONE, FAILED
from copilot.errors import ApprovalError
from copilot.hosts import render
from copilot.hosts.mcp_server.catalogue import Catalogue
from copilot.hosts.mcp_server.desk import Desk, first_seen
from copilot.hosts.mcp_server.options import Options
from copilot.hosts.mcp_server.orders import Look, Outcome
from copilot.hosts.mcp_server.own import own_skill
from copilot.hosts.mcp_server.waiting import Waiting, WaitingRoom
from copilot.hosts.output import agreed, command, say
from copilot.trust.sanitise import safe_text

#: How often a change is shown anew because the file changed while it was looked at.
_SHOWN = 3


def listed() -> int:
    """List what waits."""
    found = WaitingRoom(settings.home()).all()
    heads = ("Id", "Since (UTC)", "Client", "What")
    rows = [(w.order.id, w.order.moment.isoformat()[:16].replace("T", " "), w.order.client, w.summary) for w in found]
    render.console().print(render.table(heads, rows) if rows else "Nothing waits for an approval.")
    if rows:
        print(f"\nTo look at one and decide: {command()} mcp approve ID")
    return DONE


def answered(id: str) -> int:
    """Show what would be done now, ask, and do it; raises ApprovalError for what can't be answered."""
    room = WaitingRoom(settings.home())
    waiting = room.get(id)
    if waiting.state != "waiting":
        raise ApprovalError(f"{id} was answered already: {waiting.state}. {waiting.text}".strip(), code="used")
    if waiting.expired:
        raise ApprovalError(f"{id} expired.", hint="Let it be asked for again.", code="expired")
    desk = desk_for(waiting)
    room = WaitingRoom(desk.copilot.state, encrypt=desk.copilot.settings.records.encrypt)
    for _ in range(_SHOWN):
        look = desk.look(waiting.order)
        if look.card is not None:
            render.console().print(render.card(look.card.to_dict()))
            if not agreed("Do exactly this?"):
                room.settle(waiting, "rejected", "The user did not approve it.")
                print("Nothing was written.")
                return FAILED
        if (outcome := decided(desk, look)) is not None:
            return _settled(room, waiting, outcome)
        say("it is not any more what you were shown; here it is as it would be now")
    raise ApprovalError("It came out different each time it was made.", hint="Let it be asked for again.", code="stale")


def desk_for(waiting: Waiting) -> Desk:
    """Return a desk over the folders of an order, with the settings as they are now."""
    folder, *more = waiting.folders
    copilot = Copilot(folder, folders=more, mode=waiting.order.mode, settings=settings.load(Path(waiting.base)))
    room = WaitingRoom(copilot.state)
    catalogue = Catalogue.of(copilot.skills, own_skill(room, lambda: catalogue), Options())
    seen = first_seen(copilot.settings, waiting.level)
    return Desk(copilot, catalogue.all, waiting.level, waiting.order.thread, seen)


def decided(desk: Desk, shown: Look) -> Outcome | None:
    """Do what was shown and agreed to; None when it is another thing by now, or was done already."""
    if shown.card is None:
        return desk.do(shown)
    look = desk.look(shown.order)
    if look.card is None or look.digests != shown.digests or not desk.use(look):
        return None
    return desk.do(look, look.card.digest)


def _settled(room: WaitingRoom, waiting: Waiting, outcome: Outcome) -> int:
    done = outcome.status == "done"
    room.settle(waiting, "done" if done else "failed", outcome.text)
    print(safe_text(outcome.text, lines=True))
    return DONE if done else FAILED
