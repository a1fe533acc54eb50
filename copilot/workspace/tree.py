"""The files of a place elsewhere by their paths here, from nodes that know their parents only."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from copilot.workspace import localnames
from copilot.workspace.mounts import Node


class Tree:
    """What lies below the folder `root`. Paths are relative, with "/", in the names of this disk."""

    def __init__(self, nodes: Iterable[tuple[Node, bool]], root: str) -> None:
        self.root = root
        self.nodes: dict[str, Node] = {}
        self.gone: dict[str, Node] = {}
        for node, gone in nodes:
            (self.gone if gone else self.nodes)[node.id] = node
        self.paths: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self._folded: dict[str, str] = {}
        self._spread()

    def _spread(self) -> None:
        children: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes.values():
            children[node.parent].append(node)
        folders = deque([(self.root, "", "")])
        while folders:
            id, path, there = folders.popleft()
            taken: set[str] = set()
            for child in sorted(children.pop(id, ()), key=lambda node: node.name):
                name = localnames.local(child.name)
                if localnames.folded(name) in taken:
                    name = localnames.apart(name, child.id)
                taken.add(localnames.folded(name))
                self._enter(child, path + name, there + child.name)
                if child.folder:
                    folders.append((child.id, f"{path}{name}/", f"{there}{child.name}/"))

    def _enter(self, node: Node, path: str, there: str) -> None:
        self.paths[node.id], self.ids[path] = path, node.id
        self._folded.setdefault(localnames.folded(path), path)
        self._folded.setdefault(localnames.folded(there), path)  # as the place spells it

    def find(self, path: str) -> str:
        """Return the path of what is meant: as it is spelled, else without regard to case; "" if there is nothing."""
        return path if path in self.ids else self._folded.get(localnames.folded(path), "")

    def at(self, path: str) -> Node | None:
        """Return what lies at a path."""
        return self.nodes.get(self.ids.get(path, ""))

    def files(self) -> list[str]:
        """Return the paths of all files."""
        return [path for path, id in self.ids.items() if not self.nodes[id].folder]

    def above(self, path: str) -> tuple[str, tuple[str, ...]]:
        """Return the id of the deepest folder of a path that there is, and the names there of what is below it."""
        parts = path.split("/")
        for depth in range(len(parts) - 1, 0, -1):
            node = self.at(self.find("/".join(parts[:depth])))
            if node is not None and node.folder:
                return node.id, tuple(map(localnames.remote, parts[depth:]))
        return self.root, tuple(map(localnames.remote, parts))
