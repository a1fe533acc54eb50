"""Skills that a person brings: found, read, and started by name."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import Everpilot
from tests.vendors import OpenAIServer, Reply, Request

SKILL = "---\nname: house-style\ndescription: How we write.\ndisable-model-invocation: true\n---\nWrite plainly.\n"


def test_a_skill_is_started_by_its_name(everpilot: Everpilot) -> None:
    """A person starts what the model may not: the model is given its words, and those of the person."""
    folder = Path(everpilot.env["EVERPILOT_HOME"]) / "skills" / "house-style"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(SKILL)

    def answer(request: Request) -> Reply:
        prompt, said = str(request.body["messages"][0]), str(request.body["messages"][-1])
        assert "house-style" not in prompt
        told = "contract.docx" in said and "Write plainly." in said
        return Reply("It has its words." if told else f"Something is missing: {said}")

    with OpenAIServer(answer) as server:
        everpilot.settings([("gpt", "openai", server)])
        assert everpilot.ask("/house-style check contract.docx").json["text"] == "It has its words."
        assert "Something is missing" in everpilot.ask("/home/me/contract.docx").json["text"], "a path starts nothing"
