"""The address of the database that the setting `database` names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from copilot._redaction import redacted
from copilot.errors import SettingsError

_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def dsn(given: str, env: Mapping[str, str]) -> str:
    """Return the address as libpq takes it, with the values of what stands in it as $NAME. Raises SettingsError."""
    scheme, separator, rest = given.partition("://")
    if not separator or scheme not in _SCHEMES:
        hint = 'Like: database = "postgresql://user@host:5432/everpilot", or "" for files in the state folder.'
        raise SettingsError(f"database: {redacted(given)!r} is no address of a Postgres.", hint=hint)
    return "postgresql://" + re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: _variable(m[1] or m[2], env), rest)


def _variable(name: str, env: Mapping[str, str]) -> str:
    if not env.get(name):
        raise SettingsError(f"database: the environment variable {name} is not set.", hint="Set it, or name another.")
    return quote(env[name], safe="")
