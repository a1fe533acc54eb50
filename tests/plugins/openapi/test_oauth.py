"""Signing in against a real authorization server: code and PKCE, refresh, client credentials, discovery."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("cryptography")

import httpx

from copilot.errors import SettingsError
from copilot.plugins.credentials import Secrets
from copilot.plugins.openapi.client import Client
from copilot.plugins.service import Service
from copilot.settings import PluginAuth
from tests.plugins.openapi.conftest import Served
from tests.plugins.openapi.test_styles import operation


def entry(served: Served, **more: Any) -> dict[str, Any]:
    ends = {"authorization_url": f"{served.url}/authorize", "token_url": f"{served.url}/token"}
    return {"kind": "oauth", "client_id": "person", **ends, **more}


def store(home: Path, **entries: dict[str, Any]) -> Secrets:
    made = {name: PluginAuth.model_validate(each) for name, each in entries.items()}
    return Secrets(made, home, {"APP_SECRET": "a secret of the app"})


def browser(url: str) -> bool:
    """Visit the address as a browser does, in a thread: the one that signs in is waiting."""
    threading.Thread(target=lambda: httpx.get(url, follow_redirects=True, verify=False), daemon=True).start()
    return True


def mine(served: Served, secrets: Secrets) -> int:
    client = Client(Service("desk", (served.url,)), {}, secrets, ("desk",))
    called = operation(served, path="/mine")
    return client.send(called, client.prepare(called, {})).status


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long secret for what is kept")


def test_a_person_signs_in_once_and_is_refreshed(served: Served, home: Path) -> None:
    secrets = store(home, desk=entry(served))
    with pytest.raises(SettingsError, match="everpilot plugins login desk"):
        mine(served, secrets)
    shown: list[str] = []
    assert secrets.login("desk", show=shown.append, browse=browser) == "Signed in to desk."
    asked = parse_qs(urlsplit(shown[0].partition("open ")[2]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert mine(served, secrets) == 200
    kept = next(home.glob("sign-in-plugin-*.json"))
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not any(token in kept.read_text() for token in (*served.access, *served.refresh))
    assert mine(served, store(home, desk=entry(served))) == 200  # another process
    served.access.clear()  # revoked: 401, and then a new one by the refresh token
    assert mine(served, secrets) == 200
    served.access.clear()
    served.refresh.clear()
    with pytest.raises(SettingsError, match=r"taken back.*plugins login desk"):
        mine(served, secrets)


def test_a_token_is_renewed_before_it_expires(served: Served, home: Path) -> None:
    served.lasts = 30  # within the minute before it expires
    secrets = store(home, desk=entry(served, plaintext_cache=True))
    secrets.login("desk", show=lambda text: None, browse=browser)
    before = set(served.access)
    assert mine(served, secrets) == 200
    assert len(served.access - before) == 1


def test_the_issuer_says_where_and_the_answer_is_checked(served: Served, home: Path) -> None:
    auth = {"kind": "oauth", "client_id": "person", "issuer": served.url, "scopes": ["openid"], "plaintext_cache": True}
    secrets = store(home, desk=auth)
    secrets.login("desk", show=lambda text: None, browse=browser)
    assert mine(served, secrets) == 200
    other = served.url.replace("127.0.0.1", "localhost")
    with pytest.raises(SettingsError, match="another issuer"):
        store(home, desk={**auth, "issuer": other}).login("desk", show=lambda text: None, browse=browser)


def test_a_redirect_with_another_state_is_not_taken(served: Served, home: Path) -> None:
    def forged(url: str) -> bool:
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]

        def visit() -> None:
            assert httpx.get(f"{redirect}?code=stolen&state=guessed", verify=False).status_code == 400
            httpx.get(url, follow_redirects=True, verify=False)

        threading.Thread(target=visit, daemon=True).start()
        return True

    secrets = store(home, desk=entry(served, plaintext_cache=True))
    assert secrets.login("desk", show=lambda text: None, browse=forged).startswith("Signed in")
    assert mine(served, secrets) == 200


def test_an_app_has_a_token_of_its_own(served: Served, home: Path) -> None:
    auth = entry(served, client_id="app", client_secret_env="APP_SECRET", grant="client_credentials")
    secrets = store(home, desk=auth)
    assert mine(served, secrets) == 200
    served.access.clear()
    assert mine(served, secrets) == 200
    wrong = Secrets({"desk": PluginAuth.model_validate(auth)}, home, {"APP_SECRET": "another one entirely"})
    with pytest.raises(SettingsError, match=r"invalid_client.*client_secret_env") as caught:
        mine(served, wrong)
    assert "another one entirely" not in str(caught.value)
    assert not list(home.glob("sign-in-plugin-*"))


def test_nobody_signs_in_for_a_key(home: Path) -> None:
    secrets = store(home, desk={"kind": "bearer", "api_key_env": "X"})
    with pytest.raises(SettingsError, match="nobody signs in"):
        secrets.login("desk")
    with pytest.raises(SettingsError, match=r"no \[plugins\.auth\.other\]"):
        secrets.login("other")
    assert secrets.credential("other") is None


def test_what_is_kept_may_be_broken(served: Served, home: Path) -> None:
    secrets = store(home, desk=entry(served, plaintext_cache=True))
    secrets.login("desk", show=lambda text: None, browse=browser)
    kept = next(home.glob("sign-in-plugin-*.json"))
    for text in ("", "[]", "{", json.dumps({"access_token": 3, "expires": "soon"})):
        kept.write_text(text)
        with pytest.raises(SettingsError, match="plugins login desk"):
            mine(served, store(home, desk=entry(served, plaintext_cache=True)))


@pytest.mark.parametrize(
    "auth",
    [
        {"kind": "oauth"},
        {"kind": "oauth", "client_id": "a"},
        {"kind": "oauth", "client_id": "a", "token_url": "https://t"},
        {"kind": "oauth", "client_id": "a", "token_url": "https://t", "grant": "client_credentials"},
        {"kind": "basic", "api_key_env": "A"},
        {"kind": "bearer"},
        {"kind": "bearer", "api_key_env": "A", "api_key_keyring": "b"},
    ],
)
def test_settings_that_can_t_work_are_refused(auth: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs"):
        PluginAuth.model_validate(auth)


def test_many_that_are_refused_at_once_are_served_by_one_refresh(served: Served, home: Path) -> None:
    secrets = store(home, desk=entry(served, plaintext_cache=True))
    secrets.login("desk", show=lambda text: None, browse=browser)
    assert mine(served, secrets) == 200
    served.access.clear()  # revoked; none of the twenty knows yet
    together, statuses = threading.Barrier(20), []

    def call() -> None:
        together.wait(20)
        statuses.append(mine(served, secrets))

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * 20
    assert len(served.access) == 1


def test_nothing_that_is_printed_holds_a_secret(served: Served, home: Path) -> None:
    secrets = store(home, desk=entry(served), key={"kind": "api_key", "api_key_env": "APP_SECRET"})
    shown = repr([secrets, secrets.credential("desk"), secrets.credential("key")])
    assert "APP_SECRET" in shown
    assert "a secret of the app" not in shown
