"""Vendors: which client speaks to them, with which key, at which address (providers.toml).

No client is imported before it is built.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from copilot.errors import SettingsError
from copilot.settings import ModelSettings


@dataclass(frozen=True)
class Provider:
    """One vendor or kind of server; see providers.toml for what each field means."""

    name: str
    title: str
    client: str
    dialect: str = "openai"
    extra: str = ""
    key: Literal["required", "optional", "none"] = "required"
    keys: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    base_urls: tuple[str, ...] = ()
    base_url: str = ""
    path: str = ""
    strip: tuple[str, ...] = ()
    host_style: bool = False
    probe: str = ""
    first_byte: float = 0.0
    models: tuple[str, ...] = ()
    model: str = ""
    discovered: bool = True
    thinking: tuple[str, ...] = ()
    timeout: Literal["httpx", "seconds", "whole_seconds"] = "seconds"
    arguments: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    from_env: Mapping[str, list[str]] = field(default_factory=dict)
    plain_stream: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    otel: str = ""
    here: bool = False

    @property
    def stranger(self) -> bool:
        """True for a class named as module:Class, of which nothing is known."""
        return self.name == self.client


@dataclass(frozen=True)
class Connection:
    """A configured model with everything looked up that its client needs. `key` is never shown."""

    provider: Provider
    model: str
    base_url: str
    key: SecretStr | None

    @property
    def identity(self) -> str:
        """A short hash of (vendor, endpoint, key, model): what a circuit belongs to. The key can't be recovered."""
        secret = self.key.get_secret_value() if self.key else ""
        text = "\0".join((self.provider.name, self.base_url, secret, self.model))
        return hashlib.blake2b(text.encode(), digest_size=12, person=b"everpilot").hexdigest()


@cache
def all_providers() -> Mapping[str, Provider]:
    """Return every known vendor by name, in the order of discovery."""
    raw = tomllib.loads((files("copilot.models") / "providers.toml").read_text("utf-8"))
    return {name: _provider(name, facts) for name, facts in raw.items()}


def _provider(name: str, facts: dict[str, Any]) -> Provider:
    known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
    return Provider(name=name, **known)


def get(name: str) -> Provider:
    """Return the vendor `name`, or the one made up for a class "module:Class".

    Raises:
        SettingsError: there is none of that name; the closest ones are offered.
    """
    if ":" in name:
        return stranger(name)
    known = all_providers()
    if name in known:
        return known[name]
    plain = name.lower().replace("-", "_").replace(" ", "_")
    close = difflib.get_close_matches(plain, known, n=3, cutoff=0.5) or list(known)
    raise SettingsError(
        f"models: there is no provider {name!r}.",
        hint=f'Did you mean {", ".join(close)}? Any server with OpenAI\'s API is provider = "openai_compatible" '
        'with a base_url; any LangChain chat model is provider = "module:Class".',
    )


def stranger(client: str) -> Provider:
    """Return the vendor made up for a class "module:Class"; one that we know speaks its known dialect."""
    known = next((p for p in all_providers().values() if p.client == client), None)
    dialect = known.dialect if known else "openai"
    return Provider(name=client, title=client.rpartition(":")[2], client=client, dialect=dialect, key="optional")


def first(env: Mapping[str, str], names: tuple[str, ...] | list[str]) -> str:
    """Return the first non-empty value among the variables `names`, or ""."""
    return next((value for name in names if (value := env.get(name, "").strip())), "")


def connect(settings: ModelSettings, env: Mapping[str, str]) -> Connection:
    """Return what is needed to reach a configured model.

    Raises:
        SettingsError: unknown provider, no key, no address or one without http://, no model.
    """
    provider = get(settings.provider)
    return Connection(provider, _model(settings, provider, env), endpoint(settings, env), key_of(settings, env))


def endpoint(settings: ModelSettings, env: Mapping[str, str]) -> str:
    """Return the address of a configured model's server, always explicit; "" for a class that brings its own.

    Raises:
        SettingsError: there is none, or it has no http:// or https://.
    """
    provider = get(settings.provider)
    named = first(env, provider.base_urls)
    if settings.base_url is None and provider.host_style and named:
        named = host_url(named, provider.base_url)
    url = settings.base_url or named or provider.base_url
    where = f"models: {settings.name!r}"
    if not url:
        if provider.stranger:
            return ""
        also = f" (or set {' or '.join(provider.base_urls)})" if provider.base_urls else ""
        raise SettingsError(f"{where} has no address.", hint=f'Add base_url = "https://..." to it{also}.')
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"{where}: base_url {url!r} is no address.", hint="It starts with http:// or https:// and names a host."
        )
    url = url.rstrip("/")
    if provider.path and parts.path in ("", "/"):
        url += provider.path
    return url.removesuffix(next((end for end in provider.strip if url.endswith(end)), ""))


def host_url(host: str, default: str) -> str:
    """Return a full address for "host", "host:port" or an address; what is missing is taken from `default`.

    A server told to listen on every interface (0.0.0.0) is asked on this machine's own.
    """
    known = urlsplit(default)
    bare = "://" not in host
    parts = urlsplit(f"{known.scheme}://{host}" if bare else host)
    name = parts.hostname or known.hostname or ""
    if name in ("0.0.0.0", "::"):
        name = known.hostname or ""
    port = parts.port or (known.port if bare else None)
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path}".rstrip("/")


