"""Orders that wait for a person at a terminal, because the client can't ask anybody.

Each is a file of the state folder (0600; sealed where `[records] encrypt` is on): nobody who can only call tools can
answer one. What is kept is the order, not the change: it is made again when it is looked at, so what the person sees is
what would be written then.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from copilot._sealing import Sealer, is_sealed
from copilot.errors import ApprovalError
from copilot.hosts.mcp_server.orders import Order
from copilot.trust.approvals import LIFETIME
from copilot.trust.labels import Confidentiality
from copilot.workspace.save import make_private

FOLDER = "mcp"
_ID = re.compile(r"[0-9a-f]{10}\Z")
State = Literal["waiting", "done", "failed", "rejected"]


@dataclass(frozen=True)
class Waiting:
    """An order, the folders that it is about, and how it stands: `text` is what became of it.

    `base` is the folder that the server was started for, whose settings hold.
    """

    order: Order
    base: str
    folders: tuple[str, ...]
    level: Confidentiality
    summary: str
    state: State = "waiting"
    text: str = ""

    @property
    def expired(self) -> bool:
        """Whether it can't be answered any more."""
        return datetime.now(UTC) >= self.order.moment + LIFETIME

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "order": self.order.to_dict(),
            "base": self.base,
            "folders": list(self.folders),
            "level": self.level.name.lower(),
            "summary": self.summary,
            "state": self.state,
            "text": self.text,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Waiting:
        """Return what `to_dict` wrote; raises KeyError, TypeError or ValueError for anything else."""
        order, folders = Order.from_dict(data["order"]), tuple(str(each) for each in data["folders"])
        level = Confidentiality.parse(data["level"])
        return cls(order, str(data["base"]), folders, level, str(data["summary"]), data["state"], str(data["text"]))


class WaitingRoom:
    """The waiting orders of a state folder."""

    def __init__(self, state: Path, *, encrypt: bool = False) -> None:
        self._folder = state / FOLDER
        self._sealer = Sealer(self._folder / "key.json", "The list of what waits for an approval")
        self._encrypt = encrypt

    def put(self, waiting: Waiting) -> None:
        """Keep it, in the place of what was kept of the same order; old ones are forgotten."""
        make_private(self._folder)
        self._forget_old()
        content = json.dumps(waiting.to_dict(), ensure_ascii=False).encode()
        about = waiting.order.id.encode()
        beside = self._folder / f".{secrets.token_hex(4)}.tmp"
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self._sealer.seal(content, about) if self._encrypt else content)
        beside.replace(self._path(waiting.order.id))

    def get(self, id: str) -> Waiting:
        """Return the order of this id; raises ApprovalError when there is none, or its file is damaged."""
        if not _ID.match(id):
            raise _unknown(id)
        path = self._path(id)
        try:
            content = path.read_bytes()
            opened = self._sealer.open(content, id.encode()) if is_sealed(content) else content
            return Waiting.from_dict(json.loads(opened))
        except FileNotFoundError:
            raise _unknown(id) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            hint = "Let it be asked for again."
            raise ApprovalError(f"{path} can't be read ({error}).", hint=hint, code="damaged") from error

    def settle(self, waiting: Waiting, state: State, text: str) -> None:
        """Keep what became of it."""
        self.put(replace(waiting, state=state, text=text))

    def all(self) -> list[Waiting]:
        """Return what waits and can be answered, oldest first."""
        found = [each for each in self._readable() if each.state == "waiting" and not each.expired]
        return sorted(found, key=lambda each: each.order.moment)

    def _readable(self) -> Iterator[Waiting]:
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else ():
            try:
                yield self.get(path.stem)
            except ApprovalError:
                continue  # whoever asks for it by its id is told why

    def _forget_old(self) -> None:
        oldest = (datetime.now(UTC) - 2 * LIFETIME).timestamp()
        for path in self._folder.glob("*.json"):
            if _ID.match(path.stem) and path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def _path(self, id: str) -> Path:
        return self._folder / f"{id}.json"


def _unknown(id: str) -> ApprovalError:
    hint = "List what waits with: everpilot mcp approve"
    return ApprovalError(f"Nothing waits for an approval with the id {id!r}.", hint=hint, code="unknown")
