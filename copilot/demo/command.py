"""`everpilot demo microsoft365`: serves the made-up company until Ctrl+C, and says how to use it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli import DONE
from copilot.errors import SettingsError
from copilot.settings import user_file

if TYPE_CHECKING:
    from copilot.demo.microsoft365.state import State

TOKEN_ENV = "EVERPILOT_DEMO_TOKEN"
_HOURS = 12

_GREETING = """\
Fabrikam's Microsoft 365 listens on {url}. The company is made up, and nothing leaves this machine.
You are {who}. Put this into your own copilot.toml,
{settings}
(in another folder it needs `everpilot trust` first):

    [accounts.demo]
    connector = "microsoft365"
    method = "token"
    token_env = "{variable}"
    base_url = "{url}"
    user = "{who}"

and in another terminal:

    export {variable}={token}
    everpilot accounts

Then ask, for example:
{tour}
and with a language model (everpilot models):
{whole}
Trouble on demand, such as a throttled call:

    curl -H 'X-Demo-Control: 1' -d '{{"kind": "throttle", "count": 1}}' {url}/_control/faults

Ctrl+C ends it{kept}.
"""
#: What there is to see, one line for each part; all of it works with no language model.
TOUR = (
    "Unread mails about the budget",
    "Mails from Tomas",
    "What is on my calendar this week?",
    "Who is in the finance group?",
    "What are my tasks?",
)
#: What takes a language model: several steps, or words that are no tool's.
WHOLE = (
    "Find the latest budget in the Finance site",
    "What is on my calendar this week, and when are Tomas and Priya both free?",
    "What was said about the forecast in the chat with Priya?",
    "Set the Q3 budget of Marketing to 137000, and draft a mail about it to the finance group",
)


def demo(parsed: argparse.Namespace) -> int:
    """Serve until the person ends it. Raises SettingsError for a taken port and a file that is no state of it."""
    from copilot.demo.microsoft365 import sample, server
    from copilot.demo.microsoft365.fake import FakeGraph

    bound, files = server.listening(parsed.port), server.listening()
    fake = FakeGraph(_state(parsed.file))
    fake.files = server.url_of(files)
    url = server.url_of(bound)
    token = fake.tokens.issue(sample.ME, seconds=_HOURS * 3600)
    made = server.server(fake)
    print(greeting(url, token, sample.ME, parsed.file or ""), flush=True)
    try:
        made.run(sockets=[bound, files])
    except KeyboardInterrupt:
        pass
    finally:
        if parsed.file:
            fake.state.save(Path(parsed.file))
        bound.close()
        files.close()
    print("everpilot: the demo has ended.", file=sys.stderr)
    return DONE


def greeting(url: str, token: str, who: str, file: str) -> str:
    """Return what is printed when it begins: the settings, the token, a short tour."""
    tour, whole = ("".join(f'\n    everpilot -p "{each}"' for each in lines) + "\n" for lines in (TOUR, WHOLE))
    kept = f" and keeps what was changed in {file}" if file else " and forgets what was changed"
    told = {"url": url, "token": token, "who": who, "variable": TOKEN_ENV, "kept": kept, "settings": user_file()}
    return _GREETING.format(**told, tour=tour, whole=whole)


def _state(file: str | None) -> State:
    """Return the company as it is in the file, else a new one, around today."""
    import sqlite3
    from datetime import UTC, datetime

    from copilot.demo.microsoft365 import sample
    from copilot.demo.microsoft365.state import State

    if not file or not Path(file).exists():
        return sample.made(lambda: datetime.now(UTC))
    state = State()
    try:
        state.load(Path(file))
    except (sqlite3.Error, ValueError, KeyError) as error:
        hint = "Name another file; it is made when it is not there."
        raise SettingsError(f"{file} is no state of the demo ({error}).", hint=hint) from None
    return state
