"""`everpilot bot package` and `everpilot bot check`: what is done before the bot is served."""

from __future__ import annotations

import argparse
from pathlib import Path

from copilot import settings
from copilot.cli import DONE, FAILED
from copilot.hosts.output import as_json, say
from copilot.trust.sanitise import safe_text

#: Options that say what people see of the app, by the field of the listing.
_TEXTS = {
    "name": "name",
    "full_name": "full_name",
    "description": "short",
    "developer": "developer",
    "website": "website",
    "privacy": "privacy",
    "terms": "terms",
    "app_version": "version",
    "schema": "schema",
}


def package(parsed: argparse.Namespace) -> int:
    """Write the app package."""
    from copilot.hosts.bot.package import Listing, manifest, write

    given = {field: getattr(parsed, name) for name, field in _TEXTS.items() if getattr(parsed, name) is not None}
    listing = Listing(parsed.url, copilot=parsed.copilot, **given)
    chosen = settings.load(Path(parsed.dir or "."))
    for note in chosen.notes:
        say(note)
    made = manifest(chosen.bot, listing)
    out = Path(parsed.out).expanduser()
    write(out, made)
    print(out)
    say(f"App {made['id']}, version {made['version']}, for the bot {made['bots'][0]['botId']}.")
    if missing := [f"--{name}" for name in ("website", "privacy", "terms") if not getattr(listing, name)]:
        say(f"People are led to {parsed.url} for its pages; name your own with {', '.join(missing)}.")
    say("Next: Teams, Apps, Manage your apps, Upload an app (docs/teams.md).")
    return DONE


def check(parsed: argparse.Namespace) -> int:
    """Say whether everything is there that the bot needs."""
    from copilot.hosts.bot.checks import checks, question

    found = checks(question(Path(parsed.dir or "."), url=parsed.url, online=parsed.online))
    if parsed.json:
        as_json([{"check": each.name, "ok": each.ok, "text": each.text} for each in found])
    else:
        for each in found:
            print(f"{'ok  ' if each.ok else 'FAIL'} {each.name}: {safe_text(each.text)}")
    return DONE if all(each.ok for each in found) else FAILED
