"""`POST /api/messages`: who sends is checked, what is sent is checked, it is put into the inbox, and 202 is answered.

Nothing is worked on here. An activity that was put survives this process, so it is taken also while the process is told
to stop: another replica, or this one when it comes back, goes on with it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from copilot.hosts.bot import activities, gate, invokes, logs
from copilot.hosts.bot.activities import Malformed
from copilot.hosts.bot.hosts import Hosts
from copilot.hosts.bot.inbox import Activity, Answer, Inbox
from copilot.hosts.bot.keys import Unavailable
from copilot.hosts.bot.metrics import Metrics
from copilot.hosts.bot.tokens import LOCAL, NotAllowed, Tokens, Who

log = logging.getLogger(__name__)

_AGAIN = 5  # seconds that a sender is asked to wait
_READING = 20.0  # seconds in which a body must arrive
_REMEMBERED = 10_000  # activities that were put: a storm of duplicates does not reach the inbox


@dataclass
class Life:
    """Whether the process is told to stop."""

    draining: bool = False


@dataclass
class Door:
    """Lets activities in. `tokens` None: no app is set up, and only programs on this machine may send."""

    inbox: Inbox
    tokens: Tokens | None
    hosts: Hosts
    metrics: Metrics
    life: Life
    seconds: float = 600.0
    _putting: dict[tuple[str, str, str], asyncio.Future[str]] = field(default_factory=dict, init=False)
    _put: OrderedDict[tuple[str, str, str], None] = field(default_factory=OrderedDict, init=False)

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; an error of ours is 503 with no word of it, so that the channel sends it again."""
        began = time.perf_counter()
        try:
            response = await self._let_in(request)
        except NotAllowed as refusal:
            response = self._refused(refusal.reason, refusal.status, request)
        except Malformed as fault:
            response = self._refused("malformed", fault.status, request, str(fault))
        except Unavailable:
            response = self._refused("no keys", 503, request)
        except Exception as error:  # the channel may send it again, and must not be told what broke
            log.warning("failed", exc_info=error)
            response = self._refused("failed", 503, request)
        if self.life.draining:
            response.force_close()
        self.metrics.request(time.perf_counter() - began)
        return response

    async def _let_in(self, request: web.Request) -> web.Response:
        who = await self._who(request)
        activity = activities.parsed(await _body(request))
        who.speaks_for(activity)
        if not self.hosts.allows(activity["serviceUrl"]):
            raise NotAllowed("service host", 403)
        if why := activities.ignored(activity):
            return self._ignored(activity, why)
        if activity["type"] == "invoke":
            return await self._invoke(activity, who)
        if activities.is_stop(activity) and await self._stop(activity, who):
            return self._done(activity, "stopped")
        if activity.get("deliveryMode") == "expectReplies":
            return await self._replies(activity, who)
        return await self._message(activity, who)

    async def _who(self, request: web.Request) -> Who:
        if self.tokens is not None:
            return await self.tokens.check(request.headers.get("Authorization"))
        if not gate.is_local(request) or "Origin" in request.headers:  # a page in a browser is no program
            raise NotAllowed("anonymous", 403)
        return LOCAL

    # --- the kinds of activities --------------------------------------------------------------------------------------

    async def _message(self, activity: Activity, who: Who) -> web.Response:
        outcome = await self._keep(activity, who)
        return self._full(activity) if outcome == "full" else self._done(activity, outcome)

    async def _stop(self, activity: Activity, who: Who) -> bool:
        """Stop what runs; False if nothing did, and the word is a message like any other."""
        if activities.identity(activity) in self._put:
            return False
        stopped = await self.inbox.stop(activity, who.to_dict())
        if stopped:
            self._remember(activity)
        return stopped

    async def _keep(self, activity: Activity, who: Who) -> str:
        """Put an activity into the inbox, unless this replica knows that it is there."""
        what = activities.identity(activity)
        if what in self._put:
            return "known"
        if (putting := self._putting.get(what)) is not None:  # the same one, a moment ago
            outcome = await asyncio.shield(putting)
            return "known" if outcome == "new" else outcome
        putting = self._putting[what] = asyncio.ensure_future(self.inbox.put(activity, who.to_dict()))
        putting.add_done_callback(lambda _: self._putting.pop(what))
        outcome = await asyncio.shield(putting)
        if outcome != "full":
            self._remember(activity)
        return outcome

    def _remember(self, activity: Activity) -> None:
        self._put[activities.identity(activity)] = None
        if len(self._put) > _REMEMBERED:
            self._put.popitem(last=False)

    async def _replies(self, activity: Activity, who: Who) -> web.Response:
        try:
            async with asyncio.timeout(self.seconds):
                found = await self.inbox.replies(activity, who.to_dict())
        except TimeoutError:
            self.metrics.activity(activity["type"], "slow")
            return web.Response(status=504)
        if found is None:
            return self._full(activity)
        self._note(activity, "answered")
        return web.json_response({"activities": found})

    async def _invoke(self, activity: Activity, who: Who) -> web.Response:
        name = activity["name"]
        if name not in invokes.TAKEN:
            self._note(activity, "ignored", name=activities.short(name))
            return _answered(invokes.UNKNOWN)
        answer = await self._thought_about(activity, who)
        if answer is not None and answer.over:
            self._note(activity, "answered", name=name)
            return _answered(answer)
        outcome = await self._keep(activity, who)
        self._note(activity, outcome, name=name)
        if outcome == "full":
            return _answered(invokes.full(name))
        return _answered(answer or invokes.TAKEN[name])

    async def _thought_about(self, activity: Activity, who: Who) -> Answer | None:
        try:
            async with asyncio.timeout(invokes.THINKING):
                return await self.inbox.answer(activity, who.to_dict())
        except TimeoutError:
            return None  # acknowledged as it is; what it leads to comes as an update

    # --- answers ------------------------------------------------------------------------------------------------------

    def _done(self, activity: Activity, outcome: str) -> web.Response:
        self._note(activity, outcome)
        return web.Response(status=202)

    def _full(self, activity: Activity) -> web.Response:
        self._note(activity, "full")
        return web.Response(status=429, headers={"Retry-After": str(_AGAIN)})

    def _ignored(self, activity: Activity, why: str) -> web.Response:
        self._note(activity, "ignored", why=why)
        return web.Response(status=200 if activity["type"] == "invoke" else 202)

    def _refused(self, reason: str, status: int, request: web.Request, told: str = "") -> web.Response:
        self.metrics.refused(reason)
        log.warning("refused", extra=logs.told(reason=reason, status=status, why=told, sender=request.remote))
        headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(_AGAIN)}}.get(status)
        if told:
            return web.json_response({"error": {"code": "BadSyntax", "message": told}}, status=status, headers=headers)
        return web.Response(status=status, headers=headers)

    def _note(self, activity: Activity, outcome: str, **more: Any) -> None:
        self.metrics.activity(activity["type"], outcome)
        if log.isEnabledFor(logging.INFO):
            channel, conversation, id = map(activities.short, activities.identity(activity))
            what = {"outcome": outcome, "type": activities.short(activity["type"]), **more}
            log.info("activity", extra=logs.told(**what, channel=channel, conversation=conversation, id=id))


def _answered(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status)
    return web.json_response(answer.body, status=answer.status)


async def _body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise Malformed("the content type is not application/json", 415)
    if (request.content_length or 0) > activities.MOST_BYTES:
        raise Malformed(f"the body is larger than {activities.MOST_BYTES:,} bytes", 413)
    try:
        async with asyncio.timeout(_READING):
            return await request.read()
    except TimeoutError as error:
        raise Malformed("the body did not arrive in time", 408) from error
    except web.HTTPRequestEntityTooLarge as error:
        raise Malformed(f"the body is larger than {activities.MOST_BYTES:,} bytes", 413) from error
