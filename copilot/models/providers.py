"""Vendors: which client speaks to them, with which key, at which address (providers.toml).

No client is imported before it is built.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from copilot.errors import SettingsError
from copilot.models import credentials, dialects, plugged
from copilot.models.credentials import Credential, EnvironmentKey
from copilot.settings import Level, ModelSettings


@dataclass(frozen=True)
class Provider:
    """One vendor or kind of server; see docs/models.md for what each field means."""

    name: str
    title: str
    client: str
    dialect: str = "openai"
    extra: str = ""
    key: Literal["required", "optional", "none"] = "required"
    keys: tuple[str, ...] = ()
    signing: tuple[Sequence[str], ...] = ()
    needs: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    geographies: Mapping[str, str] = field(default_factory=dict)
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
    bearer: str = ""
    bearer_after: Mapping[str, str] = field(default_factory=dict)
    transport: str = ""
    listing: str = ""
    listing_headers: Mapping[str, str] = field(default_factory=dict)
    batches: str = ""
    batch_price: float = 1.0
    otel: str = ""
    here: bool = False
    cleared: Level | None = None

    @property
    def stranger(self) -> bool:
        """True for a class named as module:Class, of which nothing is known."""
        return self.name == self.client


@dataclass(frozen=True)
class Connection:
    """A configured model with everything looked up that its client needs. `signing` is never shown, nor is a key.

    `credential` brings the key, None where none is needed.
    `signing` are the variables that sign its requests in place of a key; `region` is "" where there is none.
    """

    provider: Provider
    model: str
    base_url: str
    credential: Credential | None
    signing: Mapping[str, str] = field(default_factory=dict, repr=False)
    region: str = ""

    @property
    def key(self) -> SecretStr | None:
        """The key, if it is known without asking for it."""
        return self.credential.kept() if self.credential else None

    def with_key(self, key: SecretStr | None) -> Connection:
        """Return the connection with a key that the credential has brought."""
        if self.credential is None or key is None:
            return self
        return replace(self, credential=EnvironmentKey(self.credential.source, key, bearer=self.credential.bearer))

    @cached_property
    def identity(self) -> str:
        """A short hash of (vendor, endpoint, key, model): what a circuit belongs to. The key can't be recovered.

        A key that has to be asked for is represented by where it comes from.
        """
        secret = self.credential.identity if self.credential else ""
        text = "\0".join((self.provider.name, self.base_url, secret, self.model, *self.signing.values()))
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
    """Return the vendor `name`, also one that an installed package brings, or the one made up for "module:Class".

    Raises:
        SettingsError: there is none of that name; the closest ones are offered. With the code "plugin": a package
            brings it, and it is broken.
    """
    if ":" in name:
        return stranger(name)
    known = all_providers()
    if name in known:
        return known[name]
    if name in plugged.names():
        return _plugged(name)
    names = [*known, *plugged.names()]
    plain = name.lower().replace("-", "_").replace(" ", "_")
    close = difflib.get_close_matches(plain, names, n=3, cutoff=0.5) or names
    raise SettingsError(
        f"models: there is no provider {name!r}.",
        hint=f'Did you mean {", ".join(close)}? Any server with OpenAI\'s API is provider = "openai_compatible" '
        'with a base_url; any LangChain chat model is provider = "module:Class".',
    )


def is_known(name: str) -> bool:
    """Return whether there is a vendor of that name, bundled or brought by a package. Loads none."""
    return name in all_providers() or name in plugged.names()


@cache
def _plugged(name: str) -> Provider:
    """Return the vendor that a package brings, checked field by field; one that worked is kept."""
    return plugged.provider(name, _checked)


def _checked(name: str, made: object) -> Provider:
    """Return what a package brought as a vendor; raises ValueError, or TypeError, that says what is wrong with it."""
    from pydantic import TypeAdapter

    if not isinstance(made, Provider | Mapping):
        raise TypeError(f"it is no Provider and no table, but {type(made).__name__}")
    facts = {f.name: getattr(made, f.name) for f in fields(made)} if isinstance(made, Provider) else dict(made)
    if unknown := set(facts) - {f.name for f in fields(Provider)}:
        raise ValueError(f"a provider has no field {min(map(str, unknown))!r}")
    found: Provider = TypeAdapter(Provider).validate_python({"title": name, **facts, "name": name})
    if not all(found.client.partition(":")):
        raise ValueError(f"client: {found.client!r} is no module:Class")
    if found.dialect not in (speaks := dialects.names()):
        raise ValueError(f"dialect: there is no {found.dialect!r}; there is: {', '.join(speaks)}")
    return found


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
        SettingsError: unknown provider, no key, no address or one without http://, no region, no model.
    """
    provider = get(settings.provider)
    url, key = endpoint(settings, env), credential_of(settings, env)
    region = _region(settings, provider, url, env)
    model = _model(settings, provider, env).replace("{geography}", _geography(provider, region))
    return Connection(provider, model, url, key, {} if key else signing_of(provider, env), region)


