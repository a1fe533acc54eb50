"""A folder of any fsspec filesystem as an opened folder.

What a version is, is what the store says: an ETag or a checksum where it has one, else size, times and number. It is
compared right before it is written; where the store itself can compare (S3: conditional writes), it does.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from copilot._redaction import one_line
from copilot.errors import EverpilotError, ServiceError, SettingsError
from copilot.workspace.mounts import Changes, Marks, Node

SCHEME = "storage:"
#: What tells a version for certain, by the names that the filesystems give it.
_STRONG = ("ETag", "etag", "e_tag", "generation", "VersionId", "version_id", "content_md5", "md5Hash", "md5Checksum")
#: What tells it as far as a store of plain files can.
_WEAK = ("ino", "mtime", "created", "LastModified", "last_modified", "updated", "modifiedTime", "timeModified")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modifiedTime", "modified", "created")
#: Stores of plain files: a file is written beside, then renamed. In the others it is there at once, or not at all.
_PLAIN = frozenset({"file", "local", "sftp", "ssh", "smb", "memory", "dbfs", "arrow_hdfs", "hdfs"})
#: Stores that compare themselves: the arguments of a write over a version, and of a new file.
_CONDITIONS: Mapping[str, tuple[str, str]] = {"s3": ("IfMatch", "IfNoneMatch"), "s3a": ("IfMatch", "IfNoneMatch")}
#: What such a refusal is called (Amazon S3, "Conditional writes").
_REFUSED = ("PreconditionFailed", "ConditionalRequestConflict", "pre-conditions you specified")
_ERRORS: tuple[tuple[type[BaseException], str, str], ...] = (
    (FileNotFoundError, "missing", "it is not there"),
    (FileExistsError, "conflict", "the name is taken"),
    (PermissionError, "denied", "it is not allowed"),
    (IsADirectoryError, "invalid", "it is a folder"),
    (NotImplementedError, "unsupported", "this store does not offer it"),
)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StorageMount:
    """A folder of a store. Ids are paths below it, so a file that is moved is another one."""

    def __init__(self, place: str, options: Mapping[str, Any], *, account: str = "", writes: bool = True) -> None:
        if "::" in place or "://" not in place:
            raise SettingsError(f"{SCHEME}{place} is no address of a store.", hint='It is like "storage:s3://bucket".')
        self._place, self._options = place.rstrip("/") if not place.endswith("://") else place, options
        self._name, self._writes = account, writes

    @property
    def name(self) -> str:
        """How a person writes the place."""
        return f"{SCHEME}{self._place}"

    @property
    def key(self) -> str:
        """What tells its cache from others'."""
        return f"{self.name} {self._name}"

    @property
    def account(self) -> str:
        """The name of the account; a store knows no people."""
        return self._name

    @property
    def writes(self) -> bool:
        """Whether files may be changed there."""
        return self._writes

    def root(self) -> str:
        """Return the id of the folder itself."""
        return ""

    # --- the filesystem -----------------------------------------------------------------------------------------------

    @cached_property
    def _opened(self) -> tuple[Any, str, str]:
        """Return the filesystem, the folder's path in it, and its protocol. Raises SettingsError."""
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise SettingsError(
                f"Stores of files need a library that is not installed ({error}).",
                hint='Run: pip install "everpilot[storage]"',
            ) from error
        protocol = self._place.partition("://")[0]
        try:
            found, path = url_to_fs(self._place, **{"use_listings_cache": False, **self._options})
        except ImportError as error:
            raise SettingsError(f"{self.name} needs another library. {one_line(str(error))}.") from error
        except ValueError as error:
            raise SettingsError(f"{self.name} can't be opened: {one_line(str(error))}.") from error
        return found, path.rstrip("/"), protocol

    @contextmanager
    def _asking(self, what: str) -> Iterator[tuple[Any, str]]:
        """Yield the filesystem and the folder; what it raises is a ServiceError."""
        found, folder, _ = self._opened
        try:
            yield found, folder
        except EverpilotError:
            raise
        except Exception as error:  # each filesystem brings the errors of its own libraries
            raise self._trouble(error, what) from error

    def _trouble(self, error: Exception, what: str) -> ServiceError:
        said = one_line(str(error) or type(error).__name__)
        if any(word in f"{said} {error.__cause__!r}" for word in _REFUSED):
            return ServiceError(f"{what} changed at {self.name}.", hint="Read it again.", code="conflict")
        if isinstance(error, OSError) and error.errno in _FULL:
            return ServiceError(f"There is no room for {what} at {self.name}.", hint="Free some space.", code="full")
        for kind, code, words in _ERRORS:
            if isinstance(error, kind):
                return ServiceError(f"{what} at {self.name}: {words} ({said}).", code=code)
        return ServiceError(
            f"{self.name} can't be reached for {what}: {said}.", hint="Try again later.", code="unreachable"
        )

    def _path(self, id: str) -> str:
        return f"{self._opened[1]}/{id}"

    # --- what there is ------------------------------------------------------------------------------------------------

    def changes(self, cursor: str) -> Changes:
        """Return all files below the folder: a store does not tell what changed."""
        with self._asking("the list of files") as (store, folder):
            store.invalidate_cache()
            found = store.find(folder, detail=True)
        nodes: dict[str, Node] = {}
        for path, info in found.items():
            id = path.removeprefix(folder).lstrip("/")
            if id and info.get("type") != "directory":
                nodes[id] = _node(id, info)
                _add_folders(nodes, id)
        return Changes(list(nodes.values()), (), "all", fresh=True)

    def look(self, id: str) -> Node | None:
        """Return a file as it is now, None if it is gone."""
        with self._asking(id) as (store, _):
            store.invalidate_cache()
            try:
                info = store.info(self._path(id))
            except FileNotFoundError:
                return None
        return _node(id, info) if info.get("type") != "directory" else None

    def find(self, parent: str, names: Sequence[str]) -> Node | None:
        """Return the file at a path below a folder, None if there is none."""
        return self.look("/".join(filter(None, [parent, *names])))

    def fetch(self, node: Node, target: Path, limit: int) -> Node:
        """Write the content to `target`; a file that changes meanwhile is fetched once more."""
        for _ in range(3):
            before = self.look(node.id)
            if before is None:
                raise ServiceError(f"{node.name} is not at {self.name} any more.", code="missing")
            if before.size > limit:
                raise ServiceError(f"{node.name} is larger than {limit} bytes.", code="full")
            with self._asking(node.name) as (store, _):
                store.get_file(self._path(node.id), str(target))
            after = self.look(node.id)
            if after == before and target.stat().st_size == before.size:
                return before
        raise ServiceError(f"{node.name} at {self.name} keeps changing.", hint="Try again later.", code="broken")

    def fingerprint(self, file: Path) -> str:
        """A store has no hash of its own that could be computed here."""
        return ""

    def marks(self, node: Node) -> Marks:
        """A store says nothing of a file beside its content."""
        return Marks()

    # --- what is changed ----------------------------------------------------------------------------------------------

    def store(self, source: Path, node: Node | None, parent: str, names: Sequence[str]) -> Node:
        """Store a file over a version, or as a new one."""
        id = node.id if node else "/".join(filter(None, [parent, *names]))
        self._same(id, node)
        with self._asking(id) as (store, _):
            if self._opened[2] in _PLAIN:
                self._by_name(store, source, id, node)
            else:
                store.put_file(str(source), self._path(id), **self._condition(node))
        stored = self.look(id)
        if stored is None:
            raise ServiceError(f"{id} is not at {self.name} after it was stored.", code="uncertain")
        return stored

    def _same(self, id: str, node: Node | None) -> None:
        """Raise ServiceError unless a file is that version now, or not there where a new one is wanted."""
        now = self.look(id)
        if node is None and now is not None:
            raise ServiceError(f"{id} exists already at {self.name}.", hint="Choose another name.", code="conflict")
        if node is not None and (now is None or now.tag != node.tag):
            code = "missing" if now is None else "conflict"
            raise ServiceError(f"{id} is not at {self.name} as it was read.", hint="Read it again.", code=code)

    def _by_name(self, store: Any, source: Path, id: str, node: Node | None) -> None:
        """Write beside, look once more, and rename."""
        path = self._path(id)
        folder = path.rpartition("/")[0]
        beside = f"{folder}/.everpilot-{secrets.token_hex(8)}.tmp"
        store.makedirs(folder, exist_ok=True)
        try:
            store.put_file(str(source), beside)
            self._same(id, node)
            store.mv(beside, path)
        except BaseException:
            with suppress(Exception):  # the error itself is what counts; what stays is hidden
                store.rm_file(beside)
            raise

    def _condition(self, node: Node | None) -> dict[str, str]:
        over, new = _CONDITIONS.get(self._opened[2], ("", ""))
        if not over:
            return {}
        return {over: node.tag} if node else {new: "*"}

    def remove(self, node: Node) -> None:
        """Remove a file that is still that version."""
        self._same(node.id, node)
        with self._asking(node.name) as (store, _):
            store.rm_file(self._path(node.id))


def _node(id: str, info: Mapping[str, Any]) -> Node:
    parent, _, name = id.rpartition("/")
    size = int(info.get("size") or 0)
    strong = next((str(info[key]) for key in _STRONG if info.get(key)), "")
    weak = " ".join(str(info[key]) for key in _WEAK if info.get(key) is not None)
    return Node(id, parent, name, tag=strong or f"{size} {weak}", size=size, modified=_time(info))


def _add_folders(nodes: dict[str, Node], id: str) -> None:
    folder = id.rpartition("/")[0]
    while folder and folder not in nodes:
        parent, _, name = folder.rpartition("/")
        nodes[folder] = Node(folder, parent, name, folder=True)
        folder = parent


def _time(info: Mapping[str, Any]) -> str:
    """Return when a file was changed, as ISO 8601 in UTC, "" if the store does not say."""
    found = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    if isinstance(found, int | float):
        found = datetime.fromtimestamp(found, UTC)
    return found.astimezone(UTC).isoformat(timespec="seconds") if isinstance(found, datetime) else str(found or "")
