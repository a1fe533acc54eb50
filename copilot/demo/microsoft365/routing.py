"""Which function answers which path, and which scope it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from copilot.demo.microsoft365.call import Body, Call

Handler = Callable[[Call], Body]
_PARAMETER = "{"


@dataclass(frozen=True)
class Route:
    """A method and a path with parameters, the function, the least scopes, and whether it is open to all."""

    method: str
    segments: tuple[str, ...]
    handler: Handler
    needs: str | None
    open: bool = False

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """Return the parameters when the path is this route's."""
        params: dict[str, str] = {}
        for mine, given in zip(self.segments, segments, strict=True):
            if mine.startswith(_PARAMETER):
                params[mine[1:-1]] = given
            elif mine.casefold() != given.casefold():
                return None
        return params


class Routes:
    """The routes of one part, in the order in which its functions stand."""

    def __init__(self) -> None:
        self.listed: list[Route] = []

    def on(
        self, method: str, path: str, *, needs: str | None = None, open: bool = False
    ) -> Callable[[Handler], Handler]:
        """Return a decorator that makes a function answer a path; it can stand more than once above one."""

        def added(handler: Handler) -> Handler:
            self.listed.append(Route(method, tuple(path.strip("/").split("/")), handler, needs, open))
            return handler

        return added

    def get(self, path: str, *, needs: str | None = None, open: bool = False) -> Callable[[Handler], Handler]:
        """Answer GET."""
        return self.on("GET", path, needs=needs, open=open)

    def post(self, path: str, *, needs: str | None = None, open: bool = False) -> Callable[[Handler], Handler]:
        """Answer POST."""
        return self.on("POST", path, needs=needs, open=open)

    def put(self, path: str, *, needs: str | None = None, open: bool = False) -> Callable[[Handler], Handler]:
        """Answer PUT."""
        return self.on("PUT", path, needs=needs, open=open)

    def patch(self, path: str, *, needs: str | None = None) -> Callable[[Handler], Handler]:
        """Answer PATCH."""
        return self.on("PATCH", path, needs=needs)

    def delete(self, path: str, *, needs: str | None = None, open: bool = False) -> Callable[[Handler], Handler]:
        """Answer DELETE."""
        return self.on("DELETE", path, needs=needs, open=open)


@dataclass(frozen=True)
class Found:
    """A route for a path, with the path's parameters."""

    route: Route
    params: Mapping[str, str]


class Table:
    """All routes, by how many segments they have; a literal segment goes before a parameter."""

    def __init__(self, routes: Iterable[Routes]) -> None:
        self._by_length: dict[int, list[Route]] = {}
        for each in routes:
            for route in each.listed:
                self._by_length.setdefault(len(route.segments), []).append(route)
        for listed in self._by_length.values():
            listed.sort(key=lambda route: [segment.startswith(_PARAMETER) for segment in route.segments])

    def find(self, method: str, segments: tuple[str, ...]) -> Found | None:
        """Return the route of a request, None when no path fits; the route of another method has that method."""
        other = None
        for route in self._by_length.get(len(segments), ()):
            params = route.match(segments)
            if params is None:
                continue
            if route.method == method:
                return Found(route, params)
            other = other or Found(route, params)
        return other
