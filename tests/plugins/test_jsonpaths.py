"""JSONPath within limits: what a path may ask for (RFC 9535), and what is too much work."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.plugins import jsonpaths

DATA: dict[str, Any] = {"rows": [{"n": 1, "tags": ["a", "b"]}, {"n": 2, "tags": []}], "wanted": {"n": 2}, "..[*]": 7}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.rows[*].n", [1, 2]),
        ("$..n", [2, 1, 2]),
        ("$.rows[?@.n == $.wanted.n].tags", [[]]),
        ("$.rows[?@.n == $['wanted']['n'] || @.n == $.rows[-1].n].n", [2]),
        ("$.rows[?count(@.tags[*]) > 1].n", [1]),
        ("$.rows[?@.tags[?@ == 'b']].n", [1]),
        ("$['..[*]']", [7]),
    ],
)
def test_paths_select(path: str, expected: list[Any]) -> None:
    assert sorted(map(str, jsonpaths.values(jsonpaths.compiled(path), DATA))) == sorted(map(str, expected))


@pytest.mark.parametrize(
    "path",
    [
        *("", "rows", "$.rows[", "$.a | $.b", "$.x[?match(@.n, 'a')]", "$.x[?search (@.n, 'a')]"),
        *("$..[?count($..*) > 0]", "$[?$ .. n]", "$[?$[?$[?@.n == 1]]]", "$[?count($['rows'][0:2]) > 1]"),
        *(f"$[{'*,' * 30}*]", "$" + ".a" * 300, "$..a..b..c"),
    ],
)
def test_what_is_no_path_or_too_much_work_is_refused(path: str) -> None:
    with pytest.raises(jsonpaths.PathError, match=r"\w"):
        jsonpaths.compiled(path)


def test_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonpaths, "MOST_STEPS", 500)
    query = jsonpaths.compiled("$[*,*,*,*,*][*,*,*,*,*][*,*,*,*,*].nothing")
    with pytest.raises(jsonpaths.PathError, match="more than 500 steps"):
        list(jsonpaths.values(query, [[[1, 2, 3]] * 3] * 3))
