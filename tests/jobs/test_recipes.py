"""Recipes are read, looked at and followed: expectations are what docs/recipes.md promises."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jinja2")

from copilot import Copilot
from copilot.documents import excel, word
from copilot.errors import EverpilotError, ModelError, NoModelError, ToolInputError
from copilot.jobs.job import Citation, Source
from copilot.jobs.recipes import filters, running
from copilot.jobs.recipes.examining import examined
from copilot.jobs.recipes.expressions import condition, template
from copilot.jobs.recipes.fields import misfit, schema_of
from copilot.jobs.recipes.hands import CopilotHands, values_in
from copilot.jobs.recipes.inputs import bound, written
from copilot.jobs.recipes.reading import RecipeError, changed, parsed, read
from copilot.jobs.recipes.recipe import Recipe
from copilot.jobs.recipes.running import Followed, Reply, follow
from copilot.jobs.recipes.starting import start
from copilot.jobs.recipes.testing import run_tests
from copilot.settings import Settings
from tests.conftest import ROOT

EXAMPLES = sorted(p for p in (ROOT / "examples" / "recipes").iterdir() if p.suffix in (".yaml", ".md"))


@pytest.fixture(scope="module")
def copilot(tmp_path_factory: pytest.TempPathFactory) -> Copilot:
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "none").mkdir()
    return Copilot(folder / "none", mode="yes", settings=Settings(), state=folder / "state", env={})


def over(copilot: Copilot, folder: Path) -> Copilot:
    """An assistant over another folder, with the skills that are loaded already."""
    made = copilot.like(folder=folder, folders=())
    made.__dict__["skills"] = copilot.skills
    return made


def recipe_of(text: str, name: str = "r.yaml") -> Recipe:
    return parsed(text, Path(name)).recipe


# --- expressions ------------------------------------------------------------------------------------------------------

SCOPE: dict[str, Any] = {
    "a": 2,
    "name": "Ana",
    "none_": None,
    "map": {"items": [1, 2, {"x": 5}], "total": 3.5, "keys": "own"},
    "rows": [{"v": 1, "c": "North"}, {"v": 2.5, "c": "south"}, {"v": None}],
    "day": date(2026, 3, 1),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ a + 1 }}", 3),
        ("{{ a }}\n", 2),
        ("is {{ a }}, {{ none_ }}.", "is 2, ."),
        ("{{ map['items'][2].x }}", 5),
        ("{{ map.items | length }}", 3),  # a field, no method of Python
        ("{{ map.keys }}", "own"),
        ("{{ rows | sum('v') }}", 3.5),
        ("{{ [0.1, 0.2] | sum }}", 0.3),
        ("{{ rows | where('c', 'South') | column('v') }}", [2.5]),
        ("{{ 2.675 | round(2) }}", 2.68),
        ("{{ '1.234,50 €' | number('de') }}", 1234.5),
        ("{{ '1 234,50' | number('fr') }}", 1234.5),
        ("{{ '$(1,234.50)' | number }}", -1234.5),
        ("{{ '12,5' | number }}", 12.5),
        ("{{ '1.234.567' | number }}", 1234567),
        ("{{ 1234.5 | money('EUR', 'de') }}", "1.234,50\u00a0€"),
        ("{{ -5 | money('USD') }}", "-$5.00"),
        ("{{ 1234 | money('CHF', 'de-CH') }}", "CHF 1’234.00"),
        ("{{ 1234 | money('JPY') }}", "¥1,234"),
        ("{{ '1. März 2026' | date | date_text('%d.%m.%Y') }}", "01.03.2026"),
        ("{{ 'March 1, 2026' | date }}", date(2026, 3, 1)),
        ("{{ '03/01/2026' | date('en-us') | date_text }}", "01/03/2026"),
        ("{{ '1er février 2026' | date }}", date(2026, 2, 1)),
        ("{{ day | plus_days(30) }}", date(2026, 3, 31)),
        ("{{ day.year }}", 2026),
        ("{{ (100 + 19) | near(119.004) }}", True),
        ("{{ 'Invoice no. R-17/b' | find('no\\\\. (\\\\S+)') }}", "R-17/b"),
        ("{{ '{{name}}' }} stays", "{{name}} stays"),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{ missing | default('x') }}", "x"),
        ("{{ missing is defined }}", False),
        ("{{ 'big' if a > 1 else 'small' }}", "big"),
        ("{{ 'GOVERNING  law' | contains('governing law') }}", True),
        ("{{ [['n', 'm'], [1, 2]] | records }}", [{"n": 1, "m": 2}]),
        ("{{ [{'n': 1}, {'m': 2}] | grid }}", [["n", "m"], [1, None], [None, 2]]),
        ("{{ 'a/March.2026.xlsx' | stem }}", "March.2026"),
    ],
)
def test_an_expression_is_its_value_and_keeps_its_type(text: str, value: Any) -> None:
    found = template(text).value(SCOPE)
    assert found == value
    assert type(found) is type(value)


HOSTILE = [
    ("{{ a.__class__.__mro__ }}", "__class__"),
    ("{{ name.format(a) }}", "Call"),
    ("{{ ().__class__ }}", "no '__class__'"),
    ("{{ self }}", "self is no value"),
    ("{{ 9 ** 9 ** 9 }}", "Pow"),
    ("{{ name * 1000000000 }}", "can't be calculated"),
    ("{{ '%1000000000d' % 1 }}", "can't be calculated"),
    ("{{ big + big }}", "larger than"),
    ("{{ [big, big, big] }}", "larger than"),
    ("{{ big | replace('a', 'bbbbbb') }}", "larger than"),
    ("{{ huge * huge }}", "can't be calculated"),
    ("{{ 1 | decimals(99999) }}", "0 to 12"),
    ("{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' | find('((((a{90}){90}){90}){90})') }}", "too often"),
    ("{{ 'x' | find('(' ) }}", "no regular expression"),
    ("{{ " + "(" * 900 + "a" + ")" * 900 + " }}", "can't be read"),
    ("{{ " + "not " * 100 + "a }}", "too deep"),
    ("{{ a" + " " * 3000 + "}}", None),
    ("{{ a + " + "1 + " * 900 + "1 }}", "longer than"),
    ("{{ a / 0 }}", "divides by zero"),
    ("{{ 1e308 * 10 }}", "no number"),
    ("{{ name < 3 }}", "no value"),
    ("{{ nope }}", "'nope' is undefined"),
    ("{{ nope.x.y }}", "'nope' is undefined"),
    ("{{ map.totl }}", "Did you mean 'total'"),
    ("{{ name | mony }}", "Did you mean 'money'"),
    ("{{ '1,234' | number }}", "thousand or a fraction"),
    ("{{ a", "closing }}"),
    ("{{ }}", "nothing between"),
    ("{{ '2026-01-01' | plus_days(1e18) }}", "too many"),
]


@pytest.mark.parametrize(("text", "told"), HOSTILE)
def test_what_could_run_long_or_see_python_is_refused_with_a_reason(text: str, told: str | None) -> None:
    scope = {**SCOPE, "big": "a" * 900_000, "huge": 10**3000}
    if told is None:
        assert template(text).value(scope) == 2
        return
    with pytest.raises(ToolInputError) as caught:
        template(text).value(scope)
    assert told in str(caught.value)


def test_a_pattern_that_would_never_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "_SECONDS", 0.02)
    with pytest.raises(ToolInputError, match="too long"):
        template("{{ s | find('(a|aa)+$') }}").value({"s": "a" * 60 + "b"})


def test_a_condition_is_an_expression_with_or_without_braces() -> None:
    assert condition("a > 1").value(SCOPE) is True
    assert condition("{{ a > 1 }}").value(SCOPE) is True
    assert condition(False).value(SCOPE) is False


# --- reading ----------------------------------------------------------------------------------------------------------

FAULTS = {
    "verson: 2\nsteps: [{set: {x: 1}}]": ["line 1, verson", "Did you mean 'version'"],
    "steps:\n  - promt: hi": ["line 2, steps[1]", "Did you mean 'prompt'"],
    "steps:\n  - tool: a\n    wiht: {}": ["line 3, steps[1].wiht", "Did you mean 'with'"],
    "steps:\n  - prompt: a\n    tool: b": ["line 2", "prompt, tool, not several"],
    "steps:\n  - prompt: a\n    on_error: stop": ["line 3", "'fail', 'continue' or 'skip'"],
    "steps:\n  - if: a\n    then:\n      - check: a\n        mesage: b": [
        "line 5, steps[1].then[1].mesage",
        "'message'",
    ],
    "steps:\n  - prompt: a\n    fields: {total: numbr}": ["line 3", "'numbr'", "'number'"],
    "inputs: {a: txt}\nsteps: [{set: {x: 1}}]": ["line 1, inputs.a", "'text'"],
    "inputs: {document: text}\nsteps: [{set: {x: 1}}]": ["document is there already"],
    "inputs: {if: text}\nsteps: [{set: {x: 1}}]": ["a name is letters"],
    "version: latest\nsteps: [{set: {x: 1}}]": ["line 1, version", "semver"],
    "steps: []": ["steps"],
    "steps: {a: 1}": ["steps"],
    "name: x": ["steps", "missing"],
    "steps: [5, null]": ["steps[1]", "steps[2]"],
    "steps:\n  - tool: a\n    with:\n      find: {{ old }}": ["line 4", "put quotes around it"],
    "steps:\n  - tool: a\n    with:\n      find: {{ old }} b": ["put quotes around it"],
    "steps: &x [{map: a, steps: *x}]": ["aliases"],
    "steps: !!python/object/apply:os.system [ls]": ["tag"],
    "a: 1\na: 2\nsteps: [{set: {x: 1}}]": ["line 2, a", "twice"],
    "tests: [{expect: {rowz: 1}}]\nsteps: [{set: {x: 1}}]": ["tests[1].expect.rowz", "'row'"],
    "[1, 2]": ["a recipe is a map"],
    "": ["a recipe is a map"],
    "steps: " + "[" * 500: ["no YAML"],
    "steps: " + "[" * 90 + "]" * 90: ["deeper"],
    "steps:" + "".join(f"\n{'  ' * n}- if: a\n{'  ' * n}  then:" for n in range(12)) + " []": ["deeper than 8"],
    "steps: [" + "{set: {x: 1}}," * 600 + "]": ["more than 500"],
    "\x1b[31m: 1": ["a recipe is"],
}


@pytest.mark.parametrize("text", FAULTS, ids=[text[:40].encode("unicode_escape").decode() for text in FAULTS])
def test_a_fault_names_the_line_the_step_and_the_closest_word(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parsed(text, Path("bad.yaml"))
    for told in FAULTS[text]:
        assert told in caught.value.message or told == "a recipe is"
    assert "bad.yaml" in caught.value.message
    assert "\x1b" not in caught.value.message


def test_values_are_what_is_written() -> None:
    """YAML 1.1 would make a boolean, a date, a number of seconds and an octal number of these."""
    text = "steps:\n  - set: {a: no, b: 2026-03-01, c: 1:30, d: 010, e: 1.50, f: '7', g: ~, h: true, i: 1e999}"
    made = recipe_of(text).to_dict()["steps"][0]["set"]
    expected = {"a": "no", "b": "2026-03-01", "c": "1:30", "d": "010", "e": 1.5, "f": "7", "g": None, "h": True}
    assert made == {**expected, "i": "1e999"}


def test_markdown_is_prompts_and_blocks_of_steps() -> None:
    text = (
        "---\nname: q\nas: answer\nfields: {law: text}\n---\n\nWhich law governs it?\n\n"
        "```yaml steps\n- check: answer.law\n- set: {x: 1}\n```\n"
    )
    source = parsed(text, Path("q.md"))
    assert [step.kind for _, step in source.recipe.walk()] == ["prompt", "check", "set"]
    assert source.source.line(("steps", 0)) == 7
    assert source.source.line(("steps", 1)) == 10
    with pytest.raises(RecipeError, match=r"line 10, steps\[2\]"):
        parsed(text.replace("check:", "chek:"), Path("q.md"))
    with pytest.raises(RecipeError, match="front matter"):
        parsed("Which law?", Path("q.md"))


def test_a_recipe_is_kept_and_made_again_as_it_was(tmp_path: Path, copilot: Copilot) -> None:
    tools = copilot.offered.tools()
    for path in EXAMPLES:
        source = read(path)
        complete = examined(source, tools).recipe
        assert Recipe.of(complete.to_dict()) == complete
        assert complete.digest == source.recipe.digest  # completing it changes nothing of what it does
    mine = tmp_path / "mine.yaml"
    mine.write_text("version: 1\nsteps: [{set: {x: 1}}]\ntests: [{}]")
    kept = read(mine).recipe
    mine.write_text("version: 1\nsteps: [{set: {x: 1}}]")  # a test less is the same recipe
    assert changed(kept, mine) == ""
    mine.write_text("version: 2\nsteps: [{set: {x: 2}}]")
    assert "version 1, now 2" in changed(kept, mine)
    mine.unlink()
    assert "can't be read" in changed(kept, mine)


def test_fields_are_a_schema_or_its_short_form() -> None:
    made = schema_of({"no": "text", "total": "number, in euros", "kind": ["a", "b"], "lines": [{"amount": "number"}]})
    assert made["properties"]["total"] == {"type": ["number", "null"], "description": "in euros"}
    assert made["properties"]["kind"] == {"enum": ["a", "b", None]}
    assert made["properties"]["lines"]["items"]["properties"]["amount"]["type"] == ["number", "null"]
    assert made["required"] == ["no", "total", "kind", "lines"]
    full = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert schema_of(full) == full
    assert schema_of({"type": "text"})["properties"]["type"]["type"] == ["string", "null"]
    kinds = ({"type": "strin"}, {"pattern": "(a|aa)+$"}, {"$ref": "http://127.0.0.1:9/x"})
    for wrong in ({}, 5, {"a": 5}, {"a": "txt"}, *({"type": "object", "properties": {"a": each}} for each in kinds)):
        with pytest.raises(ValueError, match=r"."):
            schema_of(wrong)


# --- looking at it before ---------------------------------------------------------------------------------------------

UNFIT = {
    "steps: [{tool: word.replce_text, with: {}}]": "Did you mean 'word.replace_text'",
    "steps: [{tool: word.find, with: {qery: a}}]": "takes no 'qery'",
    "steps: [{tool: word.find}]": "needs 'query'",
    "steps: [{tool: word.find, with: {query: 5}}]": "query: 5 is not of type 'string'",
    "steps: [{tool: excel.top_rows, with: {by: a, count: 0}}]": "count: 0 is less than",
    "steps: [{tool: excel.top_rows, with: {by: a, count: 'all {{ document }}'}}]": "count:",
    "inputs: {n: table}\nsteps: [{tool: excel.top_rows, with: {by: a, count: '{{ n }}'}}]": "count:",
    "inputs: {old: text}\nsteps: [{prompt: 'x {{ odl }}'}]": "there is no 'odl' here. Did you mean 'old'",
    "steps: [{check: later}, {set: {later: 1}}]": "there is no 'later'",
    "steps: [{map: '[1]', as: x, steps: [{set: {y: 1}}]}, {check: y}]": "there is no 'y'",
    "steps: [{map: '[1]', collect: 1}]": "both or neither",
    "steps: [{map: '[1]'}]": "has steps",
    "steps: [{prompt: a, fields: {total: number}, as: i}, {check: i.totl}]": "i has no 'totl'. Did you mean 'total'",
    "steps: [{tool: word.find, with: {query: a}, as: f}, {check: f.dat}]": "f has no 'dat'",
    "steps: [{check: a b}]": "not understood",
    "steps: [{set: {x: '{{ 1 | rond }}'}}]": "'round'",
    "steps: [{set: {x: 1}}]\noutputs: {row: {a: '{{ y }}'}}": "outputs.row.a",
    "inputs: {n: {type: number, default: many}}\nsteps: [{set: {x: 1}}]": "no number in 'many'",
    "inputs: {n: choice}\nsteps: [{set: {x: 1}}]": "choices",
    "steps: [{set: {x: 1}}]\ntests: [{inputs: {a: 1}}]": "no input 'a'",
    "steps: [{set: {x: 1}}]\ntests: [{document: gone.docx}]": "no file gone.docx",
    "steps: [{set: {x: 1}}]\ntests: [{document: {name: a.docx}}]": "one of markdown",
    "steps: [{set: {x: 1}}]\ntests: [{expect: {row: {a: 1}}}]": "no column 'a'",
}


@pytest.mark.parametrize("text", UNFIT, ids=[text[:50] for text in UNFIT])
def test_what_cannot_be_right_is_found_before_any_document(text: str, copilot: Copilot) -> None:
    with pytest.raises(RecipeError) as caught:
        examined(parsed(text, Path("u.yaml")), copilot.offered.tools())
    assert UNFIT[text] in caught.value.faults[0].told("u.yaml")
    assert len(caught.value.faults) == (2 if "qery" in text else 1)


def test_what_may_be_right_is_let_pass_and_completed(copilot: Copilot) -> None:
    text = (
        "inputs: {n: integer, o: {type: text, required: false}}\n"
        "steps:\n"
        "  - tool: excel.top_rows\n    with: {by: '{{ o }}', count: '{{ n }}'}\n    as: top\n    on_error: continue\n"
        "  - if: top.error\n    then: [{set: {y: 1}}]\n    else: [{set: {y: 2}}]\n"
        "  - check: y == 1 and nothing is not defined\n"
    )
    complete = examined(parsed(text, Path("u.yaml")), copilot.offered.tools()).recipe
    assert complete.to_dict()["steps"][0]["with"]["path"] == "{{ document }}"


# --- inputs -----------------------------------------------------------------------------------------------------------


def test_inputs_come_in_their_types_and_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = (
        "inputs:\n  who: {type: text, help: whose it is}\n  n: integer\n  sure: {type: boolean, default: no}\n"
        "  day: {type: date, required: false}\n  size: {type: choice, choices: [S, M], default: M}\n"
        "  tags: {type: list, default: []}\n  people: {type: table, default: []}\nsteps: [{set: {x: 1}}]"
    )
    recipe = recipe_of(text)
    (tmp_path / "p.csv").write_bytes("\ufeffname;city\nAna;Köln\n\nBen;=1+1\n".encode())
    given = written(
        ["who=Ana", "n=3", "sure=yes", "day=1. März 2026", "size=s", "tags=a, b", "people=@p.csv"], recipe, tmp_path
    )
    assert bound(recipe, given) == {
        "who": "Ana",
        "n": 3,
        "sure": True,
        "day": "2026-03-01",
        "size": "S",
        "tags": ["a", "b"],
        "people": [{"name": "Ana", "city": "Köln"}, {"name": "Ben", "city": "=1+1"}],
    }
    with pytest.raises(ToolInputError) as caught:
        bound(recipe, {"n": "1.5", "sure": "maybe", "size": "XL", "people": "x", "hwo": 1})
    for told in ("who is missing (whose it is)", "n: '1.5'", "sure: 'maybe'", "'XL'", "people: it is a table", "'who'"):
        assert told in str(caught.value)
    for wrong in ("who", "who=@gone.txt", "people=@gone.csv"):
        with pytest.raises(EverpilotError):
            written([wrong], recipe, tmp_path)


# --- following --------------------------------------------------------------------------------------------------------


class Hands:
    """Hands of a test: replies and outcomes by rule, and a note of all that was asked."""

    path = "a.docx"

    def __init__(
        self, reply: Callable[[str], Reply], tool: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    ) -> None:
        self.asked: list[str] = []
        self.called: list[dict[str, Any]] = []
        self._reply, self._tool = reply, tool or (lambda args: {})

    async def prompt(self, text: str, fields: dict[str, Any] | None) -> Reply:
        self.asked.append(text)
        return self._reply(text)

    async def call(self, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        self.called.append(args)
        return {"status": "done", "text": "", "data": None, "sources": [], "changes": [], "error": None} | self._tool(
            args
        )


class Dying(Hands):
    """The process ends at this call, before anything of it is kept."""

    def __init__(self, call: int) -> None:
        super().__init__(lambda text: BILL)
        self._dies = call

    async def call(self, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        if len(self.called) + 1 == self._dies:
            raise SystemExit
        return await super().call(tool, args)


class Kept:
    """A memory that survives the death of a run."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, Any]] = {}

    async def get(self, step: str) -> dict[str, Any] | None:
        return self.steps.get(step)

    async def put(self, step: str, result: dict[str, Any]) -> None:
        self.steps[step] = result


