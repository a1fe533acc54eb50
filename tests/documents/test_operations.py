"""Operations given as data: what is checked before anything runs, and what an error says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Required

import pytest
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from copilot.documents.operations import FileContent, FileContents, Operations, run_each
from copilot.errors import ToolInputError


def shift(document: list[str], by: Annotated[int, Field(ge=1)], kind: Literal["up", "down"] = "up") -> str:
    """Shift everything.

    By so many.
    """
    if by > 5:
        raise ToolInputError("Too far.", hint="Less.", code="far")
    return f"{document} {by} {kind}"


def picture(document: list[str], image: FileContent, *, alt: str = "") -> bytes:
    """Put a picture in."""
    return image


OPERATIONS = Operations([shift, picture])


def test_a_batch_becomes_calls_with_checked_arguments() -> None:
    first, second = OPERATIONS.calls([{"op": "shift", "by": 2}, {"op": "shift", "by": "3", "kind": "down"}])
    assert first.run(["d"]) == "['d'] 2 up"
    assert second.run(["d"]) == "['d'] 3 down"
    assert [o.signature for o in OPERATIONS] == ["shift{by, kind?}", "picture{image, alt?}"]
    assert [o.summary for o in OPERATIONS] == ["Shift everything.", "Put a picture in."]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ([], "arguments", "no operation"),
        ([{"op": "shft", "by": 1}], "unknown_operation", "'shift'"),
        ([{"by": 1}], "unknown_operation", "'shift'"),
        ([{"op": "shift"}], "arguments", "shift{by, kind?}"),
        ([{"op": "shift", "by": 1}, {"op": "shift", "by": 0}], "arguments", "Operation 2"),
        ([{"op": "shift", "by": 1, "kind": "left"}], "arguments", "kind"),
        ([{"op": "shift", "by": 1, "extra": 1}], "arguments", "extra"),
        ([{"op": "picture", "image": "logo.png"}], "arguments", "no file"),
    ],
)
def test_what_does_not_fit_is_named(given: list[dict[str, Any]], code: str, said: str) -> None:
    with pytest.raises(ToolInputError, match=said.replace("{", r"\{").replace("?", r"\?")) as caught:
        OPERATIONS.calls(given)
    assert caught.value.code == code


def test_an_error_of_a_run_names_the_operation() -> None:
    call = OPERATIONS.calls([{"op": "shift", "by": 1}, {"op": "shift", "by": 6}])[1]
    with pytest.raises(ToolInputError, match=r"Operation 2 \(shift\): Too far. Less.") as caught:
        call.run([])
    assert caught.value.code == "far"


def test_a_file_is_named_and_its_content_handed_on() -> None:
    (call,) = OPERATIONS.calls([{"op": "picture", "image": "logo.png"}], {"logo.png": b"PNG"}.__getitem__)
    assert call.run([]) == b"PNG"


def test_what_changes_nothing_is_told_and_does_not_stop_the_others() -> None:
    def settle(document: list[str], word: str) -> None:
        """Add a word that is not there yet."""
        if word in document:
            raise ToolInputError(f"{word} is there already.", code="unchanged")
        document.append(word)

    known, document = Operations([settle]), ["a"]
    calls = known.calls([{"op": "settle", "word": "a"}, {"op": "settle", "word": "b"}])
    assert run_each(calls, lambda call: call.run(document)) == ["Operation 1 (settle): a is there already."]
    assert document == ["a", "b"]
    with pytest.raises(ToolInputError, match="a is there already"):
        run_each(calls, lambda call: call.run(document))


def pictures(document: list[str], images: FileContents = None) -> dict[str, bytes] | None:
    """Put several pictures in."""
    return images


def test_several_files_are_named_by_key() -> None:
    operations = Operations([pictures])
    given = [{"op": "pictures", "images": {"a": "a.png", "b": b"raw"}}, {"op": "pictures"}]
    made = [call.run([]) for call in operations.calls(given, lambda name: name.encode())]
    assert made == [{"a": b"a.png", "b": b"raw"}, None]
    with pytest.raises(ToolInputError, match="no file"):
        operations.calls(given)


class Bar(TypedDict, total=False):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    values: Required[str]
    color: str


def draw(document: list[str], bars: list[str | Bar], size: int | None = None) -> None:
    """Draw bars."""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"bars": [{"colour": "red"}]},
            "bars.0.values: Field required; bars.0.colour: Extra inputs are not permitted.",
        ),
        ({"bars": ["a", 3]}, "bars.1: Input should be a valid string or a valid dictionary."),
        ({"bars": [], "size": "x"}, "size: Input should be a valid integer, unable to parse string as an integer."),
        ({"bars": [{"values": 1}]}, "bars.0.values: Input should be a valid string."),
    ],
)
def test_an_error_within_a_structure_names_its_place_and_fields(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        Operations([draw]).calls([{"op": "draw", **given}])
    assert caught.value.message == f"draw can't take this: {said}"
    within = "; bars takes {values, color?}" if "bars." in said else ""
    assert caught.value.hint == f"It is draw{{bars, size?}}{within}."


def test_one_text_may_stand_for_a_list_of_it() -> None:
    def name_all(document: list[str], names: list[str], more: Sequence[str] = ()) -> list[str]:
        """Name all."""
        return [*names, *more]

    (call,) = Operations([name_all]).calls([{"op": "name_all", "names": "ab", "more": "cd"}])
    assert call.run([]) == ["ab", "cd"]
