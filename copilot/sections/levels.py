"""How confidential data may be, and what a model is asked for."""

from __future__ import annotations

from typing import Literal

#: How confidential data may be.
Level = Literal["public", "internal", "restricted"]
#: What a model is asked for; see `[routing.steps]`.
StepName = Literal["drafting", "reading", "summary"]
