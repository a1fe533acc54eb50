"""What a person in a chat sees of a turn: the agent's events as activities of the Bot Framework.

The answer grows where the channel streams or edits; what its vendor broke off is replaced by what the next one says;
what waits for a person is a card; at the end come sources, labels and suggestions. What was sent is known by `state`:
another process that shows the same turn goes on from there, and replaces instead of sending again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from copilot.agent.events import ApprovalEvent, Delta, Discard, Event, Final, Switched, ToolEvent
from copilot.hosts.bot import cards, citations
from copilot.hosts.bot.channels import ChannelProfile
from copilot.hosts.bot.citations import Source
from copilot.hosts.bot.dialect import Said, said
from copilot.hosts.bot.inbox import Activity, Channel
from copilot.hosts.bot.split import Part, split, utf16
from copilot.hosts.bot.stream import MOST_INFORMATIVE, Shown, Stream
from copilot.hosts.bot.suggested import suggested_actions
from copilot.hosts.bot.words import WORDS, Words
from copilot.trust.labels import Label
from copilot.trust.sanitise import safe_text

#: A stream is shown up to here; beyond, where a message ends is decided when all of it is known.
_STREAMED = 0.75
#: Messages that one answer of a model may take; nobody reads more, and a model may come to no end.
_MOST_MESSAGES = 20
#: The arguments of a call that say what it works on.
_OBJECTS = ("path", "file", "document", "name", "query", "url", "subject", "text")
_MOST_OBJECT = 80


@dataclass(frozen=True)
class About:
    """What the host knows of a turn besides its events.

    `to` is the channel id of who asked, `label` that of what the answer is based on (its sources are cited), `prompts`
    are suggested, `asking` says how an approval is asked.
    """

    to: str = ""
    label: Label | None = None
    prompts: Sequence[str] = ()
    asking: Callable[[Mapping[str, Any]], cards.Asking] = field(default=lambda card: cards.Asking())


class Presenter:
    """Shows one turn on a channel. `sent` is the `state` of one that showed the turn before, {} for none.

    Call `begin`, `show` for each event, and `tick` when `due` seconds have passed without one; `present` does it all.
    What the channel raises passes through; nothing is lost by that: the next call goes on from the same state.
    """

    def __init__(
        self,
        channel: Channel,
        profile: ChannelProfile,
        words: Words = WORDS,
        *,
        about: About = About(),
        sent: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        sent = sent or {}
        self.about = about
        self.finished = bool(sent.get("finished"))
        self._channel = channel
        self._profile = profile
        self._words = words
        self._clock = clock
        self._stream = Stream(channel, profile, words, clock, Shown.of(sent.get("stream", {})))
        self._ids: list[str] = list(sent.get("ids", []))  # of the messages of the final answer
        self._resumed = bool(sent)
        self._cards: dict[str, str] = dict(sent.get("cards", {}))
        self._told: list[str] = list(sent.get("told", []))
        self._said: dict[str, Said] = {}
        self._news = ""  # what is going on, if that was not shown yet
        self._dirty = False
        self._typed = float("-inf")

    @property
    def stopped(self) -> bool:
        """Whether the person pressed the channel's Stop button: the turn should end."""
        return self._stream.stopped

    @property
    def asked(self) -> dict[str, str]:
        """The activities of the approval cards that were sent, by the card's id."""
        return dict(self._cards)

    def state(self) -> dict[str, Any]:
        """Return what was sent so far as JSON types: ids, digests, and the text of a message that still grows."""
        return {
            "stream": self._stream.shown.to_dict(),
            "ids": list(self._ids),
            "cards": dict(self._cards),
            "told": list(self._told),
            "finished": self.finished,
        }

    async def begin(self) -> None:
        """Show at once that the message has arrived."""
        if not self.finished:
            await self._type()
            self._news = "" if self._resumed else self._words.thinking
            await self.tick()

    async def show(self, event: Event) -> None:
        """Show an event, now or with one that follows soon."""
        if self.finished:
            return
        match event:
            case Delta(message, text):
                if _key(text) in self._told:  # said before a crash, and comes again whole
                    return
                self._said.setdefault(message, Said(self._profile.dialect)).feed(text)
                self._dirty = True
            case Discard(message):
                self._said.pop(message, None)
                self._news, self._dirty = self._words.thinking, True
            case Switched(source, target):
                self._news = self._words.switched.format(source=_short(source), target=_short(target))
            case ToolEvent():
                self._tool(event)
            case ApprovalEvent(_, card):
                await self._ask(card)
                return
            case Final():
                await self._finish(event)
                return
        await self.tick()

    def due(self) -> float | None:
        """Return in how many seconds `tick` has something to do, None if it hasn't."""
        if self.finished or self.stopped:
            return None
        waits = [self._stream.left()] if self._stream.open else []
        if self._stream.grows and self._waiting():
            waits.append(self._stream.ready_in())
        if not self._stream.grows:
            waits.append(max(self._typed + self._profile.typing_every - self._clock(), 0.0))
        soonest = min(waits, default=float("inf"))
        return soonest if soonest < float("inf") else None

    async def tick(self) -> None:
        """Send what waited for the channel's pace."""
        if self._stream.left() <= 0:
            replaced = self._profile.edits
            await self._stream.give_up(self._words.still_working if replaced else self._words.goes_on_below)
            self._dirty = replaced
        if not self._stream.grows:
            if self._clock() - self._typed >= self._profile.typing_every:
                await self._type()
            return
        if self._stream.ready_in() > 0:
            return
        match self._waiting():
            case "text":
                self._news, self._dirty = "", False
                if utf16(text := self._text()) <= self._profile.text_bytes * _STREAMED:
                    await self._stream.grow(text)
            case "news":
                news, self._news = self._news, ""
                await self._stream.inform(news)

    def _waiting(self) -> str:
        """Return what waits to be shown: "text", "news" (which nobody needs beside a text), or ""."""
        if any(not message.blank for message in self._said.values()):
            return "text" if self._dirty else ""
        return "news" if self._news else ""

    async def close(self, reason: str = "") -> None:
        """End a turn that has no end of its own: it was stopped, or the host gives up. Says so, after what was said."""
        if self.finished:
            return
        words = self._measured(self._closed())
        text = "\n\n".join(part for part in (words, reason or self._words.stopped) if part)
        await self._deliver(text, generated=bool(words))
        self.finished = True

    # --- what is going on ---------------------------------------------------------------------------------------------

    def _tool(self, event: ToolEvent) -> None:
        if event.status == "started":
            for message in self._said.values():
                message.close()
            self._news = self._doing(event)
        elif event.status == "progress" and event.text:
            self._news = self._words.progress.format(tool=_short(event.name), text=_short(event.text, MOST_INFORMATIVE))

    def _doing(self, event: ToolEvent) -> str:
        """Return in a line what a call does, and on what."""
        what = next((value for key in _OBJECTS if isinstance(value := event.args.get(key), str) and value.strip()), "")
        verb = self._words.doing.get(event.name.rpartition(".")[2].partition("_")[0], "")
        if not verb or not what:
            return self._words.using.format(tool=_short(event.name))
        return self._words.working.format(verb=verb, what=_short(what, _MOST_OBJECT))

    async def _type(self) -> None:
        self._typed = self._clock()
        await self._channel.typing()

    # --- the answer ---------------------------------------------------------------------------------------------------

    def _text(self) -> str:
        """Return the answer so far, all messages of it that count."""
        texts = (message.text.strip("\n") for message in self._said.values())
        return "\n\n".join(text for text in texts if text.strip())

    def _closed(self) -> str:
        for message in self._said.values():
            message.close()
        return self._text()

    def _measured(self, text: str) -> str:
        """Return an answer, cut where it takes more messages than anybody reads."""
        most = _MOST_MESSAGES * self._profile.text_bytes // 4  # characters have two bytes or four
        return text if len(text) <= most else f"{text[:most]} …\n\n{self._words.cut}"

    def _took(self, text: str) -> bool:
        """Return whether this text of a model was shown already."""
        seen = {_key(message.raw) for message in self._said.values()} | set(self._told)
        return not text.strip() or _key(text) in seen

    async def _finish(self, final: Final) -> None:
        for card in final.approvals:
            await self._ask(card)
        answer = self._closed()
        extra = (
            [] if self._took(final.text) or final.approvals else [said(final.text, self._profile.dialect).strip("\n")]
        )
        label = self.about.label
        words = self._measured("\n\n".join(part for part in (answer, *extra) if part))
        generated = bool(words) and final.served_by != "builtin"
        sources, more = citations.sources_of(label, words) if label and generated else ([], 0)
        listed = citations.listed(sources, more, self._words, tainted=label is not None and label.tainted)
        parts = (words, self._failure(final), self._saved(final.changes), listed)
        text = "\n\n".join(part for part in parts if part)
        if not text and (self._stream.open or not (self._cards or self._told)):
            text = self._words.see_card if final.approvals else self._words.nothing
        if text:
            await self._deliver(text, generated=generated, sources=sources, last=True)
        self.finished = True

    def _failure(self, final: Final) -> str:
        """Return why there is no answer, "" where there is one."""
        if final.text or not final.error:
            return ""
        reason = said(safe_text(str(final.error.get("message", ""))), self._profile.dialect)
        return self._words.failed.format(reason=reason)

    def _saved(self, changes: Sequence[Mapping[str, Any]]) -> str:
        """Return what was saved and sent in this turn, one line each."""
        lines = []
        for change in changes:
            if not change.get("committed"):
                continue
            form = self._words.saved if change.get("path") else self._words.sent
            line = form.format(path=safe_text(str(change["path"])), summary=safe_text(str(change["summary"])))
            count = len(change.get("hunks", []))
            lines.append(
                line + (f" ({self._words.places.format(count=count)})" if count > 1 and change["path"] else "")
            )
        return said("  \n".join(lines), self._profile.dialect)

    async def _deliver(self, text: str, *, generated: bool, sources: Sequence[Source] = (), last: bool = False) -> None:
        """Send a text as one message or several; what another process sent of it already is replaced."""
        shown = self._stream.shown
        seen = len(shown.text) if shown.mode == "stream" and text.startswith(shown.text) else 0
        parts = split(text, self._profile.text_bytes, shown=seen)
        for number, part in enumerate(parts):
            activity = self._message(part, generated)
            if number == len(parts) - 1 and last:
                self._annotate(activity, generated, sources)
            if number < len(self._ids):
                await self._again(self._ids[number], activity)
            else:
                self._ids.append(await self._stream.finish(activity, part.text))
            if self.stopped:
                return

    def _message(self, part: Part, generated: bool) -> Activity:
        activity = self._stream.message(part.text)
        if self._profile.annotations and generated:
            label = self.about.label
            entity = citations.entity(generated=True, sources=(), label=label, words=self._words)
            activity["entities"] = [entity] if entity else []
        return activity

    def _annotate(self, activity: Activity, generated: bool, sources: Sequence[Source]) -> None:
        """Put on the last message what stands once: citations, feedback buttons, suggestions."""
        if self._profile.annotations and generated:
            entity = citations.entity(generated=True, sources=sources, label=self.about.label, words=self._words)
            activity["entities"] = [entity] if entity else []
        if generated and (data := citations.channel_data(self._profile)):
            activity["channelData"] = data
        if suggestions := suggested_actions(self.about.prompts, self._profile, self.about.to):
            activity["suggestedActions"] = suggestions

    async def _again(self, id: str, activity: Activity) -> None:
        if id and self._profile.edits:
            await self._channel.update(id, {**activity, "id": id})

    # --- approvals ----------------------------------------------------------------------------------------------------

    async def _ask(self, card: Mapping[str, Any]) -> None:
        """Show a card that waits for an answer, after what was said before it; one that is shown already, anew."""
        asking = self.about.asking(card)
        known = self._cards.get(card["id"])
        if known is not None:
            if self._profile.cards:
                await self._again(known, cards.message(await self._opening(card, asking)))
            return
        if before := self._measured(self._closed()):
            await self._deliver(before, generated=True)
            self._told += [_key(message.raw) for message in self._said.values()]
            self._said, self._ids = {}, []
        self._cards[card["id"]] = await self._send_card(card, asking)

    async def _opening(self, card: Mapping[str, Any], asking: cards.Asking) -> dict[str, Any]:
        """Return the card; a change of ten thousand places takes a while, in which others go on."""
        return await asyncio.to_thread(cards.opening, card, self._profile, asking, self._words)

    async def _send_card(self, card: Mapping[str, Any], asking: cards.Asking) -> str:
        if not self._profile.cards:
            texts = [part.text for part in split(cards.written(card, self._words), self._profile.text_bytes)]
            return [await self._stream.finish(self._stream.message(text), text) for text in texts][-1]
        content = await self._opening(card, asking)
        # Where only what is going on was shown, the card takes its place; a stream ends with a text.
        text = cards.summary(card, self._words) if self._stream.open else ""
        return await self._stream.finish(cards.message(content, text), text)


async def present(events: AsyncIterator[Event], presenter: Presenter) -> Final | None:
    """Show a turn to its end and return that, None if the events end without one or the person stopped it.

    The caller closes the events, which stops the turn, and ends what is shown of one without an end (`close`).
    """
    await presenter.begin()
    final: Final | None = None
    upcoming = asyncio.ensure_future(anext(events, None))
    try:
        while not presenter.stopped:
            done, _ = await asyncio.wait({upcoming}, timeout=presenter.due())
            if not done:
                await presenter.tick()
                continue
            event = upcoming.result()
            if event is None:
                break
            final = event if isinstance(event, Final) else final
            await presenter.show(event)
            upcoming = asyncio.ensure_future(anext(events, None))
    finally:
        upcoming.cancel()
    return final


def _short(text: str, most: int = _MOST_OBJECT) -> str:
    """Return foreign text in one line of limited length, with nothing in it that Markdown or a card would read."""
    clean = " ".join(said(safe_text(text), "plain").split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _key(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]
