"""The system's keyring: Keychain, Secret Service, Windows' Credential Locker (extra `keyring`)."""

from __future__ import annotations

from dataclasses import dataclass

from copilot._keyring import read as read
from copilot._keyring import write as write
from copilot.errors import SettingsError
from copilot.models.credentials.base import Got, Kept, usable


@dataclass
class KeyringKey(Kept):
    """A password of the keyring. Without a user, that of whichever one the service has, where the keyring can say."""

    service: str
    user: str = ""

    @property
    def source(self) -> str:
        """Its place: "keyring everpilot/openai"."""
        return f"keyring {self.place}"

    @property
    def place(self) -> str:
        """What the settings say."""
        return f"{self.service}/{self.user}" if self.user else self.service

    def _ask(self) -> Got:
        found = read(self.service, self.user)
        if not found:
            user = self.user or "USER"
            also = "" if self.user else f' and write api_key_keyring = "{self.service}/{user}"'
            raise SettingsError(
                f"There is no key: the keyring holds none for {self.place}.",
                hint=f"Run: keyring set {self.service} {user}{also}",
            )
        return Got(usable(found, self.source))
