"""How the server was started: what it offers, to whom, and who approves."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.trust.labels import Confidentiality

#: Characters of all tools' definitions beyond which a client is given an index to search instead.
LEAN_OVER = 60_000


@dataclass(frozen=True)
class Options:
    """What is served.

    `skills` are names (empty: all but other MCP servers' tools) and `tools` patterns ("word.*"; empty: all). `lean`
    lists only the tools that find and call the others (None: when their definitions are long). `level` is the most
    confidential data that the client may be given. `roots`: what is served is what the client has open, rather than
    one folder. `interval` is seconds between two looks at what has changed on the disk.
    """

    skills: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    lean: bool | None = None
    level: Confidentiality = Confidentiality.INTERNAL
    roots: bool = False
    interval: float = 2.0
    name: str = "everpilot"
