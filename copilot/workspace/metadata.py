"""What a file is besides its content: mode, owner, group, extended attributes (POSIX ACLs are among them)."""

from __future__ import annotations

import base64
import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

#: What keeping an attribute may fail with: it is the system's to set (security.*, trusted.*), or unknown to this disk.
_NOT_OURS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


@dataclass(frozen=True)
class Metadata:
    """Mode bits, numeric owner and group (None: what new files get), attributes by name."""

    mode: int
    owner: int | None = None
    group: int | None = None
    attributes: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path) -> Metadata:
        """Return what `path` has; raises OSError."""
        status = path.stat()
        return cls(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, _attributes(path))

    def apply(self, path: Path) -> None:
        """Give it all to `path`, as far as the system lets us: no more rights than before, never fewer attributes.

        The owner first, for a change of owner takes bits and capabilities away; the mode last. Raises OSError, for
        instance when there is no room for an attribute.
        """
        kept = self._chown(path)
        self._set_attributes(path)
        os.chmod(path, self.mode if kept else _narrow(self.mode))

    def _chown(self, path: Path) -> bool:
        """Return whether the file has the right group now: group bits were meant for that one alone."""
        if self.owner is None or self.group is None or not hasattr(os, "chown"):
            return True
        now = path.stat()
        if (now.st_uid, now.st_gid) == (self.owner, self.group):
            return True
        for owner in (self.owner, -1):  # not ours to give away, perhaps; the group alone may still be
            try:
                os.chown(path, owner, self.group)
                return True
            except PermissionError:
                continue
        return now.st_gid == self.group

    def _set_attributes(self, path: Path) -> None:
        present = _attributes(path)
        for name in present.keys() - self.attributes.keys():  # an ACL that the folder gives to new files
            _tolerate(partial(os.removexattr, path, name))
        for name, value in self.attributes.items():
            if present.get(name) != value:
                _tolerate(partial(os.setxattr, path, name, value))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types; attributes are base64."""
        attributes = {name: base64.b64encode(value).decode() for name, value in self.attributes.items()}
        return {"mode": self.mode, "owner": self.owner, "group": self.group, "attributes": attributes}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Metadata:
        """Return what `to_dict` gave."""
        attributes = {name: base64.b64decode(value) for name, value in kept["attributes"].items()}
        return cls(kept["mode"], kept["owner"], kept["group"], attributes)


#: Of everything that only we may read.
PRIVATE = Metadata(0o600)


def strip(path: Path) -> None:
    """Make a file of ours that was somebody's document private: 0600 and without attributes."""
    for name in _attributes(path):
        _tolerate(partial(os.removexattr, path, name))
    os.chmod(path, 0o600)


def _narrow(mode: int) -> int:
    """Return the mode with no more rights for the group, which is another one now, than everybody has."""
    return mode & ~0o6070 | (mode & 0o070 & ((mode & 0o007) << 3))


def _attributes(path: Path) -> dict[str, bytes]:
    if not hasattr(os, "listxattr"):  # macOS and Windows: not in the standard library
        return {}
    try:
        names: Iterable[str] = os.listxattr(path)
    except OSError as error:
        if error.errno in _NOT_OURS:
            return {}  # a file system without attributes
        raise
    found = {}
    for name in names:
        try:
            found[name] = os.getxattr(path, name)
        except OSError as error:
            if error.errno not in {*_NOT_OURS, errno.ENODATA}:
                raise
    return found


def _tolerate(step: Callable[[], None]) -> None:
    try:
        step()
    except OSError as error:
        if error.errno not in _NOT_OURS and error.errno != errno.ENODATA:
            raise
