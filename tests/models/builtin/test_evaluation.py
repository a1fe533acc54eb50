"""The bar of the planner, on requests that it was and was not made with."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import requests, sample_skills
from .scoring import called, planner, score, thread


@pytest.mark.parametrize(
    ("cases", "right", "menu"),
    [(requests.DEVELOPED, 0.9, 0.95), (requests.HELD_OUT, 0.6, 0.8)],
    ids=["developed", "held out"],
)
def test_no_wrong_write_and_enough_right(
    cases: list[requests.Case], right: float, menu: float, places: dict[str, Path]
) -> None:
    result = score(cases, places, sample_skills.tools())
    notes = "\n".join(result.notes)
    assert result.wrong_writes == 0, notes
    assert result.respected >= 0.95 * result.not_to_do, notes
    assert result.right >= right * result.to_do, notes
    assert result.in_menu >= menu * result.to_do, notes


def test_the_order_of_the_tools_does_not_matter(places: dict[str, Path]) -> None:
    tools = sample_skills.tools()
    for case in requests.DEVELOPED:
        forth, back = (planner(places["office"], t) for t in (tools, tools[::-1]))
        assert called(forth.invoke(thread(case))) == called(back.invoke(thread(case))), case.request
