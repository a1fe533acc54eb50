"""What `everpilot bot` takes on the command line. Imports nothing heavy: it is read for --help."""

from __future__ import annotations

import argparse

_EPILOG = """\
examples:
  everpilot bot check                                     is everything there that it needs
  everpilot bot serve                                     on this machine alone, to try it
  everpilot bot serve --host 0.0.0.0                      behind a proxy with a certificate
  everpilot bot package --url https://bot.example.com     the app for Teams and Microsoft 365 Copilot

From an empty tenant to the first message: docs/teams.md.
"""


def bot(parser: argparse.ArgumentParser) -> None:
    """Add the options of `everpilot bot`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _serve(_action(actions, "serve", "serve it, until it is told to stop"))
    _package(_action(actions, "package", "write the app package that Teams and Microsoft 365 take"))
    check = _action(actions, "check", "say whether everything is there that the bot needs, and what to do if not")
    check.add_argument("--url", default="", metavar="URL", help="the bot's public address, to look at the package, too")
    check.add_argument("--online", action="store_true", help="try the secret against Entra, and the public address")
    check.add_argument("--json", action="store_true")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    made = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    made.add_argument("--dir", default=None, metavar="D", help="the folder with copilot.toml (default: here)")
    return made


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help="where it listens (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=3978, metavar="N", help="(default: 3978; 0: a free port)")
    parser.add_argument("--echo", action="store_true", help="only say back what it hears, to try the way to it")


def _package(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--url", default="", metavar="URL", help="the bot's public address: https://bot.example.com")
    add("--out", default="everpilot-bot.zip", metavar="FILE", help="(default: everpilot-bot.zip)")
    add("--name", metavar="NAME", help="what people see it called, 30 characters at most (default: Everpilot)")
    add("--full-name", metavar="NAME", help="the same in 100 characters")
    add("--description", metavar="TEXT", help="what it is, in 80 characters")
    add("--developer", metavar="NAME", help="who runs it, in 32 characters (default: Everpilot)")
    for name, what in (("website", "page about it"), ("privacy", "privacy statement"), ("terms", "terms of use")):
        add(f"--{name}", metavar="URL", help=f"its {what} (default: the bot's address)")
    add("--app-version", metavar="V", help="three numbers; higher than before for an update (default: the program's)")
    add("--schema", metavar="V", help="version of the manifest, for a cloud that does not know the newest")
    add(
        "--copilot",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also as an agent in Microsoft 365 Copilot (default: yes)",
    )
