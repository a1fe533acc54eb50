"""What is known about a model: window, abilities, price (catalog.toml), with the user's settings on top."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from copilot.settings import ModelSettings, Price


@dataclass(frozen=True, slots=True)
class Facts:
    """One model's facts. None: not known.

    `window` and `output` are tokens, `price` is US dollars for a million tokens, `first_byte` is seconds.
    """

    window: int | None = None
    output: int | None = None
    tools: bool = True
    vision: bool | None = None
    price: Price | None = None
    first_byte: float | None = None


def facts(model: str) -> Facts:
    """Return what the catalogue knows of `model` (the vendor's name); unknown models have tools and no limits."""
    bare = model.lower().rpartition("/")[2]
    return next((known for patterns, known in _catalogue() if any(fnmatchcase(bare, p) for p in patterns)), Facts())


def facts_of(settings: ModelSettings, first_byte: float = 0.0) -> Facts:
    """Return a configured model's facts: what the user says, else the catalogue, else the server's `first_byte`."""
    known = facts(settings.model)
    return Facts(
        window=settings.window or known.window,
        output=known.output,
        tools=known.tools,
        vision=known.vision,
        price=settings.price or known.price,
        first_byte=settings.deadlines.first_byte
        if "first_byte" in settings.deadlines.model_fields_set
        else known.first_byte or first_byte or settings.deadlines.first_byte,
    )


def cost(price: Price | None, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float | None:
    """Return the US dollars of a call, or None where no price is known; `cached_tokens` are among the input's."""
    if price is None:
        return None
    cached_price = price.input if price.cached_input is None else price.cached_input
    fresh = max(input_tokens - cached_tokens, 0)
    return (fresh * price.input + cached_tokens * cached_price + output_tokens * price.output) / 1e6


@cache
def _catalogue() -> list[tuple[list[str], Facts]]:
    raw = tomllib.loads((files("copilot.models") / "catalog.toml").read_text("utf-8"))
    return [(entry.pop("match"), _facts(entry)) for entry in raw["model"]]


def _facts(entry: dict[str, Any]) -> Facts:
    price = entry.pop("price", None)
    return Facts(**entry, price=Price(**price) if price else None)
