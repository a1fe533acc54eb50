"""Keys from a variable, a command and the keyring: a real command, a keyring in a file, and through the router."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked
from keyrings.alt.file import PlaintextKeyring

from copilot import settings as settings_module
from copilot.errors import SettingsError
from copilot.models import providers
from copilot.models.credentials.base import EnvironmentKey, first_line
from copilot.models.credentials.command import Command
from copilot.models.credentials.store import KeyringKey
from copilot.models.setup import describe
from copilot.models.toolset import NONE
from copilot.settings import ModelSettings, Settings
from tests.models.routing import Planner, entry, router, stamp
from tests.vendors import AnthropicServer, OpenAIServer


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


@contextmanager
def keyring_file(path: Path | None, backend: KeyringBackend | None = None) -> Iterator[KeyringBackend]:
    """Let a file be the system's keyring, or another backend."""
    before = keyring.get_keyring()
    if backend is None:
        backend = PlaintextKeyring()
        backend.file_path = str(path)
    keyring.set_keyring(backend)
    try:
        yield backend
    finally:
        keyring.set_keyring(before)


class Printer:
    """A command that prints what lies in a file, and counts its runs."""

    def __init__(self, folder: Path, key: str) -> None:
        self.file, self.runs = folder / "key.txt", folder / "runs.txt"
        self.file.write_text(key)
        self.words = python(
            "import pathlib, sys; a, b = map(pathlib.Path, sys.argv[1:]); print(a.read_text()); b.open('a').write('x')",
            str(self.file),
            str(self.runs),
        )

    @property
    def count(self) -> int:
        return len(self.runs.read_text()) if self.runs.exists() else 0


# --- a command --------------------------------------------------------------------------------------------------------


def test_a_command_runs_once_and_again_after_a_refusal(tmp_path: Path) -> None:
    printer = Printer(tmp_path, "  sk-one \n")
    made = Command(printer.words)
    assert made.kept() is None
    assert [made.get().get_secret_value() for _ in range(3)] == ["sk-one"] * 3
    assert printer.count == 1
    printer.file.write_text("sk-two")
    assert made.renew()
    assert made.kept() is None
    assert made.get().get_secret_value() == "sk-two"
    assert (made.rotates, made.bearer) == (True, False)
    assert "sk-two" not in repr(made)


def test_many_who_want_the_key_wait_for_one_run(tmp_path: Path) -> None:
    printer = Printer(tmp_path, "sk-one")
    made, got = Command(printer.words), []
    threads = [threading.Thread(target=lambda: got.append(made.get().get_secret_value())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (got, printer.count) == (["sk-one"] * 8, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (python("print('  ')"), "brought nothing"),
        (python("print('one'); print('two')"), "more than one word or line"),
        (python("print('schlüssel')"), "more than one word or line"),
        (python("import sys; print('k'); sys.exit(3)"), "ended with 3"),
        (("everpilot-no-such-program", "x"), r"`everpilot-no-such-program ...` can't be run: No such file"),
        ((str(Path(__file__).parent), "x"), "can't be run: Permission denied"),
        (("bad\0name",), "can't be run"),
    ],
)
def test_commands_that_bring_no_key(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Command(words).get()


def test_a_command_that_hangs_is_ended() -> None:
    words = python("import time; time.sleep(60)")
    with pytest.raises(SettingsError, match=r"took longer than 0.3 s"):
        Command(words, patience=0.3).get()


def test_a_command_gets_no_input_and_no_shell(tmp_path: Path) -> None:
    assert Command(python("import sys; print(repr(sys.stdin.read()))")).get().get_secret_value() == "''"
    words = python("import sys; print(sys.argv[1])", "$HOME;`id`")
    assert Command(words).get().get_secret_value() == "$HOME;`id`"


def test_its_first_complaint_is_shown_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "hunter22")
    code = "import sys; sys.exit('\\nnot signed in with hunter22, key sk-abcdef123456\\nsecond line')"
    with pytest.raises(SettingsError) as caught:
        Command(python(code, "--password=swordfish")).get()
    told = str(caught.value)
    assert "not signed in with [...]" in told
    assert not any(secret in told for secret in ("hunter22", "abcdef", "swordfish", "second line"))


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (("op", "read", "op://Private/OpenAI/key"), "command `op read ...`"),
        (("pass", "openai"), "command `pass ...`"),
        (("echo", "supersecret"), "command `echo ...`"),
        (("vault", "--token=abc", "x"), "command `vault ...`"),
        (("my-key",), "command `my-key`"),
    ],
)
def test_a_command_is_named_as_far_as_it_holds_no_secret(words: tuple[str, ...], source: str) -> None:
    assert Command(words).source == source


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdef",
        "eyJhbGciOi.eyJzdWIi.c2ln",
        "0123456789abcdef0123456789abcdef",
        "Bearer abc",
        "password=letmein",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(secret: str) -> None:
    assert first_line(f"cannot use {secret} here", {}) == "cannot use [...] here"


