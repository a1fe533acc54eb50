"""Objects as the key of a cache, however large, and whether or not they can be compared."""

from __future__ import annotations

from typing import Any


class Identity:
    """Some objects as a key that is equal to one of the very same objects alone; they live as long as it does."""

    __slots__ = ("objects",)

    def __init__(self, *objects: Any) -> None:
        self.objects = objects

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Identity)
            and len(other.objects) == len(self.objects)
            and all(mine is theirs for mine, theirs in zip(self.objects, other.objects, strict=True))
        )

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.objects)))
