"""What a model sees, as files: a change of the prompt or of a tool is a diff that somebody reads.

`python -m tests.agent.golden` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from langchain_core.utils.function_calling import convert_to_openai_tool

from copilot.agent.core_tools import core_skill
from copilot.agent.prompt import system_prompt
from copilot.plugins import loader
from copilot.plugins.langchain import as_langchain

HERE = Path(__file__).resolve().parent / "golden"


def pages() -> dict[str, str]:
    """File name to content: the system prompt, and every skill's tools as they go over the wire."""
    loaded = loader.load()
    made = {"system.md": system_prompt(loaded.skills)}
    for skill in [*loaded.skills, core_skill(loaded)]:
        schemas = [convert_to_openai_tool(as_langchain(tool))["function"] for tool in skill.tools]
        made[f"{skill.name}.json"] = json.dumps(schemas, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return made


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    for name, text in pages().items():
        (HERE / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
