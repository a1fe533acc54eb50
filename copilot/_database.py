"""The address of the database that the setting `database` names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from copilot._redaction import redacted, remember
from copilot.errors import SettingsError

_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_LIKE = 'Like: database = "postgresql://user@host:5432/everpilot", or "" for files in the state folder.'
_VARIABLE = re.compile(r"(?<![:/@])(\$\w+)|\$\{(\w+)\}|\$(\w+)")
#: What stands behind the last question mark, unless that is one of the password.
_QUERY = re.compile(r"\?\w+=[^?]*\Z")
_HOST = re.compile(r"(?:\[[^\]]*\]|[^:]*)(?::\d*)?")


def dsn(given: str, env: Mapping[str, str]) -> str:
    """Return the address as libpq takes it, with the values of what stands in it as $NAME.

    A password may stand there as it is: what has a meaning in an address is encoded. Raises SettingsError.
    """
    scheme, separator, rest = given.partition("://")
    if not separator or scheme not in _SCHEMES:
        shown = redacted(re.sub(r"[^/\s]*@", "[...]@", given))
        raise SettingsError(f"database: {shown!r} is no address of a Postgres.", hint=_LIKE)
    rest = _VARIABLE.sub(lambda found: _variable(found, env), rest)
    query = found[0] if (found := _QUERY.search(rest)) else ""
    user, at, place = rest.removesuffix(query).rpartition("@")
    if not all(_HOST.fullmatch(host) for host in place.partition("/")[0].split(",")):
        raise SettingsError("database: the port behind the host is no number.", hint=_LIKE)
    name, colon, password = user.partition(":")
    remember(unquote(password))
    return f"postgresql://{_encoded(name)}{colon}{_encoded(password)}{at}{place}{query}"


def _encoded(part: str) -> str:
    """Return a name or a password with all encoded that is not yet."""
    return quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", part), safe="%")


def _variable(found: re.Match[str], env: Mapping[str, str]) -> str:
    """Return the value of a variable; one in the middle of a word may be a part of a password, and is not told."""
    name = found[2] or found[3] or found[1][1:]
    if env.get(name):
        return quote(env[name], safe="")
    if found[1]:
        hint = "Set it; for a $ that belongs to the password itself write %24."
        raise SettingsError("database: the environment variable that $ names there is not set.", hint=hint)
    raise SettingsError(f"database: the environment variable {name} is not set.", hint="Set it, or name another.")
