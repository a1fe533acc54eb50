"""What `everpilot batch` and `worker` take on the command line. Imports nothing heavy: it is read for --help."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

#: What can be done with runs; anything else after `batch` is a prompt or a recipe.
ACTIONS = ("run", "list", "status", "resume", "retry", "review", "accept", "reject", "report", "cancel", "forget")

_EPILOG = """\
examples:
  everpilot batch "replace Acme Ltd by Acme GmbH" "contracts/**/*.docx"
  everpilot batch "extract the fields" invoices --fields "number, date: date, total: number" --table out.xlsx
  everpilot batch new-address.yaml contracts --input new="1 Main Street" --dry-run
  everpilot batch status            how the last run stands
  everpilot batch review RUN        look at all changes in a browser and answer once
"""


class Mixed(argparse.ArgumentParser):
    """Takes documents also behind options: `batch PROMPT --yes FILE`."""

    _inside = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse options first, then what stands between them."""
        if self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def batch(parser: argparse.ArgumentParser) -> None:
    """Add the options of `everpilot batch`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    named: dict[str, Any] = {"dest": "action", "metavar": "PROMPT|RECIPE|ACTION", "parser_class": Mixed}
    actions = parser.add_subparsers(required=True, **named)
    _run(action(actions, "run", "do PROMPT, or a recipe, on every document; the word run can be left out"))
    shown = action(actions, "list", "list the runs")
    shown.add_argument("--json", action="store_true")
    _of_run(actions, "status", "show how a run stands").add_argument("--json", action="store_true")
    resume = _working(_of_run(actions, "resume", "go on with a run that was stopped or is held"))
    resume.add_argument("--budget", type=float, metavar="DOLLARS", help="the most that the whole run may cost now")
    _working(_of_run(actions, "retry", "try again what failed"))
    review = _working(_of_run(actions, "review", "show all changes on a page of this machine, and answer there"))
    review.add_argument("--no-browser", action="store_true", help="only print the address of the page")
    accept = _working(_of_run(actions, "accept", "accept what a report showed, and write it"))
    which = accept.add_mutually_exclusive_group()
    which.add_argument("--only", nargs="+", metavar="DOC", help="these documents alone; the others keep waiting")
    which.add_argument("--except", dest="but", nargs="+", metavar="DOC", help="all but these, which are declined")
    accept.add_argument("--shown", metavar="DIGEST", help="the report that was looked at (as it says itself)")
    reject = _working(_of_run(actions, "reject", "decline what a report showed"))
    reject.add_argument("--shown", metavar="DIGEST", help="the report that was looked at")
    _of_run(actions, "report", "print where the report is; --write writes it anew").add_argument(
        "--write", action="store_true", help="write the report and the table as the run stands now"
    )
    _of_run(actions, "cancel", "stop a run; what is written stays")
    _of_run(actions, "forget", "delete what is kept of a run that ended")


def action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    """Return the parser of an action of a command, told in `text`, with the folder that all of them take."""
    made = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    made.add_argument("--dir", default=None, metavar="D", help="the folder of documents (default: here)")
    return made


def _of_run(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    made = action(actions, name, text)
    made.add_argument("run", nargs="?", metavar="RUN", help="its id, or the beginning of it (default: the last run)")
    return made


def _working(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options of what works on a run in this process."""
    parser.add_argument("--parallel", type=int, metavar="N", help="documents at once (default: jobs.parallel)")
    parser.add_argument("--detach", action="store_true", help="only order it: workers do it (everpilot worker)")
    parser.add_argument("--output-format", choices=["text", "json", "stream-json"], default="text")
    return parser


def _run(parser: argparse.ArgumentParser) -> None:
    work: dict[str, Any] = {"nargs": "?", "default": "", "metavar": "PROMPT|RECIPE"}
    parser.add_argument("work", **work, help="what to do with every document, or a recipe's file")
    parser.add_argument("--recipe", metavar="NAME|FILE", help="the recipe, by its name in the folder or in recipes/")
    parser.add_argument(
        "given", nargs="*", metavar="FILE", help='files, folders, patterns ("**/*.docx"), places, search:WORDS'
    )
    parser.add_argument(
        "--rows", metavar="TABLE", help="do it for every row of a CSV, xlsx or JSONL file: {column} in the prompt"
    )
    choices(parser)
    _working(parser)


def choices(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen of a run, whoever begins it."""
    parser.add_argument(
        "--fields", metavar="SCHEMA", help='extract these: "total: number, due: date", a JSON Schema, module:Class'
    )
    parser.add_argument("--table", metavar="FILE", help="where the extracted rows go: .csv, .xlsx, .jsonl or .sqlite")
    parser.add_argument("--to", default="", metavar="FOLDER", help="write changed files there (default: in place)")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help="an input of the recipe")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--yes", action="store_true", help="write changes without one approval at the end")
    mode.add_argument(
        "--dry-run", nargs="?", type=int, const=3, metavar="N", help="only show what N documents would become (3)"
    )
    mode.add_argument("--read-only", action="store_true", help="change nothing, and send nothing")
    cost = parser.add_argument_group("cost and pace")
    cost.add_argument(
        "--budget", type=float, metavar="DOLLARS", help="the most that the run may cost (default: jobs.budget)"
    )
    cost.add_argument("--tries", type=int, metavar="N", help="how often a document is tried (default: jobs.tries)")
    cost.add_argument("--reuse", action="store_true", help="answer identical requests over identical content once")
    cost.add_argument(
        "--deferred", action="store_true", help="through the vendor's cheaper batch endpoint, which takes hours"
    )
    parser.add_argument("--model", metavar="NAME", help="the configured model to prefer")
    parser.add_argument("--agent", metavar="NAME", help="the agent of a plugin that does it")
    parser.add_argument("--report", metavar="FILE", help="where the report goes (default: the state folder)")
    parser.add_argument("--title", default="", metavar="TEXT", help="what the report calls the run")


def worker(parser: argparse.ArgumentParser) -> None:
    """Add the options of `everpilot worker`."""
    parser.add_argument("--parallel", type=int, metavar="N", help="documents at once (default: jobs.parallel)")
    parser.add_argument("--until-idle", action="store_true", help="end when nothing is left to do")
    parser.add_argument(
        "--webhooks", metavar="[HOST:]PORT", help="also begin runs that webhooks ask for ([jobs.hooks])"
    )
    parser.add_argument("--dir", default=None, metavar="D", help="the folder whose settings count (default: here)")
