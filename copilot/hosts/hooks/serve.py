"""Listens for webhooks in a thread, beside the work of a worker."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from copilot.agent.copilot import Copilot
from copilot.errors import SettingsError
from copilot.jobs.runs import Runs

if TYPE_CHECKING:
    from copilot.hosts.hooks.beginning import Hook

_AT_ONCE = 64  # connections; more are told to come again
_LAST_SECONDS = 5
_NEEDED = 'Webhooks need more packages: pip install "everpilot[jobs]"'


@dataclass(frozen=True, slots=True)
class Address:
    """Where it listens. Port 0: a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, given: str) -> Address:
        """Return the address of "PORT", "HOST:PORT" or "[::1]:PORT"; raises SettingsError for anything else."""
        host, _, port = given.rpartition(":")
        if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
            hint = "Such as --webhooks 8080, or --webhooks 127.0.0.1:8080."
            raise SettingsError(f"--webhooks {given!r} is no port.", hint=hint)
        return cls(host.strip("[]") or "127.0.0.1", int(port))

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def hooks_of(copilot: Copilot, address: Address, env: Mapping[str, str]) -> dict[str, Hook]:
    """Return the webhooks of the settings, ready.

    Raises SettingsError for one whose work or secret is not right, when there is none, and for one without a secret
    where other machines reach it.
    """
    from copilot.hosts.hooks.beginning import hook_of
    from copilot.hosts.hooks.signed import proof_of
    from copilot.jobs.triggers.schedules import NAME

    found = copilot.settings.jobs.hooks
    if not found:
        hint = "Describe one: [jobs.hooks.NAME] in copilot.toml (docs/schedules.md)."
        raise SettingsError("--webhooks: the settings have no webhook.", hint=hint)
    for name, hook in found.items():
        if not NAME.fullmatch(name):
            raise SettingsError(f"jobs.hooks.{name}: a name has small letters, digits and -, at most 40.")
        if not (hook.secret_env or hook.token_env or address.is_local):
            hint = "Set secret_env (or token_env), or listen on 127.0.0.1."
            raise SettingsError(f"{address.host} can be reached from elsewhere, and {name} has no secret.", hint=hint)
    return {name: hook_of(name, hook, proof_of(name, hook, env), copilot) for name, hook in found.items()}


@contextmanager
def listening(
    copilot: Copilot, runs: Runs, address: Address, env: Mapping[str, str], told: Callable[[str], None]
) -> Iterator[str]:
    """Answer webhooks inside the block; yields the address of the server. Raises SettingsError."""
    try:
        import uvicorn

        from copilot.hosts.hooks.app import create_app
    except ImportError as error:
        raise SettingsError(_NEEDED) from error
    app = create_app(hooks_of(copilot, address, env), runs)
    bound = _bound(address)
    config = uvicorn.Config(app, **_config())
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([bound],), name="everpilot-webhooks", daemon=True)
    thread.start()
    try:
        url = _url(address.host, bound.getsockname()[1])
        told(f"Webhooks are answered at {url}/hooks/NAME: {', '.join(copilot.settings.jobs.hooks)}.")
        yield url
    finally:
        server.should_exit = True
        thread.join(_LAST_SECONDS + 1)
        bound.close()


def _config() -> dict[str, Any]:
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
    limits = {"limit_concurrency": _AT_ONCE, "timeout_keep_alive": 5, "timeout_graceful_shutdown": _LAST_SECONDS}
    return {**quiet, **limits, "lifespan": "off", "ws": "none", "proxy_headers": False}


def _bound(address: Address) -> socket.socket:
    """Return a socket that listens; raises SettingsError when the port is taken, or not ours to take."""
    try:
        return socket.create_server(
            (address.host, address.port), family=socket.AF_INET6 if ":" in address.host else socket.AF_INET
        )
    except OSError as error:
        where = f"{address.host}:{address.port}"
        hint = "Another program may listen there: choose another port."
        raise SettingsError(f"--webhooks can't listen on {where}: {error.strerror or error}.", hint=hint) from error


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
