"""Signed requests to Amazon Web Services: the botocore client that ChatBedrockConverse asks through.

Made here and not by the vendor's client, which would look for credentials wherever the SDK can, up to the metadata
service of a cloud machine, and would build a second client for an address that is never asked.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from copilot.errors import SettingsError
from copilot.settings import ModelSettings

if TYPE_CHECKING:
    from copilot.models.providers import Connection

_SERVICE = "bedrock-runtime"
#: Connections that are kept for the next request; beyond that the SDK warns of each that it drops.
_POOL = 256
#: Methods of the SDK that ask an address of the network nobody named.
_UNASKED = ("iam-role", "container-role")
#: Options of the client that do nothing once it is given its transport, and what does it instead.
_INSTEAD = {
    "credentials_profile_name": "AWS_PROFILE",
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
    "bedrock_api_key": "AWS_BEARER_TOKEN_BEDROCK",
    "api_key": "AWS_BEARER_TOKEN_BEDROCK",
    "region_name": "AWS_REGION",
    "endpoint_url": "base_url",
    "timeout": "deadlines",
    "config": "deadlines",
}


def transport(settings: ModelSettings, connection: Connection) -> dict[str, Any]:
    """Return the constructor's `client` and `bedrock_client`: one botocore client, which asks once and has timeouts.

    Requests bear the key, or are signed with the connection's variables (AWS Signature Version 4). A profile may name
    any source of credentials; without one, nothing but the variables is looked at.

    Raises:
        SettingsError: an option that would do nothing, a profile that can't be used, or one whose model is not named.
    """
    from botocore.exceptions import BotoCoreError

    _check_options(settings, connection)
    try:
        session = _session(connection)
        made = session.create_client(
            _SERVICE,
            region_name=connection.region,
            endpoint_url=connection.base_url,
            config=_config(settings, connection),
        )
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(
            f"models: {settings.name!r} can't be set up: {error}", hint="Look at AWS_PROFILE."
        ) from error
    if connection.key is not None:
        _bear(made, connection.key.get_secret_value())
    return {"client": made, "bedrock_client": made}


def _check_options(settings: ModelSettings, connection: Connection) -> None:
    if useless := next((name for name in _INSTEAD if name in settings.options), None):
        raise SettingsError(
            f"models: {settings.name!r}: the option {useless} does nothing here.", hint=f"Use {_INSTEAD[useless]}."
        )
    if "application-inference-profile" in connection.model and "base_model_id" not in settings.options:
        raise SettingsError(
            f"models: {settings.name!r} names an application inference profile, which does not tell its model.",
            hint='Add options = { base_model_id = "anthropic.claude-sonnet-5", provider = "anthropic" } '
            "with the model behind it.",
        )


@cache
def _loader() -> Any:
    """Return what reads the SDK's descriptions of services, and keeps them: they are megabytes of JSON."""
    from botocore.loaders import create_loader

    return create_loader()


def _session(connection: Connection) -> Any:
    """Return a botocore session that knows the connection's credentials and looks for no others."""
    from botocore.session import Session

    signing = connection.signing
    session = Session(profile=signing.get("AWS_PROFILE"))
    session.register_component("data_loader", _loader())
    chain = session.get_component("credential_provider")
    for method in _UNASKED:
        chain.remove(method)
    if "AWS_ACCESS_KEY_ID" in signing:
        session.set_credentials(
            signing["AWS_ACCESS_KEY_ID"], signing["AWS_SECRET_ACCESS_KEY"], signing.get("AWS_SESSION_TOKEN")
        )
    return session


def _config(settings: ModelSettings, connection: Connection) -> Any:
    """Return a config that leaves the clock to the router.

    What hangs is given up by the router's deadlines; its thread ends by the read timeout, which no silence that the
    router would bear may outlast.
    """
    from botocore import UNSIGNED
    from botocore.config import Config

    limits = settings.deadlines
    return Config(
        connect_timeout=limits.connect,
        read_timeout=max(limits.attempt, limits.first_byte, limits.gap),
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=_POOL,
        signature_version=UNSIGNED if connection.key is not None else "v4",
        defaults_mode="legacy",  # "auto", from somebody's AWS configuration, asks the metadata service
    )


def _bear(client: Any, key: str) -> None:
    """Let every request of a client bear the key.

    botocore's own way takes the key of the whole process, and refuses a gateway on this machine for having no TLS.
    """

    def bear(request: Any, **_: Any) -> None:
        request.headers["Authorization"] = f"Bearer {key}"

    client.meta.events.register(f"before-send.{_SERVICE}", bear)