def endpoint(settings: ModelSettings, env: Mapping[str, str]) -> str:
    """Return the address of a configured model's server, always explicit; "" for a class that brings its own.

    Raises:
        SettingsError: there is none, or it has no http:// or https://.
    """
    provider = get(settings.provider)
    named = first(env, provider.base_urls)
    if settings.base_url is None and provider.host_style and named:
        named = host_url(named, provider.base_url)
    url = settings.base_url or named or _own_address(provider, env)
    where = f"models: {settings.name!r}"
    if not url:
        if provider.stranger:
            return ""
        variables = (*provider.base_urls, *provider.regions)
        also = f" (or set {' or '.join(variables)})" if variables else ""
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


def _own_address(provider: Provider, env: Mapping[str, str]) -> str:
    """Return the vendor's own address, in the region that the environment names; "" where it names none."""
    region = first(env, provider.regions)
    return provider.base_url.replace("{region}", region) if region or not provider.regions else ""


def _region(settings: ModelSettings, provider: Provider, url: str, env: Mapping[str, str]) -> str:
    """Return the region that requests are signed for: the one in the address, else the environment's."""
    if not provider.regions:
        return ""
    named = re.search(r"(?<![a-z0-9])[a-z]{2}(-[a-z]+){1,2}-\d(?![a-z0-9])", urlsplit(url).hostname or "")
    if region := named[0] if named else first(env, provider.regions):
        return region
    names = " or ".join(provider.regions)
    raise SettingsError(f"models: {settings.name!r} has no region: {names} is not set.", hint="Set it.")


def _geography(provider: Provider, region: str) -> str:
    return next((name for begins, name in provider.geographies.items() if region.startswith(begins)), "")


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


def credential_of(settings: ModelSettings, env: Mapping[str, str]) -> Credential | None:
    """Return where a configured model's key comes from, or None where none is needed. Asks nobody for it.

    Raises:
        SettingsError: the variable that should hold it is not set, or the vendor takes no key.
    """
    if (found := credentials.configured(settings, env)) is None:
        return key_of(settings, env)
    if get(settings.provider).key == "none":
        raise SettingsError(
            f"models: {settings.name!r} is given {found.source}, and {settings.provider} takes no key.",
            hint="Leave it out, or ask the server as openai_compatible.",
        )
    return found


def key_of(settings: ModelSettings, env: Mapping[str, str]) -> EnvironmentKey | None:
    """Return a configured model's key in the environment, or None where none is needed.

    Raises:
        SettingsError: the variable that should hold it is not set.
    """
    provider = get(settings.provider)
    names = (settings.api_key_env,) if settings.api_key_env else provider.keys
    if named := next((name for name in names if first(env, [name])), ""):
        return EnvironmentKey(named, SecretStr(first(env, [named])))
    if settings.api_key_env or (provider.key == "required" and not signing_of(provider, env)):
        others = [] if settings.api_key_env else [" with ".join(_wanted(group)) for group in provider.signing]
        raise SettingsError(
            f"models: {settings.name!r} has no key: {' or '.join([*names, *others])} is not set.",
            hint="Set it, or say where the key is with api_key_env, api_key_keyring or api_key_cmd.",
        )
    return None


