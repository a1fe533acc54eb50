"""What LangChain's vendor packages know of their models (model profiles, from models.dev), without importing them.

Source: docs.langchain.com, "Model profiles"; each package keeps its table in `data/_profiles.py`.
"""

from __future__ import annotations

import logging
import runpy
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_TABLE = Path("data") / "_profiles.py"


@cache
def table(package: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the profiles of a vendor package by model; empty where it is not installed or has none."""
    try:
        spec = find_spec(package) if package and "." not in package else None
        places = [Path(place) / _TABLE for place in (spec.submodule_search_locations or ())] if spec else []
        path = next((p for p in places if p.is_file()), None)
        found = runpy.run_path(str(path)).get("_PROFILES") if path else None
    except Exception as error:  # noqa: BLE001 - somebody else's data file: without it, less is known, and that is all
        log.info("The model profiles of %s can't be read: %s", package, error)
        return {}
    return found if isinstance(found, Mapping) else {}


def of(client: str, model: str) -> Mapping[str, Any]:
    """Return the profile of a model for the client "module:Class", or an empty one.

    A dated version that is not listed ("gpt-5-2025-08-07") has the profile of the longest name that it begins with.
    """
    known = table(client.partition(":")[0].partition(".")[0])
    bare = model.rpartition("/")[2]
    if bare in known:
        return known[bare]
    family = max((name for name in known if bare.startswith(f"{name}-2")), key=len, default="")
    return known[family] if family else {}


def names(client: str) -> list[str]:
    """Return the names of the models that a client's package knows."""
    return list(table(client.partition(":")[0].partition(".")[0]))
