"""What the bot does with an activity: a message becomes a turn of the assistant, a click on a card goes on with one.

All of it may be run again after a crash, here or in another replica: what was shown is known (keeping.py), the turn of
the thread goes on where it was (agent/turn.py), and what was written or sent was done once.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from copilot.agent.events import ApprovalEvent, Event, Final
from copilot.errors import EverpilotError, PluginError, SettingsError
from copilot.hosts.bot import cards, commands, fence, logs
from copilot.hosts.bot.activities import channel_of
from copilot.hosts.bot.card_answers import Asked, Clicker, expires_at
from copilot.hosts.bot.channels import ChannelProfile, profile_of
from copilot.hosts.bot.connector import Collected, Connector, Refused
from copilot.hosts.bot.consent import changed_files, hands_over
from copilot.hosts.bot.dialect import said
from copilot.hosts.bot.durable import conversation_key, sender_of, told_of
from copilot.hosts.bot.heard import Heard, heard
from copilot.hosts.bot.inbox import Activity, Answer, Channel
from copilot.hosts.bot.keeping import Begun, Keeping, Kept, OpenCard
from copilot.hosts.bot.mentions import is_addressed
from copilot.hosts.bot.people import People, Person, Refusal
from copilot.hosts.bot.presenter import About, Presenter
from copilot.hosts.bot.suggested import suggested_actions
from copilot.hosts.bot.words import WORDS, Words
from copilot.jobs.database import is_away
from copilot.sections.bot import BotSettings
from copilot.trust.labels import Label
from copilot.trust.sanitise import safe_markdown

if TYPE_CHECKING:
    from copilot.hosts.bot.consent import Offers
    from copilot.hosts.bot.files import Receipt, Receiver
    from copilot.hosts.bot.limits import Limits
    from copilot.hosts.bot.pictures import Pictures
    from copilot.hosts.bot.rooms import Room, Rooms
    from copilot.hosts.bot.signin import SignIns
    from copilot.hosts.bot.webchat.host import WebChat

log = logging.getLogger(__name__)

_LOOK = 0.5  # seconds between two looks whether somebody said stop
_DONE, _IGNORED = "done", "ignored"
_OBJECT_ID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Turn:
    """One activity that is worked on: its id, whose turn it is, and where the replies go.

    `own` are the approvals that it asked for before a crash. `first` is the approval that it answers, if it does: an
    approver goes on with the turn of the person who asked. `kept` and `cards` are the replies that could not be
    delivered before and the cards that were open when it began, of the whole conversation.
    """

    id: str
    activity: Activity
    conversation: str
    person: Person
    channel: Channel
    profile: ChannelProfile
    shown: Mapping[str, Any]
    own: frozenset[str] = frozenset()
    first: Asked | None = None
    kept: Sequence[Kept] = ()
    cards: Sequence[OpenCard] = ()


@dataclass
class Turns:
    """Works on activities. Everything that it needs is given; `webchat` where the page is served.

    `pictures` draws what cards ask for, where that is wanted.
    """

    bot: BotSettings
    connector: Connector
    keeping: Keeping
    people: People
    rooms: Rooms
    limits: Limits
    receiver: Receiver
    offers: Offers
    signins: SignIns
    webchat: WebChat | None = None
    pictures: Pictures | None = None
    words: Words = WORDS
    clock: Callable[[], float] = time.time

    async def work(self, id: str, activity: Activity, who: Mapping[str, Any], begun: Begun) -> str:
        """Work on an activity to its end, and return how that was: "done", "ignored", "refused", "stopped"."""
        channel = self._channel(id, activity, who)
        with self.connector.metrics.turn():
            try:
                person = await self.people.admit(activity, who)
                outcome = await self._admitted(id, activity, person, channel, begun)
            except Refused as refusal:
                log.warning("unanswered", extra={**told_of(activity), **logs.told(code=refusal.code)})
                outcome = "refused"
            except EverpilotError as error:
                if is_away(error):
                    raise
                outcome = await self._failed(channel, activity, self._reason(error, activity))
            except Exception as error:  # a bug ends the turn, with a sentence, and not the conversation
                if is_away(error):
                    raise
                log.exception("failed", exc_info=error, extra=told_of(activity))
                outcome = await self._failed(channel, activity, "something unexpected went wrong; it is in the log")
        replies = channel.activities if isinstance(channel, Collected) else []
        await fence.check()
        await asyncio.to_thread(self.keeping.end, id, replies)
        return outcome

    def _channel(self, id: str, activity: Activity, who: Mapping[str, Any]) -> Channel:
        if activity.get("deliveryMode") == "expectReplies":
            return Collected()
        if who.get("kind") == "webchat" and self.webchat is not None:
            return self.webchat.channel(str(activity["conversation"]["id"]), turn=id)
        return self.connector.channel(activity, who)

    async def _admitted(
        self,
        id: str,
        activity: Activity,
        person: Person | Refusal,
        channel: Channel,
        begun: Begun,
    ) -> str:
        if isinstance(person, Refusal):
            if person.text and activity["type"] in ("message", "invoke"):
                await channel.send({"type": "message", "text": person.text, "textFormat": "plain"})
            return "refused" if person.text else _IGNORED
        if begun.stopped and not begun.shown:
            return "stopped"
        own = frozenset(begun.shown.get("cards", ()))
        shown = {} if isinstance(channel, Collected) else begun.shown  # what was collected before a crash is lost
        where = (conversation_key(activity), person, channel, profile_of(activity))
        turn = Turn(id, activity, *where, shown, own, kept=begun.kept, cards=begun.cards)
        return await self._done(turn)

    async def _done(self, turn: Turn) -> str:
        from copilot.hosts.bot import clicks

        kind = turn.activity["type"]
        if kind in ("message", "invoke") and (click := await clicks.of(self, turn)) is not None:
            return await clicks.work(self, turn, click)
        if kind == "message":
            return await self._message(turn)
        if kind == "invoke":
            return await self._invoke(turn)
        if kind == "messageUpdate":
            return await self._edited(turn)
        if _is_greeted(turn.activity):
            return await self._say(turn, self.words.greeting, prompts=("help",))
        return _IGNORED

    async def _edited(self, turn: Turn) -> str:
        """Tell that an edit changes nothing, where the message was for the bot: it was answered as it was sent."""
        data = turn.activity.get("channelData")
        edited = isinstance(data, dict) and data.get("eventType") == "editMessage"
        if not edited or (turn.person.group and not is_addressed(turn.activity)):
            return _IGNORED
        return await self._say(turn, self.words.edited)

    # --- messages -------------------------------------------------------------------------------------------------

    async def _message(self, turn: Turn) -> str:
        if not turn.shown and (wait := await self._too_fast(turn)) is not None:
            return await self._say(turn, wait) if wait else "refused"
        await self._deliver_kept(turn)
        room = await self.rooms.entered(turn.person)
        receipt = await self.receiver.receive(turn.activity, room)
        await self._troubles(turn, receipt)
        names = [each.name for each in receipt.files]
        words = heard(turn.activity)
        if any(words.own.startswith(form.partition("{")[0]) for form in self.words.prompts):
            words = heard(turn.activity, await asyncio.to_thread(self._offered, room))
        if not words.text and not names:
            return _DONE if receipt.problems else _IGNORED
        if not words.text:
            listed = ", ".join(_shown_name(turn, name) for name in names)
            return await self._say(turn, self.words.got_files.format(names=listed), prompts=self._prompts(names[:1]))
        if (told := await commands.answer(self, turn, room, words.own)) is not None:
            return await self._say(turn, told) if told else _DONE
        await self.void_cards(turn, room)
        return await self.follow(turn, room, partial(self._asked, turn, room, words, names))

    def _prompts(self, names: Iterable[str]) -> list[str]:
        """Return what is suggested for documents."""
        return [form.format(name=name) for name in names for form in self.words.prompts]

    def _offered(self, room: Room) -> set[str]:
        """Return all that may have been suggested in a room: who clicks on it did not type it."""
        workspace = room.copilot.workspace
        return set(self._prompts(workspace.show(path) for path in workspace.files()))

    async def _troubles(self, turn: Turn, receipt: Receipt) -> None:
        """Say which files could not be had, and ask for the sign-in that would help."""
        if receipt.problems and not turn.shown:
            with suppress(Refused):  # the answer comes first, and may still be delivered
                await self._tell(turn, "\n\n".join(receipt.problems), key="problems")
        if receipt.sign_in and self.signins.can_ask(turn.person) and not turn.shown:
            with suppress(Refused):
                await send(turn.channel, turn.profile, self.signins.card(turn.person), "sign-in")

    def _asked(self, turn: Turn, room: Room, words: Heard, names: list[str]) -> AsyncIterator[Event]:
        """Return the events of the answer to a message; what came with it are other people's words."""
        how = {"typed": words.typed, "message_id": turn.id}
        return room.copilot.astream(words.text, thread=room.thread, files=names, **how)

    async def _too_fast(self, turn: Turn) -> str | None:
        """Return None for a message that is taken, else what to say, "" for nothing."""
        taken = await self.limits.take(turn.person.key)
        if taken.ok:
            return None
        return self.words.too_fast.format(count=self.bot.per_minute, seconds=taken.seconds) if taken.tell else ""

    def open_cards(self, turn: Turn, room: Room) -> list[OpenCard]:
        """Return the cards of a thread that waited for an answer when this turn began, but its own."""
        return [e for e in turn.cards if e.thread == room.thread and str(e.asked.card["id"]) not in turn.own]

    async def void_cards(self, turn: Turn, room: Room) -> int:
        """Close the cards of a thread that is overtaken, and return how many: its open calls are given up."""
        found = self.open_cards(turn, room)
        for each in found:
            settled = cards.Settled("overtaken", when=self.now())
            if await asyncio.to_thread(self.keeping.settle, str(each.asked.card["id"]), settled, turn.id):
                await self.redraw(turn, each.activity, cards.settled(each.asked.card, settled))
        return len(found)

    # --- a turn that is shown -------------------------------------------------------------------------------------

    async def follow(self, turn: Turn, room: Room, events: Callable[[], AsyncIterator[Event]]) -> str:
        """Show the events to their end, or until somebody says stop; then the files that were changed."""
        about = About(to=str(turn.activity["from"].get("id", "")), asking=partial(self.asking, turn))
        presenter = Presenter(turn.channel, turn.profile, self.words, about=about, sent=turn.shown)
        shown = _Shown(self, turn, room, presenter)
        stopper = asyncio.create_task(self._until_stopped(turn))
        try:
            final = await shown.all(events(), stopper)
        finally:
            stopper.cancel()
        if final is not None:
            await shown.give(final.changes)
        return _DONE if final is not None else "stopped"

    async def _until_stopped(self, turn: Turn) -> None:
        await asyncio.sleep(_LOOK)  # most turns that can be stopped at all take longer
        while not await asyncio.to_thread(self.keeping.is_stopped, turn.id):
            await fence.check()
            await asyncio.sleep(_LOOK)

    def asking(self, turn: Turn, card: Mapping[str, Any]) -> cards.Asking:
        """Return how an approval is asked in this turn."""
        names = turn.first.names if turn.first else (turn.person.name,) if turn.person.name else ()
        if names and turn.profile.views and self.bot.approvers and not turn.first:
            names = (*names, self.words.approver)
        return cards.Asking(
            who=names,
            refresh=self._answering(turn) if turn.profile.views else (),
            expires=expires_at(card, self.bot.approval_minutes),
            whole=hands_over(turn.activity, cloud=self.bot.cloud),
        )

    def _answering(self, turn: Turn) -> tuple[str, ...]:
        """Return who may answer, as a card names them; approvers whom the settings name by address ask for buttons."""
        known = "" if turn.first else str(turn.activity["from"].get("id", ""))  # as it is spelt: case matters there
        objects = [turn.person.object_id] if turn.person.object_id and not known else []
        objects += [each for each in self.bot.approvers if _OBJECT_ID.fullmatch(each.strip())]
        return tuple(dict.fromkeys(filter(None, [known, *(f"8:orgid:{each.strip().lower()}" for each in objects)])))

    def asked(self, turn: Turn, card: Mapping[str, Any]) -> Asked:
        """Return an approval as it is kept: whoever asked may answer it, and those of `bot.approvers`."""
        clicker, asking = Clicker.of(turn.activity, turn.person.addresses), self.asking(turn, card)
        return Asked(
            card=card,
            askers=turn.first.askers if turn.first else clicker.ids & turn.person.ids,
            conversation=clicker.conversation,
            expires=expires_at(card, self.bot.approval_minutes),
            tenant=clicker.tenant,
            approvers=frozenset(each.strip().lower() for each in self.bot.approvers if each.strip()),
            names=asking.who,
            pages=cards.page_count(card, turn.profile, asking, self.words),
        )

    async def redraw(self, turn: Turn, activity: str, content: dict[str, Any]) -> None:
        """Show a card as it stands now, in its place where the channel edits."""
        if activity and turn.profile.edits:
            with suppress(Refused):  # it stays as it was; whoever presses it is told how it stands
                await turn.channel.update(activity, cards.message(content))

    # --- other activities -----------------------------------------------------------------------------------------

    async def _invoke(self, turn: Turn) -> str:
        name = str(turn.activity.get("name", ""))
        if name == "message/submitAction":
            value = turn.activity.get("value")
            reaction = (value.get("actionValue") or {}).get("reaction", "") if isinstance(value, dict) else ""
            liked = reaction if reaction in ("like", "dislike") else "other"
            log.info("feedback", extra={**told_of(turn.activity), **logs.told(reaction=liked)})
            return _DONE
        if name == "fileConsent/invoke":
            room = await asyncio.to_thread(self.rooms.room, turn.person)
            await self.offers.answer(turn.activity, room, turn.channel)
            return _DONE
        told = self.signins.told(turn.activity)
        return await self._say(turn, told) if told else _DONE

    async def answer(self, invoke: Activity, who: Mapping[str, Any]) -> Answer | None:
        """Return what an invoke is answered at once; None for a plain acknowledgement."""
        from copilot.hosts.bot import clicks

        if not str(invoke.get("name", "")).startswith("signin/"):
            return await clicks.at_once(self, invoke, who)
        person = await self.people.admit(invoke, who)
        if isinstance(person, Refusal):
            return None
        if not (await self.limits.take(f"{person.key} signs in")).ok:
            return Answer(429)  # each is a question to Entra ID
        return await self.signins.answer(invoke, person)

    async def stop(self, conversation: str, activity: Activity, who: Mapping[str, Any]) -> bool:
        """Stop what the sender has running in a conversation."""
        sender = sender_of(activity, who)
        running = await asyncio.to_thread(self.keeping.running, conversation)
        theirs = [id for id, person in running.items() if person == sender]
        for id in theirs:
            await asyncio.to_thread(self.keeping.stop, id)
        return bool(theirs)

    # --- saying ---------------------------------------------------------------------------------------------------

    async def _say(self, turn: Turn, text: str, *, prompts: Sequence[str] = ()) -> str:
        if turn.shown:
            return _DONE
        try:
            await self._tell(turn, text, key="said", prompts=prompts)
        except Refused as refusal:
            if not refusal.later:
                raise
            await self.keep(turn, text)
        return _DONE

    async def _tell(self, turn: Turn, text: str, key: str, prompts: Sequence[str] = ()) -> None:
        activity: Activity = {"type": "message", "text": text, "textFormat": "markdown"}
        if suggested := suggested_actions(prompts, turn.profile, str(turn.activity["from"].get("id", ""))):
            activity["suggestedActions"] = suggested
        await send(turn.channel, turn.profile, activity, key)

    async def _deliver_kept(self, turn: Turn) -> None:
        """Send what could not be delivered before: what is refused for good is forgotten, what is not, stays."""
        for each in turn.kept:
            try:
                await send(turn.channel, turn.profile, each.activity, f"kept-{each.number}")
            except Refused as refusal:
                if refusal.later:
                    return  # the message is worked on all the same
                log.warning("forgotten", extra={**told_of(turn.activity), **logs.told(code=refusal.code)})
            await asyncio.to_thread(self.keeping.delivered, each.number)

    async def keep(self, turn: Turn, text: str) -> None:
        """Keep an answer that could not be shown, for the next message of the conversation."""
        told = self.words.kept.format(answer=text)
        activity: Activity = {"type": "message", "text": said(told, turn.profile.dialect), "textFormat": "markdown"}
        await asyncio.to_thread(self.keeping.keep, turn.conversation, turn.id, activity)

    def _reason(self, error: EverpilotError, activity: Activity) -> str:
        """Return why a turn failed, for people in a chat.

        How the host is set up, and where its files lie, is not theirs to know.
        """
        if isinstance(error, SettingsError | PluginError):
            log.warning("not_set_up", extra={**told_of(activity), **logs.told(why=str(error))})
            return self.words.set_up
        where = "|".join(re.escape(str(each)) for each in (self.rooms.folder, self.rooms.state))
        return re.sub(rf"(?:{where})[^\s'\":;,]*", "…", error.message)

    async def _failed(self, channel: Channel, activity: Activity, reason: str) -> str:
        text = said(self.words.failed.format(reason=reason), profile_of(activity).dialect)
        with suppress(Refused):  # there is no other way to say it
            await channel.send({"type": "message", "text": text, "textFormat": "markdown"})
        return "failed"

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)


