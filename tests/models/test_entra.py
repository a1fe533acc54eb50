"""Tokens of Microsoft Entra ID: the real MSAL against an identity provider on this machine."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from copilot.errors import NoModelError, SettingsError
from copilot.models import credentials
from copilot.models.credentials import entra
from copilot.models.credentials.entra import ClientCredentials, DeviceCode, Entra, ManagedIdentity
from copilot.models.foreign import classify
from copilot.settings import EntraSettings, ModelSettings, Settings
from tests.models.authority import APP, SCOPE, SECRET, TENANT, Authority, Client, authority, identity_endpoint
from tests.models.routing import ENV, entry, stamp
from tests.models.test_credentials import keyring_file
from tests.vendors import AnthropicServer, OpenAIServer

ENTRA_ENV = {**ENV, "APP_SECRET": SECRET}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Authority, Path]]:
    with authority(tmp_path_factory.mktemp("authority")) as served:
        yield served


@pytest.fixture
def idp(serving: tuple[Authority, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """The provider with nothing issued yet, trusted as a company's own is: by the bundle that requests is told of."""
    served, pem = serving
    served.__init__(url=served.url)  # type: ignore[misc]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "EVERPILOT_KEY"):
        monkeypatch.delenv(name, raising=False)
    credentials._entra.cache_clear()
    yield served
    credentials.show_sign_in_with(None)


def settings(idp: Authority, method: str = "client_credentials", **more: Any) -> EntraSettings:
    secret = {"client_secret_env": "APP_SECRET"} if method == "client_credentials" and "certificate" not in more else {}
    told = {"tenant": TENANT, "client_id": APP, "authority": idp.url, "method": method, **secret}
    return EntraSettings.model_validate({**told, **more})


def model_of(idp: Authority, server: Any, method: str = "client_credentials", **more: Any) -> ModelSettings:
    return entry(server, "azure", api_key_env=None, entra=settings(idp, method), **more)


