"""A turn survives its vendor, as the person at the command line sees it: two servers that speak two protocols."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import Everpilot
from tests.thinning import thinned
from tests.vendors import AnthropicServer, Call, OpenAIServer, Reply

READ = Reply(calls=(Call("word__find", {"path": "contract.docx", "query": "Acme"}),))
SWAP = Reply(calls=(Call("word__replace_text", {"path": "contract.docx", "find": "Acme", "replace": "Contoso"}),))
SHORT = "[models.deadlines]\nfirst_byte = 1.5\ngap = 1.5\nattempt = 8\n"


@pytest.mark.parametrize(
    "fault", thinned(["cut_mid_stream", "polite_close", "500", "sse_error", "stall_mid_stream", "401"], 3)
)
def test_a_multi_tool_turn_survives_the_death_of_the_first_vendor(everpilot: Everpilot, fault: str) -> None:
    """A finds, then dies; B gets what A found, edits and ends the turn. The tool that ran is not run again."""
    with OpenAIServer([READ, "never heard"]) as a, AnthropicServer([SWAP, "All set."]) as b:
        a.faults.extend([None, fault, fault, fault])
        everpilot.settings([("a", "openai", a), ("b", "anthropic", b)], SHORT)
        done = everpilot(
            "-p", "find Acme in the contract, then replace it by Contoso", "--yes", "--output-format", "stream-json"
        )
    events = done.events
    final = events[-1]
    assert (done.code, final["text"], final["served_by"]) == (0, "All set.", "b")
    assert [c["path"] for c in final["changes"] if c["committed"]] == ["contract.docx"]
    assert final["attempts"][0]["model"] == "a"
    assert [(e["source"], e["target"]) for e in events if e["type"] == "switched"] == [("a", "b")]
    started = [e["name"] for e in events if e["type"] == "tool" and e["status"] == "started"]
    assert started == ["word.find", "word.replace_text"]
    assert "Acme" in str(b.requests[0].body["messages"]), "what A's tool found was handed to B"
    shown = "".join(e["text"] for e in _kept(events))
    assert shown == "All set.", "what A had begun to say was taken back"


def _kept(events: list[dict[str, str]]) -> list[dict[str, str]]:
    """The pieces of text that were not discarded."""
    gone = {e["message_id"] for e in events if e["type"] == "discard"}
    return [e for e in events if e["type"] == "delta" and e["message_id"] not in gone]


def test_cut_tool_arguments_never_run(everpilot: Everpilot) -> None:
    """4 is written where 42 was meant, when a library completes what was cut off."""
    before = (everpilot.folder / "contract.docx").read_bytes()
    with OpenAIServer([SWAP]) as a, AnthropicServer(["I changed nothing."]) as b:
        a.faults.extend(["truncated_tool_arguments"] * 3)
        everpilot.settings([("a", "openai", a), ("b", "anthropic", b)], SHORT)
        done = everpilot.ask("replace Acme", "--yes")
    assert done.json["text"] == "I changed nothing."
    assert done.json["changes"] == []
    assert (everpilot.folder / "contract.docx").read_bytes() == before


def test_when_all_vendors_are_down_the_planner_says_so_and_does_it(everpilot: Everpilot) -> None:
    with OpenAIServer() as a, AnthropicServer() as b:
        everpilot.settings([("a", "openai", a), ("b", "anthropic", b)], SHORT)
    done = everpilot.ask("replace Acme with Contoso in contract.docx", "--yes")
    assert (done.code, done.json["served_by"]) == (0, "builtin")
    assert {a["model"] for a in done.json["attempts"]} == {"a", "b"}
    assert done.json["changes"][0]["committed"] is True


def test_an_outage_is_remembered_by_the_next_command(everpilot: Everpilot) -> None:
    with OpenAIServer() as a, AnthropicServer(["One.", "Two.", "Three."]) as b:
        a.faults.extend(["401"] * 20)  # believed for five minutes; an overload only for seconds
        everpilot.settings([("a", "openai", a), ("b", "anthropic", b)], SHORT)
        for _ in range(3):
            assert everpilot.ask("hello").json["served_by"] == "b"
        assert len(a.requests) == 1


def test_a_thread_of_one_process_is_approved_in_another(everpilot: Everpilot) -> None:
    before = (everpilot.folder / "contract.docx").read_bytes()
    with OpenAIServer([SWAP, "Done."]) as a:
        everpilot.settings([("a", "openai", a)])
        waiting = everpilot.ask("replace Acme by Contoso in the contract")
        assert waiting.code == 3
        assert waiting.json["approvals"]
        assert (everpilot.folder / "contract.docx").read_bytes() == before
        shown = everpilot("approve", waiting.json["thread"], "--show")
        assert shown.code == 3
        assert "Contoso" in shown.out
        done = everpilot("approve", waiting.json["thread"], "--output-format", "json")
    assert (done.code, done.json["text"]) == (0, "Done.")
    assert done.json["changes"][0]["committed"] is True
    assert everpilot("approve", waiting.json["thread"]).code == 1, "an approval is used once"
    assert everpilot("undo").code == 0
    assert (everpilot.folder / "contract.docx").read_bytes() == before


def test_a_restricted_document_stays_from_a_vendor_that_may_not_see_it(everpilot: Everpilot, tmp_path: Path) -> None:
    """The label counts at every failover, and after the document was read."""
    _label(everpilot.folder / "contract.docx")
    with OpenAIServer([READ, "leaked"]) as a, AnthropicServer(["leaked, too"]) as b:
        everpilot.settings([("a", "openai", a), ("b", "anthropic", b)])
        done = everpilot.ask("find Acme in the contract")
        bodies = str([r.body for r in [*a.requests, *b.requests]])
    assert done.json["served_by"] in ("builtin", "")
    assert "Services Agreement" not in bodies
    assert len(a.requests) == 1


def _label(path: Path) -> None:
    """Give the document a Microsoft sensitivity label that nobody mapped: it counts as restricted."""
    from copilot.documents.package import Package

    package = Package.open(path.read_bytes())
    info = (
        '<clbl:labelList xmlns:clbl="http://schemas.microsoft.com/office/2020/mipLabelMetadata">'
        '<clbl:label id="{11111111-2222-3333-4444-555555555555}" enabled="1" method="Privileged" '
        'siteId="{99999999-2222-3333-4444-555555555555}" contentBits="0" removed="0"/></clbl:labelList>'
    )
    package.add("docMetadata/LabelInfo.xml", info.encode(), "application/vnd.ms-office.classificationlabels+xml")
    package.relate(
        "",
        "http://schemas.microsoft.com/office/2020/02/relationships/classificationlabels",
        "docMetadata/LabelInfo.xml",
    )
    path.write_bytes(package.save())