def go(text: str, hands: Hands, inputs: Mapping[str, Any] | None = None, memory: Kept | None = None) -> Followed:
    source = Source(key="1", path=hands.path, values={"who": "Ana"})
    return asyncio.run(follow(recipe_of(text), inputs or {}, source, hands, memory, today=lambda: date(2026, 1, 15)))


LINES = """\
steps:
  - prompt: 'Read {{ document }} of {{ row.who }}'
    fields: {lines: [{item: text, net: number}]}
    as: bill
  - map: bill.lines
    as: line
    steps:
      - tool: t
        with: {item: '{{ line.item }}', gross: '{{ (line.net * 1.19) | round(2) }}'}
        as: sent
    collect: '{{ line.net }}'
    into: nets
  - if: nets | sum > 100
    then: [{set: {size: big}}]
    else: [{set: {size: small}}]
  - check: size == 'small'
    when: today.year == 1999
outputs: {row: {total: '{{ nets | sum }}', size: '{{ size }}', on: '{{ today }}', n: '{{ nets | length }}'}}
"""
BILL = Reply("", {"lines": [{"item": "a", "net": 100}, {"item": "b", "net": 0.5}]}, [Citation(field="lines")])


def test_steps_follow_each_other_and_values_keep_their_types() -> None:
    hands = Hands(lambda text: BILL)
    out = go(LINES, hands)
    assert out.status == "done", out.error
    assert hands.asked == ["Read a.docx of Ana"]
    assert hands.called == [{"item": "a", "gross": 119.0}, {"item": "b", "gross": 0.6}]
    assert out.values == {"total": 100.5, "size": "big", "on": "2026-01-15", "n": 2}
    assert out.citations == [Citation(field="lines")]
    expected = ["1", "2.map[0].1", "2.map[1].1", "2", "3.then.1", "3", "4"]
    assert [step.id for step in out.steps] == expected
    assert out.steps[-1].status == "skipped"


