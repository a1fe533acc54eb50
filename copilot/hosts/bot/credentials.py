"""The bot's own tokens, which its replies go out with: MSAL, by a secret, a certificate or a managed identity."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Protocol

from pydantic import SecretStr

from copilot.errors import SettingsError
from copilot.hosts.bot.clouds import Cloud
from copilot.models.credentials.entra import KINDS, Entra
from copilot.sections.bot import BotSettings
from copilot.settings import EntraSettings

#: How `[models.entra]` names what proves that the bot is who it says.
_NAMES = {"secret_env": "client_secret_env", "certificate": "certificate"}


class Signing(Protocol):
    """Where the token of a request to a channel comes from."""

    async def token(self) -> str:
        """Return the token, "" for none. Raises SettingsError when there should be one."""
        ...

    def renew(self) -> None:
        """Forget the token: it was refused."""
        ...


class NoToken:
    """For an emulator on this machine, where no app is set up."""

    async def token(self) -> str:
        """Return "": nothing is signed."""
        return ""

    def renew(self) -> None:
        """Do nothing."""


class AppToken:
    """The token of the bot's registration."""

    def __init__(self, source: Entra) -> None:
        self.source = source

    async def token(self) -> str:
        """Return the token; one that is asked for is asked for in a thread, once for all who want it.

        Raises SettingsError: Entra ID gave none; the message says why, and what to do.
        """
        if (kept := self.source.kept()) is None:
            try:
                kept = await asyncio.to_thread(self.source.get)
            except SettingsError as error:
                hint = error.hint.replace("[models.entra]", "[bot]")
                raise SettingsError(f"The bot can't sign in. {error.message}", hint=hint) from error
        return kept.get_secret_value()

    def renew(self) -> None:
        """Forget the token: a channel refused it."""
        self.source.renew()


def signing(bot: BotSettings, cloud: Cloud, agent: str = "") -> Signing:
    """Return what signs the bot's requests to the channels, or to another agent, by its app ID.

    Raises SettingsError for settings that lack a proof, or have several.
    """
    if not bot.app_id:
        return NoToken()
    proofs = [name for name in ("secret_env", "certificate", "managed_identity") if getattr(bot, name)]
    if len(proofs) != 1:
        what = f"bot has {' and '.join(proofs)}" if proofs else "bot.app_id has no proof beside it"
        raise SettingsError(f"{what}.", hint="Set one of bot.secret_env, bot.certificate, bot.managed_identity.")
    kind = "managed_identity" if bot.managed_identity else "client_credentials"
    given: dict[str, Any] = {"method": kind, "client_id": bot.app_id, "authority": cloud.login}
    given["scope"] = f"{agent}/.default" if agent else cloud.scope
    if not bot.managed_identity:
        given |= {"tenant": bot.tenant or cloud.tenant, _NAMES[proofs[0]]: getattr(bot, proofs[0])}
    return AppToken(KINDS[kind](EntraSettings(**given), _secret(bot), name="bot"))


def _secret(bot: BotSettings) -> SecretStr | None:
    if not bot.secret_env:
        return None
    if value := os.environ.get(bot.secret_env):
        return SecretStr(value)
    raise SettingsError(
        f"bot.secret_env: {bot.secret_env} is not set.", hint="Put the client secret's value into that variable."
    )
