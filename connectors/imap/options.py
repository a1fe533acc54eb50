"""`[accounts.NAME]` with `connector = "imap"`: the settings that are this connector's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from copilot.errors import SettingsError
from copilot.plugins.connections import Account
from copilot.plugins.connections.secret import SETTINGS, secret_of

Security = Literal["tls", "starttls", "none"]

#: The servers of large providers, from their own help pages: IMAP, SMTP, and whether they keep what is sent themselves.
PROVIDERS: Mapping[str, tuple[str, str, bool]] = {
    "gmail.com": ("imap.gmail.com", "smtp.gmail.com", True),
    "googlemail.com": ("imap.gmail.com", "smtp.gmail.com", True),
    "icloud.com": ("imap.mail.me.com", "smtp.mail.me.com", False),
    "me.com": ("imap.mail.me.com", "smtp.mail.me.com", False),
    "yahoo.com": ("imap.mail.yahoo.com", "smtp.mail.yahoo.com", True),
    "aol.com": ("imap.aol.com", "smtp.aol.com", True),
    "gmx.net": ("imap.gmx.net", "mail.gmx.net", False),
    "gmx.de": ("imap.gmx.net", "mail.gmx.net", False),
    "web.de": ("imap.web.de", "smtp.web.de", False),
    "fastmail.com": ("imap.fastmail.com", "smtp.fastmail.com", False),
    "posteo.de": ("posteo.de", "posteo.de", False),
    "mailbox.org": ("imap.mailbox.org", "smtp.mailbox.org", False),
    "zoho.com": ("imap.zoho.com", "smtp.zoho.com", True),
}
_IMAP_PORTS: dict[Security, int] = {"tls": 993, "starttls": 143, "none": 143}
_SMTP_PORTS: dict[Security, int] = {"tls": 465, "starttls": 587, "none": 25}
_HERE = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


class Options(BaseModel):
    """An account of mail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="Its mail address.")
    name: str = Field(default="", max_length=100, description="The name that mail is sent under.")
    user: str = Field(default="", description="What is signed in with; the address if left out.")
    auth: Literal["password", "xoauth2"] = Field(
        default="password", description="password: a password, often one for apps; xoauth2: an access token (OAuth)."
    )
    secret_env: str = Field(default="", description="The environment variable that holds the password or token.")
    secret_cmd: str = Field(default="", description="A command that prints it.")
    secret_keyring: str = Field(default="", description='Its place in the keyring: "service/user".')
    imap_host: str = Field(default="", description="The server of the mailbox; known for large providers.")
    imap_port: int = Field(default=0, ge=0, le=65535, description="Its port; the usual one if 0.")
    imap_security: Security = Field(default="tls", description="tls, starttls; none only on this machine.")
    smtp_host: str = Field(default="", description="The server that sends; known for large providers.")
    smtp_port: int = Field(default=0, ge=0, le=65535, description="Its port; the usual one if 0.")
    smtp_security: Security = Field(default="tls", description="As imap_security.")
    keep_sent: bool | None = Field(
        default=None, description="Whether to put what is sent into the sent items; false where the provider does it."
    )

    @classmethod
    def of(cls, account: Account) -> Options:
        """Return an account's options. Raises SettingsError, which names the setting."""
        try:
            return cls.model_validate(account.settings.options)
        except ValidationError as error:
            told = "; ".join(
                f"{'.'.join(str(p) for p in e['loc']) or 'it'}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise SettingsError(f"[accounts.{account.name}]: {told}.") from None

    @model_validator(mode="after")
    def _is_complete(self) -> Options:
        if sum(bool(getattr(self, name)) for name in SETTINGS) != 1:
            raise ValueError(f"it needs one of {', '.join(SETTINGS)}")
        for protocol in ("imap", "smtp"):
            host, security = getattr(self, f"{protocol}_host"), getattr(self, f"{protocol}_security")
            if not host and self.domain not in PROVIDERS:
                raise ValueError(f"{self.domain} is no provider that is known; set {protocol}_host")
            if security == "none" and not _HERE.fullmatch(host):
                raise ValueError(f"{protocol}_security: none would send the password in plain text; use starttls")
        return self

    @property
    def domain(self) -> str:
        """The domain of the address."""
        return self.address.rpartition("@")[2].lower()

    @property
    def imap(self) -> tuple[str, int]:
        """The host and port of the mailbox."""
        host = self.imap_host or PROVIDERS[self.domain][0]
        return host, self.imap_port or _IMAP_PORTS[self.imap_security]

    @property
    def smtp(self) -> tuple[str, int]:
        """The host and port of the server that sends."""
        host = self.smtp_host or PROVIDERS[self.domain][1]
        return host, self.smtp_port or _SMTP_PORTS[self.smtp_security]

    @property
    def keeps(self) -> bool:
        """Whether what is sent has to be put into the sent items."""
        return not PROVIDERS.get(self.domain, ("", "", False))[2] if self.keep_sent is None else self.keep_sent

    @property
    def login(self) -> str:
        """What is signed in with."""
        return self.user or self.address

    def secret(self, account: Account) -> str:
        """Return the password or token. Raises ServiceError, which says where it was looked for."""
        return secret_of(account, self.secret_env, self.secret_cmd, self.secret_keyring)
