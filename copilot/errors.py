"""Every error that Everpilot raises on purpose.

    EverpilotError                what happened, to what, and the next step
    ├── SettingsError             a setting is missing, unknown or contradictory
    ├── DocumentError             a file can't be read or edited; `code` says why (see DOCUMENT_CODES)
    ├── WorkspaceError            a place on disk can't be used
    │   ├── OutsideRootsError     the path leads out of the folders that the user opened
    │   ├── ConflictError         the file changed since it was read
    │   ├── LockedError           somebody has the file open, or it can't be written
    │   └── DeniedError           the policy does not let a tool read it
    ├── PluginError               a skill, connector or manifest can't be loaded
    ├── ServiceError              an account or a server does not let us, or does not answer (see SERVICE_CODES)
    ├── ToolInputError            the call's arguments don't fit the document: goes back to the model
    ├── ModelError                one model could not answer; `failure` names the class (models/failures.py)
    │   └── NoModelError          none of the configured models could answer
    ├── ApprovalError             an answer to an approval that doesn't fit it (stale, used, unknown)
    ├── ThreadError               an unknown or broken thread
    └── JobError                  a durable run that is not there, or can't do what is asked of it

Two audiences: `ToolInputError` is written for the model, which can mend its call; all others are
written for the person, with the next step in `hint`. A `DocumentError` or `WorkspaceError` met while a
tool runs is shown to both.
"""

from __future__ import annotations

from collections.abc import Iterable

from copilot._redaction import redacted

#: Why a document is refused, as `DocumentError.code` (also what `everpilot inspect --json` prints).
DOCUMENT_CODES = frozenset(
    {
        "missing",  # no such file
        "folder",  # a folder where a file is meant
        "unreadable",  # the system does not let us read it
        "empty",  # zero bytes
        "encrypted",  # password protected
        "legacy",  # binary .doc .xls .ppt and other formats from before 2007
        "broken",  # not a zip, truncated, wrong CRC, malformed XML, a needed part is missing
        "unsafe",  # DOCTYPE, traversal, duplicate entries and other things that an attacker writes
        "too_large",  # over a limit of documents/limits.py
        "unsupported",  # a kind of file or a feature that can't be handled
    }
)

#: Why a service did not do what it was asked, as `ServiceError.code`.
SERVICE_CODES = frozenset(
    {
        "account",  # no such account, or none that serves this
        "signed_out",  # somebody has to sign in (again)
        "scope",  # the sign-in does not hold this right
        "denied",  # the service does not allow it
        "missing",  # it is not there, or not any more
        "conflict",  # it changed since it was read, or the name is taken
        "locked",  # somebody has it open or checked out
        "full",  # no room, or a limit of the service
        "invalid",  # the service does not take what it was given
        "throttled",  # too many calls, also after waiting
        "slow",  # no answer in time
        "unreachable",  # no connection
        "broken",  # an answer that makes no sense
        "uncertain",  # it may have been done: the answer got lost
        "unsupported",  # the service does not offer it
    }
)


class EverpilotError(Exception):
    """Something went wrong in a way that can be explained.

    `str(error)` is one or two sentences: what happened, to which file or setting, then the hint. Whoever raises it may
    put a foreign error's words into it: secrets in them are taken out here, before anybody sees them.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        self.message = redacted(message)
        self.hint = redacted(hint)
        super().__init__(self.message)
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def to_dict(self) -> dict[str, str]:
        """Return the error as JSON types: its code, and the message with the hint."""
        return {"code": self.code, "message": str(self)}


class SettingsError(EverpilotError):
    """A setting is missing, unknown or contradicts another one; the message names it."""

    code = "settings"


class DocumentError(EverpilotError):
    """A document can't be read or edited; `code` is one of DOCUMENT_CODES."""

    code = "broken"


class WorkspaceError(EverpilotError):
    """A place on disk can't be used."""

    code = "workspace"


class OutsideRootsError(WorkspaceError):
    """The path leads out of the folders that the user opened."""

    code = "outside_roots"


class ConflictError(WorkspaceError):
    """The file changed since it was read; nothing was written."""

    code = "conflict"


class PlaceConflictError(ConflictError):
    """The file changed at the place elsewhere where it lies; nothing was stored there."""


class LockedError(WorkspaceError):
    """Somebody has the file open, or it may not be written; nothing was written."""

    code = "locked"


class DeniedError(WorkspaceError):
    """A rule of the settings denies a tool a file."""

    code = "denied"


class PluginError(EverpilotError):
    """A skill, connector or manifest can't be loaded; the message names it."""

    code = "plugin"


class ServiceError(EverpilotError):
    """An account or a server does not let us, or does not answer; `code` is one of SERVICE_CODES.

    `retry_after` are the seconds after which it may be tried again, None if the service did not say.
    """

    code = "broken"

    def __init__(
        self, message: str, *, hint: str = "", code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry_after = retry_after

    @classmethod
    def unknown(cls, account: str, known: Iterable[str]) -> ServiceError:
        """Return the error for an account that the settings don't name."""
        names = ", ".join(known) or "none"
        return cls(f"There is no account {account!r}.", hint=f"There is: {names}.", code="account")

    @classmethod
    def nobody(cls, kind: str, accounts: Iterable[str]) -> ServiceError:
        """Return the error for a kind of work that no account serves."""
        names = ", ".join(accounts)
        has = f"None of the accounts ({names}) serves {kind}." if names else f"No account is set up for {kind}."
        return cls(has, hint="Add one under [accounts] in copilot.toml, then: everpilot login", code="account")


class ToolInputError(EverpilotError):
    """The arguments of a tool call don't fit the document.

    Written for the model, which can mend its call: names the argument, what was found instead, and the
    closest matches.
    """

    code = "tool_input"

    @classmethod
    def unknown(cls, what: str, given: str, known: Iterable[str], *, where: str = "") -> ToolInputError:
        """Return the error for a name that is not there, with the closest ones that are."""
        from rapidfuzz import process

        names = list(dict.fromkeys(known))
        close = [match[0] for match in process.extract(given, names, limit=5, score_cutoff=50)] or names[:10]
        place = f" in {where}" if where else ""
        hint = f"There is: {', '.join(repr(n) for n in close)}." if close else "There is none."
        return cls(f"No {what} named {given!r}{place}.", hint=hint, code=f"unknown_{what.replace(' ', '_')}")


class ModelError(EverpilotError):
    """A model could not answer; `failure` is its class in the failure table."""

    code = "model"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, failure: str = "") -> None:
        super().__init__(message, hint=hint, code=code)
        self.failure = failure


class NoModelError(ModelError):
    """None of the configured models could answer; the message says why for each."""

    code = "no_model"


class ApprovalError(EverpilotError):
    """The answer to an approval does not fit it: unknown, used, expired, or the file changed since."""

    code = "approval"


class ThreadError(EverpilotError):
    """The thread is unknown or can't be continued."""

    code = "thread"


class JobError(EverpilotError):
    """A durable run is not there, or can't do what is asked of it; `code` says which."""

    code = "job"
