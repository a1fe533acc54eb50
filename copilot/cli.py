"""The command line: parses, then imports what the command needs. Nothing heavy is imported for `--help`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

DONE, FAILED, USAGE, NEEDS_APPROVAL, NO_MODEL = 0, 1, 2, 3, 4

_EPILOG = """\
commands:
  tools       list the tools that skills offer
  call        run one tool, with no model
  inspect     show what a model would be given of a file
  pages       show a document's pages as pictures (with LibreOffice)
  approve     answer the approval that a thread waits for
  undo        take back a change, a turn or a thread, byte for byte
  redo        do again what was undone
  history     list the versions of a file
  restore     bring back a version of a file
  sessions    list the threads
  agents      list the agents that plugins brought
  models      list the models and how they are; add one; test them
  recipe      make, check, test and follow a recipe: steps for each document
  eval        give the models small tasks, or run a skill's evals on them
  cost        show what the models were used for, and what they cost
  trust       trust a folder's copilot.toml and skills as they are now
  audit       show what was decided and done, verify the log, export it
  policy      show what is allowed, explain a decision, always allow a tool
  mcp         offer the skills to other assistants, as an MCP server
  batch       do the same on many documents, or go on with such a run
  worker      work on such runs, beside other machines
  schedule    begin such runs by the clock
  watch       do what comes into a folder, as it comes
  bot         serve the assistant as a bot, in Teams and other chats
  plugins     install, update, remove, check and make plugins
  login       sign in to an account: mail, calendar, files elsewhere
  logout      forget a sign-in
  accounts    list the accounts, and who signed in
  sync        store what waits for OneDrive, SharePoint and other places
  demo        serve a made-up company's Microsoft 365, to try things out
  doctor      check the installation, the settings and the plugins

