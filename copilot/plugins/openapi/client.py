"""Calls of operations: a request put together out of arguments, signed, sent, tried again where that is harmless."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlsplit

from copilot._redaction import GONE, SHORTEST
from copilot.errors import SettingsError, ToolInputError
from copilot.plugins.openapi import bodies, paging
from copilot.plugins.openapi.model import Operation
from copilot.plugins.openapi.parameters import cookie_texts, header_text, path_text, query_text
from copilot.plugins.service import Service
from copilot.plugins.web import Answer, UnknownOutcome, ask

if TYPE_CHECKING:
    import httpx

    from copilot.plugins.credentials import Credential, Secrets

#: Methods that may be sent twice (RFC 9110, section 9.2.2).
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
_LATER = frozenset({429, 503})
#: Attempts, and seconds that are waited at most before one; a service that wants more is told to the model.
_ATTEMPTS, _LONGEST_WAIT = 3, 10.0
_ACCEPT = "application/json, application/problem+json;q=0.9, text/*;q=0.8, */*;q=0.5"
_AGENT = "everpilot"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request without its credential: what a person is shown before it is sent, and exactly what is sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bodies.Content | None = None

    def shown(self) -> str:
        """Return it as a person reads it: method and URL, headers of its own, then the body."""
        lines = [f"{self.method} {self.url}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join(lines) + (f"\n\n{self.body.shown}" if self.body is not None else "")


@dataclass(frozen=True)
class Client:
    """Calls the operations of one API at its service.

    `schemes` are the document's security schemes; the credential of one is that of `NAME.SCHEME` among the person's
    settings, else of `NAME`, for each NAME in `references`. `wait` sleeps.
    """

    service: Service
    schemes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    secrets: Secrets | None = None
    references: tuple[str, ...] = ()
    wait: Callable[[float], None] = time.sleep

    def prepare(
        self, operation: Operation, args: Mapping[str, Any], files: Mapping[str, list[bodies.Upload]] | None = None
    ) -> Prepared:
        """Return the request for arguments that fit the operation's schema; raises ToolInputError."""
        url = self._url(operation, args)
        headers = [(p.name, header_text(p, args[p.arg])) for p in _given(operation, args, "header")]
        cookies = [f"{k}={v}" for p in _given(operation, args, "cookie") for k, v in cookie_texts(p, args[p.arg])]
        if cookies:
            headers.append(("Cookie", "; ".join(cookies)))
        body = bodies.make(operation.body, args, files or {}) if operation.body is not None else None
        return Prepared(operation.method, url, tuple(headers), body)

    def send(self, operation: Operation, prepared: Prepared, key: str = "") -> Answer:
        """Send a prepared request and return the answer, whatever its status.

        `key` names this delivery for ever: the service gets its hash as an idempotency key. 429 and 503 are tried again
        where that changes nothing twice; a refused credential is renewed once.

        Raises ToolInputError (nothing was done), SettingsError (no credential), UnknownOutcome (it may have been done).
        """
        headers = dict(prepared.headers)
        if key and prepared.method not in ("GET", "HEAD"):
            headers[operation.idempotency] = hashlib.sha256(key.encode()).hexdigest()[:32]
        renewed = False
        for attempt in range(1, _ATTEMPTS + 1):
            signed: list[httpx.Request] = []
            answer = self._once(operation, prepared, headers, signed)
            if answer.status == 401 and not renewed and self._renew(operation, signed):
                renewed = True
                continue
            again = answer.status in _LATER and prepared.method in _IDEMPOTENT
            pause = _pause(answer, attempt)
            if not again or pause > _LONGEST_WAIT or attempt == _ATTEMPTS:
                break
            self.wait(pause)
        return answer

    def _once(
        self, operation: Operation, prepared: Prepared, headers: Mapping[str, str], signed: list[httpx.Request]
    ) -> Answer:
        import httpx

        basics = {"accept": _ACCEPT, "user-agent": _AGENT}
        if prepared.body is not None:
            basics["content-type"] = prepared.body.media
        content = prepared.body.data if prepared.body is not None else None
        try:
            request = httpx.Request(prepared.method, prepared.url, headers={**basics, **headers}, content=content)
        except (httpx.InvalidURL, ValueError, UnicodeError) as error:
            raise ToolInputError(f"{operation.label}: that makes no address ({error}).", code="arguments") from None
        secret: set[str] = set()

        def sign(each: httpx.Request) -> None:
            before = _values(each)
            self._sign(operation, each)
            signed.append(each)
            secret.update(_values(each) - before)

        return _without(ask(request, self.service, sign=sign), secret)

    # --- the address --------------------------------------------------------------------------------------------------

    def _url(self, operation: Operation, args: Mapping[str, Any]) -> str:
        path = operation.path
        for parameter in _given(operation, args, "path"):
            path = path.replace(f"{{{parameter.name}}}", path_text(parameter, args[parameter.arg]))
        path = path.partition("#")[0]
        url = f"{operation.server}{'' if path.startswith('/') else '/'}{path}"
        if page := args.get(operation.pages) if operation.pages else None:
            if not paging.is_page(operation, str(page), urlsplit(url).path):
                hint = f"Take it exactly as an answer of this tool gave it; it begins with {url.partition('?')[0]}."
                raise ToolInputError(f"{operation.pages} is no page of {operation.label}.", hint=hint, code="arguments")
            return str(page)
        found = [query_text(p, args[p.arg]) for p in _given(operation, args, "query", "querystring")]
        query = "&".join(filter(None, found))
        return f"{url}{'&' if '?' in path else '?'}{query}" if query else url

    # --- the credential -----------------------------------------------------------------------------------------------

    def _sign(self, operation: Operation, request: httpx.Request) -> None:
        """Apply the first alternative of the operation's security that there are credentials for."""
        for scheme, credential in self._credentials(operation):
            credential.apply(request, place_of(scheme))

    def _renew(self, operation: Operation, signed: list[httpx.Request]) -> bool:
        refused = signed[-1] if signed else None
        return sum(credential.renew(refused) for _, credential in self._credentials(operation)) > 0  # each of them

    def _credentials(self, operation: Operation) -> list[tuple[Mapping[str, Any], Credential]]:
        """Return the schemes of the first alternative that is complete, each with its credential.

        A document that says nothing of security gets the credential that is set for it all the same. Raises
        SettingsError where no alternative can be met, and none is optional.
        """
        if not operation.security:
            found = self._credential("")
            return [({}, found)] if found is not None and not self.schemes else []
        for alternative in sorted(operation.security, key=lambda each: not each):
            pairs = [(self.schemes.get(name, {}), self._credential(name)) for name in alternative]
            complete = [(scheme, credential) for scheme, credential in pairs if credential is not None]
            if alternative and len(complete) == len(alternative):
                return complete
        if {} in operation.security or not self.references:
            return []
        raise SettingsError(
            f"{operation.label} of {self.service.name} needs a credential.", hint=self._wanted(operation)
        )

    def _credential(self, scheme: str) -> Credential | None:
        if self.secrets is None:
            return None
        names = [n for each in self.references for n in ((f"{each}.{scheme}", each) if scheme else (each,))]
        return self.secrets.first(*names)

    def _wanted(self, operation: Operation) -> str:
        name = next((n for each in operation.security for n in each), "")
        kind = kind_of(self.schemes.get(name, {}))
        return f'Add [plugins.auth."{self.references[0]}"] with kind = "{kind}" to your copilot.toml.'


