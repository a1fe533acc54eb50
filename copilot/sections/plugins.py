"""`[plugins]` and `[mcp]`: what others bring."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from copilot.sections.levels import Level
from copilot.sections.table import Table


class ServiceSettings(Table):
    """`[plugins.services.NAME]`: a service that a plugin's tools talk to."""

    max_confidentiality: Level = Field(
        default="public",
        description="The most confidential data of documents that it may be asked with; you are asked each time.",
    )
    url: str = Field(default="", description="Where it lies, for an API description that does not say it.")


class PluginAuth(Table):
    """`[plugins.auth.REFERENCE]`: what stands behind a reference that a plugin's manifest names.

    For an OpenAPI document the reference is the name of its skill. A secret never stands here itself.
    """

    kind: Literal["api_key", "bearer", "basic", "oauth"] = Field(
        description="api_key: a key, wherever the service wants it; bearer: a token; basic: a name and a password; "
        "oauth: tokens that a person or an app gets."
    )
    api_key_env: str = Field(default="", description="The environment variable that holds the key, token or password.")
    api_key_cmd: str | list[str] = Field(default="", description="A command that prints it.")
    api_key_keyring: str = Field(default="", description='Its place in the keyring: "service/user".')
    place: Literal["", "header", "query", "cookie"] = Field(
        default="", description="api_key: where the key goes; where the service's document says, if left out."
    )
    name: str = Field(default="", description="api_key: the name it goes under, as above.")
    prefix: str = Field(default="", description='api_key: what stands before it, such as "Token ".')
    username: str = Field(default="", description="basic: the name.")
    grant: Literal["authorization_code", "client_credentials"] = Field(
        default="authorization_code",
        description="oauth: a person signs in (`everpilot plugins login REFERENCE`), or an app has its own token.",
    )
    client_id: str = Field(default="", description="oauth: the app's registration.")
    client_secret_env: str = Field(default="", description="oauth: the environment variable that holds its secret.")
    client_auth: Literal["basic", "post"] = Field(
        default="basic", description="oauth: how the secret is shown, in a header or in the form."
    )
    issuer: str = Field(default="", description="oauth: who gives tokens, where it publishes its addresses.")
    authorization_url: str = Field(default="", description="oauth: where a person agrees, if there is no issuer.")
    token_url: str = Field(default="", description="oauth: where tokens come from, as above.")
    scopes: list[str] = Field(default_factory=list, description="oauth: what is asked for.")
    audience: str = Field(default="", description="oauth: what the token is for, where the server wants to know.")
    redirect_port: int = Field(
        default=0, ge=0, le=65535, description="oauth: the port of http://127.0.0.1:PORT/callback; any if 0."
    )
    plaintext_cache: bool = Field(
        default=False, description="oauth: keep the sign-in unencrypted (0600) where there is no keyring."
    )
    hosts: list[str] = Field(
        default_factory=list, description="The only origins it is sent to; those of the plugin that names it, if empty."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> PluginAuth:
        if self.kind == "oauth":
            self._check_oauth()
            return self
        given = [name for name in ("api_key_env", "api_key_cmd", "api_key_keyring") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"{self.kind} needs one of api_key_env, api_key_cmd and api_key_keyring")
        if self.kind == "basic" and not self.username:
            raise ValueError("basic needs username")
        return self

    def _check_oauth(self) -> None:
        if not self.client_id:
            raise ValueError("oauth needs client_id")
        if not (self.issuer or self.token_url):
            raise ValueError("oauth needs issuer, or token_url")
        person = self.grant == "authorization_code"
        if person and self.token_url and not self.authorization_url:
            raise ValueError("oauth needs authorization_url beside token_url where a person signs in")
        if not person and not self.client_secret_env:
            raise ValueError("client_credentials needs client_secret_env")


class PluginSettings(Table):
    """`[plugins]`: plugins of every form, beside those that `everpilot plugins install` keeps."""

    paths: list[str] = Field(
        default_factory=list, description="Folders, archives, manifests and API descriptions to load."
    )
    disabled: list[str] = Field(default_factory=list, description="Names of plugins that are left out.")
    services: dict[str, ServiceSettings] = Field(
        default_factory=dict, description="What each service may be given, see `[plugins.services.NAME]`."
    )
    auth: dict[str, PluginAuth] = Field(
        default_factory=dict, description="Credentials by reference, see `[plugins.auth.REFERENCE]`."
    )

    def clearance(self, service: str) -> Level:
        """Return the most confidential data that a service of this name may be asked with; by default public."""
        chosen = self.services.get(service)
        return chosen.max_confidentiality if chosen else "public"


class McpServerSettings(Table):
    """`[mcp.servers.NAME]`: an MCP server of your own, as in an `mcpServers` file.

    It has a command, or a url. Variables are written `${VARIABLE}`, or `${VARIABLE:-default}`.
    """

    type: Literal["", "stdio", "http", "streamable-http", "sse"] = Field(
        default="", description="How it is talked to; by what else is given, if left out."
    )
    command: str = Field(default="", description="The program that is the server.")
    args: list[str] = Field(default_factory=list, description="What the program is started with.")
    env: dict[str, str] = Field(
        default_factory=dict,
        description="Variables that the program finds; of yours it gets only PATH, HOME and the like.",
    )
    cwd: str = Field(default="", description="Where the program runs; in the opened folder if left out.")
    url: str = Field(default="", description="Where the server is.")
    headers: dict[str, str] = Field(default_factory=dict, description="What is sent with every request to it.")
    auth: str | dict[str, str | int | list[str]] = Field(
        default="",
        description="A reference (`[plugins.auth.REFERENCE]`), or what the sign-in needs: client_id, client_secret, "
        "scopes, client_metadata_url, redirect_port.",
    )
    timeout: float = Field(default=60.0, gt=0, description="Seconds that a call may take; from 1000, milliseconds.")
    tools: list[str] = Field(default_factory=lambda: ["*"], description="The tools to use; all, if left out.")
    disabled: bool = Field(default=False, description="Whether it is left out.")
    max_confidentiality: Level = Field(
        default="public",
        description="The most confidential data of documents that it may be asked with; you are asked each time.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> McpServerSettings:
        if bool(self.command) == bool(self.url):
            raise ValueError("it needs either command or url")
        return self


class McpSettings(Table):
    """`[mcp]`: servers that speak the Model Context Protocol (extra `mcp`)."""

    servers: dict[str, McpServerSettings] = Field(
        default_factory=dict, description="Your servers by their names, see `[mcp.servers.NAME]`."
    )
    files: list[str] = Field(default_factory=list, description="More files of your own with `mcpServers`.")
