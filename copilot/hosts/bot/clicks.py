"""Clicks on approval cards, and answers that were typed: what they are told at once, and what they lead to.

Most are told a view of the card and lead to nothing: no turn is begun for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from copilot.agent.events import Event
from copilot.errors import ApprovalError
from copilot.hosts.bot import cards, whole
from copilot.hosts.bot.card_answers import (
    CardAnswer,
    Verdict,
    check,
    outcome,
    parse,
    typed,
    with_card,
    with_error,
    with_text,
)
from copilot.hosts.bot.channels import profile_of
from copilot.hosts.bot.connector import Refused
from copilot.hosts.bot.consent import hands_over
from copilot.hosts.bot.inbox import Activity, Answer
from copilot.hosts.bot.keeping import OpenCard
from copilot.hosts.bot.people import Person, Refusal

if TYPE_CHECKING:
    from copilot.hosts.bot.rooms import Room
    from copilot.hosts.bot.turns import Turn, Turns

#: How often, and after how many seconds, a card is looked for that a client asks for as soon as it is shown.
_LOOKS, _LATER = 6, 0.3


async def at_once(turns: Turns, invoke: Activity, who: Mapping[str, Any]) -> Answer | None:
    """Return what a click is told while it waits; nothing is changed by it."""
    try:
        click = parse(invoke)
    except ApprovalError:
        return Answer(200, with_error(turns.words.malformed), over=True)
    if click is None:
        return None
    person = await turns.people.admit(invoke, who)
    if isinstance(person, Refusal):
        return Answer(200, with_text(person.text or turns.words.elsewhere), over=True)
    click = _by(parse(invoke, person.addresses) or click, person)
    found = await _looked_for(turns, click)
    if found is None:
        return Answer(200, with_text(turns.words.gone), over=True)
    if not _same_place(found, person):
        return Answer(200, with_text(turns.words.elsewhere), over=True)
    verdict = check(click, found.asked, turns.now(), turns.words)
    told = await asyncio.to_thread(_told, turns, invoke, click, found, verdict)  # a long change takes a while
    return Answer(200, told, over=not verdict.leads_on)


async def _looked_for(turns: Turns, click: CardAnswer) -> OpenCard | None:
    """Return the card that was clicked. A client looks at one at once, maybe before it is written down."""
    found = await asyncio.to_thread(turns.keeping.card, click.card)
    for _ in range(_LOOKS if click.decision == "look" else 0):
        if found is not None:
            break
        await asyncio.sleep(_LATER)
        found = await asyncio.to_thread(turns.keeping.card, click.card)
    return found


def _told(turns: Turns, invoke: Activity, click: CardAnswer, found: OpenCard, verdict: Verdict) -> dict[str, Any]:
    if verdict.do == "refuse":
        return with_text(verdict.text)
    if verdict.do == "act" and verdict.answer is not None:
        settled = outcome(verdict.answer, found.asked, click.by, turns.now(), done=False)
        return with_card(cards.settled(found.asked.card, settled))
    if verdict.do == "whole":
        return with_text(turns.words.whole_comes)
    return with_card(_as_it_stands(turns, invoke, found, verdict))


def _as_it_stands(turns: Turns, activity: Activity, found: OpenCard, verdict: Verdict) -> dict[str, Any]:
    """Return a card as it stands: answered, expired, or open at a page."""
    asked = found.asked
    asking = cards.Asking(asked.names, expires=asked.expires, whole=hands_over(activity, cloud=turns.bot.cloud))
    if asked.settled is not None:
        return cards.settled(asked.card, asked.settled, turns.words)
    if verdict.expired:
        return cards.settled(asked.card, cards.Settled("expired", when=asked.expires), turns.words)
    if not verdict.may:
        return cards.for_all(asked.card, profile_of(activity), asking, turns.words)
    return cards.approval(asked.card, profile_of(activity), asking, verdict.page, turns.words)


async def of(turns: Turns, turn: Turn) -> CardAnswer | None:
    """Return the click that an activity is, or the answer that was typed to a card; None if it is neither."""
    try:
        click = parse(turn.activity, turn.person.addresses)
    except ApprovalError:
        return None
    if click is not None or turn.activity["type"] != "message" or turn.profile.cards:
        return click and _by(click, turn.person)
    for each in reversed(turn.cards):
        if (answer := typed(turn.activity, each.asked.card, turn.person.addresses)) is not None:
            return _by(answer, turn.person)
    return None


def _by(click: CardAnswer, person: Person) -> CardAnswer:
    """Return a click with what is known of who clicked: what a channel does not vouch for counts as nothing."""
    return replace(click, by=replace(click.by, ids=click.by.ids & person.ids, named=click.by.ids & person.named))


def _same_place(found: OpenCard, person: Person) -> bool:
    """Return whether a card was asked by way of the channel that the click came by: ids of others mean nothing here."""
    try:
        asker = Person.unpacked(found.person)
    except (ValueError, TypeError, KeyError):
        return True  # nobody noted it; the conversation and the tenant are compared all the same
    return (asker.channel, asker.tenant) == (person.channel, person.tenant)


async def work(turns: Turns, turn: Turn, click: CardAnswer) -> str:
    """Do what a click asks for: go on with the turn that waits, turn a page, or show how the card stands."""
    found = await asyncio.to_thread(turns.keeping.card, click.card)
    if found is None:
        return await _say(turns, turn, click, turns.words.gone)
    if not _same_place(found, turn.person):
        return await _say(turns, turn, click, turns.words.elsewhere)
    mine = found.settled_by == turn.id  # this very click settled it, before a crash
    asked = found.asked if not mine else _reopened(found)
    verdict = check(click, asked, turns.now(), turns.words)
    if verdict.do == "act" and verdict.answer is not None:
        return await _act(turns, turn, click, found, verdict)
    if verdict.do == "refuse":
        return await _say(turns, turn, click, verdict.text)
    if verdict.do == "whole":
        await whole.hand_over(turns, turn, found)
    if verdict.expired:
        expired = cards.Settled("expired", when=found.asked.expires)
        await asyncio.to_thread(turns.keeping.settle, click.card, expired, turn.id)
    is_open = asked.settled is None and not verdict.expired
    if not (is_open and click.invoke and turn.profile.views):  # else it is a view of one person, not of all
        shown = await asyncio.to_thread(_as_it_stands, turns, turn.activity, found, verdict)
        await turns.redraw(turn, found.activity, shown)
    if verdict.text:
        return await _say(turns, turn, click, verdict.text)
    return "done"


def _reopened(found: OpenCard) -> Any:
    return replace(found.asked, settled=None)


async def _act(turns: Turns, turn: Turn, click: CardAnswer, found: OpenCard, verdict: Verdict) -> str:
    assert verdict.answer is not None
    settled = outcome(verdict.answer, found.asked, click.by, turns.now(), done=False)
    if not await asyncio.to_thread(turns.keeping.settle, click.card, settled, turn.id):
        return "done"  # somebody was faster; the card shows it
    await turns.redraw(turn, found.activity, cards.settled(found.asked.card, settled))
    turn = replace(turn, person=_asker(found, turn.person), first=found.asked)
    ended = replace(settled, status="failed")
    try:
        room = await asyncio.to_thread(turns.rooms.room, turn.person)
        said = await turns.follow(turn, room, partial(_goes_on, room, found, verdict, found.settled_by == turn.id))
        ended = outcome(verdict.answer, found.asked, click.by, turns.now())
    except ApprovalError:
        ended = cards.Settled("void", when=turns.now())
        raise
    except asyncio.CancelledError:  # this process is told to stop: another goes on with it
        ended = settled
        raise
    finally:
        if ended != settled:
            await asyncio.to_thread(turns.keeping.resettle, click.card, ended)
            await turns.redraw(turn, found.activity, cards.settled(found.asked.card, ended))
    return said


def _asker(found: OpenCard, clicker: Person) -> Person:
    """Return whose turn an answer goes on with: an approver acts for who asked, in their room and with their rights."""
    try:
        return Person.unpacked(found.person)
    except (ValueError, TypeError, KeyError):
        return clicker


async def _goes_on(room: Room, found: OpenCard, verdict: Verdict, again: bool) -> AsyncIterator[Event]:
    """Yield what happens after the answer; one that the thread took before a crash goes on from there.

    `again`: this answer was worked on before.
    """
    answer = verdict.answer
    assert answer is not None
    how: dict[str, Any] = {"approve": answer.approved, "message": answer.message, "card": answer.card_digest}
    try:
        async for event in room.copilot.astream_resume(found.thread, **how):
            yield event
    except ApprovalError as error:
        # The thread took this answer before a crash, and has ended or waits for another one by now.
        if error.code != "nothing_pending" and not (again and error.code == "stale"):
            raise
        calls = [str(item["call_id"]) for item in found.asked.card["items"]]
        async for event in room.copilot.astream_on(found.thread, after=calls):
            yield event


async def _say(turns: Turns, turn: Turn, click: CardAnswer, text: str) -> str:
    """Say a sentence to who clicked, where the invoke could not: a submitted button gets no answer."""
    if not click.invoke:
        with suppress(Refused):
            from copilot.hosts.bot.turns import send  # turns.py imports this module

            await send(turn.channel, turn.profile, {"type": "message", "text": text, "textFormat": "plain"}, "said")
    return "done"
