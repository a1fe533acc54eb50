"""A folder in OneDrive or SharePoint as an opened folder.

From "Working with files in Microsoft Graph". The version of a file is its cTag, which changes with the content only: a
new permission or a description is no reason to refuse a change.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from copilot.documents.hunks import Hunk
from copilot.errors import ServiceError
from copilot.plugins.connections.files import FileVersion, LinkScope, LinkType, Permission
from copilot.workspace.mounts import Changes, Marks, Node, when_to_try

from . import open_workbook
from .connection import PATIENCE
from .drive_people import label_ids, permission, reader_set, who_changed
from .drive_places import SCHEME, Where, plain, resolve
from .graph import Call, GraphError, Json, Reply, at, file_path, quickxor
from .graph.client import SLOWEST

if TYPE_CHECKING:
    from .connection import Microsoft365

T = TypeVar("T")


class GraphMount:
    """A folder of a drive. What Graph is asked is asked on the connections' loop, with time for what is moved."""

    def __init__(self, connection: Microsoft365, place: str) -> None:
        self._connection, self._place = connection, plain(place)
        self._where: Where | None = None

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """How a person writes the place."""
        return f"{SCHEME}{self._place}"

    @property
    def key(self) -> str:
        """What tells its cache from others'."""
        return f"{self._connection.options.graph_url} {self._connection.account} {self.name}"

    @property
    def account(self) -> str:
        """The address of who changes files there."""
        return self._connection.who

    @property
    def writes(self) -> bool:
        """Whether files may be changed there."""
        return self._connection.settings.writes

    def root(self) -> str:
        """Return the id of the folder."""
        return self._at().id

    def _at(self) -> Where:
        if self._where is None:
            found = self._run(lambda: resolve(self._connection, self._place))
            if "folder" not in found.item and "root" not in found.item:
                raise ServiceError(f"{self.name} is a file.", hint="Open the folder that it is in.", code="missing")
            self._where = found
        return self._where

    def _run(self, work: Callable[[], Coroutine[Any, Any, T]], size: int = 0) -> T:
        return self._connection.run(work, PATIENCE + 2 * size / SLOWEST)

    def _item(self, id: str) -> str:
        return at("/drives/{}/items/{}", self._at().drive, id)

    # --- what there is ------------------------------------------------------------------------------------------------

    def changes(self, cursor: str) -> Changes:
        """Return what changed in the drive since `cursor`; a folder of a library has no delta of its own."""
        path = at("/drives/{}/root/delta", self._at().drive)
        found = self._run(lambda: self._connection.graph.delta(path, cursor, what=f"the files of {self.name}"), 1 << 24)
        gone = [str(each["id"]) for each in found.items if "deleted" in each]
        nodes = [node_of(each) for each in found.items if "deleted" not in each and "root" not in each]
        return Changes(nodes, gone, found.link, found.fresh)

    def look(self, id: str) -> Node | None:
        """Return a file as it is now, None if it is gone."""
        return self._there(self._item(id), f"a file of {self.name}")

    def find(self, parent: str, names: Sequence[str]) -> Node | None:
        """Return what lies at a path below a folder, None if nothing does."""
        path = "/".join(names)
        return self._there(f"{self._item(parent)}:/{file_path(path)}", f"{path} in {self.name}")

    def _there(self, path: str, what: str) -> Node | None:
        try:
            item = self._run(lambda: self._connection.graph.get(path, what=what))
        except GraphError as error:
            if error.status == 404:
                return None
            raise
        return node_of(item)

    def fetch(self, node: Node, target: Path, limit: int) -> Node:
        """Write the content to `target`: streamed, gone on with after a break, and checked by its hash."""
        graph, path = self._connection.graph, self._item(node.id)
        size = min(node.size, limit)
        got = self._run(lambda: graph.download(path, target, limit=limit, what=node.name), size)
        return node_of(got.item)

    def fingerprint(self, file: Path) -> str:
        """Return the QuickXorHash of a file."""
        return quickxor.of_file(file)

    def marks(self, node: Node) -> Marks:
        """Return the sensitivity labels and the readers.

        Where Graph has no labels of a file there are none; where it does not say who may read it, it is only who asks.
        Raises GraphError when it could not be asked: read all the same, it would pass as a file without a label.
        """
        path = self._item(node.id)
        calls = [Call("GET", f"{path}/permissions"), Call("POST", f"{path}/extractSensitivityLabels")]
        permissions, labels = self._run(lambda: self._connection.graph.batch(calls))
        for answer in (permissions, labels):
            if isinstance(answer, GraphError) and when_to_try(answer):
                raise answer
        readers = reader_set(_json(permissions), self.account) if isinstance(permissions, Reply) else frozenset()
        if isinstance(permissions, GraphError) and "@" in self.account:
            readers = frozenset({self.account.lower()})
        return Marks(label_ids(_json(labels)), readers)

    # --- what is changed ----------------------------------------------------------------------------------------------

    def store(self, source: Path, node: Node | None, parent: str, names: Sequence[str]) -> Node:
        """Store a file over a version, or as a new one. A library may want files checked out first: then that is done.

        Raises GraphError; "locked" says who has the file.
        """
        path = self._item(node.id) if node else f"{self._item(parent)}:/{file_path('/'.join(names))}:"
        what = node.name if node else "/".join(names)
        try:
            return self._upload(path, source, node, what)
        except GraphError as error:
            if error.code != "locked" or node is None:
                raise
            return self._checked_out(path, source, node, error)

    def _upload(self, path: str, source: Path, node: Node | None, what: str) -> Node:
        graph, tag = self._connection.graph, node.tag if node else ""
        size = source.stat().st_size
        return node_of(self._run(lambda: graph.upload(path, source, if_match=tag, what=what), size))

    def _checked_out(self, path: str, source: Path, node: Node, locked: GraphError) -> Node:
        """Store a file that can't be changed as it is, if it can be checked out for it."""
        try:
            self.check_out(node)
        except GraphError as error:
            raise self._held(path, node, error if error.code == "locked" else locked) from None
        try:
            self._upload(path, source, node, node.name)
            self.check_in(node, "Changed by Everpilot")
        except ServiceError:
            with suppress(ServiceError):
                self.discard(node)
            raise
        stored = self.look(node.id)
        if stored is None:
            raise GraphError(f"{node.name} is gone.", code="missing")
        return stored

    def _held(self, path: str, node: Node, error: GraphError) -> GraphError:
        """Return the error of a locked file with who has it: whom Graph names, or who checked it out."""
        who = error.holder
        if not who:
            with suppress(GraphError):
                item = self._run(lambda: self._connection.graph.get(path, what=node.name))
                who = who_changed((item.get("publication") or {}).get("checkedOutBy"))
        made = GraphError(
            f"{who or 'Somebody'} has {node.name} open or checked out; nothing was written.",
            hint="Try again when they are done.",
            code="locked",
        )
        return made.about(error.status, error.reasons, error.request_id)

    def remove(self, node: Node) -> None:
        """Remove a file that is still that version; it lies in the recycle bin then."""
        graph, path = self._connection.graph, self._item(node.id)
        self._run(lambda: graph.delete(path, if_match=node.tag, what=node.name))

    def write_open(self, node: Node, before: bytes, after: bytes, hunks: Sequence[Hunk]) -> Node | None:
        """Write the cells of a change into an open workbook; None for what is no change of cells alone."""
        cells = open_workbook.cells_of(node.name, before, after, hunks)
        if cells is None:
            return None
        graph, path = self._connection.graph, self._item(node.id)
        self._run(lambda: open_workbook.write(graph, path, node.name, cells))
        return self.look(node.id)

    # --- versions, check-out, sharing ---------------------------------------------------------------------------------

    def versions(self, node: Node) -> list[FileVersion]:
        """Return the versions of a file, the present one first."""
        path = f"{self._item(node.id)}/versions"
        found = self._run(lambda: self._connection.graph.items(path, limit=500, top=0, what=f"versions of {node.name}"))
        return [
            FileVersion(
                str(each["id"]),
                str(each.get("lastModifiedDateTime") or ""),
                who_changed(each.get("lastModifiedBy")),
                int(each.get("size") or 0),
                number == 0,
            )
            for number, each in enumerate(found.items)
        ]

    def version_content(self, node: Node, version: str, limit: int) -> bytes:
        """Return the content of a version."""
        graph, path = self._connection.graph, self._item(node.id) + at("/versions/{}/content", version)
        what = f"version {version} of {node.name}"
        return self._run(lambda: graph.content(path, limit=limit, what=what), limit)

    def check_out(self, node: Node) -> None:
        """Check a file out."""
        self._post(node, "checkout", {}, f"{node.name} to check it out")

    def check_in(self, node: Node, comment: str) -> None:
        """Check a file in."""
        self._post(node, "checkin", {"comment": comment}, f"{node.name} to check it in")

    def discard(self, node: Node) -> None:
        """Give a check-out up."""
        self._post(node, "discardCheckout", {}, f"the check-out of {node.name}")

    def permissions(self, node: Node) -> list[Permission]:
        """Return who may do what with a file."""
        path = f"{self._item(node.id)}/permissions"
        found = self._run(lambda: self._connection.graph.items(path, limit=200, top=0, what=f"who may see {node.name}"))
        return [permission(each) for each in found.items]

    def share(self, node: Node, kind: LinkType, scope: LinkScope, expires: str = "") -> str:
        """Make a sharing link, and return its address. Graph gives the one that there is, so it may be sent twice."""
        body = {"type": kind, "scope": scope, **({"expirationDateTime": expires} if expires else {})}
        made = self._post(node, "createLink", body, f"a link to {node.name}", idempotent=True)
        return str((made.get("link") or {}).get("webUrl") or "")

    def invite(self, node: Node, people: Sequence[str], kind: LinkType, message: str) -> tuple[str, ...]:
        """Share a file with people, who get a mail with the message."""
        body = {
            "recipients": [{"email": each} for each in people],
            "roles": ["write" if kind == "edit" else "read"],
            "requireSignIn": True,
            "sendInvitation": True,
            "message": message,
        }
        made = self._post(node, "invite", body, f"{node.name} to share it")
        given = [permission(each) for each in made.get("value", ())]
        return tuple(who for each in given for who in each.who) or tuple(people)

    def _post(self, node: Node, do: str, body: Json, what: str, *, idempotent: bool | None = None) -> Json:
        graph, path = self._connection.graph, f"{self._item(node.id)}/{do}"
        return self._run(lambda: graph.post(path, body, what=what, idempotent=idempotent))


def node_of(item: Json) -> Node:
    """Return an item as a node."""
    file = item.get("file") or {}
    return Node(
        str(item["id"]),
        str((item.get("parentReference") or {}).get("id") or ""),
        str(item.get("name") or ""),
        "folder" in item,
        str(item.get("cTag") or item.get("eTag") or ""),
        int(item.get("size") or 0),
        str(item.get("lastModifiedDateTime") or ""),
        who_changed(item.get("lastModifiedBy")),
        str((file.get("hashes") or {}).get("quickXorHash") or ""),
    )


def _json(reply: Reply | GraphError) -> Json:
    """Return what a call of a batch answered, {} where it was refused: not every drive tells everything."""
    return reply.json if isinstance(reply, Reply) else {}


__all__ = ["GraphMount", "node_of"]
