"""The prompt and the tools are what was reviewed, and small enough to leave room for documents."""

from __future__ import annotations

import json

import pytest

from tests.agent.golden import HERE, pages

PAGES = pages()


def test_no_page_is_missing_or_left_over() -> None:
    assert sorted(PAGES) == sorted(p.name for p in HERE.iterdir())


@pytest.mark.parametrize("name", sorted(PAGES))
def test_what_a_model_sees_was_reviewed(name: str) -> None:
    assert PAGES[name] == (HERE / name).read_text("utf-8"), "look at the change, then: python -m tests.agent.golden"


@pytest.mark.parametrize("name", sorted(n for n in PAGES if n.endswith(".json")))
def test_a_skills_tools_fit_3000_tokens(name: str) -> None:
    """About four characters a token."""
    compact = json.dumps(json.loads(PAGES[name]), separators=(",", ":"), ensure_ascii=False)
    assert len(compact) / 4 < 3000


@pytest.mark.parametrize("name", sorted(n for n in PAGES if n.endswith(".json")))
def test_tools_keep_to_what_every_vendor_accepts(name: str) -> None:
    for tool in json.loads(PAGES[name]):
        assert len(tool["name"]) <= 64
        assert tool["name"].replace("_", "").replace("-", "").isalnum()
        assert tool["description"].strip()
        assert tool["parameters"]["type"] == "object"