def signing_of(provider: Provider, env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that stand in for a key, the first group of them that is complete, or none."""
    for group in provider.signing:
        if all(first(env, [name]) for name in _wanted(group)):
            return {name: value for item in group if (value := first(env, [name := item.removesuffix("?")]))}
    return {}


def _wanted(group: Sequence[str]) -> list[str]:
    return [name for name in group if not name.endswith("?")]


def is_set_up(provider: Provider, env: Mapping[str, str]) -> bool:
    """Return whether the environment holds a vendor's key, or keys that sign requests, and all else it needs."""
    signed = next(iter(provider.signing), ())  # a profile may be there for anything: it is used when asked for
    key = first(env, provider.keys) or (signed and all(first(env, [name]) for name in _wanted(signed)))
    return bool(key) and all(first(env, names.split("|")) for names in provider.needs)


def _model(settings: ModelSettings, provider: Provider, env: Mapping[str, str]) -> str:
    model = settings.model or first(env, provider.models) or provider.model
    if not model and not provider.stranger and not provider.probe:
        raise SettingsError(f"models: {settings.name!r} names no model.", hint='Add model = "..." to it.')
    return model


def build(settings: ModelSettings, connection: Connection, env: Mapping[str, str]) -> BaseChatModel:
    """Import the vendor's client and return it, ready to be asked. Slow the first time: keep it off the event loop.

    Raises:
        SettingsError: the client is not installed, is no chat model, or refuses its options; its key can't be got.
    """
    provider, credential = connection.provider, connection.credential
    key = credential.get() if credential else None
    connection = connection.with_key(key)
    client_class = _client_class(settings, provider)
    timeout = _timeout(settings, provider)
    ours = {"model": connection.model, "key": key, "base_url": connection.base_url, "timeout": timeout}
    if key is None and provider.key == "optional" and not provider.stranger:
        ours["key"] = SecretStr("none")  # these clients insist on one, the server does not
    names = dict(_arguments_of(client_class) if provider.stranger else provider.arguments)
    token = key if credential and credential.bearer else None
    if token and provider.bearer:
        names["key"] = provider.bearer
    arguments = {names[name]: value for name, value in ours.items() if name in names and value not in (None, "")}
    chosen = {name: value for name, keys in provider.from_env.items() if (value := first(env, keys))}
    made = _transport(provider)(settings, connection) if provider.transport else {}
    try:
        client = client_class(**{**provider.fixed, **chosen, **arguments, **made, **settings.options})
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise SettingsError(
            f"models: {settings.name!r} can't be set up: {_one_line(error)}", hint="Look at its options."
        ) from error
    for path, what in {**provider.after, **(provider.bearer_after if token else {})}.items():
        _set(client, path, what, settings, token)
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


def _transport(provider: Provider) -> Callable[[ModelSettings, Connection], dict[str, Any]]:
    module, _, name = provider.transport.partition(":")
    made: Callable[[ModelSettings, Connection], dict[str, Any]] = getattr(importlib.import_module(module), name)
    return made


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


def _set(client: object, path: str, what: str, settings: ModelSettings, token: SecretStr | None) -> None:
    """Set one attribute of a finished client; an SDK that has it elsewhere by now keeps its own value."""
    *parents, name = path.split(".")
    for parent in parents:
        client = getattr(client, parent, None)
    if client is None or not hasattr(client, name):
        return
    value = _timeout_like(client, settings) if what == "timeout" else None
    if what == "token" and token is not None:
        value = token.get_secret_value()
    if what == "httpx":
        value = {**(getattr(client, name) or {}), "transport": "httpx"}
    if value is not None or what == "none":
        setattr(client, name, value)


def _timeout_like(client: object, settings: ModelSettings) -> Any:
    # SDKs are moving from httpx to httpx2, and each takes its own Timeout only: make one of the kind that is there.
    found = (getattr(owner, "timeout", None) for owner in (client, getattr(client, "_client", None)))
    kind: Any = next((type(timeout) for timeout in found if hasattr(timeout, "connect")), None)
    return kind and kind(settings.deadlines.attempt, connect=settings.deadlines.connect)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
