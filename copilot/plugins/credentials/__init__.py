"""Credentials of plugins: a manifest names a reference, the person says what stands behind it (`[plugins.auth.NAME]`).

One store for all that plugins call. No secret is asked for before somebody wants it; none is ever shown.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from copilot.errors import SettingsError
from copilot.plugins.credentials.kinds import Basic as Basic
from copilot.plugins.credentials.kinds import Bearer as Bearer
from copilot.plugins.credentials.kinds import Credential as Credential
from copilot.plugins.credentials.kinds import Hosts as Hosts
from copilot.plugins.credentials.kinds import Key as Key
from copilot.plugins.credentials.kinds import Place as Place
from copilot.plugins.credentials.kinds import source_of
from copilot.settings import PluginAuth
from copilot.trust.sanitise import safe_text

#: Where each secret went to first; see `Hosts`.
_FIRST = "plugin-credentials.json"


@dataclass
class Secrets:
    """What `[plugins.auth]` says, as credentials; the same reference is the same object for all who ask."""

    settings: Mapping[str, PluginAuth]
    home: Path
    env: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    _made: dict[str, Credential] = field(default_factory=dict, init=False, repr=False)
    _asking: dict[str, dict[str, None]] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def asked_for(self, references: Iterable[str], who: str) -> None:
        """Take down that a plugin, or a file with servers, asks for these references; one without hosts that several
        ask for is sent nowhere."""
        for reference in references:
            self._asking.setdefault(reference, {})[safe_text(who)] = None

    def asking(self, reference: str) -> tuple[str, ...]:
        """Return who asks for a credential: by its own name, or by "NAME" for "NAME.SCHEME"."""
        names = (name for name in self._asking if name == reference or reference.startswith(f"{name}."))
        return tuple(dict.fromkeys(who for name in names for who in self._asking[name]))

    def credential(self, reference: str) -> Credential | None:
        """Return the credential behind a reference, None where the settings have none. Nothing is asked yet."""
        chosen = self.settings.get(reference)
        if chosen is None:
            return None
        with self._lock:
            if reference not in self._made:
                self._made[reference] = self._make(reference, chosen)
            return self._made[reference]

    def first(self, *references: str) -> Credential | None:
        """Return the credential of the first reference that the settings know, else None."""
        return next((found for each in references if (found := self.credential(each)) is not None), None)

    def login(
        self,
        reference: str,
        *,
        show: Callable[[str], None] = print,
        browse: Callable[[str], bool] | None = None,
        patience: float = 300.0,
    ) -> str:
        """Let a person sign in in a browser and keep the sign-in; return what to tell them.

        `show` gets the address in a sentence, for where no browser opens; `browse` opens one. Raises SettingsError.
        """
        from copilot.plugins.oauth import SignIn

        chosen = self.settings.get(reference)
        if chosen is None:
            known = ", ".join(sorted(self.settings)) or "none"
            raise SettingsError(f"There is no [plugins.auth.{reference}].", hint=f"The settings have: {known}.")
        found = self.credential(reference)
        if not isinstance(found, SignIn):
            raise SettingsError(f"plugins.auth.{reference}: nobody signs in for this kind ({chosen.kind}).")
        return found.login(show=show, browse=browse, patience=patience)

    def logout(self, reference: str) -> bool:
        """Forget a kept sign-in; return whether there was one."""
        from copilot.plugins.oauth import SignIn

        found = self.credential(reference)
        return isinstance(found, SignIn) and found.forget()

    def _make(self, reference: str, chosen: PluginAuth) -> Credential:
        hosts = Hosts(reference, tuple(chosen.hosts), self.home / _FIRST, partial(self.asking, reference))
        if chosen.kind == "oauth":
            from copilot.plugins import oauth

            return oauth.credential(reference, chosen, hosts, self.home, self.env)
        source = source_of(reference, chosen, self.env)
        if chosen.kind == "basic":
            return Basic(reference, hosts, source, chosen.username)
        if chosen.kind == "bearer":
            return Bearer(reference, hosts, source)
        place = Place(chosen.place or "header", chosen.name or "X-API-Key", chosen.prefix)
        return Key(reference, hosts, source, place, fixed=bool(chosen.place or chosen.name))