# --- the keyring ------------------------------------------------------------------------------------------------------


def test_a_key_of_the_keyring(tmp_path: Path) -> None:
    with keyring_file(tmp_path / "ring.cfg") as ring:
        ring.set_password("everpilot", "openai", "sk-ring")
        made = KeyringKey("everpilot", "openai")
        assert made.get().get_secret_value() == "sk-ring"
        assert made.source == "keyring everpilot/openai"
        ring.set_password("everpilot", "openai", "sk-ring-2")
        assert made.get().get_secret_value() == "sk-ring"
        assert made.renew()
        assert made.get().get_secret_value() == "sk-ring-2"
        with pytest.raises(SettingsError, match="Run: keyring set everpilot mistral"):
            KeyringKey("everpilot", "mistral").get()


def test_a_service_without_a_user_where_the_keyring_can_tell(tmp_path: Path) -> None:
    class Telling(PlaintextKeyring):
        def get_credential(self, service: str, username: str | None) -> Any:
            return super().get_credential(service, username or "whoever")

    telling = Telling()
    telling.file_path = str(tmp_path / "ring.cfg")
    with keyring_file(None, telling) as ring:
        ring.set_password("gateway", "whoever", "sk-gateway")
        assert KeyringKey("gateway").get().get_secret_value() == "sk-gateway"
    with (
        keyring_file(tmp_path / "ring.cfg"),
        pytest.raises(SettingsError, match='api_key_keyring = "gateway/USER"'),
    ):
        KeyringKey("gateway").get()


def test_a_machine_without_a_keyring() -> None:
    with keyring_file(None, fail.Keyring()), pytest.raises(SettingsError, match="api_key_env") as caught:
        KeyringKey("everpilot", "openai").get()
    assert "no keyring" in str(caught.value)


def test_a_keyring_that_is_locked(tmp_path: Path) -> None:
    class Locked(PlaintextKeyring):
        def get_password(self, service: str, username: str) -> str:
            raise KeyringLocked("no")

    with keyring_file(None, Locked()), pytest.raises(SettingsError, match="Unlock it"):
        KeyringKey("everpilot", "openai").get()


def test_the_library_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SettingsError, match=r'pip install "everpilot\[keyring\]"'):
        KeyringKey("everpilot", "openai").get()


# --- connections ------------------------------------------------------------------------------------------------------


def test_identity_holds_the_key_of_the_environment_and_the_source_of_all_others() -> None:
    def of(env: dict[str, str], **more: Any) -> str:
        model = ModelSettings(name="m", provider="openai", model="gpt-4.1", **more)
        return providers.connect(model, env).identity

    env = [of({"OPENAI_API_KEY": "one"}), of({"OPENAI_API_KEY": "two"})]
    # None of these can be asked for a key, and none is.
    others = [
        of({}, api_key_cmd="everpilot-no-such-program read a"),
        of({}, api_key_cmd="everpilot-no-such-program read b"),
        of({}, api_key_keyring="everpilot-none/a"),
        of({}, api_key_keyring="everpilot-none/b"),
        of({}, entra={"method": "managed_identity"}),
        of({}, entra={"method": "managed_identity", "client_id": "c"}),
    ]
    assert len({*env, *others}) == 8
    assert others[0] == of({"OPENAI_API_KEY": "ignored"}, api_key_cmd=["everpilot-no-such-program", "read", "a"])


