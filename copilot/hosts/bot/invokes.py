"""Invokes: what a client waits for. Each is acknowledged at once; what it leads to comes later, as an update.

Sources: Microsoft Teams, "Universal Actions for Adaptive Cards", "Collect user feedback", "Send and receive files",
"Enable SSO in your bot app"; Bot Framework -- Activity, "Invoke activity": an unknown one is answered 501.
"""

from __future__ import annotations

from typing import Any

from copilot.hosts.bot.inbox import Answer

#: Seconds that an answer may be thought about; Teams waits for five.
THINKING = 3.5
_MESSAGE = "application/vnd.microsoft.activity.message"
_ERROR = "application/vnd.microsoft.error"


def _card(status: int, kind: str, value: Any) -> Answer:
    """An answer to `adaptiveCard/action`: HTTP 200 with a status of its own inside."""
    return Answer(200, {"statusCode": status, "type": kind, "value": value})


#: What each invoke is told when it was taken.
TAKEN: dict[str, Answer] = {
    "adaptiveCard/action": _card(200, _MESSAGE, "Got it, one moment."),
    "message/submitAction": Answer(200, {}),
    "fileConsent/invoke": Answer(200),
    "signin/tokenExchange": Answer(200),
    "signin/verifyState": Answer(200),
    "signin/failure": Answer(200),
}
UNKNOWN = Answer(501)
#: Told when there is no room, where the client shows no HTTP status.
_FULL: dict[str, Answer] = {
    "adaptiveCard/action": _card(503, _ERROR, {"code": "Busy", "message": "Too much to do at the moment: try again."}),
}


def full(name: str) -> Answer:
    """Return what an invoke is told for which there is no room."""
    return _FULL.get(name, Answer(429))
