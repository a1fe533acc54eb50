"""Signing in within the chat: only the person's own token is taken, kept sealed, and used for nobody else."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jwt")
pytest.importorskip("cryptography")

import jwt

from copilot.errors import ServiceError, SettingsError
from copilot.hosts.bot.inbox import Answer
from copilot.hosts.bot.people import Person
from copilot.hosts.bot.rooms import Rooms
from copilot.hosts.bot.signin import CARD, EXCHANGE, FAILURE, VERIFY, SignIns, without_token
from copilot.plugins.connections import Account
from copilot.settings import Settings
from tests.bot.crowd import ADA, BEN, said, somebody
from tests.bot.issuing import AGENT, APP, OTHER_TENANT, TENANT, private, public
from tests.bot.test_rooms import settings


@dataclass
class Directory:
    """A connector whose authority takes tokens that are signed by it, and nothing else."""

    refuses: str = ""
    asked: list[str] = field(default_factory=list)
    kinds: frozenset[str] = frozenset({"files"})

    def connect(self, account: Account) -> Any:
        raise AssertionError("this is the host's own")

    def on_behalf_of(self, account: Account, assertion: str) -> Any:
        return Acting(self, account, assertion)

    def __call__(self, name: str) -> Any:
        return self


@dataclass
class Acting:
    directory: Directory
    settings: Account
    assertion: str
    account: str = "work"
    kinds: frozenset[str] = frozenset({"files"})

    @property
    def who(self) -> str:
        found: str = jwt.decode(self.assertion, options={"verify_signature": False})["oid"]
        return found

    def serve(self, kind: str) -> str:
        return f"files of {self.who}"

    def check(self) -> None:
        self.directory.asked.append(self.who)
        if self.directory.refuses:
            raise ServiceError("The authority said: user Ada has not agreed", code=self.directory.refuses)
        key = jwt.PyJWK(public("entra", alg="RS256")).key
        try:
            jwt.decode(self.assertion, key, algorithms=["RS256"], options={"verify_aud": False, "verify_exp": False})
        except jwt.InvalidTokenError as error:
            raise ServiceError("AADSTS50013: bad signature", code="denied") from error


def token(key: str = "entra", without: tuple[str, ...] = (), **claims: Any) -> str:
    told = {"aud": f"api://botid-{APP}", "tid": TENANT, "oid": ADA, "scp": "access_as_user", "exp": time.time() + 3600}
    told |= {"preferred_username": "Ada@Contoso.example", **claims}
    return jwt.encode({name: each for name, each in told.items() if name not in without}, private(key), "RS256")


def exchange(signins: SignIns, given: Any, person: Person | None = None) -> Answer:
    invoke = {
        **said(),
        "type": "invoke",
        "name": EXCHANGE,
        "value": {"id": "x1", "connectionName": "work", "token": given},
    }
    found = asyncio.run(signins.answer(invoke, person or somebody()))
    assert found is not None
    return found


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERPILOT_KEY", "a long secret for tests")
    monkeypatch.setattr("copilot._sealing._COST", 2**4)


@pytest.fixture
def directory() -> Directory:
    return Directory()


def signins_of(folder: Path, directory: Directory, **more: Any) -> SignIns:
    return SignIns(settings(folder / "files"), folder / "signins", connector=directory, env={}, **more)


@pytest.mark.usefixtures("sealed")
def test_a_sign_in_is_kept_sealed_for_all_replicas(tmp_path: Path, directory: Directory) -> None:
    signins, given = signins_of(tmp_path, directory), token()
    assert exchange(signins, given) == Answer(200, {"id": "x1", "connectionName": "work"})
    other = signins_of(tmp_path, directory)
    assert other.assertion(somebody()) == given
    assert other.address(somebody()) == "ada@contoso.example"
    assert not other.is_signed_in(somebody(user=BEN))
    assert not other.is_signed_in(somebody(tenant=OTHER_TENANT))
    [kept] = (tmp_path / "signins").rglob("*.json")
    assert given not in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    assert ADA not in str(kept)
    before = signins.stamp(somebody())
    assert other.sign_out(somebody())
    assert not signins.is_signed_in(somebody())
    assert signins.stamp(somebody()) != before
    assert not signins.sign_out(somebody())


def test_without_a_key_it_is_kept_in_memory_only(
    tmp_path: Path, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(what: str, hint: str = "") -> str:
        raise SettingsError(what)

    monkeypatch.setattr("copilot._sealing.secret", none)
    signins = signins_of(tmp_path, directory)
    assert exchange(signins, token()).status == 200
    assert signins.is_signed_in(somebody())
    assert not list((tmp_path / "signins").rglob("*.json"))
    assert signins.sign_out(somebody())
    assert not signins.is_signed_in(somebody())


_WRONG: dict[str, Any] = {
    "of another person": {"oid": BEN},
    "of another tenant": {"tid": OTHER_TENANT},
    "for another app": {"aud": f"api://botid-{AGENT}"},
    "for an app that ends so": {"aud": f"api://evil-botid-{APP}"},
    "for Graph": {"aud": "00000003-0000-0000-c000-000000000000"},
    "expired": {"exp": 1_000},
    "expires never": {"without": ("exp",)},
    "expires in words": {"exp": True},
    "of an app": {"without": ("scp",)},
    "of nobody": {"without": ("oid",)},
}


@pytest.mark.parametrize("name", _WRONG)
def test_tokens_of_others_are_not_tried(tmp_path: Path, directory: Directory, name: str) -> None:
    signins = signins_of(tmp_path, directory)
    answer = exchange(signins, token(**_WRONG[name]))
    assert answer.status == 503
    assert not directory.asked
    assert not signins.is_signed_in(somebody())


@pytest.mark.parametrize("given", ["", "no-token", "a.b.c", None, 5, {"a": 1}, "x" * 20_000])
def test_what_is_no_token(tmp_path: Path, directory: Directory, given: Any) -> None:
    assert exchange(signins_of(tmp_path, directory), given).status == 503
    assert not directory.asked


@pytest.mark.parametrize(
    ("refuses", "status"), [("scope", 412), ("signed_out", 412), ("denied", 412), ("unreachable", 503)]
)
def test_what_the_authority_refuses_is_not_kept(
    tmp_path: Path, directory: Directory, refuses: str, status: int
) -> None:
    directory.refuses = refuses
    signins = signins_of(tmp_path, directory)
    answer = exchange(signins, token())
    assert answer.status == status
    assert "Ada" not in json.dumps(answer.body)
    assert not signins.is_signed_in(somebody())


def test_a_forged_token_is_found_out_by_the_authority(tmp_path: Path, directory: Directory) -> None:
    signins = signins_of(tmp_path, directory)
    assert exchange(signins, token("stranger")).status == 412
    assert not signins.is_signed_in(somebody())


@pytest.mark.usefixtures("sealed")
def test_each_has_their_own_account_also_in_one_group(tmp_path: Path, directory: Directory) -> None:
    signins = signins_of(tmp_path, directory)
    exchange(signins, token())
    exchange(signins, token(oid=BEN), somebody(user=BEN))
    chosen = settings(tmp_path / "files")
    own = chosen.model_copy(update={"accounts": {"work": chosen.accounts["work"]}})
    found = [signins.connections(somebody(user=user, chat="team"), own, {}) for user in (ADA, BEN, "c")]
    assert [each.of("files") for each in found[:2]] == [f"files of {ADA}", f"files of {BEN}"]
    with pytest.raises(ServiceError) as caught:
        found[2].of("files")
    assert caught.value.code == "signed_out"


@pytest.mark.usefixtures("sealed")
def test_it_expires(tmp_path: Path, directory: Directory) -> None:
    now = [time.time()]
    signins = signins_of(tmp_path, directory, clock=lambda: now[0])
    exchange(signins, token())
    assert signins.is_signed_in(somebody())
    now[0] += 3_600
    assert not signins.is_signed_in(somebody())
    assert signins.clean() == 0
    now[0] += 90_000
    assert signins.clean() == 1


@pytest.mark.usefixtures("sealed")
def test_a_sign_in_makes_the_assistant_anew(tmp_path: Path, directory: Directory) -> None:
    signins = signins_of(tmp_path, directory)
    rooms = Rooms(settings(tmp_path / "files"), tmp_path / "state", signins=signins, env={})
    room = rooms.room(somebody())
    before = room.copilot
    exchange(signins, token())
    assert room.copilot is not before
    assert room.copilot.connections.of("files") == f"files of {ADA}"
    assert rooms.room(somebody()).copilot is room.copilot


def test_the_card(tmp_path: Path, directory: Directory) -> None:
    signins = signins_of(tmp_path, directory)
    [attachment] = signins.card(somebody())["attachments"]
    content = attachment["content"]
    assert attachment["contentType"] == CARD
    assert content["connectionName"] == "work"
    assert content["tokenExchangeResource"]["uri"] == f"api://botid-{APP}"
    assert content["tokenExchangeResource"]["id"]
    assert content["buttons"][0]["type"] == "signin"
    assert content["buttons"][0]["value"].startswith(f"https://login.microsoftonline.com/{TENANT}/")
    assert "attachments" not in signins.card(somebody(chat="team"))
    nobody = SignIns(Settings(), tmp_path, connector=directory)
    assert not nobody.can_ask(somebody())


def test_other_invokes(tmp_path: Path, directory: Directory) -> None:
    signins = signins_of(tmp_path, directory)
    for name, status in ((VERIFY, 200), (FAILURE, 200), ("fileConsent/invoke", None)):
        found = asyncio.run(signins.answer({"name": name, "value": {"state": "123"}}, somebody()))
        assert (found.status if found else None) == status
    assert "administrator" in signins.told({"name": FAILURE, "value": {"code": "resourcematchfailed", "message": "x"}})
    assert signins.told({"name": EXCHANGE}) == ""


def test_the_token_is_not_kept_in_the_inbox() -> None:
    invoke = {"type": "invoke", "name": EXCHANGE, "value": {"id": "1", "token": "secret"}}
    assert without_token(invoke) == {"type": "invoke", "name": EXCHANGE, "value": {"id": "1"}}
    assert without_token({"name": VERIFY, "value": {"state": "123456"}})["value"] == {}
    assert without_token(said()) == said()
    assert without_token({"name": EXCHANGE, "value": "x"})["value"] == "x"


def test_an_account_that_is_not_there(tmp_path: Path, directory: Directory) -> None:
    signins = SignIns(settings(tmp_path, account="other"), tmp_path, connector=directory, env={})
    assert exchange(signins, token()).status == 503
