"""Thirty turns of one thread, with tools, while every vendor in turn is killed, slowed, cut off and revived."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from copilot.agent.copilot import Copilot
from copilot.agent.events import ChangeEvent, Delta, Discard, Final, Switched, ToolEvent, Usage
from copilot.models.health import Health
from copilot.models.ledger import Ledger
from copilot.models.router import RoutedChatModel
from copilot.settings import Deadlines, Price
from tests.models.routing import FakeTime, router
from tests.models.test_matrix import KINDS, address, settings
from tests.thinning import ALL
from tests.vendors import Call, Reply, Request, VendorServer
from tests.vendors.clients import SERVERS

TURNS = 30 if ALL else 10  # each kind of vendor is the first one at least once
VENDORS = list({known.dialect: name for name, known in reversed(KINDS.items())}.values())
PRICE = Price(input=3, output=15)
#: What a vendor is that is down for a whole turn, and how the one dies that has begun to serve it.
DOWN = ("killed", "503", "401", "hang_before_first_byte", "429 retry-after=3600", "html")
DEATHS = ("cut_mid_stream", "polite_close", "stall_mid_stream", "500", "sse_error", "cut_clean", "529")


def value(turn: int) -> int:
    """What stands in the workbook for a turn."""
    return 1000 + 37 * turn


class Vendors:
    """All kinds of vendors, each on a port of its own that it keeps when it is revived."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.running: dict[str, VendorServer] = {}
        self.revive_all()

    def revive_all(self) -> None:
        for at, name in enumerate(VENDORS):
            old = self.running.get(name)
            if old is None or old.closing.is_set():
                port = int(old.url.rsplit(":", 1)[1]) if old else 0
                self.running[name] = self._stack.enter_context(SERVERS[KINDS[name].dialect](_answers(at), port=port))
            self.running[name].always = None
            self.running[name].faults.clear()

    def take_down(self, name: str, how: str) -> None:
        if how == "killed":
            self.running[name].stop()
        else:
            self.running[name].always = how


def _answers(vendor: int) -> Any:
    """Return a competent model: it calls the tool that the turn asks for, and says what came of it."""

    def answer(request: Request) -> Reply:
        said = json.dumps(request.body.get("messages") or request.body.get("contents") or request.body.get("input"))
        turn = re.findall(r"Turn (\d+): (read|write)", said)[-1]
        now = said[said.rindex(f"Turn {turn[0]}: ") :]
        counted = {"input_tokens": 100 + vendor, "output_tokens": 10 + vendor}
        cell = f"A{turn[0]}"
        if turn[1] == "write":
            if "Done and saved" in now:
                return Reply(f"In turn {turn[0]} it was written.", **counted)
            cells = {f"B{turn[0]}": 2 * value(int(turn[0]))}
            return Reply(
                "Writing.", calls=(Call("excel__write_cells", {"path": "book.xlsx", "cells": cells}),), **counted
            )
        if found := re.findall(r"zulu(\d+)zulu", now):  # ids hold numbers, too
            return Reply(f"In turn {turn[0]} it is {found[-1]}.", **counted)
        return Reply("Looking.", calls=(Call("excel__read_range", {"path": "book.xlsx", "range": cell}),), **counted)

    return answer


@pytest.fixture
def book(tmp_path: Path) -> Path:
    made = openpyxl.Workbook()
    for turn in range(1, TURNS + 1):
        made.active[f"A{turn}"] = f"zulu{value(turn)}zulu"
    made.save(tmp_path / "book.xlsx")
    return tmp_path


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    with ExitStack() as stack:
        yield Vendors(stack)


def _routed(vendors: Vendors, time: FakeTime, ledger: Ledger) -> RoutedChatModel:
    # Who hangs is found out soon; who answers has all the time that a busy machine needs.
    hasty = Deadlines(connect=2, first_byte=2, gap=1.5, attempt=30)
    models = [settings(n, address(n, s), n, hasty, price=PRICE) for n, s in vendors.running.items()]
    return router(models, health=Health(clock=time.clock), ledger=ledger)


@pytest.mark.timeout(300)
def test_a_thread_in_a_storm(book: Path, vendors: Vendors) -> None:
    time, ledger = FakeTime(), Ledger()
    assistant = Copilot(book, model=_routed(vendors, time, ledger), mode="yes")
    thread = assistant.threads.new_id()
    served: Counter[str] = Counter()
    used: list[Usage] = []
    for turn in range(1, TURNS + 1):
        time.pass_(7200)  # every circuit is half open again
        vendors.revive_all()
        first = turn % len(VENDORS)
        for at, name in enumerate(VENDORS[:first]):
            vendors.take_down(name, DOWN[(turn + at) % len(DOWN)])
        # The one that serves the turn makes its tool call and then dies, in the middle of saying what it found.
        vendors.running[VENDORS[first]].faults.extend([None, DEATHS[turn % len(DEATHS)]])
        wanted = "write" if turn % 5 == 0 else "read"
        events = list(assistant.stream(f"Turn {turn}: {wanted}, please.", thread=thread))
        final = events[-1]
        assert isinstance(final, Final)
        expected = "it was written" if wanted == "write" else f"it is {value(turn)}"
        assert final.text == f"In turn {turn} {expected}.", (turn, final)
        assert final.error is None
        gone = {e.message_id for e in events if isinstance(e, Discard)}
        shown = "".join(e.text for e in events if isinstance(e, Delta) and e.message_id not in gone)
        assert shown in (final.text, f"Looking.{final.text}", f"Writing.{final.text}"), (turn, shown)
        started = [e for e in events if isinstance(e, ToolEvent) and e.status == "started"]
        assert len(started) == 1, "what ran is not run again"
        assert sum(isinstance(e, ChangeEvent) for e in events) == (wanted == "write")
        assert first == 0 or any(isinstance(e, Switched) for e in events)
        assert [a["model"] for a in final.attempts][:first] == VENDORS[:first]
        served[final.served_by] += 1
        used += [e for e in events if isinstance(e, Usage)]
    assert not [r for server in vendors.running.values() for r in server.refused]
    assert not [m for server in vendors.running.values() for m in server.mistakes]
    assert len(served) >= len(VENDORS) - 1, served
    _assert_booked(ledger, used)
    sheet = openpyxl.load_workbook(book / "book.xlsx").active
    written = {turn: sheet[f"B{turn}"].value for turn in range(1, TURNS + 1) if sheet[f"B{turn}"].value is not None}
    assert written == {turn: 2 * value(turn) for turn in range(5, TURNS + 1, 5)}


def _assert_booked(ledger: Ledger, used: list[Usage]) -> None:
    """Each answer was counted as its vendor counted it, and the table holds their sum."""
    assert len(used) == 2 * TURNS
    for each in used:
        at = VENDORS.index(each.model)
        cost = pytest.approx(((100 + at) * PRICE.input + (10 + at) * PRICE.output) / 1e6)
        assert replace(each, cost=0) == Usage(each.model, 100 + at, 10 + at, 0)
        assert each.cost == cost
    rows = {row["model"]: row for row in ledger.totals("model")}
    for name in VENDORS:
        mine = [u for u in used if u.model == name]
        row = rows.get(name, {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost": 0, "wasted_cost": 0})
        assert (row["calls"], row["input_tokens"], row["output_tokens"]) == (
            len(mine),
            sum(u.input_tokens for u in mine),
            sum(u.output_tokens for u in mine),
        )
        assert (row["cost"] or 0) - row["wasted_cost"] == pytest.approx(sum(u.cost or 0 for u in mine))
    assert {row["thread"] for row in ledger.totals("thread")} != {""}
