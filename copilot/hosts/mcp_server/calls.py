"""`tools/list` and `tools/call`: an order is looked at, asked about where it must be, and then done."""

from __future__ import annotations

from functools import partial
from itertools import count

import anyio
import anyio.from_thread
import mcp_types as types

from copilot.errors import EverpilotError
from copilot.hosts.mcp_server import answers, asking, roots
from copilot.hosts.mcp_server.asking import Context
from copilot.hosts.mcp_server.desk import Desk, failure
from copilot.hosts.mcp_server.notices import Notices
from copilot.hosts.mcp_server.orders import Given, Look, Order, Outcome
from copilot.hosts.mcp_server.pages import page
from copilot.hosts.mcp_server.served import Served
from copilot.hosts.mcp_server.waiting import Waiting
from copilot.hosts.output import command

#: How often a change is shown again because it is another than the one that was approved, before it is given up.
_STALE_ANSWERS = 3
_WAITS = """\
Nothing is written or sent yet: this waits for the user's approval (id {id}). Tell the user to look at it \
and to decide in a terminal:

    {command} mcp approve {id}

Then it is done; do not call this again. everpilot__approval says how it stands.

What would be done:
{shown}"""
_DECLINED = "The user did not approve this call; nothing was written or sent."


class Calls:
    """Answers what clients ask about tools."""

    def __init__(self, served: Served, notices: Notices) -> None:
        self._served = served
        self._notices = notices

    async def list(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """Return a page of the tools."""
        shown, cursor = page(self._served.catalogue.listed, params)
        return types.ListToolsResult(tools=shown, next_cursor=cursor)

    async def call(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Return what became of a call, or what the client must ask the person first."""
        try:
            if self._served.wants_roots(ctx):
                if (opened := roots.given(params)) is None:
                    return roots.asking_for()
                self._served.open_roots(ctx, opened)
            tool, args = self._served.catalogue.meant(params.name, params.arguments or {})
            desk = await self._served.desk(ctx)
            order, given = asking.given(params) or (desk.order(tool, args, _client(ctx)), None)
            outcome = await self._settled(ctx, desk, order, given)
        except EverpilotError as error:
            outcome = failure(error)
        if isinstance(outcome, types.InputRequiredResult):
            return outcome
        await self._notices.changed(outcome)
        return answers.result(outcome)

    async def _settled(
        self, ctx: Context, desk: Desk, order: Order, given: Given | None
    ) -> Outcome | types.InputRequiredResult:
        """Return the outcome once nothing is left to ask; a stale or used answer leads to a new question."""
        for _ in range(_STALE_ANSWERS + 1):
            look = await _looked(ctx, desk, order)
            if look.card is None:
                return await _done(desk, look)
            if given is not None and not given.approved:
                return Outcome("rejected", _DECLINED, error={"code": "rejected", "message": _DECLINED})
            if given is not None and given.fits(look) and await anyio.to_thread.run_sync(desk.use, look):
                return await _done(desk, look, look.card.digest)
            await anyio.to_thread.run_sync(desk.asked, look)
            answer = await asking.ask(ctx, look)
            if answer is None:
                return await anyio.to_thread.run_sync(self._parked, desk, look)
            if isinstance(answer, types.InputRequiredResult):
                return answer
            given = answer
        text = "It came out different each time it was made, so what was approved can't be written. Nothing was."
        return Outcome("failed", text, error={"code": "not_repeatable", "message": text})

    def _parked(self, desk: Desk, look: Look) -> Outcome:
        """Let it wait for the person at a terminal, and return how that goes."""
        assert look.card is not None
        order, items = look.order, look.card.items
        summary = "; ".join(": ".join(part for part in (i.path, i.summary) if part) for i in items)
        folders = tuple(str(root) for root in desk.copilot.roots)
        base = str(self._served.copilot.folder)
        self._served.room.put(Waiting(order, base, folders, desk.level, summary))
        text = _WAITS.format(id=order.id, command=command(), shown=asking.excerpt(look.card))
        shown = [s for step in look.steps for s in step.shown]
        label = order.label
        for step in look.steps:
            label = label | step.label
        desk.seen.add(label)
        data = {"approval": order.id, "expires": look.card.expires}
        return Outcome("needs_approval", text, data=data, changes=tuple(shown), label=label)


async def _looked(ctx: Context, desk: Desk, order: Order) -> Look:
    """Stage the order in a thread; a client that cancels the call does not wait for it, and nothing comes of it."""
    steps = count(1)

    def progress(message: str) -> None:
        anyio.from_thread.run(partial(ctx.session.report_progress, next(steps), message=message))

    return await anyio.to_thread.run_sync(desk.look, order, progress, abandon_on_cancel=True)


async def _done(desk: Desk, look: Look, approval: str = "") -> Outcome:
    """Do it, whole: a thread that is not to be abandoned shields itself from the cancelling of the call."""
    return await anyio.to_thread.run_sync(desk.do, look, approval, abandon_on_cancel=False)


def _client(ctx: Context) -> str:
    """Return the client's name as it gives it: for the audit log, not for any decision."""
    params = ctx.session.client_params
    return params.client_info.name[:60] if params else ""