def test_a_run_that_died_repeats_no_finished_step_and_comes_to_the_same() -> None:
    """The process dies at each call in turn; what went before is not done again."""
    whole = go(LINES, Hands(lambda text: BILL))
    for dies in (1, 2):
        memory = Kept()
        first = Dying(dies)
        with pytest.raises(SystemExit):
            go(LINES, first, memory=memory)
        second = Hands(lambda text: Reply("must not be asked again"))
        again = go(LINES, second, memory=memory)
        assert second.asked == []
        assert len(second.called) == 3 - dies
        assert (again.values, again.citations) == (whole.values, whole.citations)


def test_what_a_failing_step_does_is_as_it_says() -> None:
    def fails(args: dict[str, Any]) -> dict[str, Any]:
        return {"status": "failed", "error": {"code": "not_found", "message": "It is not there."}}

    def of(on_error: str, rest: str = "{set: {x: 1}}") -> Followed:
        step = f"{{tool: t, name: look, as: r, on_error: {on_error}}}"
        return go(
            f"steps: [{step}, {rest}]\noutputs: {{text: '{{{{ r.error.code }}}}'}}", Hands(lambda t: Reply(), fails)
        )

    failed = of("fail")
    assert (failed.status, failed.error) == (
        "failed",
        {"code": "not_found", "message": "Step 1 (look): It is not there.", "hint": ""},
    )
    assert (of("continue").status, of("continue").text) == ("done", "not_found")
    assert of("skip").status == "skipped"
    checked = go("steps: [{check: 1 > 2, message: 'no {{ document }}'}]", Hands(lambda t: Reply()))
    assert checked.error == {"code": "check", "message": "no a.docx", "hint": ""}
    wrong = go("steps: [{if: true, then: [{set: {x: '{{ 1 / 0 }}'}}]}]", Hands(lambda t: Reply()))
    assert wrong.error is not None
    assert wrong.error["message"].startswith("Step 1.then.1 (set): {{ 1 / 0 }}")
    missing = go("inputs: {a: text}\nsteps: [{set: {x: 1}}]", Hands(lambda t: Reply()))
    assert missing.error is not None
    assert missing.error["code"] == "inputs"


