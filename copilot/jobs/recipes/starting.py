"""`everpilot recipe new`: a recipe to start from, which works as it is and says in comments what else there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template

from copilot.errors import PluginError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")

_HEAD = """\
# $name: what is done with each document. docs/recipes.md explains every word.
#   everpilot recipe test $name.yaml                       try it, with the tests below
#   everpilot recipe run $name.yaml DOCUMENT$inputs
#   everpilot batch --recipe $name.yaml "**/*.docx"        with all of them
name: $name
version: 1
description: $description
files: ["**/*.docx"]            # the documents, where none are named
"""

_PLAIN = (
    _HEAD
    + """
inputs:                         # asked for before the run; types: text, number, integer, boolean, date, choice, list,
  old: {type: text, help: "words as they stand in the document"}   #     table (a CSV), file
  new: {type: text, help: "the words that take their place"}

steps:                          # one after the other; "{{ }}" holds a value, always in quotes
  - tool: word.find             # any tool: everpilot tools lists them; `path` is the document if it is left out
    with: {query: "{{ old }}"}
    as: found                   # its result is found.data, found.text ...
  - check: found.data           # if this does not hold, the step fails ...
    message: "{{ document }} does not say {{ old }}."
    on_error: skip              # ... and the document is left alone; without this line it would count as failed
  - tool: word.replace_text
    with: {find: "{{ old }}", replace: "{{ new }}"}

  # Other steps:
  # - prompt: Which law governs this contract?     a question to the agent, about the document
  #   fields: {law: text, since: date}             its answer as values: answer.law
  #   as: answer
  # - if: answer.law == "English law"
  #   then: [...]
  #   else: [...]
  # - map: found.data                              the steps for each item of a list
  #   as: place
  #   steps: [...]
  # - set: {count: "{{ found.data | length }}"}

outputs:                        # a row for each document: everpilot batch makes a table of them
  row:
    places: "{{ found.data | length }}"

tests:                          # run with no model
  - name: the words are replaced
    document: {name: note.docx, markdown: "Our office is at 14 Quay Street."}
    inputs: {old: 14 Quay Street, new: 8 Harbour Road}
    expect:
      text: Our office is at 8 Harbour Road.
      row: {places: 1}
  - name: another document is left alone
    document: {name: other.docx, markdown: "Nothing of it here."}
    inputs: {old: 14 Quay Street, new: 8 Harbour Road}
    expect: {status: skipped, changed: false}
"""
)

_PROMPT = (
    _HEAD
    + """
inputs: {}                      # values that are asked for: {client: {type: text}}; in the prompt "{{ client }}"

steps:
  - prompt: $prompt
    # fields: {number: text, total: number}        the answer as values instead: answer.total
    as: answer
  # - check: answer.total > 0                      what must hold; the document fails with the message if not
  #   message: "{{ document }} has no total."

outputs:
  text: "{{ answer }}"
  # row: {number: "{{ answer.number }}"}           a row for each document

tests:                          # run with no model: each reply stands for what it would answer
  - name: the answer is passed on
    document: {name: note.docx, markdown: "A document."}
    replies: ["An answer."]
    expect: {answer: An answer.}
"""
)


def start(name: str, folder: Path, prompt: str = "") -> Path:
    """Write the recipe `name`.yaml into the folder and return its path; with a prompt, it is its one step.

    Raises PluginError (code "usage") for a name that is none, or a file that is there.
    """
    name = name.removesuffix(".yaml").removesuffix(".yml")
    if not _NAME.match(name):
        hint = "Use letters, digits, - and _: new-address."
        raise PluginError(f"A recipe can't be called {name!r}.", hint=hint, code="usage")
    words = {
        "name": name,
        "description": "Asks one thing about each document." if prompt else "Replaces words in Word documents.",
        "inputs": "" if prompt else ' -i old="14 Quay Street" -i new="8 Harbour Road"',
        "prompt": json.dumps(_literal(prompt), ensure_ascii=False),  # a text in double quotes is one in YAML, too
    }
    path = folder / f"{name}.yaml"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(Template(_PROMPT if prompt else _PLAIN).substitute(words))
    except FileExistsError:
        raise PluginError(f"{path} is there already.", hint="Choose another name.", code="usage") from None
    except OSError as error:
        raise PluginError(f"{path} can't be written: {error.strerror}.") from error
    return path


def _literal(prompt: str) -> str:
    """Return the prompt so that braces in it stay what they are."""
    return prompt.replace("{{", "{{ '{{' }}") if "{{" in prompt and "}}" not in prompt else prompt


def found(name: str, folder: Path) -> Path:
    """Return the file of a recipe: a path, or its name in the folder or in recipes/ there.

    Raises PluginError that lists the recipes that are there.
    """
    from copilot.jobs.recipes.filters import closest
    from copilot.jobs.recipes.reading import SUFFIXES

    path = Path(name).expanduser()
    if path.is_file():
        return path
    places = [folder, folder / "recipes"]
    for place in places:
        if match := next((p for s in ("", *SUFFIXES) if (p := place / f"{name}{s}").is_file()), None):
            return match
    listed = [p for place in places if place.is_dir() for p in sorted(place.iterdir())[:1_000]]
    known = [p.stem for p in listed if p.suffix.lower() in SUFFIXES[: 3 if p.parent == places[1] else 2]]
    raise PluginError(f"There is no recipe {name}.", hint=closest(path.stem, known), code="recipe")