exit codes: 0 done, 1 failed, 2 usage, 3 needs approval (nothing written), 4 no model could do it
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; no traceback ever reaches the user."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
    if not os.environ.get("EVERPILOT_DEBUG"):
        _keep_quiet()
    _never_fail_to_print()
    try:
        code = _run(arguments)
        sys.stdout.flush()  # a pipe that was closed early is met here, not while the interpreter ends
        return code
    except KeyboardInterrupt:
        print("\nStopped. Nothing is half written; a turn that had begun goes on with: everpilot -c", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last door: whatever comes, a person gets a sentence
        return _explain(error)


def _keep_quiet() -> None:
    """What a person must know is told; what libraries warn of, or lose in their threads, is not for them."""
    logging.getLogger().addHandler(logging.NullHandler())
    logging.captureWarnings(True)
    log = logging.getLogger("copilot")
    threading.excepthook = lambda lost: log.warning("lost in a thread", exc_info=lost.exc_value)
    sys.unraisablehook = lambda lost: log.warning("lost while cleaning up", exc_info=lost.exc_value)


def _never_fail_to_print() -> None:
    """An old locale, or half of a character in a file name, costs a question mark, not the answer."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in _COMMANDS:
        _as_run(arguments)
        parsed = _command_parser(arguments[0]).parse_args(arguments[1:])
        from copilot.hosts import commands

        code: int = getattr(commands, arguments[0])(parsed)
        return code
    parsed = _parser().parse_args(arguments)
    if parsed.prompt is None:
        if parsed.output_format != "text" or not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
            _parser().error("there is no terminal to chat in; ask with -p PROMPT")
        from copilot.hosts.terminal.chat import chat

        return chat(parsed)
    from copilot.hosts.once import once

    return once(parsed)


def _as_run(arguments: list[str]) -> None:
    """Put in the word that can be left out: `batch PROMPT FILE` is `batch run PROMPT FILE`."""
    if arguments[0] not in ("batch", "watch") or len(arguments) < 2 or arguments[1] in ("-h", "--help"):
        return
    from copilot.hosts.batch_options import ACTIONS
    from copilot.hosts.trigger_options import WATCH_ACTIONS

    if arguments[1] not in (ACTIONS if arguments[0] == "batch" else WATCH_ACTIONS):
        arguments.insert(1, "run")


def _explain(error: Exception) -> int:
    """Say what is wrong and return the exit code."""
    from copilot._redaction import redacted, show_tracebacks_redacted
    from copilot.errors import EverpilotError
    from copilot.trust.sanitise import safe_text

    if isinstance(error, EverpilotError):
        print(f"everpilot: {safe_text(str(error))}", file=sys.stderr)
        return exit_code_of(error)
    if os.environ.get("EVERPILOT_DEBUG"):
        show_tracebacks_redacted()
        raise error
    print(
        f"everpilot: something unexpected went wrong ({type(error).__name__}: {safe_text(redacted(str(error)))}). "
        "Nothing is half written. "
        "Set EVERPILOT_DEBUG=1 to see where, and please report it.",
        file=sys.stderr,
    )
    return FAILED


def exit_code_of(error: Exception) -> int:
    """Return the documented exit code for an explained error."""
    from copilot.errors import ApprovalError, NoModelError, SettingsError

    usage = getattr(error, "code", "") == "usage" or (isinstance(error, ApprovalError) and error.code == "calls")
    if usage or isinstance(error, SettingsError):
        return USAGE
    return NO_MODEL if isinstance(error, NoModelError) else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="everpilot",
        description="Talk to a folder of Office documents, with any model, or with none.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="documents that the prompt is about")
    parser.add_argument(
        "-p", "--print", dest="prompt", metavar="PROMPT", help="answer once and exit (- reads it from stdin)"
    )
    _add_folder(parser)
    parser.add_argument("--model", metavar="NAME", help="the configured model to prefer")
    _add_agent(parser, "the agent of a plugin that answers (list them: agents)")
    parser.add_argument(
        "--without", action="append", default=[], metavar="CAPABILITY", help="switch off what the agent lets you"
    )
    _add_servers(parser)
    parser.add_argument(
        "--max-budget-usd", type=float, metavar="DOLLARS", help="the most that models may cost in one turn"
    )
    _add_mode(parser)
    parser.add_argument("--output-format", choices=["text", "json", "stream-json"], default="text")
    thread = parser.add_mutually_exclusive_group()
    thread.add_argument(
        "-c", "--continue", dest="continue_", action="store_true", help="continue this folder's last thread"
    )
    thread.add_argument("-r", "--resume", metavar="ID", help="continue the thread ID")
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    return parser


def _add_agent(parser: argparse.ArgumentParser, told: str) -> None:
    parser.add_argument("--agent", metavar="NAME", help=told)


def _add_servers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mcp-config", action="append", default=[], metavar="FILE", help="a file with mcpServers; can be given again"
    )


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", default=None, metavar="D", help="the folder of documents (default: here)")


def _add_mode(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--yes", action="store_true", help="approve the changes to files beforehand")
    mode.add_argument("--dry-run", action="store_true", help="show the changes and write nothing")
    mode.add_argument("--auto", action="store_true", help="let the policy decide, which asks less")
    mode.add_argument("--read-only", action="store_true", help="change nothing, and send nothing")


def _tools(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="names, effects and JSON schemas")
    _add_folder(parser)
    _add_agent(parser, "those that this agent of a plugin has")
    _add_servers(parser)


def _call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tool", metavar="TOOL", help='for example "word.replace_text"')
    parser.add_argument("--args", default="{}", metavar="JSON|@FILE", help="the arguments as a JSON object")
    _add_folder(parser)
    _add_agent(parser, "with the tools of this agent of a plugin")
    _add_servers(parser)
    _add_mode(parser)
    parser.add_argument("--json", action="store_true", help="print the whole outcome as JSON")


def _inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--json", action="store_true")


def _pages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--against", metavar="OTHER", help="an older version: only the pages that differ, side by side")
    parser.add_argument("--page", type=int, action="append", metavar="N", help="only page N; can be given again")
    parser.add_argument("--out", metavar="FOLDER", help="where the pictures go (default: beside FILE)")
    parser.add_argument("--dpi", type=int, default=72, metavar="N", help="dots per inch (default: 72)")
    parser.add_argument("--json", action="store_true", help="print the names of the pictures as JSON")


def _approve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("thread", nargs="?", metavar="THREAD", help="default: the last thread of the folder")
    parser.add_argument("--reject", action="store_true", help="answer no")
    parser.add_argument(
        "--only", action="append", metavar="N", help="approve step N (or the call of this id) only; can be given again"
    )
    parser.add_argument("--show", action="store_true", help="show what is waiting and decide nothing")
    _add_folder(parser)
    _add_servers(parser)
    parser.add_argument("--output-format", choices=["text", "json", "stream-json"], default="text")


def _undo(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("number", nargs="?", type=int, metavar="N", help="the change to take back (default: the last)")
    which.add_argument("--list", action="store_true", help="list the changes")
    which.add_argument(
        "--turn", action="store_true", help="all that the last prompt led to (of --thread, if given), or nothing"
    )
    parser.add_argument("--thread", metavar="ID", help="all that the thread ID wrote, or nothing")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _redo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", nargs="?", type=int, metavar="N", help="the undone change (default: the last)")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _sync(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("number", type=int, metavar="N", help="the version, as history lists it")
    parser.add_argument("--to", metavar="OTHER", help="write it to another name, which must be free")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _sessions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="those of every folder")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["list", "add", "test"], default="list")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the model to add; those to test (default: all)")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)
    new = parser.add_argument_group("add", "tests the model, then writes it into your own copilot.toml")
    new.add_argument("--provider", help="openai, azure_openai, foundry, anthropic, mistral, ... (docs/models.md)")
    new.add_argument("--model", metavar="MODEL", help="the vendor's name of it")
    new.add_argument("--base-url", metavar="URL", help="where the server is")
    key = new.add_mutually_exclusive_group()
    key.add_argument("--api-key-env", metavar="VARIABLE", help="the environment variable that holds the key")
    key.add_argument("--api-key-cmd", metavar="COMMAND", help="the command that prints the key")
    key.add_argument("--api-key-keyring", metavar="SERVICE[/USER]", help="where in the keyring the key is")
    new.add_argument("--region", help="where the vendor processes the data")
    new.add_argument("--retention-days", type=int, metavar="DAYS", help="for how long the vendor keeps the data")
    new.add_argument("--max-confidentiality", choices=["public", "internal", "restricted"])
    new.add_argument("--budget", type=float, metavar="DOLLARS", help="what it may cost in a day")
    new.add_argument("--first", action="store_true", help="ask it before the others")
    new.add_argument("--untested", action="store_true", help="write it without a test")


def _agents(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="show all of this one")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _eval(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all models")
    parser.add_argument("--tasks", metavar="FILE", help="tasks of your own (docs/models.md)")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)
    own = parser.add_argument_group("a skill's evals", "its evals/evals.json, each with and without the skill")
    own.add_argument("--skill", metavar="NAME|PATH", help="a loaded skill, or a skill's folder")
    own.add_argument("--models", metavar="A,B", help='models to compare; "builtin" is the planner (default: all)')
    own.add_argument("--runs", type=int, default=1, metavar="N", help="how often each eval is run (default: 1)")
    own.add_argument("--only", action="append", default=[], metavar="ID", help="only this eval; can be given again")
    own.add_argument("--no-baseline", action="store_true", help="not without the skill")
    own.add_argument("--judge", metavar="MODEL", help="the model that judges assertions in plain words")
    own.add_argument("--commands", action="store_true", help="run the commands that checks name, without a sandbox")
    own.add_argument("--out", metavar="FILE", help="write a report as Markdown")
    own.add_argument("--yes", action="store_true", help="run the Python of a skill's folder that nobody trusted yet")


def _login(parser: argparse.ArgumentParser) -> None:
    _account(parser)
    parser.add_argument(
        "--add", action="append", default=[], metavar="RIGHT", help='also "mail", "mail:read" or a right by its name'
    )
    parser.add_argument("--device-code", action="store_true", help="in a browser on any device, with a code")
    parser.add_argument("--read-only", action="store_true", help="ask only for rights to read")
    parser.add_argument("--show", action="store_true", help="show what is asked for, and don't sign in")


def _account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="of [accounts.NAME] (default: the default account)")
    _accounts(parser)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["microsoft365"], help="what to serve, on this machine only")
    parser.add_argument("--port", type=int, default=8365, metavar="N", help="where (default: 8365; 0: a free port)")
    parser.add_argument("--file", metavar="FILE", help="keep what is changed in FILE, until the next time")


def _accounts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _cost(parser: argparse.ArgumentParser) -> None:
    groups = ["model", "day", "thread", "user", "step", "skill", "provider"]
    parser.add_argument("--by", choices=groups, default="model")
    parser.add_argument("--days", type=int, metavar="N", help="only the last N days")
    parser.add_argument("--json", action="store_true")


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)


def _trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", default=".", metavar="FOLDER", help="a folder of documents, a skill's, or mcp:NAME"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="show what would be trusted, and trust nothing")
    what.add_argument("--list", action="store_true", help="list what is trusted")
    what.add_argument("--revoke", action="store_true", help="take back the trust in FOLDER and all below it")
    parser.add_argument("--yes", action="store_true", help="trust it without a question")
    parser.add_argument("--json", action="store_true")


def _audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["show", "verify", "export"], default="show")
    parser.add_argument("file", nargs="?", metavar="FILE", help="export: where to; .csv, else lines of JSON (- prints)")
    parser.add_argument("--thread", metavar="ID", help="only the records of this thread")
    parser.add_argument("--since", metavar="WHEN", help="only from then on: 2026-05-31, or 24h, 7d")
    parser.add_argument("--json", action="store_true")


def _policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["show", "explain", "allow", "list", "revoke"], default="show")
    parser.add_argument("what", nargs="?", metavar="TOOL|N", help="the tool to explain or allow; the number to revoke")
    parser.add_argument("--json", action="store_true")
    _add_folder(parser)
    parser.add_argument("--folder", metavar="F", help="allow: only for files below this folder")
    asked = parser.add_argument_group("explain", "which rule decides on a call, and why; nothing is run")
    asked.add_argument("--args", default="{}", metavar="JSON|@FILE", help="the arguments as a JSON object")
    asked.add_argument("--label", choices=["public", "internal", "restricted"], help="how confidential the data is")
    asked.add_argument("--untainted", action="store_true", help="as if no document had a part in it")
    asked.add_argument("--said", action="append", default=[], metavar="TEXT", help="what the person typed")
    asked.add_argument("--mode", choices=["ask", "auto", "yes", "dry-run", "read-only"])


def _mcp(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["serve", "approve"], default="serve")
    parser.add_argument("id", nargs="?", metavar="ID", help="approve: what to decide on; without it, what waits")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--dir", default=None, metavar="D", help="the folder of documents (default: here)")
    where.add_argument("--roots", action="store_true", help="the folders that the assistant has open, if it says so")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--yes", action="store_true", help="approve the changes to files beforehand")
    mode.add_argument("--auto", action="store_true", help="let the policy decide, which asks less")
    mode.add_argument("--read-only", action="store_true", help="change nothing, and send nothing")
    what = parser.add_argument_group("what is offered")
    what.add_argument("--skills", action="append", default=[], metavar="NAMES", help="only these: word,excel")
    what.add_argument("--tools", action="append", default=[], metavar="PATTERNS", help='only these: "word.*"')
    what.add_argument("--lean", action="store_true", help="list few tools; the others are found and called by them")
    what.add_argument(
        "--max-confidentiality",
        choices=["public", "internal", "restricted"],
        default="internal",
        help="the most confidential data that the other assistant may be given (default: internal)",
    )
    http = parser.add_argument_group("over HTTP, instead of stdin and stdout")
    http.add_argument("--http", metavar="[HOST:]PORT", help="listen there (HOST: 127.0.0.1)")
    http.add_argument("--token-env", metavar="VARIABLE", help="the variable with the token that clients must show")
    http.add_argument("--allow-origin", action="append", default=[], metavar="ORIGIN", help="a page that may use it")


def _batch(parser: argparse.ArgumentParser) -> None:
    from copilot.hosts.batch_options import batch

    batch(parser)


def _worker(parser: argparse.ArgumentParser) -> None:
    from copilot.hosts.batch_options import worker

    worker(parser)


def _schedule(parser: argparse.ArgumentParser) -> None:
    from copilot.hosts.trigger_options import schedule

    schedule(parser)


def _watch(parser: argparse.ArgumentParser) -> None:
    from copilot.hosts.trigger_options import watch

    watch(parser)


def _recipe(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.add_argument("--json", action="store_true")
        _add_folder(made)
        return made

    new = add("new", "write a recipe to start from, which works as it is")
    new.add_argument("name", metavar="NAME")
    new.add_argument("--from", dest="prompt", metavar="PROMPT", help="with this prompt as its step")
    run = add("run", "follow a recipe over a few documents; each is shown before it is saved")
    run.add_argument("file", metavar="RECIPE", help="its file, or its name in the folder or in recipes/ there")
    run.add_argument("documents", nargs="*", metavar="DOCUMENT", help="default: what the recipe's own patterns find")
    run.add_argument(
        "-i", "--input", action="append", default=[], metavar="NAME=VALUE", help="an input; @FILE for a table or a text"
    )
    run.add_argument("--model", metavar="NAME", help="the configured model to prefer")
    _add_agent(run, "the agent of a plugin that answers its prompts")
    _add_mode(run)
    for name, text in (
        ("check", "say what is wrong with recipes, before any document is touched"),
        ("test", "run the tests of recipes, with no model"),
    ):
        add(name, text).add_argument("files_", nargs="+", metavar="RECIPE")


def _bot(parser: argparse.ArgumentParser) -> None:
    from copilot.hosts.bot_options import bot

    bot(parser)


def _plugins(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.add_argument("--json", action="store_true")
        _add_folder(made)
        return made

    install = add("install", "look at a plugin, and install it once it is trusted")
    install.add_argument(
        "source", metavar="SOURCE", help="folder, .zip, manifest, git URL[#REF[:FOLDER]], pypi:NAME, P@MARKET"
    )
    install.add_argument("--name", metavar="N", help="what it is called here")
    install.add_argument("--yes", action="store_true", help="trust it without a question")
    install.add_argument("--strict", action="store_true", help="refuse what is not as its standard says")
    update = add("update", "fetch plugins again, show what changes, and install it once it is trusted")
    update.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    update.add_argument("--check", action="store_true", help="only show what would change")
    update.add_argument("--rollback", action="store_true", help="go back to the version before")
    update.add_argument("--yes", action="store_true", help="trust it without a question")
    remove = add("remove", "remove a plugin, and its trust")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--purge", action="store_true", help="also what it kept (PLUGIN_DATA)")
    add("list", "list what is installed")
    for name, text in (("enable", "load a plugin again"), ("disable", "keep a plugin, and don't load it")):
        add(name, text).add_argument("name", metavar="NAME")
    add("show", "show what an installed plugin brings").add_argument("name", metavar="NAME")
    login = add("login", "sign in, in a browser, to what plugins talk to")
    login.add_argument("name", metavar="NAME", help="a reference of [plugins.auth], an MCP server, or a plugin")
    login.add_argument("--out", dest="sign_out", action="store_true", help="forget the sign-in")
    doctor = add("doctor", "say what is wrong with plugins, and what a publisher must mend")
    doctor.add_argument("name", nargs="?", metavar="NAME|PATH", help="default: all that are installed")
    doctor.add_argument("--strict", action="store_true", help="by the letter of the standards; any fault fails")
    sync = add("sync", "install exactly what the folder's plugins.lock names")
    sync.add_argument("--write", action="store_true", help="write that file from what is installed")
    sync.add_argument("--yes", action="store_true", help="trust it without a question")
    market = add("marketplace", "add, list or remove marketplaces, for install PLUGIN@MARKETPLACE")
    market.add_argument("what", choices=["add", "list", "remove"])
    market.add_argument("source", nargs="?", metavar="SOURCE|NAME")
    market.add_argument("--name", metavar="N", help="what it is called here")
    new = add("new", "make a plugin to start from, with tests and evals")
    new.add_argument("name", metavar="NAME")
    new.add_argument("--kind", choices=["skill", "package", "openapi", "mcp", "agent"], default="skill")
    new.add_argument("--into", metavar="FOLDER", help="where its folder is made (default: here)")
    parser.set_defaults(json=False, dir=None)


_COMMANDS = {
    "tools": (_tools, "List the tools that skills offer."),
    "call": (_call, "Run one tool, with no model."),
    "inspect": (_inspect, "Show what a model would be given of a file. Exit code 2: the file is refused."),
    "pages": (_pages, "Write a document's pages as PNG pictures; LibreOffice shows them, apart from the network."),
    "approve": (_approve, "Answer the approval that a thread waits for."),
    "undo": (_undo, "Take back a change, byte for byte; with --turn or --thread all of it or nothing."),
    "redo": (_redo, "Do again what was undone, as long as nothing else was written."),
    "history": (_history, "List the versions of a file, and which of them can be restored."),
    "restore": (_restore, "Bring back a version of a file; that can be undone, too."),
    "sessions": (_sessions, "List the threads."),
    "agents": (_agents, "List the agents that plugins brought, or show one: what it may use, what is missing."),
    "models": (_models, "List the models in their order and how they are, add one, or test them with a tool call."),
    "recipe": (_recipe, "Make, check, test and follow recipes: what is done with each document, in one file."),
    "eval": (_eval, 'Give models small tasks; routing.policy = "quality" ranks by the marks. Or run a skill\'s evals.'),
    "cost": (_cost, "Show the tokens and the cost of all calls of models."),
    "trust": (_trust, "Trust what a folder brings along, its copilot.toml and its skills, as they are now."),
    "audit": (_audit, "Show what was decided and done; verify that the log is whole; export it."),
    "policy": (_policy, "Show the policy in force; explain a decision; list, add or revoke what is always allowed."),
    "mcp": (_mcp, "Offer the skills to other assistants as an MCP server; approve what they asked for."),
    "batch": (_batch, "Do the same on many documents, as a run that survives anything; one approval for all changes."),
    "worker": (_worker, "Work on runs that others began, on this machine, until stopped."),
    "schedule": (_schedule, "Begin runs by the clock: add, list, show, pause, resume, remove schedules; run one now."),
    "watch": (_watch, "Watch a folder or place, and do what comes or changes there, each version once."),
    "bot": (_bot, "Serve the assistant as a bot: in Teams, Web Chat and other chats ([bot] in copilot.toml)."),
    "plugins": (_plugins, "Install, update, remove, check and make plugins of every form."),
    "login": (_login, "Show what a sign-in to an account asks for, in plain words, and sign in."),
    "logout": (_account, "Forget the sign-in of an account."),
    "accounts": (_accounts, "List the accounts of the settings, and who signed in to each."),
    "sync": (_sync, "Store the changes that wait for places elsewhere, because these could not be reached."),
    "demo": (_demo, "Serve a made-up company as Microsoft Graph would: files, mail, calendar, chats. Ctrl+C ends it."),
    "doctor": (_doctor, "Check the installation, the settings and the plugins."),
}


def _command_parser(name: str) -> argparse.ArgumentParser:
    add, description = _COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"everpilot {name}", description=description)
    add(parser)
    return parser


class _Version(argparse.Action):
    """Prints the installed version; looked up only when asked for, since the look-up is slow."""

    def __init__(self, option_strings: Sequence[str], dest: str, **rest: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, **rest)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        from importlib.metadata import version

        print(f"everpilot {version('everpilot')}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
