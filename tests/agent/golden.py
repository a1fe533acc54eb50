"""What a model sees, as files: a change of the prompt or of a tool is a diff that somebody reads.

`python -m tests.agent.golden` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from copilot.agent.core_tools import core_skill
from copilot.agent.prompt import system_prompt
from copilot.agent.tool_search import Offer, Searched
from copilot.plugins import loader
from copilot.plugins.langchain import as_langchain
from copilot.plugins.skill import Skill, Skills
from copilot.settings import ToolSettings
from tests.plugins.foreign_tools import foreign

HERE = Path(__file__).resolve().parent / "golden"


def pages() -> dict[str, str]:
    """File name to content: the system prompt, and every skill's tools as they go over the wire."""
    loaded = loader.load()
    made = {"system.md": system_prompt(without_accounts(loaded))}
    for skill in [*loaded.skills, core_skill(loaded)]:
        schemas = [convert_to_openai_tool(as_langchain(tool))["function"] for tool in skill.tools]
        made[f"{skill.name}.json"] = json.dumps(schemas, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    for name, skills in crowds().items():
        prompt, tools = offered(skills, ASKED)
        made[f"{name}.md"] = prompt
        made[f"{name}.json"] = json.dumps(tools, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return made


#: What is asked where tools are found by searching.
ASKED = "Move the meeting with Contoso to Friday and replace Acme with Apex in contract.docx"


def without_accounts(loaded: Skills) -> tuple[Skill, ...]:
    """What is at hand where no account is set up (copilot/agent/at_hand.py)."""
    return tuple(skill for skill in loaded.skills if not skill.accounts)


def crowds() -> dict[str, Skills]:
    """The bundled skills with 500 tools in 50 skills of strangers, and with 500 skills."""
    bundled = without_accounts(loader.load())
    return {
        "many_tools": Skills((*bundled, *foreign(50))),
        "many_skills": Skills((*bundled, *foreign(500, each=1))),
    }


def offered(skills: Skills, request: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the prompt and the tools of a first call, as they go over the wire."""
    searched = Searched(skills, ToolSettings())
    assert searched.is_needed
    core = [as_langchain(tool) for skill in (core_skill(skills), searched.skill()) for tool in skill.tools]
    prompt = system_prompt(skills.skills, most=searched.index)
    offer = searched.middleware(prompt, core).offer(Offer(), {"messages": [HumanMessage(request)]})
    tools = [*core, *(searched.shelf.made(name) for name in offer.names)]
    return prompt, [convert_to_openai_tool(tool)["function"] for tool in tools]


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    for name, text in pages().items():
        (HERE / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
