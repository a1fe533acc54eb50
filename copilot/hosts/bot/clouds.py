"""Microsoft's clouds: who signs what comes to the bot, where its answers may go, and for whom its own tokens are.

Sources: Azure AI Bot Service, "Authentication with the Bot Connector API"; "Configure Bot Framework bots for US
Government customers"; "Configure a bot to run in Microsoft Azure operated by 21Vianet"; Microsoft Entra, "National
clouds"; Microsoft Teams, "Proactive messages in Teams", the service URLs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cloud:
    """What is different in one cloud. `{tenant}` stands for a directory's ID."""

    login: str  # of Microsoft Entra ID
    tenant: str  # the directory that gives a bot of many tenants its tokens
    scope: str  # of the bot's own tokens for the channels
    issuer: str  # of the channels' tokens
    metadata: str  # the channels' keys: an OpenID configuration
    entra_metadata: str
    entra_issuers: tuple[str, ...]  # of another agent's tokens: v1.0, v2.0
    hosts: tuple[str, ...]  # whose service URLs are answered, each with all below it


CLOUDS: dict[str, Cloud] = {
    "public": Cloud(
        login="https://login.microsoftonline.com",
        tenant="botframework.com",
        scope="https://api.botframework.com/.default",
        issuer="https://api.botframework.com",
        metadata="https://login.botframework.com/v1/.well-known/openidconfiguration",
        entra_metadata="https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration",
        entra_issuers=("https://sts.windows.net/{tenant}/", "https://login.microsoftonline.com/{tenant}/v2.0"),
        hosts=("botframework.com", "smba.trafficmanager.net", "teams.microsoft.com"),
    ),
    "gov": Cloud(
        login="https://login.microsoftonline.us",
        tenant="MicrosoftServices.onmicrosoft.us",
        scope="https://api.botframework.us/.default",
        issuer="https://api.botframework.us",
        metadata="https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
        entra_metadata="https://login.microsoftonline.us/{tenant}/v2.0/.well-known/openid-configuration",
        entra_issuers=("https://sts.windows.net/{tenant}/", "https://login.microsoftonline.us/{tenant}/v2.0"),
        hosts=("botframework.us", "botframework.azure.us", "teams.microsoft.us"),
    ),
    "china": Cloud(
        login="https://login.partner.microsoftonline.cn",
        tenant="a55a4d5b-9241-49b1-b4ff-befa8db00269",
        scope="https://api.botframework.azure.cn/.default",
        issuer="https://api.botframework.azure.cn",
        metadata="https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
        entra_metadata="https://login.partner.microsoftonline.cn/{tenant}/v2.0/.well-known/openid-configuration",
        entra_issuers=(
            "https://sts.chinacloudapi.cn/{tenant}/",
            "https://login.partner.microsoftonline.cn/{tenant}/v2.0",
        ),
        hosts=("botframework.azure.cn", "teams.microsoftonline.cn"),
    ),
}

#: Clouds in which Teams has files for bots: not in GCC High, DoD and China ("Send and receive files using a bot").
WITH_FILES = frozenset({"public"})