def test_a_vendor_that_is_down_is_no_fault_of_the_document() -> None:
    def down(text: str) -> Reply:
        raise NoModelError("Nobody answers.")

    with pytest.raises(ModelError):
        go("steps: [{prompt: a, on_error: skip}]", Hands(down))


def test_what_would_go_out_waits_and_the_steps_behind_it_too() -> None:
    hands = Hands(lambda t: Reply(), lambda args: {"status": "ask", "changes": [{"summary": "Send it"}]})
    out = go("steps: [{tool: t}, {tool: u}]", hands)
    assert (out.status, out.cards, len(hands.called)) == ("asked", [{"summary": "Send it"}], 1)


def test_a_recipe_that_would_never_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_DONE", 200)
    text = (
        "inputs: {l: {type: list, default: []}}\n"
        "steps: [{map: l, as: a, steps: [{map: l, as: b, steps: [{set: {x: 1}}]}]}]"
    )
    out = go(text, Hands(lambda t: Reply()), {"l": list(range(20))})
    assert out.error is not None
    assert out.error["code"] == "too_many"
    grows = "steps: [{set: {x: '{{ row.who }}'}}," + "{set: {x: '{{ x + x }}'}}," * 40 + "]"
    out = go(grows, Hands(lambda t: Reply()))
    assert out.error is not None
    assert "larger than" in out.error["message"]


