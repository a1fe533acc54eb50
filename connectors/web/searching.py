"""A search: one request to the engine, and what its answer means."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from copilot._redaction import remember
from copilot.errors import ServiceError, SettingsError, ToolInputError
from copilot.plugins.connections.web import Found, Recent
from copilot.plugins.service import Service, origin
from copilot.plugins.web import Answer, UnknownOutcome, ask, is_encrypted
from copilot.settings import WebSettings
from copilot.trust.hosts import is_below
from copilot.trust.labels import Confidentiality

from .bing import Bing
from .engines import HINT, engine

if TYPE_CHECKING:
    import httpx

#: Bytes of an engine's answer, and seconds for it; one that is a model thinks first.
_MOST_BYTES, _PATIENCE = 4_000_000, 45.0
_NOT_SET_UP = "No search engine is set up."


class _Engine(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def prefix(self) -> str: ...

    def request(self, query: str, sites: Sequence[str], recent: Recent, most: int) -> dict[str, Any]: ...

    def found(self, answer: Any, name: str) -> Found: ...


class Searcher:
    """Asks the engine of the settings, if they name one."""

    def __init__(self, settings: WebSettings, env: Mapping[str, str]) -> None:
        self._settings, self._env = settings, env
        self._engine: _Engine | None = _made(settings) if settings.engine else None
        self._token: Callable[[], str] | None = None

    @property
    def service(self) -> Service:
        """Who gets what is looked for."""
        hosts = (origin(self._engine.url),) if self._engine else ()
        level = Confidentiality.parse(self._settings.max_confidentiality)
        return Service(f"web search ({self._settings.engine or 'none'})", hosts, level)

    def search(self, query: str, *, sites: Sequence[str] = (), recent: Recent = "", most: int = 8) -> Found:
        """Return at most so many results, all of them at one of the sites if any are named. Raises ServiceError."""
        if self._engine is None:
            raise ServiceError(
                _NOT_SET_UP, hint=f"Name one as engine under [web] in copilot.toml. {HINT}", code="account"
            )
        hosts = [urlsplit(_whole(site)).hostname or site for site in sites]
        asked = self._engine.request(query, list(dict.fromkeys(hosts)), recent, most)
        found = self._engine.found(self._answer(asked), self._settings.engine)
        hits = [h for h in found.hits if not sites or any(is_below(h.url, _whole(site)) for site in sites)]
        return Found(found.engine, tuple(hits[:most]), "" if sites else found.answer)

    def _answer(self, asked: dict[str, Any]) -> Any:
        import httpx

        assert self._engine is not None
        how: dict[str, Any] = {"params": asked} if self._engine.method == "GET" else {"json": asked}
        headers = {"Accept": "application/json", "User-Agent": "everpilot"}
        request = httpx.Request(self._engine.method, self._engine.url, headers=headers, **how)
        try:
            answer = ask(request, self.service, sign=self._sign, most=_MOST_BYTES, patience=_PATIENCE, follow=False)
        except UnknownOutcome as error:
            raise ServiceError(f"The search engine did not answer: {error}", code="slow") from None
        except ToolInputError as error:
            raise ServiceError(error.message, hint=error.hint, code="unreachable") from None
        return self._read(answer)

    def _sign(self, request: httpx.Request) -> None:
        assert self._engine is not None
        if key := self._key():
            if not is_encrypted(str(request.url)):
                raise SettingsError(f"[web]: the key is sent over https only, and {self._engine.url} is not.")
            request.headers[self._engine.key or "Authorization"] = f"{self._engine.prefix}{key}"

    def _key(self) -> str:
        if self._settings.entra is not None:
            return self._entra()
        name = self._settings.api_key_env
        if name and not self._env.get(name):
            raise SettingsError(f"{name}, which [web] api_key_env names, is not set.", hint=f"Run: export {name}=...")
        key = self._env.get(name, "") if name else ""
        remember(key)
        return key

    def _entra(self) -> str:
        if self._token is None:
            self._token = _tokens(self._settings, self._env)
        return self._token()

    def _read(self, answer: Answer) -> Any:
        """Return the answer's JSON. Raises ServiceError, which says what the engine minds."""
        name, status = self._settings.engine, answer.status
        if status in (401, 403):
            where = self._settings.api_key_env or "none is set"
            hint = "SearXNG: allow the format json in its settings.yml." if name == "searxng" else f"Key: {where}."
            raise ServiceError(f"The search engine {name} refuses us ({status}).", hint=hint, code="denied")
        if status == 429:
            wait = answer.header("retry-after")
            after = float(wait) if wait.isdigit() else None
            raise ServiceError(
                f"The search engine {name} has had enough calls (429).", code="throttled", retry_after=after
            )
        if status >= 300:
            raise ServiceError(f"The search engine {name} answered {status}.", hint="Try again later.", code="broken")
        try:
            return json.loads(answer.text)
        except ValueError:
            raise ServiceError(f"The search engine {name} answered with no JSON.", hint=HINT, code="broken") from None


def _made(settings: WebSettings) -> _Engine:
    return Bing(settings) if settings.engine == "bing" else engine(settings)


def _tokens(settings: WebSettings, env: Mapping[str, str]) -> Callable[[], str]:
    """Return what brings a token of Microsoft Entra ID; it keeps it as long as it lasts. Raises SettingsError."""
    from pydantic import SecretStr

    from copilot.models.credentials.entra import KINDS

    assert settings.entra is not None
    name = settings.entra.client_secret_env
    if name and not env.get(name):
        raise SettingsError(f"{name}, which [web.entra] names, is not set.", hint=f"Run: export {name}=...")
    remember(env.get(name, ""))
    made = KINDS[settings.entra.method](settings.entra, SecretStr(env[name]) if name else None, "web")
    return lambda: made.get().get_secret_value()


def _whole(site: str) -> str:
    return site if "://" in site else f"https://{site}"
