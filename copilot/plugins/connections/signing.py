"""Signing in to accounts: what a connector has whose accounts somebody, or something, has to sign in to.

A host shows the rights in plain words before anybody agrees to them, and knows no vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, get_args

from copilot.plugins.connections import WEB, Account, WorkKind


@dataclass(frozen=True)
class Need:
    """A kind of work that is wanted of an account, and whether it is only read."""

    kind: WorkKind
    writes: bool = True


@dataclass(frozen=True)
class Right:
    """Something that a sign-in may do: the vendor's name of it, and plain words ("read your mail").

    `by_admin`: only an administrator can agree to it; it is asked for only where it is wished by name.
    """

    name: str
    words: str
    by_admin: bool = False


@dataclass(frozen=True)
class Wishes:
    """What a sign-in should hold: kinds of work, and rights by their names or by a kind ("mail", "mail:read")."""

    needs: tuple[Need, ...] = ()
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asking:
    """What a sign-in asks for, and what is left out because an administrator has to agree to it.

    `person` is False where nobody signs in: an administrator gives the rights beforehand, `how` says to what.
    """

    rights: tuple[Right, ...]
    left_out: tuple[Right, ...] = ()
    person: bool = True
    how: str = ""


@dataclass(frozen=True)
class SignedIn:
    """A sign-in: whose it is ("" if that is not known), where, the names of the rights that it holds.

    `missing` are rights that were asked for and not given.
    """

    who: str
    place: str = ""
    rights: tuple[str, ...] = ()
    missing: tuple[Right, ...] = ()


@dataclass(frozen=True)
class Terminal:
    """How a person is reached while they sign in.

    `show` tells a line and returns at once; `browse` opens an address and returns whether it could; `method` is another
    way to sign in than the settings say ("device_code"), `patience` the seconds that a person may take.
    """

    show: Callable[[str], None]
    browse: Callable[[str], bool] = lambda address: False
    method: str = ""
    patience: float = 600.0


class SignsIn(Protocol):
    """A connector with sign-ins; one without (a password in the keyring, say) lacks these."""

    def asking(self, account: Account, wishes: Wishes) -> Asking:
        """Return what would be asked for, the least that serves the wishes. Raises ServiceError for an unknown one."""
        ...

    def sign_in(self, account: Account, wishes: Wishes, terminal: Terminal) -> SignedIn:
        """Sign in, and keep the sign-in. Raises ServiceError, which names the next step, or SettingsError."""
        ...

    def sign_out(self, account: Account) -> bool:
        """Forget the sign-in; False when there was none."""
        ...

    def signed_in(self, account: Account) -> SignedIn | None:
        """Return the sign-in that is kept, None when there is none. Nobody is asked."""
        ...


@dataclass(frozen=True)
class Declared:
    """What skills say that they need of accounts, "mail people:read", in the front matter of SKILL.md."""

    needs: tuple[Need, ...] = ()
    unknown: tuple[str, ...] = field(default=())


def declared(words: Iterable[str], *, writes: bool = True) -> Declared:
    """Return the needs that words like "mail" and "people:read" name, each kind once; `writes` False only reads."""
    found: dict[WorkKind, bool] = {}
    kinds: Sequence[WorkKind] = get_args(WorkKind)
    unknown = []
    for word in (word for word in words if word != WEB):
        name, _, how = word.partition(":")
        kind = next((each for each in kinds if each == name), None)
        if kind is None or how not in ("", "read"):
            unknown.append(word)
        else:
            found[kind] = found.get(kind, False) or (writes and how != "read")
    return Declared(tuple(Need(kind, found[kind]) for kind in kinds if kind in found), tuple(unknown))
