"""Drives, their items and versions: the rules, apart from the protocol. Parts and sample data work through `Drive`.

Source: Microsoft Graph, "Working with files", "driveItem resource type".
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from urllib.parse import quote

from copilot.demo.microsoft365.quickxor import quick_xor_hash
from copilot.demo.microsoft365.refusals import bad_request, conflict, locked, no_room, not_found
from copilot.demo.microsoft365.state import Collection, Resource, State

#: What a name may not have, and be. Source: "Restrictions and limitations in OneDrive and SharePoint".
_BAD = re.compile(r'["*:<>?/\\|]|^\s|\s$|^~\$|\.$|^$')
_TAKEN = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d|\.lock|desktop\.ini|_vti_.*)\Z")
_OFFICE = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


#: How many versions a file keeps; the oldest go ("versioning limits" of a library).
MOST_VERSIONS = 500


class Drive:
    """One drive. `by` in its methods is the identity of who does it (`identity`)."""

    def __init__(self, state: State, resource: Resource) -> None:
        self.state, self.resource = state, resource

    @classmethod
    def of(cls, state: State, id: str) -> Drive:
        """Return the drive of an id. Raises the 404."""
        found = state.collection("drives").get(id)
        if found is None:
            raise not_found("The drive could not be found.")
        return cls(state, found)

    @classmethod
    def new(cls, state: State, name: str, kind: str, owner: tuple[str, str], url: str, about: Resource) -> Drive:
        """Return a new, empty drive: `kind` business or documentLibrary, `owner` ("users" | "sites", id)."""
        resource = state.collection("drives").add(
            {
                "createdDateTime": state.stamp(),
                "description": "",
                "driveType": kind,
                "lastModifiedDateTime": state.stamp(),
                "name": name,
                "webUrl": url,
                "_owner": list(owner),
                "_total": 5 * 2**40,
                "_used": 0,
                **about,
            },
            "b!",
        )
        drive = cls(state, resource)
        root = drive._add({"name": "root", "root": {}, "folder": {}, "_parent": None}, about["createdBy"])
        state.collection("drives").change(resource["id"], {"_root": root["id"]})
        return drive

    # --- what there is ----------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The drive's id."""
        return str(self.resource["id"])

    @property
    def items(self) -> Collection:
        """All items, the root among them."""
        return self.state.collection("items", self.id)

    @property
    def root(self) -> Resource:
        """The root folder."""
        return self.item(self.resource["_root"])

    @property
    def used(self) -> int:
        """The bytes of all files and their versions."""
        return int(self.resource["_used"])

    def item(self, id: str) -> Resource:
        """Return the item of an id. Raises the 404."""
        found = self.items.get(id)
        if found is None:
            raise not_found("The resource could not be found.")
        return found

    def children(self, parent: str) -> list[Resource]:
        """Return what is in a folder, by name."""
        found = [item for item in self.items if item["_parent"] == parent]
        return sorted(found, key=lambda item: str(item["name"]).casefold())

    def child(self, parent: str, name: str) -> Resource | None:
        """Return the item of a name in a folder; case does not count."""
        wanted = name.casefold()
        for item in self.items:
            if item["_parent"] == parent and item["name"].casefold() == wanted:
                return item
        return None

    def find(self, name: str) -> Resource:
        """Return the item that "root", an id, "root:/a/b" or "<id>:/a/b" names. Raises the 404."""
        folder, missing = self.place(name)
        if missing:
            raise not_found("The resource could not be found.")
        return folder

    def place(self, name: str) -> tuple[Resource, list[str]]:
        """Return the deepest item of a path that there is, and the names below it that there are not."""
        start, _, path = name.partition(":")
        at = self.root if start == "root" else self.item(start)
        names = [part for part in path.split("/") if part]
        for number, part in enumerate(names):
            found = self.child(at["id"], part)
            if found is None:
                return at, names[number:]
            at = found
        return at, []

    def above(self, item: Resource) -> Iterator[Resource]:
        """Yield an item and the folders it is in, up to the root."""
        at: Resource | None = item
        while at is not None:
            yield at
            at = self.items.get(at["_parent"]) if at["_parent"] else None

    def path(self, item: Resource) -> str:
        """Return the path below the root: "" or "/Budgets/Q3.xlsx"."""
        names = [each["name"] for each in self.above(item) if "root" not in each]
        return "".join(f"/{name}" for name in reversed(names))

    def below(self, item: Resource) -> Iterator[Resource]:
        """Yield all that is in a folder, at any depth."""
        for child in self.children(item["id"]):
            yield child
            yield from self.below(child)

    # --- what is done ---------------------------------------------------------------------------------------------

    def add_folder(self, parent: Resource, name: str, by: Resource, clash: str = "fail") -> Resource:
        """Return a new folder. Raises the 409 for a taken name, the 400 for one that can't be."""
        there = self._free(parent, name, clash, replace_file=False)
        if isinstance(there, dict):
            return there
        return self._add({"name": there, "folder": {}, "_parent": parent["id"]}, by)

    def add_folders(self, parent: Resource, names: list[str], by: Resource) -> Resource:
        """Return the folder at a path below another; what is missing is made."""
        for name in names:
            parent = self.child(parent["id"], name) or self.add_folder(parent, name, by)
        return parent

    def store(self, parent: Resource, name: str, data: bytes, by: Resource, clash: str = "replace") -> Resource:
        """Return the file of a name after its content was stored: a new one, or a new version of what is there.

        `clash`: "fail" raises the 409, "replace" adds a version, "rename" takes another name.
        """
        there = self._free(parent, name, clash, replace_file=True)
        if isinstance(there, dict):
            return self.write(there, data, by)
        self.room_for(len(data))
        self._use(len(data))
        new = {"name": there, "_parent": parent["id"], "_versions": [], **self._content(there, data)}
        return self._add(new, by)

    def write(self, item: Resource, data: bytes, by: Resource, *, same_version: bool = False) -> Resource:
        """Return the file with new content; what it was becomes a version. Raises the 423 and the 507."""
        if "file" not in item:
            raise bad_request("The item is not a file.")
        self.unlocked(item, by)
        self.room_for(len(data))
        return self.put(item, data, by, same_version=same_version)

    def put(self, item: Resource, data: bytes, by: Resource, *, same_version: bool = False) -> Resource:
        """Return the file with new content, whoever has it open; `same_version` keeps no version of what it was."""
        old = {k: item[k] for k in ("lastModifiedBy", "lastModifiedDateTime", "size", "_blob")}
        versions = [*item["_versions"], {"id": self.version(item), **old}]
        kept = item["_versions"] if same_version else versions[-MOST_VERSIONS:]
        lost = old["size"] if same_version else sum(v["size"] for v in versions[:-MOST_VERSIONS])
        self._use(len(data) - lost)
        return self._changed(item, {**self._content(item["name"], data), "_versions": kept}, by, content=True)

    def version(self, item: Resource) -> str:
        """Return the id of a file's current version: "3.0"."""
        last = item["_versions"][-1]["id"] if item["_versions"] else "0.0"
        return f"{int(last.partition('.')[0]) + 1}.0"

    def change(self, item: Resource, fields: Resource, by: Resource) -> Resource:
        """Return the item with other fields (and a new eTag)."""
        return self._changed(item, fields, by, content=False)

    def move(self, item: Resource, parent: Resource, name: str, by: Resource, clash: str = "fail") -> Resource:
        """Return the item after it was moved and renamed. Raises the 400 for a folder into itself, the 409, the 423."""
        if "root" in item or any(each["id"] == item["id"] for each in self.above(parent)):
            raise bad_request("The item can't be moved there.")
        self.unlocked(item, by)
        there = self._free(parent, name, clash, replace_file=False, mine=item["id"])
        if isinstance(there, dict):
            raise conflict()
        return self._changed(item, {"name": there, "_parent": parent["id"]}, by, content=False)

    def remove(self, item: Resource, by: Resource) -> None:
        """Delete an item, with all that is in it. Raises the 400 for the root, the 423 when one is locked."""
        if "root" in item:
            raise bad_request("The root can't be deleted.", "invalidRequest")
        gone = [item, *self.below(item)]
        for each in gone:
            self.unlocked(each, by)
        for each in gone:
            self.items.remove(each["id"])
            self._use(-sum(v.get("size", 0) for v in (*each.get("_versions", ()), each)))

    def copy(self, item: Resource, into: Drive, parent: Resource, name: str, by: Resource, clash: str) -> Resource:
        """Return a copy of an item in a folder, of this drive or another; versions and permissions stay behind."""
        if "file" in item:
            return into.store(parent, name, self.state.blobs.get(item["_blob"]), by, clash)
        made = into.add_folder(parent, name, by, clash)
        for child in self.children(item["id"]):
            self.copy(child, into, made, child["name"], by, clash)
        return made

    def unlocked(self, item: Resource, by: Resource) -> None:
        """Raise the 423 when somebody else has the file open or checked out, or it must be checked out first."""
        self.not_checked_out(item, by)
        if opened := item.get("_open"):
            raise locked(f'The file "{item["name"]}" is locked for shared use by {opened["_email"]} [membership].')
        if self.resource.get("_checkout_required") and "file" in item and not item.get("_checkout"):
            raise locked(f'The file "{item["name"]}" is not checked out. You must first check out this document.')

    def not_checked_out(self, item: Resource, by: Resource) -> None:
        """Raise the 423 when somebody else has the file checked out."""
        holder = item.get("_checkout")
        if holder and holder["id"] != by.get("user", {}).get("id"):
            raise locked(f'The file "{item["name"]}" is checked out for editing by {holder["_email"]}.')

    def room_for(self, size: int) -> None:
        """Raise the 507 when so many bytes don't fit any more."""
        if self.used + size > self.resource["_total"]:
            raise no_room()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _use(self, more: int) -> None:
        self.resource["_used"] += more

    def _add(self, fields: Resource, by: Resource) -> Resource:
        now, tag = self.state.stamp(), self.state.new_id().upper()
        about = {
            "createdDateTime": now,
            "lastModifiedDateTime": now,
            "createdBy": by,
            "lastModifiedBy": by,
            "fileSystemInfo": {"createdDateTime": now, "lastModifiedDateTime": now},
            "_tag": tag,
            "_changes": 1,
            "_writes": 1,
            "_permissions": [],
        }
        return self.items.add({**about, **fields}, "01")

    def _changed(self, item: Resource, fields: Resource, by: Resource, *, content: bool) -> Resource:
        now = self.state.stamp()
        system = {**item["fileSystemInfo"], "lastModifiedDateTime": now} if content else item["fileSystemInfo"]
        counted = {"_changes": item["_changes"] + 1, "_writes": item["_writes"] + content}
        about = {"lastModifiedDateTime": now, "lastModifiedBy": by, "fileSystemInfo": system}
        return self.items.change(item["id"], {**about, **counted, **fields})

    def _content(self, name: str, data: bytes) -> Resource:
        suffix = name[name.rfind(".") :].lower() if "." in name else ""
        kind = _OFFICE.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = {"mimeType": kind, "hashes": {"quickXorHash": quick_xor_hash(data)}}
        return {"file": file, "size": len(data), "_blob": self.state.blobs.put(data)}

    def _free(self, parent: Resource, name: str, clash: str, *, replace_file: bool, mine: str = "") -> str | Resource:
        """Return a free name in a folder, or the item to replace."""
        if _BAD.search(name) or _TAKEN.match(name):
            raise bad_request("The provided name cannot contain the characters or be the name that it is.")
        if "folder" not in parent:
            raise bad_request("The parent is not a folder.")
        there = self.child(parent["id"], name)
        if there is None or there["id"] == mine:
            return name
        if clash == "rename":
            return self._other_name(parent, name)
        if clash == "replace" and ("file" in there) == replace_file:
            return there
        if clash not in ("fail", "replace"):
            raise bad_request("The conflictBehavior is not one of fail, replace, rename.")
        raise conflict()

    def _other_name(self, parent: Resource, name: str) -> str:
        stem, dot, suffix = name.rpartition(".")
        stem, end = (stem, f".{suffix}") if dot and stem else (name, "")
        number = 1
        while self.child(parent["id"], f"{stem} {number}{end}"):
            number += 1
        return f"{stem} {number}{end}"


def identity(user: Resource | None) -> Resource:
    """Return who did something, as files name them; an application for None."""
    if user is None:
        return {"application": {"id": "demo", "displayName": "Demo application"}}
    return {"user": {"id": user["id"], "displayName": user["displayName"], "_email": user["mail"]}}


def etag(item: Resource) -> str:
    """Return the eTag, which changes with every change of the item."""
    return f'"{{{item["_tag"]}}},{item["_changes"]}"'


def ctag(item: Resource) -> str:
    """Return the cTag, which changes with the content."""
    return f'"c:{{{item["_tag"]}}},{item["_writes"]}"'


def url(drive: Drive, item: Resource) -> str:
    """Return the address of an item for a browser."""
    return str(drive.resource["webUrl"]) + quote(drive.path(item))