def test_rows_name_the_source_and_ask_nobody(tmp_path: Path) -> None:
    printer = Printer(tmp_path, "sk")
    models = [
        ModelSettings(name="a", provider="openai", api_key_cmd=list(printer.words)),
        ModelSettings(name="b", provider="openai", api_key_keyring="everpilot/openai"),
        ModelSettings(name="c", provider="foundry", base_url="https://x.example", entra={"method": "managed_identity"}),
        ModelSettings(
            name="d",
            provider="openai",
            entra={"method": "client_credentials", "tenant": "t", "client_id": "c", "client_secret_env": "NOT_SET"},
        ),
    ]

    class Untouchable(fail.Keyring):
        def get_password(self, service: str, username: str) -> str:
            raise AssertionError("the keyring was opened")

    with keyring_file(None, Untouchable()):
        rows = describe(Settings(models=models), state=tmp_path, env={})
    assert [row["key"] for row in rows] == [
        f"set (command `{sys.executable} ...`)",
        "set (keyring everpilot/openai)",
        "set (Microsoft Entra ID, managed identity)",
        "missing",
    ]
    assert "NOT_SET" in rows[3]["problem"]
    assert printer.count == 0
    assert "msal" not in json.dumps(rows)


def test_a_provider_that_takes_no_key_says_so() -> None:
    model = ModelSettings(name="m", provider="ollama", model="x", api_key_keyring="everpilot/ollama")
    with pytest.raises(SettingsError, match="ollama takes no key"):
        providers.connect(model, {})