def test_tools_work_on_a_real_document(tmp_path: Path, copilot: Copilot) -> None:
    (tmp_path / "a.docx").write_bytes(word.create("Our office is at 14 Quay Street."))
    source = examined(read(EXAMPLES[[p.stem for p in EXAMPLES].index("new-address")]), copilot.offered.tools())
    hands = CopilotHands(over(copilot, tmp_path), "a.docx")
    inputs = {"old": "14 Quay Street", "new": "8 Harbour Road"}
    out = asyncio.run(follow(source.recipe, inputs, Source(key="a"), hands))
    assert (out.status, out.values) == ("done", {"places": 1, "first": "paragraph 1"})
    assert [change["path"] for change in hands.changes] == ["a.docx"]


def test_the_values_in_an_answer_are_those_of_its_schema() -> None:
    fields = schema_of({"total": "number"})
    assert values_in('Here: ```json\n{"total": 5}\n``` {', fields) == {"total": 5}
    for wrong in ("no", "{", '{"total": "5"}', '{"a": 1}', "[1]", "{" * 5000):
        with pytest.raises(ToolInputError):
            values_in(wrong, fields)
    assert "itself" in misfit({"a": 1}, {"$ref": "#"})


# --- tests of recipes -------------------------------------------------------------------------------------------------


