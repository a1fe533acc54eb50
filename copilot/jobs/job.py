"""What is asked of every document of a run, and what came of one: plain data, kept in the database of runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: How sure a field is, decided by code: see `Citation`.
Confidence = Literal["exact", "near", "missing", "unsupported"]
#: How far a run may go: "ask" waits for one answer to all changes, "yes" writes each at once.
Mode = Literal["ask", "yes", "dry-run", "read-only"]


class Status(StrEnum):
    """Where a document of a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SAVING = "saving"  # its change is approved and about to be written
    REVIEW = "review"  # its change is ready and waits for an answer to the report
    ASKED = "asked"  # something would go out: waits for an answer to that alone
    DONE = "done"
    REJECTED = "rejected"  # a person declined its change
    FAILED = "failed"  # with a reason; `batch retry` runs it again
    QUARANTINED = "quarantined"  # failed as often as it may
    CANCELLED = "cancelled"
    HELD = "held"  # the budget or the vendor's quota ended: `batch resume` goes on


#: These are still worked on.
OPEN = frozenset({Status.QUEUED, Status.RUNNING, Status.SAVING})
#: Nothing happens to these any more by itself.
ENDED = frozenset({Status.DONE, Status.REJECTED, Status.FAILED, Status.QUARANTINED, Status.CANCELLED})
#: These wait for a person.
WAITING = frozenset({Status.REVIEW, Status.ASKED, Status.HELD})


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Job(_Data):
    """What is asked of every document: a prompt or a recipe, and how far it may go."""

    prompt: str = ""
    recipe: dict[str, Any] | None = Field(default=None, description="A recipe, as it was checked (recipes/recipe.py).")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Values of the recipe's inputs, or of {names}.")
    fields: dict[str, Any] | None = Field(default=None, description="JSON Schema of the values to extract.")
    mode: Mode = "ask"
    model: str = ""
    agent: str = ""
    to: str = Field(default="", description="The folder or place that changed files are written to; '' in place.")
    budget: float | None = Field(default=None, description="US dollars for the whole run.")
    tries: int = Field(default=3, ge=1, le=20, description="How often a document is tried before quarantine.")
    reuse: bool = Field(default=False, description="Identical requests over identical content are answered once.")
    deferred: bool = Field(default=False, description="Through the vendor's batch endpoint where there is one.")
    seconds: float = Field(default=600.0, gt=0, description="That one document may take.")


class Source(_Data):
    """One document of a run, or one row of a table: `key` is unique in the run and stays the same on every listing."""

    key: str
    path: str = Field(default="", description="As the workspace knows it: a path, or a place of a connector.")
    values: dict[str, Any] = Field(default_factory=dict, description="The row of the table, for {names} in the prompt.")


class Citation(_Data):
    """Where a value comes from: `where` is the location in the document, `quote` what stands there, word for word.

    `confidence` is found by looking, not by asking the model: "exact" if the value (as text, a number or a date)
    stands in the quote and the quote in the document; "near" if the quote does but the value only follows from it;
    "unsupported" if the quote is not in the document; "missing" if there is no value.
    """

    field: str
    where: str = ""
    quote: str = ""
    confidence: Confidence = "missing"


class Edit(_Data):
    """The change of a document: what it was, what it becomes, and how a person sees it.

    `before` and `after` are SHA-256 of the bytes ("" where there is no file); the new bytes lie in the store of blobs
    under `after` until the document is saved.
    """

    path: str
    before: str
    after: str
    summary: str = ""
    hunks: list[dict[str, Any]] = Field(default_factory=list, description="As in Change.to_dict.")
    warnings: list[str] = Field(default_factory=list)
    label: dict[str, Any] = Field(default_factory=dict, description="Of all that it was made from, as Label.to_dict.")
    entry: int | None = Field(default=None, description="The number that undoes it, once saved.")


class Outcome(_Data):
    """What came of one document."""

    status: Status
    text: str = ""
    values: dict[str, Any] | None = None
    citations: list[Citation] = Field(default_factory=list)
    edits: list[Edit] = Field(default_factory=list)
    cards: list[dict[str, Any]] = Field(default_factory=list, description="Approvals that the document waits for.")
    error: dict[str, Any] | None = Field(default=None, description="{code, message, hint}, when it failed.")
    served_by: str = ""
    attempts: list[dict[str, Any]] = Field(default_factory=list, description="Failed tries of vendors, as in Final.")
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0
    reused: bool = False
    thread: str = ""
