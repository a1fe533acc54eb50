"""Write the pages that follow from the code: `python docs/build.py` (tests check that it was run)."""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["COLUMNS"] = "100"  # argparse wraps by it
os.environ["NO_COLOR"] = "1"

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from copilot import cli
from copilot.documents.operations import Operations
from copilot.plugins import loader
from copilot.sections.bot import BotSettings
from copilot.sections.jobs import HookSettings, JobSettings
from copilot.settings import (
    AuditSettings,
    BudgetSettings,
    Deadlines,
    EntraSettings,
    HistorySettings,
    McpServerSettings,
    McpSettings,
    ModelSettings,
    PlaceSettings,
    PluginAuth,
    PluginSettings,
    Price,
    RecordSettings,
    RoutingSettings,
    SandboxSettings,
    ServiceSettings,
    Settings,
    SkillSettings,
    ToolRule,
    ToolSettings,
    TrustSettings,
    WebSettings,
)

HERE = Path(__file__).resolve().parent
NOTE = "<!-- Written by docs/build.py; change the code instead. -->\n"


def commands() -> str:
    """The command line, from its own --help."""
    parts = [f"# The command line\n\n{NOTE}", _block("everpilot", cli._parser().format_help())]
    parts += [block for name in cli._COMMANDS for block in _blocks(f"everpilot {name}", cli._command_parser(name))]
    return "\n".join(parts)


