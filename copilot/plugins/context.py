"""What a tool is given besides its arguments: the files, and a way to say what it would change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.documents.hunks import Edited, Hunk
from copilot.errors import DocumentError, ServiceError, ToolInputError
from copilot.trust.labels import UNKNOWN, Label, join, readers_of
from copilot.trust.outgoing import Attachment, Kind, Outgoing
from copilot.workspace.change import Change
from copilot.workspace.file import File

if TYPE_CHECKING:
    from copilot.plugins.connections import Connections, WorkKind
    from copilot.plugins.connections.web import Web
    from copilot.workspace.mounts import Mount, Node
    from copilot.workspace.workspace import Staging


@dataclass
class ToolContext:
    """A tool's only way to the world.

    It reads through the turn's staging area, so that a call sees what the calls before it in the same plan would
    write, and it remembers every label it read: the result of the call carries their join. `author` is the person it is
    done for ("" if nobody signed in), and `moment` when the call was made: a tool that notes a date takes this one, so
    that the change is the same when it is made again after it was approved. `seen` is the label of what the model had
    seen when it made the call: whoever hands its arguments to another model hands that on, too. `sites` are the web
    sites that an agent is held to, None where it is held to none.
    """

    staging: Staging
    progress: Callable[[str], None] = lambda message: None
    labels: list[Label] = field(default_factory=list)
    permit: Callable[[File], None] = lambda file: None
    last: File | None = None
    author: str = ""
    moment: datetime | None = None
    seen: Label = UNKNOWN
    connections: Connections | None = None
    sites: tuple[str, ...] | None = None

    def open(self, path: str) -> File:
        """Return the file at `path` (relative to a root, or absolute inside one).

        Raises DocumentError (missing, with the closest names), OutsideRootsError, or DeniedError where the settings
        deny the tool this file.
        """
        file = self.staging.read(path)
        self.permit(file)
        self.labels.append(file.label)
        self.last = file
        return file

    def explained(self, error: DocumentError) -> DocumentError:
        """Return an error of a reader, which sees bytes only, as one that names the file that was opened last."""
        from copilot.documents.refusals import explained

        return explained(error, self.last.content, self.last.name) if self.last else error

    def files(self, suffixes: Sequence[str] = ()) -> list[Path]:
        """Return the workspace's documents with one of these suffixes (all if none), sorted, staged ones included."""
        self.labels.append(UNKNOWN)  # file names are other people's words, too
        return self.staging.files(suffixes)

    def placed(self, path: str) -> tuple[Mount, Node]:
        """Return where a file lies elsewhere, and what the place says of it.

        Raises ToolInputError for a file of this machine, DocumentError for one that is not there.
        """
        found = self.staging.placed(path)
        if found is None:
            raise ToolInputError(
                f"{path!r} lies on this computer.",
                hint="This is for files in OneDrive, SharePoint and the like that are opened as a folder.",
                code="not_elsewhere",
            )
        self.labels.append(Label(sources=(found[0].name,)))
        return found[0].mount, found[1]

    def exists(self, path: str) -> bool:
        """Return whether a file is there, staged ones included; raises OutsideRootsError."""
        return self.staging.exists(path)

    def show(self, path: Path) -> str:
        """Return the path as a person would write it: relative to its root."""
        return self.staging.show(path)

    def edit(self, file: File, edited: Edited, summary: str) -> Change:
        """Return the change that replaces `file` by what an editor made of it."""
        return Change(file.path, file.sha256, edited.content, edited.hunks, summary, edited.warnings, self.label)

    def create(self, path: str, content: bytes, summary: str, hunks: Iterable[Hunk] = ()) -> Change:
        """Return the change that writes a new file, or replaces one that is there (the hunks then say so)."""
        target = self.staging.resolve(path)
        before = self.staging.hash(target)
        name = self.show(target)
        whole = Hunk(name, "" if before is None else "(the present file)", f"{len(content):,} bytes", "file")
        warnings = () if before is None else (f"{name} exists and would be replaced.",)
        return Change(target, before, content, (whole, *hunks), summary, warnings, self.label)

    def received(self, content: bytes, source: str, readers: Iterable[str] | None = None) -> Label:
        """Note that content came from elsewhere (a mail, an attachment), and return its label: that of a file with the
        same bytes, with `source` as its name. `readers` are those who may see it, where not everybody may.
        """
        label = self.staging.label(content, source)
        if readers is not None:
            label |= Label(readers=readers_of(readers))
        self.labels.append(label)
        return label

    def connection(self, kind: WorkKind, account: str = "") -> Any:
        """Return the interface of a kind ("mail", "calendar", ...) of an account; see `connections.Connections.of`."""
        if self.connections is None:
            raise ServiceError.nobody(kind, ())
        return self.connections.of(kind, account)

    @property
    def web(self) -> Web:
        """The web, as `[web]` of the settings reaches it. Raises ServiceError where nothing is set up."""
        if self.connections is None:
            raise ServiceError("There is no way to the web here.", code="unsupported")
        return self.connections.web

    def attach(self, path: str) -> Attachment:
        """Return a file as an attachment of what is sent; what goes out is then as confidential as the file."""
        file = self.open(path)
        return Attachment(file.name, file.sha256, len(file.content))

    def send(
        self, kind: Kind, recipients: Iterable[str], body: str, deliver: Callable[[str], str], **more: Any
    ) -> Outgoing:
        """Return what a sending tool returns instead of sending: see `Outgoing`, whose other fields are `more`.

        Its label is that of everything read for it; where nothing was, what the model has seen decides.
        """
        label = join(self.labels)
        return Outgoing(kind, tuple(recipients), body, deliver, label=label, **more)

    @property
    def label(self) -> Label:
        """The join of everything read so far; what came from elsewhere, and says nothing of itself, is not trusted."""
        return join(self.labels) if self.labels else UNKNOWN