class _Shown:
    """One turn while it is shown: notes how far that came, and goes on without a channel that takes nothing."""

    def __init__(self, turns: Turns, turn: Turn, room: Room, presenter: Presenter) -> None:
        self._turns, self._turn, self._room, self._presenter = turns, turn, room, presenter
        self._noted: dict[str, Any] = dict(turn.shown) or presenter.state()
        self._cards: set[str] = set()
        self._lost: Refused | None = None

    async def all(self, events: AsyncIterator[Event], stopper: asyncio.Task[None]) -> Final | None:
        """Show everything; returns the end, None when it was stopped."""
        final: Final | None = None
        await self._try(self._presenter.begin())
        async with aclosing(_as_generator(events)) as each:
            upcoming = asyncio.ensure_future(anext(each, None))
            try:
                while not (self._presenter.stopped or stopper.done()):
                    await asyncio.wait({upcoming, stopper}, timeout=self._due(), return_when=asyncio.FIRST_COMPLETED)
                    if not upcoming.done():
                        await self._try(self._presenter.tick())
                        continue
                    if (event := upcoming.result()) is None:
                        break
                    final = event if isinstance(event, Final) else final
                    await self._show(event)
                    upcoming = asyncio.ensure_future(anext(each, None))
            finally:
                await _ended(upcoming)
        if final is None:
            await self._try(self._presenter.close())
        elif self._lost is not None and self._lost.later:
            await self._turns.keep(self._turn, self._unsaid(final))
        return final

    def _unsaid(self, final: Final) -> str:
        """Return what is kept of an answer that the channel did not take."""
        words = self._turns.words
        if final.approvals:
            seen = all(self._presenter.asked.get(str(card["id"])) for card in final.approvals)
            return words.see_card if seen else words.card_lost
        saved = [str(each["summary"]) for each in final.changes if each.get("committed")]
        failed = words.failed.format(reason=str(final.error.get("message", ""))) if final.error else words.nothing
        return "\n\n".join([final.text or failed, *map(safe_markdown, saved)])

    async def give(self, changes: Iterable[Mapping[str, Any]]) -> None:
        """Hand over the files that were changed, each once."""
        given: list[str] = list(self._noted.get("given", []))
        for path, summary in changed_files(changes).items():
            if path not in given:
                await self._offer(path, summary)
                given.append(path)
                self._noted = {**self._presenter.state(), "given": given}
                await asyncio.to_thread(self._turns.keeping.show, self._turn.id, self._noted)

    async def _offer(self, path: str, summary: str) -> None:
        turn, turns = self._turn, self._turns
        try:
            channel: Any = turn.channel
            channel = channel.once(f"file {path}") if turn.profile.keyed else channel
            await turns.offers.offer(self._room, path, summary, turn.activity, channel, turn=turn.id)
        except Refused as refusal:  # what was done is done: the file can be had later
            log.warning("file_not_given", extra={**told_of(turn.activity), **logs.told(code=refusal.code)})
            if refusal.later:
                await turns.keep(turn, turns.words.file_waits.format(name=_shown_name(turn, path)))

    def _due(self) -> float | None:
        return None if self._lost else self._presenter.due()

    async def _show(self, event: Event) -> None:
        if isinstance(event, Final):
            self._presenter.about = replace(self._presenter.about, label=Label.from_dict(event.label))
        ends = isinstance(event, Final) and not (event.changes or event.approvals)  # then the turn is noted as ended
        await self._try(self._presenter.show(event), note=not ends)
        for card in (
            [event.card] if isinstance(event, ApprovalEvent) else event.approvals if isinstance(event, Final) else []
        ):
            await self._asked(card)

    async def _asked(self, card: Mapping[str, Any]) -> None:
        id = str(card["id"])
        if id in self._cards:
            return
        self._cards.add(id)
        turns, turn = self._turns, self._turn
        shown = self._presenter.asked.get(id, "")
        kept = {"conversation": turn.conversation, "thread": self._room.thread, "activity": shown}
        asked = await asyncio.to_thread(turns.asked, turn, card)  # its pages are counted, which may be many
        await asyncio.to_thread(partial(turns.keeping.ask, asked, person=turn.person.packed(), **kept))
        if turns.pictures is not None and id not in turn.own:
            turns.pictures.begin(turn, self._room, card)

    async def _try(self, shown: Any, *, note: bool = True) -> None:
        """Let the presenter show something; a channel that takes nothing any more does not end the turn."""
        if self._lost is not None:
            shown.close()
            return
        try:
            await shown
        except Refused as refusal:
            log.warning("lost the channel", extra={**told_of(self._turn.activity), **logs.told(code=refusal.code)})
            self._lost = refusal
        if note:
            await self._note()

    async def _note(self) -> None:
        state = self._presenter.state()
        state |= {"given": self._noted["given"]} if "given" in self._noted else {}
        if state != self._noted:
            self._noted = state
            await asyncio.to_thread(self._turns.keeping.show, self._turn.id, state)


async def _as_generator(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    async for event in events:
        yield event


async def _ended(upcoming: asyncio.Future[Any]) -> None:
    """Cancel what waits for the next event, and let it clean up."""
    upcoming.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await upcoming


async def send(channel: Channel, profile: ChannelProfile, activity: Activity, key: str) -> str:
    """Send an activity, once where the channel can tell by the key that it was sent before."""
    keyed: Any = channel
    return str(await (keyed.send(activity, key) if profile.keyed else channel.send(activity)))


def _shown_name(turn: Turn, name: str) -> str:
    return said(name, turn.profile.dialect).strip()


def _is_greeted(activity: Activity) -> bool:
    """Return whether somebody just met the bot: it was installed, or its page was opened."""
    me = (activity.get("recipient") or {}).get("id")
    if activity["type"] == "event":
        return activity.get("name") == "webchat/join"
    if activity["type"] == "installationUpdate":
        return activity.get("action") == "add"
    return (
        activity["type"] == "conversationUpdate"
        and any(isinstance(each, dict) and each.get("id") == me for each in activity.get("membersAdded") or [])
        and channel_of(activity) != "msteams"
    )  # Teams tells of an installation besides
