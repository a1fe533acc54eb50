"""What `everpilot schedule` and `watch` take on the command line. Imports nothing heavy: it is read for --help."""

from __future__ import annotations

import argparse

from copilot.hosts.batch_options import Mixed, action, choices

#: What can be done with watches; anything else after `watch` is a folder or place.
WATCH_ACTIONS = ("run", "list", "remove")

_SCHEDULES = """\
examples:
  everpilot schedule add invoices "0 6 * * mon-fri" "extract the fields" inbox --fields "number, total: number" \\
      --table "out/{run}.xlsx"
  everpilot schedule add address "@monthly" new-address.yaml contracts --zone Europe/Berlin --catch-up none
  everpilot schedule run invoices   now, beside its times

Times are minute, hour, day, month, weekday, or @hourly, @daily, @weekly, @monthly, @yearly. Workers begin the runs:
everpilot worker. {run} in --table, --report and --to is the run's id.
"""
_WATCHES = """\
examples:
  everpilot watch inbox "extract the fields" --fields "number, total: number" --table invoices.csv
  everpilot watch "microsoft365:Finance/Inbox" stamp.yaml --yes --interval 120
  everpilot watch contracts check.yaml --existing --detach    workers look: everpilot worker

Each version of a file is done once. All go into one run, whose report and table are written anew as documents come:
everpilot batch status watch-NAME
"""


def schedule(parser: argparse.ArgumentParser) -> None:
    """Add the options of `everpilot schedule`."""
    actions = _actions(parser, _SCHEDULES, "ACTION")
    add = action(actions, "add", "do PROMPT, or a recipe, on documents at such times")
    add.add_argument("name", metavar="NAME", help="what the schedule is called: small letters, digits and -")
    add.add_argument("cron", metavar="CRON", help='when: "0 6 * * mon-fri", or @daily')
    add.add_argument("work", metavar="PROMPT|RECIPE", help="what to do with every document, or a recipe's file")
    add.add_argument("given", nargs="*", metavar="FILE", help="files, folders, patterns, places, search:WORDS")
    add.add_argument("--rows", metavar="TABLE", help="for every row of a table, as it is then")
    when = add.add_argument_group("when")
    when.add_argument("--zone", default="", metavar="ZONE", help="the time zone by name (default: this machine's)")
    when.add_argument(
        "--catch-up",
        choices=["none", "last", "all"],
        default="last",
        help="what becomes of times while no worker ran: nothing, one run, or one for each (default: last)",
    )
    when.add_argument("--overlap", action="store_true", help="begin also while the last run is still at work")
    choices(add)
    action(actions, "list", "list the schedules").add_argument("--json", action="store_true")
    _named(actions, "show", "show a schedule and its next times").add_argument("--json", action="store_true")
    _named(actions, "pause", "begin nothing until it is resumed")
    _named(actions, "resume", "go on from now; nothing is made up for")
    _named(actions, "remove", "forget a schedule; its runs stay")
    _named(actions, "run", "begin a run of it now, beside its times")


def watch(parser: argparse.ArgumentParser) -> None:
    """Add the options of `everpilot watch`."""
    actions = _actions(parser, _WATCHES, "FOLDER|PLACE|ACTION")
    run = action(actions, "run", "do PROMPT, or a recipe, on what comes or changes; the word run can be left out")
    run.add_argument("folder", metavar="FOLDER|PLACE", help="what to watch: a folder, a pattern, a connector's place")
    run.add_argument("work", metavar="PROMPT|RECIPE", help="what to do with every document, or a recipe's file")
    how = run.add_argument_group("watching")
    how.add_argument("--name", default="", metavar="NAME", help="what it is called (default: of the folder and work)")
    how.add_argument("--existing", action="store_true", help="do also what is there at the start")
    how.add_argument(
        "--quiet", type=_seconds, default=2.0, metavar="SECONDS", help="that a file has not changed for (default: 2)"
    )
    how.add_argument(
        "--interval",
        type=_seconds,
        metavar="SECONDS",
        help="between two looks where nothing tells of changes (default: 5, for places elsewhere 60)",
    )
    how.add_argument("--detach", action="store_true", help="only write it down: workers look (everpilot worker)")
    choices(run)
    run.add_argument("--parallel", type=int, metavar="N", help="documents at once (default: jobs.parallel)")
    run.add_argument("--output-format", choices=["text", "json", "stream-json"], default="text")
    action(actions, "list", "list the watches").add_argument("--json", action="store_true")
    _named(actions, "remove", "forget a watch and what it knows; its run stays")


def _actions(
    parser: argparse.ArgumentParser, epilog: str, metavar: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = epilog
    return parser.add_subparsers(parser_class=Mixed, dest="action", metavar=metavar, required=True)


def _named(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    made = action(actions, name, text)
    made.add_argument("name", metavar="NAME")
    return made


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 86_400:
        raise argparse.ArgumentTypeError("0 to 86400 seconds")
    return number
