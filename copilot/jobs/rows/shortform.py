"""The short form of a schema: "invoice_no, date: date, total: number, items: [name, price: number]".

    field      = name ["!"] ["(" description ")"] [":" type] ["(" description ")"]
    type       = text | number | integer | boolean | date | datetime | time | email | url
               | EUR|USD|CHF            one of these words
               | "[" type "]"           a list of values
               | "[" field, ... "]"     a list of objects
               | "{" field, ... "}"     an object

Fields are parted by commas, semicolons or new lines. Without a type it is text. A value may be null where the document
does not have it, unless the name ends with "!".
"""

from __future__ import annotations

import re
from typing import Any

from copilot.errors import SettingsError

Schema = dict[str, Any]

#: Words for each JSON type, and for each format of a string.
_WORDS = {
    "string": ("text", "string", "str"),
    "number": ("number", "float", "decimal", "money"),
    "integer": ("integer", "int"),
    "boolean": ("boolean", "bool"),
}
_FORMATS = {
    "date": ("date",),
    "date-time": ("datetime", "date-time"),
    "time": ("time",),
    "email": ("email",),
    "uri": ("url", "uri"),
}
_KINDS: dict[str, Schema] = {
    **{word: {"type": name} for name, words in _WORDS.items() for word in words},
    **{word: {"type": "string", "format": name} for name, words in _FORMATS.items() for word in words},
}
#: The words that a schema may be written with, for telling a short form from the name of a class.
KINDS = frozenset(_KINDS)
_MOST, _DEEPEST = 20_000, 5
_TOKEN = re.compile(r"\s*(?:([,;\n])|(!)|(:)|(\|)|([\[{])|([\]}])|\(([^()]*)\)|([^\s,;:!|\[\]{}()]+))")
_NAMES = ("sep", "must", "colon", "bar", "open", "close", "told", "word")
_CLOSING = {"[": "]", "{": "}"}
_EXAMPLE = 'Such as: "invoice_no, date: date, total: number, items: [name, price: number]".'


def parse(text: str) -> Schema:
    """Return the JSON Schema of a short form; raises SettingsError, which names the field."""
    if len(text) > _MOST:
        raise _wrong(f"it has {len(text):,} characters; up to {_MOST:,} are read")
    return _Reader(text).fields("", "", 0)


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    def fields(self, closing: str, of: str, depth: int) -> Schema:
        """Return the object of the fields up to `closing` ("" for the end)."""
        properties: dict[str, Schema] = {}
        while not self._is_end(closing, of):
            if self._take("sep") is not None:
                continue
            name, schema = self._field(of, depth)
            if name in properties:
                raise _wrong(f"the field {_full(of, name)!r} is named twice")
            properties[name] = schema
            if self._peek()[0] not in ("sep", "close", "end"):
                raise _wrong(f"a comma is missing behind the field {_full(of, name)!r}, before {self._peek()[1]!r}")
        if not properties:
            raise _wrong(f"{of or 'it'} has no fields")
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def _field(self, of: str, depth: int) -> tuple[str, Schema]:
        name = self._take("word")
        if name is None:
            raise _wrong(f"{self._peek()[1]!r} stands where the name of a field should{f' in {of!r}' if of else ''}")
        full, must = _full(of, name), self._take("must") is not None
        told = self._take("told")
        schema = self._type(full, depth + 1) if self._take("colon") is not None else dict(_KINDS["text"])
        told = told or self._take("told")
        schema = schema if must else _or_null(schema)
        return name, {**schema, "description": told} if told else schema

    def _type(self, field: str, depth: int) -> Schema:
        if depth > _DEEPEST:
            raise _wrong(f"the field {field!r} lies more than {_DEEPEST} levels deep")
        opened = self._take("open")
        if opened == "{":
            return self.fields("}", field, depth)
        if opened == "[":
            return {"type": "array", "items": self._items(field, depth)}
        word = self._take("word")
        if word is None:
            raise _wrong(f"the field {field!r} has no type behind its colon")
        if self._peek()[0] == "bar":
            return {"type": "string", "enum": self._choices(word, field)}
        if word.lower() not in _KINDS:
            raise _unknown(word, field)
        return dict(_KINDS[word.lower()])

    def _items(self, field: str, depth: int) -> Schema:
        """Return what a list holds: values where a lone type or choice stands in the brackets, else objects."""
        kind, word = self._peek()
        after = self._tokens[self._at + 1][0]
        if kind == "word" and (after == "bar" or (after == "close" and word.lower() in _KINDS)):
            made = self._type(field, depth)
            self._is_end("]", field)
            return made
        return self.fields("]", field, depth)

    def _choices(self, first: str, field: str) -> list[str]:
        found = [first]
        while self._take("bar") is not None:
            word = self._take("word")
            if word is None:
                raise _wrong(f"a word is missing behind | in the field {field!r}")
            found.append(word)
        return list(dict.fromkeys(found))

    def _is_end(self, closing: str, of: str) -> bool:
        kind, text = self._peek()
        if kind not in ("close", "end"):
            return False
        if text != closing:
            what = f"{closing!r} is missing at the end of {of!r}" if closing else f"{text!r} closes nothing"
            raise _wrong(what)
        self._at += kind == "close"
        return True

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self, kind: str) -> str | None:
        found, text = self._peek()
        if found != kind:
            return None
        self._at += 1
        return text


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at, text = [], 0, re.sub(r"[ \t\r\f\v]+", " ", text).strip()
    text = re.sub(r" ?\n\s*", ";", text)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(f"{text[at : at + 20].strip()!r} can't be read")
        group = match.lastindex or 1
        found.append((_NAMES[group - 1], match[group].strip()))
        at = match.end()
    return [*found, ("end", "")]


def _or_null(schema: Schema) -> Schema:
    """Return the schema of a value or null; lists are empty instead, and objects hold nulls."""
    if schema["type"] in ("array", "object"):
        return schema
    choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **choices}


def _full(of: str, name: str) -> str:
    return f"{of}.{name}" if of else name


def _unknown(word: str, field: str) -> SettingsError:
    from rapidfuzz import process

    close = process.extractOne(word.lower(), sorted(KINDS), score_cutoff=60)
    hint = f"Did you mean {close[0]!r}?" if close else f"There is: {', '.join(sorted(KINDS))}; or words: EUR|USD."
    return SettingsError(f"The field {field!r} has the unknown type {word!r}.", hint=hint, code="schema")


def _wrong(why: str) -> SettingsError:
    return SettingsError(f"The fields can't be read: {why}.", hint=_EXAMPLE, code="schema")
