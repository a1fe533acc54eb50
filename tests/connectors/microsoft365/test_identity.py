"""Signing in to Microsoft 365: the real MSAL against a real OpenID provider."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("msal")
pytest.importorskip("trustme")


from copilot.connectors.microsoft365 import connector
from copilot.connectors.microsoft365.cache import FILE
from copilot.connectors.microsoft365.identity import Identity
from copilot.connectors.microsoft365.options import Options
from copilot.demo.microsoft365 import sample
from copilot.demo.microsoft365.scopes import Grant
from copilot.errors import ServiceError, SettingsError
from copilot.plugins.connections import Account
from copilot.plugins.connections import loop as loops
from copilot.plugins.connections.signing import Need, Terminal, Wishes
from copilot.settings import AccountSettings
from tests.models.authority import Authority, identity_endpoint
from tests.vendors.graph import Graph
from tests.vendors.oidc import APP, CERTIFIED, PERSON, SECRET, SERVICE, TENANT, TID, Provider

MAIL = Wishes((Need("mail", writes=False),))
READS = ("Mail.Read", "Mail.Read.Shared", "MailboxSettings.Read", "User.Read")


def account(idp: Provider, folder: Path, *, writes: bool = True, **more: Any) -> Account:
    told = {"client_id": APP, "tenant": TENANT, "authority": idp.url, "plaintext_cache": True, **more}
    settings = AccountSettings.model_validate(
        {"connector": "microsoft365", **{k: v for k, v in told.items() if v is not None}}
    )
    return Account("work", settings, folder / "work", {"APP_SECRET": SECRET}, writes)


def identity(idp: Provider, folder: Path, **more: Any) -> Identity:
    made = account(idp, folder, **more)
    return Identity(made, Options.of(made), wait=lambda seconds: None)


def service(idp: Provider, folder: Path, method: str = "client_credentials", **more: Any) -> Account:
    told = {"client_id": SERVICE, "client_secret_env": "APP_SECRET", "plaintext_cache": None, "user": PERSON}
    return account(idp, folder, **{"method": method, **told, **more})


def browser(idp: Provider, **more: Any) -> Terminal:
    """A browser beside us: what it opens is looked at while we listen."""

    def browse(address: str) -> bool:
        threading.Thread(target=idp.browse, args=(address,), daemon=True).start()
        return True

    return Terminal(lambda text: None, browse, **more)


def device(idp: Provider, *, agree: bool = True, enter: bool = True) -> tuple[Terminal, list[str]]:
    told: list[str] = []

    def show(text: str) -> None:
        told.append(text)
        words = text.rstrip(".").split()
        if enter:
            idp.enter(words[4], words[-1], agree=agree)

    return Terminal(show, method="device_code"), told


def signed(idp: Provider, folder: Path, wishes: Wishes = MAIL, **more: Any) -> Identity:
    found = identity(idp, folder, **more)
    found.sign_in(wishes, browser(idp))
    return found


def token(found: Identity, **how: str) -> str:
    return asyncio.run(found.token(**how))


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_person_signs_in_in_the_browser(idp: Provider, tmp_path: Path) -> None:
    found = identity(idp, tmp_path)
    told = found.sign_in(MAIL, browser(idp))

    assert (told.who, told.place, sorted(told.rights), told.missing) == (
        PERSON,
        f"Microsoft 365, {TID}",
        sorted(READS),
        (),
    )
    first = token(found)
    assert first
    assert token(found) == first
    exchange = idp.forms("authorization_code")[0]
    assert len(exchange["code_verifier"]) >= 43
    assert "client_secret" not in exchange
    again = identity(idp, tmp_path)  # another process: from what was kept
    assert again.signed_in() == found.signed_in()
    assert token(again) == first


def test_a_person_signs_in_with_a_code(idp: Provider, tmp_path: Path) -> None:
    found = identity(idp, tmp_path)
    terminal, shown = device(idp)
    assert found.sign_in(MAIL, terminal).who == PERSON
    assert shown[0].startswith(f"To sign in, open {idp.url}/{TENANT}/v2.0/device and enter the code ")
    assert token(found)


def test_a_code_that_is_refused_or_not_entered(idp: Provider, tmp_path: Path) -> None:
    found = identity(idp, tmp_path)
    terminal, _ = device(idp, agree=False)
    with pytest.raises(ServiceError, match=r"did not agree") as caught:
        found.sign_in(MAIL, terminal)
    assert caught.value.code == "signed_out"
    terminal, shown = device(idp, enter=False)
    found._flow.wait = lambda seconds: idp.control("expire", model="DeviceCode") and None  # type: ignore[attr-defined]
    with pytest.raises(ServiceError, match=r"code was not entered in time.*everpilot login work"):
        found.sign_in(MAIL, terminal)
    assert len(shown) == 1
    assert found.signed_in() is None


def test_a_person_who_does_not_agree(idp: Provider, tmp_path: Path) -> None:
    idp.set(consent="none")
    with pytest.raises(ServiceError, match=r"You did not agree.*To try again, run: everpilot login work") as caught:
        identity(idp, tmp_path).sign_in(MAIL, browser(idp))
    assert caught.value.code == "signed_out"
    assert not (tmp_path / "work" / FILE).exists()


def test_what_was_not_agreed_to_is_named_with_the_command(idp: Provider, tmp_path: Path) -> None:
    idp.set(consent=["User.Read", "Mail.Read"])
    found = identity(idp, tmp_path)
    told = found.sign_in(MAIL, browser(idp))
    assert [right.name for right in told.missing] == ["Mail.Read.Shared", "MailboxSettings.Read"]
    found.needs("mail")
    with pytest.raises(ServiceError) as caught:
        found.needs("mail", writes=True)
    assert caught.value.code == "scope"
    assert str(caught.value) == (
        "The sign-in of account work does not let us draft, move, flag and delete your mail (Mail.ReadWrite). "
        "Run: everpilot login work --add mail"
    )
    with pytest.raises(ServiceError, match=r"everpilot login work --add calendar:read"):
        found.needs("calendar")

    idp.set(consent="all")
    asked = found.asking(Wishes((), ("calendar:read",)))
    assert {"Mail.Read", "Calendars.Read"} <= {right.name for right in asked.rights}  # what is held stays
    found.sign_in(Wishes((), ("calendar:read",)), browser(idp))
    found.needs("calendar")
    found.needs("mail")


def test_another_state_is_no_answer(idp: Provider, tmp_path: Path) -> None:
    seen: list[int] = []

    def browse(address: str) -> bool:
        where = httpx.URL(address).params["redirect_uri"]
        attack = lambda: seen.append(httpx.get(where, params={"code": "stolen", "state": "other"}).status_code)  # noqa: E731

        def both() -> None:
            attack()
            idp.browse(address)

        threading.Thread(target=both, daemon=True).start()
        return True

    found = identity(idp, tmp_path)
    assert found.sign_in(MAIL, Terminal(lambda text: None, browse)).who == PERSON
    assert seen == [400]


def test_without_a_browser_the_address_is_shown(idp: Provider, tmp_path: Path) -> None:
    shown: list[str] = []
    with pytest.raises(ServiceError, match=r"Nobody signed in.*with --device-code"):
        identity(idp, tmp_path).sign_in(MAIL, Terminal(shown.append, patience=0))
    assert shown[0].startswith(f"To sign in, open this address in a browser on this machine: {idp.url}/{TENANT}/v2.0/")


def test_another_person_than_the_settings_say(idp: Provider, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"ada@contoso.example signed in, and account work is of ben@") as caught:
        identity(idp, tmp_path, user="ben@contoso.example").sign_in(MAIL, browser(idp))
    assert caught.value.code == "denied"
    assert identity(idp, tmp_path).signed_in() is None


# --- renewal ----------------------------------------------------------------------------------------------------------


def test_a_token_is_renewed_before_it_ends_and_when_it_is_refused(idp: Provider, tmp_path: Path) -> None:
    found = signed(idp, tmp_path)
    first = token(found)
    second = token(found, refused=first)
    assert second != first
    assert token(found, refused=first) == second  # somebody else has renewed it
    assert len(idp.forms("refresh_token")) == 1
    other = identity(idp, tmp_path)
    assert token(other, refused=first) == second  # another process, from the file: no second refresh
    assert len(idp.forms("refresh_token")) == 1


def test_many_at_once_renew_once(idp: Provider, tmp_path: Path) -> None:
    """The provider takes a refresh token once: whoever came second with the same one would be signed out."""
    first = token(signed(idp, tmp_path))
    two = [identity(idp, tmp_path), identity(idp, tmp_path)]  # as two processes are: only the file is the same

    async def all_of() -> list[str]:
        return await asyncio.gather(*(each.token(refused=first) for each in two * 4))

    assert len(set(asyncio.run(all_of()))) == 1
    assert len(idp.forms("refresh_token")) == 1


def test_short_lived_tokens_are_refreshed_by_the_clock(idp: Provider, tmp_path: Path) -> None:
    idp.set(lasts=200)
    now = [1_000.0]
    made = account(idp, tmp_path)
    found = Identity(made, Options.of(made), clock=lambda: now[0])
    found.sign_in(MAIL, browser(idp))
    first = token(found)
    now[0] += 99
    assert token(found) == first
    now[0] += 2
    second = token(found)
    assert second != first
    idp.set(broken=503)
    now[0] += 101
    assert token(found) == second  # it still holds, and the authority has trouble
    now[0] += 100
    with pytest.raises(ServiceError) as caught:
        token(found)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("action", [{"action": "revoke"}, {"action": "expire", "model": "RefreshToken"}])
def test_a_sign_in_that_was_revoked_or_expired(idp: Provider, tmp_path: Path, action: dict[str, str]) -> None:
    found = signed(idp, tmp_path)
    first = token(found)
    idp.control(**action)
    with pytest.raises(ServiceError, match=r"expired, or was revoked.*Run: everpilot login work") as caught:
        token(found, refused=first)
    assert caught.value.code == "signed_out"
    with pytest.raises(ServiceError, match=r"everpilot login work"):  # and it stays so
        token(identity(idp, tmp_path), refused=first)
    found.sign_in(MAIL, browser(idp))
    assert token(found) != first


def test_a_claims_challenge_is_met(idp: Provider, tmp_path: Path) -> None:
    claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1700000000"}}})
    found = signed(idp, tmp_path)
    first = token(found)
    assert token(found, refused=first, claims=claims) != first
    sent = json.loads(idp.forms("refresh_token")[0]["claims"])["access_token"]
    assert sent["nbf"]["value"] == "1700000000"
    assert sent["xms_cc"] == {"values": ["CP1"]}

    said = "AADSTS50076: Due to a configuration change made by your administrator ... Trace ID: 1-2"
    idp.set(refuse=[{"error": "interaction_required", "error_description": said, "suberror": "basic_action"}])
    with pytest.raises(ServiceError, match=r"A second factor is needed") as caught:
        token(found, refused=token(found), claims=claims)
    assert "Trace ID" not in str(caught.value)
    assert caught.value.code == "signed_out"
    addresses: list[str] = []

    def browse(address: str) -> bool:
        addresses.append(address)
        return browser(idp).browse(address)

    found.sign_in(MAIL, Terminal(lambda text: None, browse))
    asked = json.loads(httpx.URL(addresses[0]).params["claims"])
    assert asked["access_token"]["nbf"]["value"] == "1700000000"  # the page asks for what was missing


def test_nobody_signed_in(idp: Provider, tmp_path: Path) -> None:
    connection = connector.connect(account(idp, tmp_path))
    with pytest.raises(ServiceError, match=r"Somebody has to sign in.*Run: everpilot login work") as caught:
        connection.serve("mail")
    assert caught.value.code == "signed_out"
    with pytest.raises(ServiceError, match=r"everpilot login work"):
        token(connection.identity)
    assert connection.who == ""


def test_signing_out(idp: Provider, tmp_path: Path) -> None:
    found, other = signed(idp, tmp_path), identity(idp, tmp_path)
    first = token(found)
    idp.set(person="ben@contoso.example")
    other.sign_in(MAIL, browser(idp))  # in another terminal
    assert token(found) != first  # no more of ada's
    assert found.signed_in() == other.signed_in()
    assert found.sign_out() is True
    with pytest.raises(ServiceError, match=r"everpilot login work"):
        token(other)
    assert found.sign_out() is False
    assert found.signed_in() is None
    with pytest.raises(ServiceError, match=r"everpilot login work"):
        token(found)


# --- what is kept and shown -------------------------------------------------------------------------------------------


def test_the_sign_in_is_sealed(idp: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"EVERPILOT_KEY.*plaintext_cache"):  # before anybody is sent anywhere
        identity(idp, tmp_path, plaintext_cache=None).sign_in(MAIL, Terminal(lambda text: None))
    monkeypatch.setenv("EVERPILOT_KEY", "a long secret of the tests")
    found = signed(idp, tmp_path, plaintext_cache=None)
    held, kept = token(found), tmp_path / "work" / FILE
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    text = kept.read_text()
    assert held not in text
    assert PERSON not in text
    assert token(identity(idp, tmp_path, plaintext_cache=None)) == held
    monkeypatch.setenv("EVERPILOT_KEY", "another one")
    assert identity(idp, tmp_path, plaintext_cache=None).signed_in() is None


def test_a_token_is_in_no_log_no_repr_and_no_error(
    idp: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    found = signed(idp, tmp_path)
    first = token(found)
    refresh = json.loads(json.loads((tmp_path / "work" / FILE).read_text())["tokens"])["RefreshToken"]
    secret = next(iter(refresh.values()))["secret"]
    idp.set(refuse=[{"error": "invalid_grant", "error_description": f"no good: {first} {secret}"}])
    with pytest.raises(ServiceError) as caught:
        token(found, refused=first)
    written = f"{caplog.text} {found!r} {found._flow!r} {caught.value} {found.__dict__}"
    assert first not in written
    assert secret not in written


# --- apps and services ------------------------------------------------------------------------------------------------


def test_an_app_with_a_secret(idp: Provider, tmp_path: Path) -> None:
    found = connector.connect(service(idp, tmp_path))
    first = token(found.identity)
    assert token(found.identity) == first
    assert token(found.identity, refused=first) != first
    assert idp.forms("client_credentials")[0]["scope"] == "https://graph.microsoft.com/.default"
    assert (found.me, found.who) == (f"/users/{PERSON}", PERSON)
    wrong = service(idp, tmp_path)
    wrong = Account("work", wrong.settings, wrong.state, {"APP_SECRET": "wrong-secret"})
    with pytest.raises(ServiceError, match=r"Check client_secret_env of \[accounts.work\]") as caught:
        token(connector.connect(wrong).identity)
    assert "wrong-secret" not in str(caught.value)


def test_an_app_with_a_certificate(idp: Provider, tmp_path: Path, certificate: tuple[Path, dict[str, str]]) -> None:
    told = {"client_id": CERTIFIED, "client_secret_env": None, "certificate": str(certificate[0])}
    assert token(connector.connect(service(idp, tmp_path, **told)).identity)
    (tmp_path / "half.pem").write_bytes(certificate[0].read_bytes().partition(b"-----BEGIN CERT")[0])
    with pytest.raises(SettingsError, match=r"\[accounts.work\] certificate: .*half.pem holds no certificate"):
        token(connector.connect(service(idp, tmp_path, **{**told, "certificate": str(tmp_path / "half.pem")})).identity)


def test_on_behalf_of_somebody(idp: Provider, tmp_path: Path) -> None:
    assertion = token(signed(idp, tmp_path))
    made = service(idp, tmp_path / "bot", "on_behalf_of", user=None)
    found = connector.on_behalf_of(made, assertion)
    found.check()
    first = token(found.identity)
    assert first != assertion
    assert found.me == "/me"
    assert idp.forms("jwt-bearer")[0]["requested_token_use"] == "on_behalf_of"
    assert token(found.identity, refused=first) != first  # by a refresh token: the assertion may be over
    assert len(idp.forms("jwt-bearer")) == 1
    assert not (tmp_path / "bot" / "work" / FILE).exists()
    with pytest.raises(ServiceError, match=r"Whoever asks signs in to the service again") as caught:
        connector.on_behalf_of(made, "not-a-token").check()
    assert "not-a-token" not in str(caught.value)
    with pytest.raises(ServiceError, match=r"for those who ask a service"):
        token(connector.connect(made).identity)


def test_a_managed_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = Authority()
    with identity_endpoint(state) as (url, asked):
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "from-the-platform")
        settings = {"connector": "microsoft365", "method": "managed_identity", "user": PERSON, "cloud": "china"}
        made = Account("work", AccountSettings.model_validate(settings), tmp_path)
        found = connector.connect(made).identity
        first = token(found)
        assert token(found) == first
        assert asked[0]["resource"] == "https://microsoftgraph.chinacloudapi.cn"
        assert token(found, refused=first) != first
        other = AccountSettings.model_validate({**settings, "client_id": "another"})
        with pytest.raises(ServiceError, match=r"No managed identity was found"):
            token(connector.connect(Account("work", other, tmp_path)).identity)


def test_an_authority_that_can_t_be_reached_or_is_none(idp: Provider, tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as caught:
        token(connector.connect(service(idp, tmp_path, authority="https://localhost:9")).identity)
    assert caught.value.code == "unreachable"
    with pytest.raises(ServiceError, match=r"Check tenant, cloud, authority .* of \[accounts.work\]"):
        token(connector.connect(service(idp, tmp_path, tenant="nobody")).identity)


# --- with Graph -------------------------------------------------------------------------------------------------------


def test_graph_refuses_a_token_and_is_given_another(idp: Provider, graph: Graph, tmp_path: Path) -> None:
    """Expired, revoked with a claims challenge (CAE), without a right: the client and the identity together."""
    about: dict[str, dict[str, Any]] = {}
    rights = frozenset({"User.Read", "Mail.Read"})
    grant = Grant(graph.state.user(sample.ME)["id"], rights, graph.state.tenant, graph.state.now() + timedelta(hours=1))
    graph.fake.tokens.foreign = lambda text: replace(grant, **about.get(text, {}))
    made = account(idp, tmp_path, base_url=graph.url)
    connector.sign_in(made, MAIL, browser(idp))
    connection = connector.connect(made)

    def me() -> Any:
        return connection.run(lambda: connection.graph.get("/me"))["userPrincipalName"]

    assert me() == sample.ME
    about[token(connection.identity)] = {"expires": graph.state.now() - timedelta(seconds=1)}
    assert me() == sample.ME
    assert "nbf" not in idp.forms("refresh_token")[0]["claims"]
    about[token(connection.identity)] = {"revoked": "1700000000"}
    assert me() == sample.ME
    assert "1700000000" in idp.forms("refresh_token")[1]["claims"]
    assert len(idp.forms("refresh_token")) == 2

    with pytest.raises(ServiceError, match=r"everpilot login work") as caught:
        connection.run(lambda: connection.graph.get("/me/drive"))
    assert caught.value.code == "scope"
    assert caught.value.hint == "Run: everpilot login work --add Files.Read"

    idp.control("revoke")
    about[token(connection.identity)] = {"revoked": "1700000001"}
    with pytest.raises(ServiceError, match=r"Run: everpilot login work") as caught:
        me()
    assert caught.value.code == "signed_out"
    loops.close()