def _values(request: httpx.Request) -> set[str]:
    """Return what stands in a request's headers and query, and of pairs of words the last one, too."""
    found = {*request.headers.values(), *(value for _, value in request.url.params.multi_items())}
    return found | {value.rpartition(" ")[2] for value in found} | {value.rpartition("=")[2] for value in found}


def _without(answer: Answer, secret: set[str]) -> Answer:
    """Return an answer without the credential it was asked with: some services repeat it, in links to the next page."""
    content, headers = answer.content, answer.headers
    forms = {form for value in secret for form in (value, quote(value), quote(value, safe=""), quote_plus(value))}
    for form in sorted((f for f in forms if len(f) >= SHORTEST), key=len, reverse=True):
        content = content.replace(form.encode(), GONE.encode())
        headers = tuple((name, value.replace(form, GONE)) for name, value in headers)
    return replace(answer, content=content, headers=headers)


def place_of(scheme: Mapping[str, Any]) -> Any:
    """Return where a document wants an API key, None for other schemes (OpenAPI 3.1.1, section 4.8.27)."""
    from copilot.plugins.credentials import Place

    where, name = scheme.get("in"), scheme.get("name")
    if scheme.get("type") == "apiKey" and where in ("header", "query", "cookie") and isinstance(name, str) and name:
        return Place(where, name)
    return None


def kind_of(scheme: Mapping[str, Any]) -> str:
    """Return the kind of `[plugins.auth]` that a security scheme asks for."""
    if scheme.get("type") == "http":
        return "basic" if str(scheme.get("scheme")).lower() == "basic" else "bearer"
    return "oauth" if scheme.get("type") in ("oauth2", "openIdConnect") else "api_key"


def _given(operation: Operation, args: Mapping[str, Any], *places: str) -> list[Any]:
    found = [p for p in operation.parameters if p.place in places and args.get(p.arg) is not None]
    missing = [p.arg for p in operation.parameters if p.place in places and p.place == "path" and p not in found]
    if missing:
        raise ToolInputError(f"{operation.label} needs {', '.join(missing)}.", code="arguments")
    return found


def _pause(answer: Answer, attempt: int) -> float:
    """Return the seconds to wait: as Retry-After says (RFC 9110, section 10.2.3), else half a second, then one."""
    later = answer.header("retry-after").strip()
    if later.isascii() and later.isdigit():
        return float(later[:9])
    try:
        return max((parsedate_to_datetime(later) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.5 * attempt


def may_have_happened(answer: Answer, operation: Operation) -> UnknownOutcome:
    """Return what a server's error says of a request that changes something: nobody knows."""
    return UnknownOutcome(f"{operation.label} answered {answer.status}; whether anything was done, it does not say")