class Now:
    """A clock that is moved by hand, from the real time on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def by_secret(idp: Authority, secret: str = SECRET, **more: Any) -> ClientCredentials:
    from pydantic import SecretStr

    return ClientCredentials(settings(idp), SecretStr(secret), "azure", **more)


# --- client credentials -----------------------------------------------------------------------------------------------


def test_a_token_is_kept_until_five_minutes_before_it_expires(idp: Authority) -> None:
    now = Now()
    made = by_secret(idp, clock=now)
    assert made.kept() is None
    assert made.source == f"Microsoft Entra ID, client credentials of {APP}"
    assert [made.get().get_secret_value() for _ in range(3)] == ["token-1"] * 3
    path, form = idp.requests[0]
    assert (path, form["scope"], form["client_secret"]) == (f"/{TENANT}/token", SCOPE, SECRET)
    now.ahead = 3600 - 301
    assert made.kept() is not None
    now.ahead = 3600 - 299
    assert made.kept() is None


def test_a_token_that_lives_for_minutes_is_used_for_half_of_them(idp: Authority) -> None:
    idp.lasts, now = 200, Now()
    made = by_secret(idp, clock=now)
    made.get()
    now.ahead = 98
    assert made.kept() is not None
    now.ahead = 102
    assert made.get().get_secret_value() == "token-2"


def test_a_token_that_was_refused_is_replaced(idp: Authority) -> None:
    made = by_secret(idp)
    assert made.get() != (made.renew() and made.get())
    assert idp.asked("client_credentials") == 2


def test_while_the_authority_is_away_the_old_token_holds(idp: Authority) -> None:
    now = Now()
    made = by_secret(idp, clock=now)
    made.get()
    idp.broken, now.ahead = 503, 3600 - 200
    made._app = None
    assert made.get().get_secret_value() == "token-1"
    assert made.kept() is not None  # it is not asked for with every call
    now.ahead = 3601
    with pytest.raises(SettingsError, match="has trouble") as caught:
        made.get()
    assert classify(caught.value).kind == "dead"


def test_an_authority_that_is_not_there_is_an_outage(idp: Authority) -> None:
    made = ClientCredentials(settings(idp, authority="https://localhost:9"), None, "azure")
    made.secret = by_secret(idp).secret
    with pytest.raises(SettingsError, match=r"https://localhost:9 was not reached: ConnectionError") as caught:
        made.get()
    assert classify(caught.value).kind == "dead"


def test_a_certificate_and_its_key(idp: Authority, tmp_path: Path) -> None:
    issued = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("app.example", key_type=trustme.KeyType.RSA)
    certificate, key = issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
    idp.clients["app-2"] = Client("app-2", certificate=certificate.decode())
    for order in ((certificate, key), (key, certificate)):
        (tmp_path / "app.pem").write_bytes(b"".join(order))
        told = settings(idp, client_id="app-2", certificate=str(tmp_path / "app.pem"))
        ClientCredentials(told).get()
    assert "client_secret" not in idp.requests[-1][1]
    (tmp_path / "half.pem").write_bytes(certificate)
    with pytest.raises(SettingsError, match=r"half.pem holds no private key"):
        ClientCredentials(settings(idp, client_id="app-2", certificate=str(tmp_path / "half.pem"))).get()
    with pytest.raises(SettingsError, match=r"none.pem can't be read: No such file"):
        ClientCredentials(settings(idp, client_id="app-2", certificate=str(tmp_path / "none.pem"))).get()


def test_what_the_authority_refuses_is_told_with_the_fix_and_without_the_secret(idp: Authority) -> None:
    with pytest.raises(SettingsError, match=r"invalid_client.*Check client_id and its secret") as caught:
        by_secret(idp, "wrong-secret-value-1").get()
    assert "wrong-secret" not in str(caught.value)
    assert classify(caught.value).kind == "config"
    with pytest.raises(SettingsError, match="Check tenant"):
        ClientCredentials(settings(idp, tenant="nobody"), by_secret(idp).secret).get()


def test_the_codes_of_entra_id_are_known(idp: Authority) -> None:
    said = "AADSTS7000222: The provided client secret keys for app 'x' are expired. Trace ID: 1 Correlation ID: 2"
    told = str(entra._refused({"error": "invalid_client", "error_description": said}, settings(idp)))
    assert "APP_SECRET has expired" in told
    assert "Trace" not in told


def test_the_library_may_be_missing(idp: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msal", None)
    with pytest.raises(SettingsError, match=r'pip install "everpilot\[azure\]"'):
        by_secret(idp).get()


# --- managed identity -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("imds", [False, True])
def test_a_managed_identity(idp: Authority, monkeypatch: pytest.MonkeyPatch, imds: bool) -> None:
    with identity_endpoint(idp, imds=imds) as (url, asked):
        if imds:
            monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", url)
        else:
            monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/msi/token")
            monkeypatch.setenv("IDENTITY_HEADER", "from-the-platform")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # leads nowhere, and is not asked
        monkeypatch.delenv("NO_PROXY")
        made = ManagedIdentity(EntraSettings(method="managed_identity"))
        assert made.source == "Microsoft Entra ID, managed identity"
        assert [made.get().get_secret_value() for _ in range(2)] == ["token-1"] * 2
        assert asked[0]["resource"] == "https://cognitiveservices.azure.com"
        assert made.renew()
        assert made.get().get_secret_value() == "token-2"
        ManagedIdentity(EntraSettings(method="managed_identity", client_id="mine")).get()
        assert asked[-1]["client_id"] == "mine"
        with pytest.raises(SettingsError, match="No managed identity was found"):
            ManagedIdentity(EntraSettings(method="managed_identity", client_id="another")).get()


def test_a_machine_without_a_managed_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    with pytest.raises(SettingsError, match="The managed identity was not reached"):
        ManagedIdentity(EntraSettings(method="managed_identity")).get()


# --- device code ------------------------------------------------------------------------------------------------------


class Person:
    """Reads the message and, when MSAL waits for the first time, enters the code; `agrees` or not."""

    def __init__(self, idp: Authority, agrees: bool = True) -> None:
        self.idp, self.agrees, self.read, self.waited = idp, agrees, list[str](), list[float]()

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.idp.approve(self.agrees)


@pytest.fixture
def public(idp: Authority) -> Authority:
    idp.clients = {APP: Client(APP)}
    return idp


def by_device(idp: Authority, person: Person, **more: Any) -> DeviceCode:
    credentials.show_sign_in_with(person.read.append)
    return DeviceCode(settings(idp, "device_code", **more), None, "azure", wait=person.wait)


def test_a_person_signs_in_once(public: Authority, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long passphrase")
    person = Person(public)
    made = by_device(public, person)
    assert made.get().get_secret_value() == "token-1"
    (code,) = (device["user_code"] for device in public.devices.values())
    assert person.read == [f"To sign in, open {public.url}/device and enter the code {code} (for azure)."]
    assert person.waited == [1]
    assert public.asked("device_code") == 2  # once too early

    # Another process: the sign-in is kept, encrypted, and only its owner can read it.
    (file,) = home.glob("sign-in-*")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "refresh" not in file.read_text().lower()
    again = by_device(public, person)
    assert again.get().get_secret_value() == "token-1"
    assert again.renew()
    assert again.get().get_secret_value() == "token-2"  # by the refresh token
    assert public.asked("refresh_token") == 1
    assert len(person.read) == 1


@pytest.mark.parametrize("key", ["", "another passphrase"])
def test_a_sign_in_that_cant_be_opened_is_made_again(
    public: Authority, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long passphrase")
    person = Person(public)
    by_device(public, person).get()
    if key:
        monkeypatch.setenv("EVERPILOT_KEY", key)
    else:
        by_device(public, person).file.path.write_text('{"salt": "?", "sealed": 1}')
    by_device(public, person).get()
    assert len(person.read) == 2


def test_a_sign_in_that_was_withdrawn_is_made_again(public: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long passphrase")
    person = Person(public)
    made = by_device(public, person)
    made.get()
    for refresh in public.refreshes.values():
        refresh.revoked = True
    made.renew()
    made.get()
    assert len(person.read) == 2


def test_the_key_of_the_file_lies_in_the_keyring(public: Authority, tmp_path: Path) -> None:
    person = Person(public)
    with keyring_file(tmp_path / "keyring.cfg") as keyring:
        by_device(public, person).get()
        assert keyring.get_password("everpilot", "sealed-files")
        by_device(public, person).get()
    assert len(person.read) == 1


def test_nothing_is_kept_in_plain_text_unless_wanted(public: Authority, home: Path) -> None:
    person = Person(public)
    from keyring.backends import fail

    with keyring_file(None, fail.Keyring()), pytest.raises(SettingsError, match=r"can't be kept.*EVERPILOT_KEY"):
        by_device(public, person).get()
    assert (person.read, list(home.glob("sign-in-*"))) == ([], [])
    by_device(public, person, plaintext_cache=True).get()
    (file,) = home.glob("sign-in-*")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "RefreshToken" in json.loads(file.read_text())
    by_device(public, person, plaintext_cache=True).get()
    assert len(person.read) == 1


def test_who_declines_is_told(public: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long passphrase")
    with pytest.raises(SettingsError, match=r"access_denied.*Sign in again"):
        by_device(public, Person(public, agrees=False)).get()


def test_without_a_terminal_nobody_is_asked(public: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long passphrase")
    made = by_device(public, Person(public))
    credentials.show_sign_in_with(None)
    with pytest.raises(SettingsError, match="everpilot models test azure"):
        made.get()
    assert not public.devices


# --- through the router -----------------------------------------------------------------------------------------------


async def test_a_token_that_expires_is_renewed_before_it_is_refused(idp: Authority) -> None:
    idp.lasts, now = 290, Now()  # what MSAL, whose clock goes on, does not keep
    with OpenAIServer() as server:
        idp.on_issue = lambda token: setattr(server, "api_key", token)
        model = made_router(model_of(idp, server))
        candidate = model.roster.all()[0]
        assert isinstance(candidate.connection.credential, Entra)
        candidate.connection.credential.clock = now
        for _ in range(2):
            assert stamp(await model.ainvoke("Hello"))["served_by"] == "azure"
        now.ahead = 200
        answer = await model.ainvoke("Hello")
    assert (stamp(answer)["served_by"], stamp(answer)["attempts"]) == ("azure", [])
    assert [r.headers["authorization"] for r in server.requests] == ["Bearer token-1"] * 2 + ["Bearer token-2"]


async def test_a_token_that_is_revoked_is_renewed_and_the_turn_goes_on(idp: Authority) -> None:
    with OpenAIServer() as server, AnthropicServer() as other:
        idp.on_issue = lambda token: setattr(server, "api_key", token)
        model = made_router(model_of(idp, server), entry(other, "other"))
        await model.ainvoke("Hello")
        server.api_key = "what the vendor wants now"
        answer = await model.ainvoke("Hello")
        assert stamp(answer)["served_by"] == "azure"
        assert [a["failure"] for a in stamp(answer)["attempts"]] == ["auth"]
        assert stamp(await model.ainvoke("Hello"))["attempts"] == []
    assert not other.requests


async def test_without_a_token_the_next_model_answers(idp: Authority) -> None:
    with OpenAIServer() as server, AnthropicServer() as other:
        idp.clients.clear()
        model = made_router(model_of(idp, server), entry(other, "other"))
        answer = await model.ainvoke("Hello")
    assert stamp(answer)["served_by"] == "other"
    assert "invalid_client" in stamp(answer)["attempts"][0]["reason"]
    assert not server.requests


@pytest.mark.parametrize("provider", ["azure_openai", "foundry", "foundry_anthropic"])
async def test_a_token_goes_where_the_vendor_wants_it(
    idp: Authority, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    # What lies in the environment for other programs is not sent.
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "of-another-program")
    with AnthropicServer() if provider == "foundry_anthropic" else OpenAIServer() as server:
        model = made_router(model_of(idp, server, provider=provider, model="m"))
        with contextlib.suppress(NoModelError):  # the server knows none of Azure's paths, and saw the request
            await model.ainvoke("Hello")
        headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer token-1"
    assert "of-another-program" not in json.dumps(headers)
    assert not {"x-api-key", "api-key"} & set(headers)


async def test_a_key_for_azure_is_not_pushed_aside_by_a_token_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "of-another-program")
    with OpenAIServer() as server:
        with contextlib.suppress(NoModelError):
            await made_router(entry(server, "azure", provider="azure_openai", model="m")).ainvoke("Hello")
        headers = server.requests[0].headers
    assert headers["api-key"] == "test-key"
    assert "authorization" not in headers


def made_router(*models: ModelSettings) -> Any:
    from copilot.models.health import Health
    from copilot.models.setup import routed

    made = routed(Settings(models=list(models)), state=None, env=ENTRA_ENV)
    return made.model_copy(update={"health": Health()})


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"method": "client_credentials", "tenant": "t"}, "needs client_id"),
        ({"method": "client_credentials", "tenant": "t", "client_id": "c"}, "either client_secret_env or certificate"),
        ({"method": "managed_identity", "tenant": "t"}, "takes no tenant"),
        (
            {"method": "device_code", "tenant": "t", "client_id": "c", "client_secret_env": "S"},
            "takes no client_secret",
        ),
        ({"method": "managed_identity", "authority": "http://login.example"}, "https://"),
        ({"method": "managed_identity", "authority": "https://login.example/tenant"}, "the tenant has its own setting"),
        ({"method": "password"}, "device_code"),
    ],
)
def test_settings_that_make_no_sense(told: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EntraSettings.model_validate(told)


def test_a_missing_secret_is_told_before_anything_is_asked(idp: Authority) -> None:
    model = entry("http://127.0.0.1:9", "azure", api_key_env=None, entra=settings(idp))
    with pytest.raises(SettingsError, match="'azure' has no client secret: APP_SECRET is not set"):
        credentials.configured(model, {})
