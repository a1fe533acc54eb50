"""What an error makes of a document: failed with a reason, or held because the budget or a quota ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from copilot.errors import EverpilotError, ModelError, NoModelError
from copilot.jobs.job import Outcome, Status
from copilot.jobs.troubles import DISK, PASSING, is_disk

#: Errors and failures of vendors after which the next document fares no better: nothing is wrong with this one.
_HOLDS = frozenset({"budget", "quota", "auth", DISK})


def failed(error: EverpilotError, **more: Any) -> Outcome:
    """Return the outcome of a document that met this error; `more` are fields of it that are known all the same."""
    if is_disk(error):
        error = full(error)
    status = Status.HELD if _holds(error) else Status.FAILED
    return Outcome(status=status, error=as_error(error), **more)


def full(error: BaseException) -> EverpilotError:
    """Return the error of a disk without room: the document waits for that."""
    said = error.message if isinstance(error, EverpilotError) else "There is no room on the disk."
    return EverpilotError(said, hint="Make room on the disk, then go on: everpilot batch resume.", code=DISK)


def away(error: BaseException) -> EverpilotError:
    """Return the error of a database that did not answer."""
    said = f"A database did not answer: {error}".splitlines()[0].rstrip(".")
    hint = "Check that its server runs, and the disk of the state folder; then: everpilot batch resume."
    return EverpilotError(f"{said}.", hint=hint, code=PASSING)


def as_error(error: EverpilotError) -> dict[str, Any]:
    """Return the error as `Outcome.error`."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def told(code: str, message: str, hint: str = "") -> dict[str, Any]:
    """Return an error of our own as `Outcome.error`."""
    return as_error(EverpilotError(message, hint=hint, code=code))


def status_of(error: Mapping[str, Any], attempts: Iterable[Mapping[str, Any]] = ()) -> Status:
    """Return what a turn that ended with this error ({code, ...}) after these tries makes of its document."""
    unserved = error.get("code") in ("no_model", "needs_model")
    held = error.get("code") in _HOLDS or (unserved and any(a.get("failure") in _HOLDS for a in attempts))
    return Status.HELD if held else Status.FAILED


def of_turn(error: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the error of a turn as `Outcome.error`. Once models have failed, it is theirs."""
    if error.get("code") in ("needs_model", "asked") and attempts:
        return as_error(none_answered(attempts))
    return {"code": str(error.get("code", "error")), "message": str(error.get("message", "")), "hint": ""}


def none_answered(attempts: Sequence[Mapping[str, Any]]) -> ModelError:
    """Return the error of a request for which every model failed."""
    said = dict.fromkeys(f"{each.get('model', '?')} - {each.get('reason', '')}" for each in attempts)
    held = next((str(each["failure"]) for each in attempts if each.get("failure") in _HOLDS), "")
    hint = "See `everpilot models` for the state of each."
    return NoModelError(f"No model could answer: {'; '.join(said)}.", hint=hint, failure=held)


def needs_model(what: str) -> EverpilotError:
    """Return the error for work that only a language model can do."""
    hint = "Set a key such as ANTHROPIC_API_KEY, start Ollama, or write a recipe: everpilot recipe new"
    return EverpilotError(f"{what} needs a language model, and none is configured.", hint=hint, code="needs_model")


def _holds(error: EverpilotError) -> bool:
    failure = getattr(error, "failure", "")
    return error.code in _HOLDS or (isinstance(error, NoModelError) and failure in _HOLDS)