def test_a_key_of_the_environment_stays() -> None:
    model = ModelSettings(name="m", provider="google", model="x")
    made = providers.connect(model, {"GEMINI_API_KEY": " k "}).credential
    assert isinstance(made, EnvironmentKey)
    assert (made.source, made.get().get_secret_value(), made.rotates, made.renew()) == (
        "GEMINI_API_KEY",
        "k",
        False,
        False,
    )


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"api_key_env": "A", "api_key_cmd": "b"}, "api_key_env and api_key_cmd are given"),
        ({"api_key_cmd": "b", "api_key_keyring": "c"}, "api_key_cmd and api_key_keyring are given"),
        ({"api_key_keyring": "c", "entra": {"method": "managed_identity"}}, "api_key_keyring and entra are given"),
        ({"api_key_cmd": "unbalanced 'quote"}, "is no command"),
        ({"api_key_cmd": "  "}, "the command is empty"),
        ({"api_key_cmd": []}, "the command is empty"),
        ({"api_key_keyring": "/user"}, "names no service"),
    ],
)
def test_settings_that_make_no_sense(told: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSettings(name="m", provider="openai", **told)


@pytest.mark.parametrize(
    "line",
    ['api_key_cmd = "touch /tmp/x"', 'api_key_keyring = "bank/pin"', 'entra = { method = "managed_identity" }'],
)
def test_a_folder_that_is_not_trusted_names_no_source_of_keys(tmp_path: Path, line: str) -> None:
    (tmp_path / "copilot.toml").write_text(
        f'[[models]]\nname = "x"\nprovider = "openai_compatible"\nmodel = "m"\nbase_url = "http://127.0.0.1:1"\n{line}\n'
    )
    found = settings_module.load(tmp_path)
    assert found.models == []
    assert "model 'x' is ignored" in found.notes[0]
    settings_module.trust(tmp_path / "copilot.toml")
    assert [m.name for m in settings_module.load(tmp_path).models] == ["x"]


# --- through the router -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [OpenAIServer, AnthropicServer])
async def test_a_changed_key_is_got_in_the_middle_of_a_turn(make: type[Any], tmp_path: Path) -> None:
    printer = Printer(tmp_path, "key-1")
    with make(api_key="key-1") as server, OpenAIServer() as other:
        model = router([entry(server, "one", api_key_env=None, api_key_cmd=list(printer.words)), entry(other, "two")])
        assert stamp(await model.ainvoke("Hello"))["served_by"] == "one"
        server.api_key = "key-2"
        printer.file.write_text("key-2")
        answer = await model.ainvoke("Hello")
        assert stamp(answer)["served_by"] == "one"
        assert [a["failure"] for a in stamp(answer)["attempts"]] == ["auth"]
        assert stamp(await model.ainvoke("Hello"))["attempts"] == []  # and the circuit is closed again
    assert (printer.count, other.requests) == (2, [])


async def test_a_refused_key_that_stays_the_same_fails_over(tmp_path: Path) -> None:
    printer = Printer(tmp_path, "wrong")
    with OpenAIServer() as server, AnthropicServer() as other:
        model = router([entry(server, "one", api_key_env=None, api_key_cmd=list(printer.words)), entry(other, "two")])
        for _ in range(3):
            assert stamp(await model.ainvoke("Hello"))["served_by"] == "two"
    assert (len(server.requests), printer.count) == (1, 2)  # asked with it once, and not again


async def test_a_command_that_fails_fails_over_and_is_told(tmp_path: Path) -> None:
    words = list(python(f"import sys; sys.exit('vault is sealed {tmp_path.name}')"))
    with OpenAIServer() as server, AnthropicServer() as other:
        model = router([entry(server, "one", api_key_env=None, api_key_cmd=words), entry(other, "two")])
        answer = await model.ainvoke("Hello")
    assert stamp(answer)["served_by"] == "two"
    assert "vault is sealed" in stamp(answer)["attempts"][0]["reason"]
    assert not server.requests


async def test_a_key_that_is_withdrawn_and_not_replaced_is_named(tmp_path: Path) -> None:
    printer = Printer(tmp_path, "key-1")
    with OpenAIServer(api_key="key-1") as server:
        one = entry(server, "one", api_key_env=None, api_key_cmd=list(printer.words))
        model = router([one], builtin=Planner())
        await model.ainvoke("Hello")
        server.api_key = "another"
        answer = await model.ainvoke("Hello")
    assert stamp(answer)["served_by"] == "builtin"
    assert "OpenAI: key refused" in answer.text


def test_two_routers_share_what_was_got(tmp_path: Path) -> None:
    printer = Printer(tmp_path, "key-1")
    with OpenAIServer(api_key="key-1") as server:
        one = entry(server, "one", api_key_env=None, api_key_cmd=list(printer.words))
        for _ in range(2):
            router([one]).invoke("Hello")
    assert printer.count == 1


def test_the_environment_of_the_command_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "here")
    code = "import os; print(os.environ['VAULT_ADDR'])"
    assert Command(python(code)).get().get_secret_value() == os.environ["VAULT_ADDR"]


async def test_many_turns_that_are_refused_renew_the_key_once(tmp_path: Path) -> None:
    printer = Printer(tmp_path, "key-1")
    with OpenAIServer(api_key="key-1") as server:
        model = router([entry(server, "one", api_key_env=None, api_key_cmd=list(printer.words))])
        await model.ainvoke("Hello")
        server.api_key = "key-2"
        printer.file.write_text("key-2")
        answers = await asyncio.gather(*(model.ainvoke(f"Hello {i}") for i in range(8)))
    assert {stamp(answer)["served_by"] for answer in answers} == {"one"}
    assert printer.count == 2


async def test_reasoning_left_off_does_not_keep_the_old_key(tmp_path: Path) -> None:
    printer = Printer(tmp_path, "key-1")
    with AnthropicServer(api_key="key-1") as server:
        one = entry(server, "one", api_key_env=None, api_key_cmd=list(printer.words), options={"effort": "low"})
        candidate = router([one]).roster.all()[0]
        quiet = candidate.unthinking
        assert quiet is not candidate
        assert quiet.client(NONE) is quiet.client(NONE)
        first = quiet.client(NONE)
        printer.file.write_text("key-2")
        assert candidate.renew()
        assert not quiet.is_built(NONE)
        assert quiet.client(NONE) is not first
        assert quiet.is_built(NONE)
