"""JSON Schema with an end: a few definitions that refer to each other twice take longer than the universe has time.

What each `$ref` leads to is looked at anew, so schemas of a stranger's recipe, or of a service, are followed so often
and no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: References that are followed for one value: some tenths of a second.
MOST = 5_000
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
DRAFT = "$schema"


class TooMany(RecursionError):
    """A schema refers to itself without end, or as good as."""


def validator(schema: Mapping[str, Any], kind: Any, **chosen: Any) -> Any:
    """Return a validator of the schema, to be used for one value; it raises TooMany.

    `kind` is the validator class of its draft. A `$schema` at its top is not looked at, as with one jsonschema goes on
    with a class of its own; the caller refuses others with `drafts`.
    """
    from jsonschema.validators import extend

    left = [MOST]

    def counted(name: str) -> Any:
        follow = kind.VALIDATORS[name]

        def each(*args: Any) -> Iterator[Any]:
            left[0] -= 1
            if left[0] < 0:
                raise TooMany("too many references")
            yield from follow(*args) or ()

        return each

    made = extend(  # type: ignore[no-untyped-call]
        kind, {name: counted(name) for name in _REFERENCES if name in kind.VALIDATORS}
    )
    return made({name: part for name, part in schema.items() if name != DRAFT}, **chosen)


def drafts(schema: Any, *, top: bool = True) -> bool:
    """Return whether a part of a schema says that it is of a draft of its own."""
    inner = schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ()
    own = not top and isinstance(schema, Mapping) and isinstance(schema.get(DRAFT), str)
    return own or any(drafts(each, top=False) for each in inner)