def _blocks(title: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """A command's help, and that of the commands below it."""
    yield _block(title, parser.format_help())
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from _blocks(f"{title} {name}", below)


def _block(title: str, text: str) -> str:
    return f"## {title}\n\n```text\n{text.rstrip()}\n```\n"


def settings() -> str:
    """`copilot.toml`, from its models."""
    tables: list[tuple[str, type[BaseModel], str]] = [
        ("[[models]]", ModelSettings, "A model that may be asked. Give as many as you like."),
        ("[models.price]", Price, "US dollars for a million tokens."),
        ("[models.entra]", EntraSettings, "Tokens of Microsoft Entra ID in place of a key (docs/models.md)."),
        ("[models.deadlines]", Deadlines, "Seconds that the model may take before the next one is asked."),
        ("[routing]", RoutingSettings, "Which model is asked first."),
        (
            "[budgets]",
            BudgetSettings,
            "The most that models may cost, in US dollars; each is looked at before each attempt.",
        ),
        ("[records]", RecordSettings, "What is written down of each call. None of it holds text of messages."),
        ("[trust]", TrustSettings, "Where data may go, and what may be done without asking."),
        (
            "[[trust.tools]]",
            ToolRule,
            "What is done with calls of a tool. deny goes before ask, ask before allow; allow opens neither what is "
            "denied nor what is always asked (deleting, replacing a file, sending what documents had a part in). "
            "`everpilot policy explain` says which rule decides.",
        ),
        (
            "[audit]",
            AuditSettings,
            "The log of what was decided and done, for `everpilot audit`; it is always written.",
        ),
        ("[history]", HistorySettings, "For how long old versions are kept, and whether encrypted."),
        ("[places]", PlaceSettings, "Folders that lie elsewhere (docs/places.md)."),
        ("[plugins]", PluginSettings, "Plugins beside those that are installed (docs/plugins.md)."),
        (
            "[plugins.services.NAME]",
            ServiceSettings,
            "What the web API or server of a plugin may be given, by the name that `plugins show` has for it.",
        ),
        (
            "[plugins.auth.REFERENCE]",
            PluginAuth,
            "A credential, by the reference that a manifest names, or by the name of an API. Secrets stand in a "
            "variable, in the keyring, or come from a command.",
        ),
        ("[mcp]", McpSettings, "MCP servers of your own, beside `mcp.json` in the folder of your `copilot.toml`."),
        ("[mcp.servers.NAME]", McpServerSettings, "One MCP server, with the fields of an `mcpServers` file."),
        ("[web]", WebSettings, "The web: an engine that is asked, and pages ([web.md](web.md))."),
        ("[skills]", SkillSettings, "Where more skills lie, and which to leave out."),
        (
            "[tools]",
            ToolSettings,
            "How many tools a model is offered at once. With many plugins it sees an index of skills and what fits "
            "your words, and finds the others itself.",
        ),
        (
            "[sandbox]",
            SandboxSettings,
            "What a script of a skill may use. You are asked before each run, and shown what it is and gets.",
        ),
        ("[jobs]", JobSettings, "Runs over many documents: `everpilot batch`, `schedule`, `watch`, `worker`."),
        ("[jobs.hooks.NAME]", HookSettings, "A webhook that begins a run ([schedules.md](schedules.md))."),
        ("[bot]", BotSettings, "The assistant in Teams and other chats ([teams.md](teams.md), [bot.md](bot.md))."),
    ]
    head = (HERE / "settings_head.md").read_text("utf-8")
    database = Settings.model_fields["database"].description
    parts = [f"# Settings\n\n{NOTE}\n{head}", f"## `database`\n\nBefore all tables. {database}\n"]
    for name, model, text in tables:
        rows = "\n".join(_row(field, info) for field, info in model.model_fields.items())
        parts.append(f"## `{name}`\n\n{text}\n\n| Setting | Type | Default | Meaning |\n|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _row(name: str, info: FieldInfo) -> str:
    default = "required" if info.is_required() else _default(info)
    return f"| `{name}` | {_type(info.annotation)} | {default} | {info.description or ''} |"


def _default(info: FieldInfo) -> str:
    if info.default is PydanticUndefined:
        return ""
    value = info.default
    return "" if value in (None, "") else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(annotation: Any) -> str:
    text = getattr(annotation, "__name__", str(annotation)) if isinstance(annotation, type) else str(annotation)
    words = {"typing.Literal": "one of ", "typing.Any": "any", "NoneType": "nothing"}
    for old, new in words.items():
        text = text.replace(old, new)
    text = re.sub(r"copilot\.(?:settings|sections\.\w+)\.", "", text)
    return text.replace(" | None", "").replace("|", "or").replace("[", "(").replace("]", ")")


def tools() -> str:
    """The bundled skills and their tools, from their declarations."""
    parts = [
        f"# Skills and tools\n\n{NOTE}\nRun any of them without a model: `everpilot call TOOL --args '{{...}}'`.\n"
    ]
    for skill in sorted(loader.load().skills, key=lambda s: s.name):
        parts.append(f"## {skill.name}\n\n{skill.description}\n")
        for tool in skill.tools:
            parts.append(f"### `{tool.name}` ({tool.effect.value})\n\n{tool.description}\n")
            parts += list(_parameters(tool.arguments.offered))
            if tool.examples:
                parts.append("Asked for like this: " + "; ".join(f"“{e}”" for e in tool.examples[:3]) + ".\n")
    return "\n".join(parts)


def _parameters(model: type[BaseModel]) -> Iterator[str]:
    rows = [
        f"| `{name}` | {'yes' if info.is_required() else ''} | {' '.join((info.description or '').split())} |"
        for name, info in model.model_fields.items()
    ]
    if rows:
        yield "| Argument | Required | Meaning |\n|---|---|---|\n" + "\n".join(rows).replace("\\|", "|") + "\n"


def excel() -> str:
    """What can be done to a workbook, operation by operation."""
    from copilot.documents.excel.analysis import ANALYSES
    from copilot.documents.excel.edits import operations

    head = (HERE / "excel_head.md").read_text("utf-8")
    parts = [f"# Excel\n\n{NOTE}\n{head}", "## Operations\n", *_reference(operations()), "## Analyses\n"]
    return "\n".join([*parts, *_reference(ANALYSES)])


def word() -> str:
    """What can be done to a document, operation by operation."""
    from copilot.documents.word.edits import OPERATIONS

    head = (HERE / "word_head.md").read_text("utf-8")
    return "\n".join([f"# Word\n\n{NOTE}\n{head}", "## Operations\n", *_reference(OPERATIONS)])


def _reference(operations: Operations) -> Iterator[str]:
    for operation in operations:
        text = inspect.cleandoc(operation.function.__doc__ or "")
        yield f"### `{operation.name}`\n\n`{operation.signature}`\n\n{text}\n"


def excel_skill() -> str:
    """The instructions of the skill `excel`, with its operations."""
    from copilot.documents.excel.analysis import ANALYSES
    from copilot.documents.excel.edits import operations

    made = {"operations": _lines(operations()), "analyses": _lines(ANALYSES)}
    return _filled(HERE.parent / "skills/excel/SKILL.md", made)


def word_skill() -> str:
    """The instructions of the skill `word`, with its operations."""
    from copilot.documents.word.edits import OPERATIONS

    made = {"operations": "\n".join(o.signature for o in OPERATIONS)}
    return _filled(HERE.parent / "skills/word/SKILL.md", made)


def _lines(operations: Operations) -> str:
    return "\n".join(f"- `{o.signature}`: {o.summary}" for o in operations)


def _filled(path: Path, sections: dict[str, str]) -> str:
    """Return a file with what stands between `<!-- name -->` and `<!-- /name -->` written anew."""
    text = path.read_text("utf-8")
    for name, made in sections.items():
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}<!-- {name} -->\n{made}\n{end}{after}"
    return text


PAGES = {
    "commands.md": commands,
    "settings.md": settings,
    "tools.md": tools,
    "excel.md": excel,
    "word.md": word,
    "../skills/excel/SKILL.md": excel_skill,
    "../skills/word/SKILL.md": word_skill,
}


def main() -> int:
    """Write all pages."""
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), "utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