def test_the_recipe_to_start_from_and_the_examples_pass_their_own_tests(tmp_path: Path, copilot: Copilot) -> None:
    odd = start("ask", tmp_path, 'Which "law": {{x\n of it?')
    for path in (start("mine", tmp_path), odd, *EXAMPLES):
        source = examined(read(path), copilot.offered.tools())
        results = list(run_tests(source, copilot.skills))
        assert results, path.name
        assert [each for each in results if not each.passed] == []
    assert 'Which "law": {{x\n of it?' in template(read(odd).recipe.to_dict()["steps"][0]["prompt"]).text({})
    for name in ("a/b", "", "..", "mine"):
        with pytest.raises(EverpilotError):
            start(name, tmp_path)


def test_a_test_that_does_not_hold_says_what_is_otherwise(tmp_path: Path, copilot: Copilot) -> None:
    book = excel.create({"S": [["a"], [5]]}).content
    (tmp_path / "b.xlsx").write_bytes(book)
    text = (
        "steps:\n  - prompt: a\n    fields: {t: number}\n"
        "  - tool: excel.write_cells\n    with: {cells: {A2: '{{ t }}'}, overwrite: true}\n"
        "outputs: {row: {t: '{{ t }}'}}\n"
        "tests:\n"
        "  - {document: b.xlsx, replies: [{t: 7}], expect: {changed: true, cells: {S!A2: 7}, row: {t: 7}}}\n"
        "  - {document: b.xlsx, replies: [{t: 7}], expect: {changed: false, cells: {S!A2: 8}, row: {t: 8}, text: x}}\n"
        "  - {document: b.xlsx, expect: {}}\n"
        "  - {document: b.xlsx, replies: [{t: many}], expect: {fails_with: not of type}}\n"
        "  - {document: {name: ../b.xlsx, text: x}, expect: {}}\n"
    )
    results = list(run_tests(examined(parsed(text, tmp_path / "r.yaml"), copilot.offered.tools()), copilot.skills))
    assert [each.passed for each in results] == [True, False, False, True, False]
    told = " ".join(results[1].failures)
    for words in ("the document was changed", "'x' is not in the document", "S!A2 is 7, not 8", "t is 7, not 8"):
        assert words in told
    assert "no reply" in results[2].failures[0]
    assert "not a name within" in results[4].failures[0]
    assert (tmp_path / "b.xlsx").read_bytes() == book


def test_the_page_shows_recipes_that_work_and_names_every_filter(tmp_path: Path, copilot: Copilot) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    blocks = re.findall(r"(?ms)^(`{3,})(yaml|markdown)\n(.*?)^\1$", page)
    whole = [(kind, text) for _, kind, text in blocks if re.search(r"(?m)^name: ", text)]
    assert len(whole) == 2
    for kind, text in whole:
        name = "page.md" if kind == "markdown" else "page.yaml"
        source = examined(parsed(text, tmp_path / name), copilot.offered.tools())
        assert [each for each in run_tests(source, copilot.skills) if not each.passed] == []
    assert [name for name in filters.FILTERS if not re.search(rf"`{name}\b", page)] == []
