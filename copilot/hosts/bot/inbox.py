"""What the door and the turns behind it ask of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

Activity = dict[str, Any]
#: What became of an activity: it is kept and will be worked on, it was kept before, or there is no room for it.
Put = Literal["new", "known", "full"]


@dataclass(frozen=True)
class Answer:
    """What an invoke is answered at once: an HTTP status and a body of JSON (None: an empty one).

    `over`: that is all, there is nothing left to work on.
    """

    status: int
    body: Any = None
    over: bool = False


class Inbox(Protocol):
    """Where activities go that were let in: on durable storage, worked on in their order by one of the replicas.

    `who` says for whom the sender's token speaks: `kind` ("channel": a channel of Microsoft's; "agent": another agent
    or the bot itself; "local": anybody on this machine, with no token; "webchat": the person `user` at our own page),
    `app`, `tenant`, `service_url`.
    """

    async def put(self, activity: Activity, who: dict[str, Any]) -> Put:
        """Keep the activity, by its channel, conversation and id, so that a second one is "known"."""
        ...

    async def replies(self, activity: Activity, who: dict[str, Any]) -> list[Activity] | None:
        """Put the activity, wait until its turn ended and return what the bot said; None: there is no room for it.

        The same activity again brings the same replies.
        """
        ...

    async def answer(self, invoke: Activity, who: dict[str, Any]) -> Answer | None:
        """Return what an invoke is answered where that must be known at once; None for a plain acknowledgement.

        It has seconds, and changes nothing: unless the answer is all, the invoke is put besides, and worked on as any
        other activity.
        """
        ...

    async def stop(self, activity: Activity, who: dict[str, Any]) -> bool:
        """Stop the turn that runs in the activity's conversation; False if there is none that the sender may stop."""
        ...

    async def trouble(self) -> str:
        """Return why nothing could be kept now, in a few words; "" when all is well."""
        ...

    def waiting(self) -> int:
        """Return how many activities are kept and not begun, as far as this replica knows."""
        ...

    async def drain(self, seconds: float) -> int:
        """Begin no turn any more, let the running ones end for so long, hand back the rest and return how many."""
        ...


class Channel(Protocol):
    """Where the replies of one turn go. `Refused` is raised for a reply that could not be delivered."""

    async def send(self, activity: Activity) -> str:
        """Send an activity and return its id, "" if the channel gave it none."""
        ...

    async def update(self, id: str, activity: Activity) -> None:
        """Put the activity in the place of one that was sent."""
        ...

    async def delete(self, id: str) -> None:
        """Take back an activity that was sent."""
        ...

    async def typing(self) -> None:
        """Show that something is being written; whether that arrived does not matter."""
        ...