def key_of(settings: ModelSettings, env: Mapping[str, str]) -> SecretStr | None:
    """Return a configured model's key, or None where none is needed.

    Raises:
        SettingsError: the variable that should hold it is not set.
    """
    provider = get(settings.provider)
    names = (settings.api_key_env,) if settings.api_key_env else provider.keys
    if found := first(env, names):
        return SecretStr(found)
    if settings.api_key_env or provider.key == "required":
        raise SettingsError(
            f"models: {settings.name!r} has no key: {' or '.join(names)} is not set.",
            hint="Set it, or name the variable that holds the key with api_key_env.",
        )
    return None


def _model(settings: ModelSettings, provider: Provider, env: Mapping[str, str]) -> str:
    model = settings.model or first(env, provider.models) or provider.model
    if not model and not provider.stranger and not provider.probe:
        raise SettingsError(f"models: {settings.name!r} names no model.", hint='Add model = "..." to it.')
    return model


def build(settings: ModelSettings, connection: Connection, env: Mapping[str, str]) -> BaseChatModel:
    """Import the vendor's client and return it, ready to be asked. Slow the first time: keep it off the event loop.

    Raises:
        SettingsError: the client is not installed, is no chat model, or refuses its options.
    """
    provider = connection.provider
    client_class = _client_class(settings, provider)
    timeout = _timeout(settings, provider)
    ours = {"model": connection.model, "key": connection.key, "base_url": connection.base_url, "timeout": timeout}
    if connection.key is None and provider.key == "optional" and not provider.stranger:
        ours["key"] = SecretStr("none")  # these clients insist on one, the server does not
    names = _arguments_of(client_class) if provider.stranger else provider.arguments
    arguments = {names[name]: value for name, value in ours.items() if name in names and value not in (None, "")}
    chosen = {name: value for name, keys in provider.from_env.items() if (value := first(env, keys))}
    try:
        client = client_class(**{**provider.fixed, **chosen, **arguments, **settings.options})
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise SettingsError(
            f"models: {settings.name!r} can't be set up: {_one_line(error)}", hint="Look at its options."
        ) from error
    for path, what in provider.after.items():
        _set(client, path, what, settings)
    return client


def _client_class(settings: ModelSettings, provider: Provider) -> type[BaseChatModel]:
    module, _, name = provider.client.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except ImportError as error:
        fix = f'Run: pip install "everpilot[{provider.extra}]"' if provider.extra else f"Install what brings {module}."
        raise SettingsError(
            f"models: {settings.name!r} needs a client that is not installed ({error}).", hint=fix
        ) from error
    except AttributeError:
        raise SettingsError(f"models: {settings.name!r}: {module} has no {name}.") from None
    if not (inspect.isclass(found) and issubclass(found, BaseChatModel)):
        raise SettingsError(
            f"models: {settings.name!r}: {provider.client} is no chat model.",
            hint="It must be a subclass of langchain_core.language_models.BaseChatModel.",
        )
    return found


def _arguments_of(client_class: type[BaseChatModel]) -> dict[str, str]:
    """Return which of our names a stranger's constructor takes, and under which name."""
    known = {alias for name, field in client_class.model_fields.items() for alias in (name, field.alias) if alias}
    wanted = {"model": ("model", "model_name"), "key": ("api_key",), "base_url": ("base_url",), "timeout": ("timeout",)}
    found = {ours: next((name for name in names if name in known), "") for ours, names in wanted.items()}
    return {ours: name for ours, name in found.items() if name}


def _timeout(settings: ModelSettings, provider: Provider) -> Any:
    """Return the constructor's timeout: only the connect part matters, the router's deadlines come first."""
    if provider.timeout == "httpx":
        return _httpx_timeout(settings)
    seconds = settings.deadlines.attempt
    return max(1, round(seconds)) if provider.timeout == "whole_seconds" else seconds


def _httpx_timeout(settings: ModelSettings) -> Any:
    import httpx

    return httpx.Timeout(settings.deadlines.attempt, connect=settings.deadlines.connect)


def _set(client: object, path: str, what: str, settings: ModelSettings) -> None:
    """Set one attribute of a finished client; an SDK that has it elsewhere by now keeps its own value."""
    *parents, name = path.split(".")
    for parent in parents:
        client = getattr(client, parent, None)
    if client is None or not hasattr(client, name):
        return
    value = _timeout_like(client, settings) if what == "timeout" else None
    if value is not None or what == "none":
        setattr(client, name, value)


def _timeout_like(client: object, settings: ModelSettings) -> Any:
    # SDKs are moving from httpx to httpx2, and each takes its own Timeout only: make one of the kind that is there.
    found = (getattr(owner, "timeout", None) for owner in (client, getattr(client, "_client", None)))
    kind: Any = next((type(timeout) for timeout in found if hasattr(timeout, "connect")), None)
    return kind and kind(settings.deadlines.attempt, connect=settings.deadlines.connect)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
