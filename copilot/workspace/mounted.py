"""An opened folder that lies elsewhere: a private folder here that fills with what is read, and what waits to go there.

Nothing is fetched before it is read. What was read is kept by the version it was (`Node.tag`), the least recently used
goes first. A change is saved here as in any folder; before that it stands in the outbox, and is stored over exactly the
version that it was made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from copilot.errors import (
    DocumentError,
    LockedError,
    PlaceConflictError,
    ServiceError,
    WorkspaceError,
)
from copilot.trust.labels import Confidentiality, Label
from copilot.workspace import localnames, outbox
from copilot.workspace.change import Change, sha256
from copilot.workspace.listing import is_hidden, normal
from copilot.workspace.locks import Locks
from copilot.workspace.mounts import Changes, Marks, Mount, Node, WritesOpen, conflict, exists, when_to_try
from copilot.workspace.outbox import GONE, Index, Kept, Waiting
from copilot.workspace.places import FOLDER
from copilot.workspace.reading import MAX_BYTES
from copilot.workspace.save import make_private
from copilot.workspace.tree import Tree

#: Bytes of fetched files that are kept here, and seconds for which an answer of the place is believed.
KEEP = 2 * 2**30
FRESH = 5.0
_SLACK = 0.9  # of the limit, that is left after a clearing


class Mounted:
    """A place that is opened as a folder; see `Workspace`, which reads, saves and undoes in it as in any other.

    `keep` is how many bytes of fetched files may lie here. `rate` says how confidential a file with these sensitivity
    labels is. `clock` counts seconds. `opened_as` is what a person wrote to open it. `notes` are troubles that kept
    nobody from working on.
    """

    def __init__(
        self,
        mount: Mount,
        state: Path,
        *,
        keep: int = KEEP,
        limit: int = MAX_BYTES,
        rate: Callable[[Sequence[str]], Confidentiality] = lambda labels: Confidentiality.RESTRICTED,
        clock: Callable[[], float] = time.monotonic,
        opened_as: str = "",
    ) -> None:
        self.mount, self.name = mount, mount.name
        self._base = state / FOLDER / sha256(mount.key.encode())[:16]
        make_private(self._base / "files")
        make_private(self._base / "incoming")
        self.folder = Path(os.path.realpath(self._base / "files"))
        (self._base / "place").write_text(opened_as or mount.name, "utf-8")
        self._index = Index(self._base / "index.sqlite")
        self._locks = Locks(state / "locks")
        self._fetching = Locks(state / "locks" / "fetching")  # apart: one is taken while a file's own lock is held
        self._keep, self._limit, self._rate, self._clock = keep, limit, rate, clock
        self._known: tuple[int, Tree] | None = None
        self._asked: float | None = None
        self._looked: dict[str, float] = {}
        self.notes: list[str] = []

    # --- which files there are ----------------------------------------------------------------------------------------

    def refresh(self, *, force: bool = False) -> None:
        """Ask the place what changed, unless it was just asked.

        Out of reach, what was known before is believed, and noted; raises ServiceError when nothing is known yet.
        """
        if not force and self._asked is not None and self._clock() - self._asked < FRESH:
            return
        cursor = self._index.meta("cursor")
        try:
            changes, root = self.mount.changes(cursor), self.mount.root()
        except ServiceError as error:
            self._asked = self._clock()
            if not cursor or not when_to_try(error):
                raise
            self._tell(f"{self.name} can't be reached, so what is shown of it may be old. {error.message}")
            return
        self._take(changes, root)
        self._asked = self._clock()

    def _take(self, changes: Changes, root: str) -> None:
        before = self._tree if self._index.meta("cursor") else None
        self._index.take(changes, root)
        if before is not None:
            after = self._tree
            self._index.remember((path, id) for path, id in before.ids.items() if after.ids.get(path) != id)
        for node in changes.nodes:
            self._looked[node.id] = self._clock()
        self._tidy()

    @property
    def _tree(self) -> Tree:
        revision = self._index.revision()
        if self._known is None or self._known[0] != revision:
            self._known = (revision, Tree(self._index.nodes(), self._index.meta("root")))
        return self._known[1]

    def paths(self, suffixes: Sequence[str] = ()) -> list[Path]:
        """Return the files with one of the suffixes (all if none), none of them hidden; nothing is fetched for it."""
        self.refresh()
        found = set(self._tree.files())
        for row in self._index.all_waiting():
            (found.discard if row.after == GONE else found.add)(row.path)
        wanted = tuple(normal(suffixes)) or ("",)
        shown = (p for p in found if p.lower().endswith(wanted) and not any(map(is_hidden, p.split("/"))))
        return [self.folder / path for path in shown]

    def canonical(self, place: Path) -> Path:
        """Return the path of what is meant by a path in the folder, which need not be spelled in the place's case."""
        path = self._path(place)
        found = self._listed().find(path)
        if not found and not self._index.waiting(path) and self._may_ask():
            self.refresh()
            found = self._tree.find(path)
        return self.folder / found if found else self.folder / self._in_case(path)

    def _in_case(self, path: str) -> str:
        """Return a new path with its folders spelled as they are at the place, and what is new as this disk has it."""
        parts = path.split("/")
        for depth in range(len(parts) - 1, 0, -1):
            if found := self._tree.find("/".join(parts[:depth])):
                return "/".join([found, *map(localnames.new, parts[depth:])])
        return "/".join(map(localnames.new, parts))

    def has(self, place: Path, *, folders: bool = True) -> bool:
        """Return whether there is a file (or, with `folders`, a folder) at a path, fetched or not."""
        path = self._path(place)
        if (row := self._index.waiting(path)) is not None and row.after:
            return row.after != GONE
        node = self._listed().at(path)
        return (folders and path == ".") or (node is not None and (folders or not node.folder))

    def node(self, place: Path) -> Node | None:
        """Return what the place last said of a file, None if it knows none there."""
        return self._listed().at(self._path(place))

    def digest(self, place: Path) -> str:
        """Return the SHA-256 of what lies here, or waits, of a file; "" where nothing does."""
        row, kept = self._index.waiting(self._path(place)), self._index.kept(self._path(place))
        return row.after if row is not None else kept.sha256 if kept is not None else ""

    def is_fetched(self, place: Path) -> bool:
        """Return whether the content of a file lies here."""
        return place.is_file()

    def why_missing(self, place: Path) -> str:
        """Return what became of a file that is not there any more, "" if that is not known."""
        path = self._path(place)
        id, tree = self._index.was(path), self._tree
        if id in tree.paths and tree.paths[id] != path:
            node = tree.nodes[id]
            by = f" by {node.by}" if node.by else ""
            return f"It was moved{by} to {tree.paths[id]}."
        return f"It was deleted at {self.name}, or moved out of it." if id in tree.gone else ""

    def _listed(self) -> Tree:
        if not self._index.meta("cursor"):
            self.refresh()
        return self._tree

    def _may_ask(self) -> bool:
        return self._asked is None or self._clock() - self._asked >= FRESH

    def _path(self, place: Path) -> str:
        return place.relative_to(self.folder).as_posix()

    # --- what lies here -----------------------------------------------------------------------------------------------

    def ensure(self, place: Path, *, locked: bool = False) -> None:
        """Make sure that the file at a path lies here as it is at the place, unless a change of it waits to be stored.

        Out of reach, what was fetched before is good enough, and noted. `locked`: the caller holds the file's lock.
        Raises ServiceError, or DocumentError (missing, too_large).
        """
        path = self._path(place)
        if self._index.waiting(path) is not None:
            return
        node, kept = self.node(place), self._index.kept(path)
        if node is None and kept is not None:
            self.refresh(force=True)
            node = self.node(place)
        if node is None or node.folder:
            self._forget(path, kept)
            return
        try:
            now = self._look(node)
        except ServiceError as error:
            if not when_to_try(error) or not self._lies_here(place, kept):
                raise
            self._tell(f"{self.name} can't be reached, so {path} is read as it was when it was last fetched.")
            return
        if now is None:
            self._forget(path, kept)
        elif kept is not None and kept.tag == now.tag and self._lies_here(place, kept):
            self._index.use(path)
        else:
            self._fetch(place, now, locked)

    def marks(self, place: Path, label: Label) -> Label:
        """Return the label of a file with what the place says of it; its readers count for what is restricted."""
        kept = self._index.kept(self._path(place))
        if kept is None or not kept.label:
            return label
        said = json.loads(kept.label)
        level = max([label.confidentiality, *([self._rate(said["labels"])] if said["labels"] else [])])
        readers = label.readers
        if level is Confidentiality.RESTRICTED and said["readers"] is not None:
            readers = (label | replace(label, readers=frozenset(said["readers"]))).readers
        return replace(label, confidentiality=Confidentiality(level), readers=readers)

    def _lies_here(self, place: Path, kept: Kept | None) -> bool:
        try:
            return kept is not None and place.stat().st_size == kept.size
        except OSError:
            return False

    def _look(self, node: Node, *, force: bool = False) -> Node | None:
        """Return a file as it is now at the place."""
        seen = self._looked.get(node.id)
        if not force and seen is not None and self._clock() - seen < FRESH:
            return node
        now = self.mount.look(node.id)
        self._looked[node.id] = self._clock()
        if now is None:
            self._index.lose(node.id)
            self._index.remember([(self._tree.paths.get(node.id, node.name), node.id)])
        elif now != node:
            self._index.put(now)
        return now

    def _fetch(self, place: Path, node: Node, locked: bool) -> None:
        path = self._path(place)
        with self._incoming(node.id) as incoming:
            try:
                got = self.mount.fetch(node, incoming, self._limit)
            except ServiceError as error:
                if error.code == "full":
                    raise DocumentError(
                        f"{path} is larger than {self._limit / 2**20:,.0f} MiB.", code="too_large"
                    ) from None
                raise
            said, digest = self._marks(got), _hash(incoming)
            kept = Kept(path, got.id, got.tag, digest, incoming.stat().st_size, 0, said)
            with nullcontext() if locked else self._locks.hold(place, path):
                if locked or self._index.waiting(path) is None:
                    self._place(place, incoming, got, kept)
        self._make_room(path)

    @contextmanager
    def _incoming(self, what: str) -> Iterator[Path]:
        """Give the file that content is gathered in: the same one after a break, so that it can be gone on with.

        Whoever comes while another thread or process is gathering there has one of their own.
        """
        name = sha256(what.encode())[:24]
        place = self._base / "incoming" / name
        with self._fetching.attempt(place) as free:
            if free:
                yield place
            else:
                with tempfile.TemporaryDirectory(dir=place.parent) as own:
                    yield Path(own) / name

    def _marks(self, node: Node) -> str:
        marks: Marks = self.mount.marks(node)
        readers = None if marks.readers is None else sorted(marks.readers)
        return json.dumps({"labels": list(marks.labels), "readers": readers})

    def _place(self, place: Path, incoming: Path, node: Node, kept: Kept) -> None:
        make_private(place.parent)
        incoming.chmod(0o600)
        os.replace(incoming, place)
        self._index.put(node)
        self._index.keep(kept)

    def _forget(self, path: str, kept: Kept | None) -> None:
        if kept is not None:
            with suppress(FileNotFoundError):
                (self.folder / path).unlink()
            self._index.drop(path)

    def _make_room(self, but: str) -> None:
        """Remove what was not used for longest until the rest fits."""
        kept = self._index.all_kept()
        total = sum(each.size for each in kept)
        if total <= self._keep:
            return
        busy = {row.path for row in self._index.all_waiting()} | {but}
        for each in kept:
            if total <= self._keep * _SLACK:
                return
            if each.path not in busy:
                self._forget(each.path, each)
                total -= each.size

    def _tidy(self) -> None:
        """Remove what lies under a path that its file has not any more."""
        tree = self._tree
        busy = {row.path for row in self._index.all_waiting()}
        for kept in self._index.all_kept():
            if tree.paths.get(kept.id) != kept.path and kept.path not in busy:
                self._forget(kept.path, kept)

    # --- what is written ----------------------------------------------------------------------------------------------

    def prepare(self, place: Path, change: Change) -> None:
        """Look, before a change is saved here, whether its file is still what it was made from. The lock is held.

        Raises ConflictError, which says who changed it and when; LockedError where nothing may be changed.
        """
        path = self._path(place)
        if not self.mount.writes:
            raise LockedError(f"{self.name} is read-only here.", hint="Open it with an account that may change files.")
        if self._index.waiting(path) is not None:
            return  # what was saved here is the newest there is
        node, kept = self.node(place), self._index.kept(path)
        if node is None:
            return
        try:
            now = self._look(node, force=True)
        except ServiceError as error:
            if not when_to_try(error):
                raise
            return  # it is saved here, and stored when the place can be reached
        if kept is not None and change.before == kept.sha256 and (now is None or now.tag != kept.tag):
            raise conflict(path, self.name, now)
        if now is not None and not self._lies_here(place, kept):
            self._fetch(place, now, locked=True)

    def intend(self, place: Path, change: Change) -> Waiting | None:
        """Note what is about to be saved here, and return what waited before. The lock is held."""
        path = self._path(place)
        before, kept = self._index.waiting(path), self._index.kept(path)
        next = change.after or GONE
        if before is not None:
            self._index.await_(replace(before, next=next))
        elif kept is not None:
            self._index.await_(Waiting(path, kept.id, kept.tag, kept.sha256, "", next))
        else:
            self._index.await_(Waiting(path, "", "", "", "", next))
        return before

    def written(self, place: Path) -> None:
        """Note that it is saved: it waits now to be stored."""
        row = self._waiting(place)
        self._index.await_(replace(row, after=row.next, next=""))

    def give_up(self, place: Path, before: Waiting | None) -> None:
        """Note that nothing was saved, or that it was taken back: what waited before waits again."""
        row = self._index.waiting(self._path(place))
        if before is None:
            self._index.withdraw(self._path(place))
        else:
            sent = dict.fromkeys([*before.sent, *(row.sent if row else ())])
            self._index.await_(replace(before, sent=tuple(sent)))

    def settle(self, place: Path) -> None:
        """Find out, after a crash, whether what was to be saved was saved. The lock is held."""
        row = self._index.waiting(self._path(place))
        if row is None or not row.next:
            return
        present = _hash(place) if place.is_file() else GONE
        if present == row.next:
            self.written(place)
        elif not row.after:
            self._index.withdraw(row.path)
        else:
            self._index.await_(replace(row, next=""))

    def waiting(self) -> list[Path]:
        """Return the files of which a change waits to be stored, in the order in which they came."""
        return [self.folder / row.path for row in self._index.all_waiting()]

    def _waiting(self, place: Path) -> Waiting:
        row = self._index.waiting(self._path(place))
        if row is None:
            raise WorkspaceError(f"Nothing of {self._path(place)} waits to be stored.", code="place")
        return row

    # --- what is stored -----------------------------------------------------------------------------------------------

    def deliver(self, place: Path) -> bool:
        """Store what waits of a file; False when it waits on, because the place can't be reached. The lock is held.

        It is stored once, whatever happened to an earlier try: what lies there and has our content is ours. Raises
        ConflictError, LockedError or WorkspaceError when it can't be stored: then it waits still, and the caller takes
        it back.
        """
        row = self._waiting(place)
        if row.after == (row.base or GONE) and not row.sent:
            self._index.withdraw(row.path)  # undone before it was ever sent
            return True
        try:
            self._deliver(place, row)
        except ServiceError as error:
            if not when_to_try(error):
                raise _refusal(row.path, self.name, error) from error
            self._index.await_(replace(self._waiting(place), trouble=str(error)))
            self._tell(f"{row.path} is saved here and waits: {self.name} can't take it now. {error.message}")
            return False
        return True

    def _deliver(self, place: Path, row: Waiting) -> None:
        for _ in range(3):  # what was sent before, and arrived, is built on
            row = self._sending(place, row)
            try:
                node = self._send(place, row)
            except ServiceError as error:
                if error.code not in ("conflict", "missing"):
                    raise
                outcome = self._looked_into(place, row, error)
                if isinstance(outcome, Waiting):
                    row = outcome
                    continue
                node = outcome
            self._stored(place, row, node)
            return
        raise conflict(row.path, self.name, self._there(row))

    def _sending(self, place: Path, row: Waiting) -> Waiting:
        """Note what is about to be sent: from now on it may be there."""
        if row.after == GONE:
            return row
        mark = (row.after, self.mount.fingerprint(place), place.stat().st_size)
        if mark not in row.sent:
            row = replace(row, sent=(*row.sent, mark))
            self._index.await_(row)
        return row

    def _send(self, place: Path, row: Waiting) -> Node | None:
        node = Node(row.id, "", place.name, tag=row.tag) if row.id else None
        if row.after == GONE:
            if node is None:
                self._remove_arrived(row)
            else:
                self.mount.remove(node)
            return None
        known = self._tree.nodes.get(row.id)
        base = replace(known, tag=row.tag) if known and node else node
        parent, names = self._tree.above(row.path)
        return self.mount.store(place, base, parent, names)

    def _remove_arrived(self, row: Waiting) -> None:
        """Remove a new file that was given up after it was sent, if it arrived: nobody knew whether it did."""
        now = self._there(row)
        if now is not None and self._which(now, row):
            self.mount.remove(now)
            self._index.lose(now.id)

    def _looked_into(self, place: Path, row: Waiting, error: ServiceError) -> Node | Waiting | None:
        """Return what is there when it is ours, or the change as it stands on what we stored before.

        Raises ConflictError for what others did, and the error itself when nothing changed.
        """
        now = self._there(row)
        if now is None and row.after == GONE:
            return None
        if now is None:
            raise conflict(row.path, self.name, None) if row.id else error
        if row.id and now.tag == row.tag:
            raise error
        ours = self._which(now, row)
        if ours and ours == row.after:
            return now
        if ours:
            return replace(row, id=now.id, tag=now.tag)
        self._index.put(now)
        if not row.id:
            raise exists(row.path, self.name, now)
        raise conflict(row.path, self.name, now)

    def _there(self, row: Waiting) -> Node | None:
        if row.id:
            return self.mount.look(row.id)
        return self.mount.find(*self._tree.above(row.path))

    def _which(self, now: Node, row: Waiting) -> str:
        """Return the SHA-256 of what we sent that a file at the place holds, "" if it is somebody else's content."""
        likely = [mark for mark in row.sent if mark[2] == now.size or not now.size]
        if now.hash:
            return next((sha for sha, there, _ in reversed(likely) if there == now.hash), "")
        if not likely:
            return ""
        digest = sha256(self.content(now)[0])
        return next((sha for sha, _, _ in likely if sha == digest), "")

    def content(self, node: Node) -> tuple[bytes, Node]:
        """Return the content of a file as it is at the place, and whose version it is; nothing is kept here."""
        with self._incoming(f"{node.id} look") as incoming:
            try:
                got = self.mount.fetch(node, incoming, self._limit)
                return incoming.read_bytes(), got
            finally:
                incoming.unlink(missing_ok=True)

    def present(self, place: Path) -> tuple[bytes, Node] | None:
        """Return what is at the place where a change waits, None if it is gone there."""
        now = self._there(self._waiting(place))
        return None if now is None else self.content(now)

    def _stored(self, place: Path, row: Waiting, node: Node | None) -> None:
        kept = None
        if node is not None:
            was = self._index.kept(row.path)
            said = was.label if was else self._said(node)
            kept = Kept(row.path, node.id, node.tag, row.after, place.stat().st_size, 0, said)
            self._looked[node.id] = self._clock()
        self._index.stored(row.path, node, kept)
        if node is not None and self._tree.paths.get(node.id) != row.path:
            with suppress(ServiceError):  # it is stored, whatever the listing says
                self.refresh(force=True)  # the folders that were made with it

    def _said(self, node: Node) -> str:
        try:
            return self._marks(node)
        except ServiceError:
            return ""  # it is stored; what the place says of it is asked when it is fetched again

    def replaced(self, place: Path, node: Node | None) -> None:
        """Note that the file lies here as it is at the place now, and nothing of it waits. The lock is held."""
        row = self._waiting(place)
        digest = _hash(place) if node is not None else GONE
        self._stored(place, replace(row, after=digest), node)

    def write_open(self, place: Path, change: Change, before: bytes) -> tuple[bytes, Node] | None:
        """Make a change in a file that people have open, and return what it is then; None where that can't be.

        Raises ConflictError when it is not what the change was made from any more.
        """
        row = self._waiting(place)
        known = self._tree.nodes.get(row.id)
        if not isinstance(self.mount, WritesOpen) or known is None or change.content is None:
            return None
        now = self.mount.look(row.id)
        if now is None or now.tag != row.tag:
            raise conflict(row.path, self.name, now)
        try:
            made = self.mount.write_open(now, before, change.content, change.hunks)
        except ServiceError as error:
            if error.code == "conflict":
                raise conflict(row.path, self.name, now) from error
            raise _refusal(row.path, self.name, error) from error
        return None if made is None else self.content(made)

    # --- what was taken back ------------------------------------------------------------------------------------------

    def refuse(self, key: str, error: WorkspaceError) -> None:
        """Note why the change with a key was taken back, for whoever asks for it again."""
        if key:
            self._index.refuse(key, outbox.Refused(error.code, error.message, error.hint))

    def refusal(self, key: str) -> WorkspaceError | None:
        """Return why the change with a key was taken back, None if it was not."""
        found = self._index.refusal(key) if key else None
        if found is None:
            return None
        kinds: dict[str, type[WorkspaceError]] = {"conflict": PlaceConflictError, "locked": LockedError}
        return kinds.get(found.kind, WorkspaceError)(found.message, hint=found.hint, code=found.kind)

    def _tell(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refusal(name: str, place: str, error: ServiceError) -> WorkspaceError:
    """Return a refusal of the place as the error of a file that can't be written."""
    kind = LockedError if error.code == "locked" else WorkspaceError
    return kind(
        f"{name} was not stored at {place}: {error.message}",
        hint=error.hint or "The file is as it was.",
        code=error.code,
    )
