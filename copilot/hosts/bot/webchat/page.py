"""The page itself: Web Chat in a page of ours, the small sign-in, and the files that both need."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources
from string import Template

from aiohttp import web

from copilot.hosts.bot.webchat.access import COOKIE, Access, NotLetIn, scheme_of
from copilot.hosts.bot.webchat.files import MOST

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")
_LONGEST_KEY = 1_000
#: The values of `style` that Web Chat sets, as policies name them; nothing else of that kind is let through. It sets an
#: empty one, and those of the columns of a table in Markdown.
_STYLES = ("", "text-align:left", "text-align:center", "text-align:right")
_YEAR = "public, max-age=31536000, immutable"
_HTML = "text/html"
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with "no-referrer" a browser says "Origin: null" when the form is sent
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True)
class Asset:
    """A file of the page: `body` is gzip-compressed. `path` has its hash in it, so that browsers keep it for good."""

    name: str
    type: str
    body: bytes

    @property
    def path(self) -> str:
        """Return where the page gets it."""
        return f"/webchat/{hashlib.sha256(self.body).hexdigest()[:16]}/{self.name}"


@functools.cache
def assets() -> dict[str, Asset]:
    """Return the files of the page by name."""
    root = resources.files(__package__)
    bundle = (root / "bundle" / "webchat.js.gz").read_bytes()
    found = [Asset("webchat.js", "text/javascript", bundle)]
    for name, type in (("chat.js", "text/javascript"), ("chat.css", "text/css")):
        body = gzip.compress((root / "static" / name).read_bytes(), mtime=0)
        found.append(Asset(name, type, body))
    return {asset.name: asset for asset in found}


@functools.cache
def _template(name: str) -> Template:
    return Template((resources.files(__package__) / "static" / name).read_text("utf-8"))


class Page:
    """GET /, the sign-in, and the page's files."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an application of aiohttp."""
        return [
            web.get("/", self._guarded(self._open)),
            web.post("/signin", self._guarded(self._sign_in)),
            web.post("/signout", self._guarded(self._sign_out)),
            web.get("/webchat/{digest}/{name}", self._asset),
        ]

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._access.check(request)
                return await handler(request)
            except NotLetIn as refusal:
                return web.Response(text=f"{refusal}\n", status=refusal.status, headers=_SECURITY)

        return answer

    async def _open(self, request: web.Request) -> web.StreamResponse:
        session = self._access.session(request)
        if session is None and self._access.key:
            return self._form(request)
        response = self._chat(request)
        self._access.begin(request, response, session.person if session else "")
        return response

    def _chat(self, request: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        paths = {name.replace(".", "_"): asset.path for name, asset in assets().items()}
        more = {"nonce": nonce, "largest": str(MOST), "hidden": "" if self._access.key else " hidden"}
        return _page(request, _template("chat.html").substitute(paths, **more), nonce)

    def _form(self, request: web.Request, fault: str = "", status: int = 200) -> web.Response:
        invalid = ' aria-invalid="true" aria-describedby="fault"' if fault else ""
        css = assets()["chat.css"].path
        text = _template("signin.html").substitute(chat_css=css, fault=fault, invalid=invalid)
        return _page(request, text, "", status)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        given = (await request.post()).get("key", "")
        key = given if isinstance(given, str) else ""
        try:
            opens = self._access.opens(request, key[:_LONGEST_KEY])
        except NotLetIn as refusal:
            return self._form(request, str(refusal), refusal.status)
        if not opens:
            return self._form(request, "That is not the key.", 403)
        response = web.Response(status=303, headers={"Location": "/", **_SECURITY})
        self._access.begin(request, response)
        self._access.know(request, response)
        return response

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        response = web.Response(status=303, headers={"Location": "/", **_SECURITY})
        response.del_cookie(COOKIE, httponly=True, samesite="Strict", secure=scheme_of(request) == "https")
        return response

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        asset = assets().get(request.match_info["name"])
        if asset is None or asset.path != request.path:
            raise web.HTTPNotFound
        zipped = "gzip" in request.headers.get("Accept-Encoding", "")
        headers = {**_SECURITY, "Cache-Control": _YEAR, "Vary": "Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        body = asset.body if zipped else gzip.decompress(asset.body)
        return web.Response(body=body, content_type=asset.type, charset="utf-8", headers=headers)


def _page(request: web.Request, text: str, nonce: str, status: int = 200) -> web.Response:
    headers = {**_SECURITY, "Cache-Control": "no-store", "Content-Security-Policy": policy(request.host, nonce)}
    return web.Response(text=text, content_type=_HTML, status=status, headers=headers)


@functools.cache
def _allowed() -> str:
    digests = (base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in _STYLES)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def policy(host: str, nonce: str) -> str:
    """Return what the page may load (CSP 3): nothing but what comes from here."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": f"'self' 'nonce-{nonce}' 'unsafe-hashes' {_allowed()}" if nonce else "'self'",
        "img-src": "'self' blob: data:",
        "connect-src": f"'self' blob:{sockets}",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
