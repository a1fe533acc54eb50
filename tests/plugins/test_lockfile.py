"""plugins.lock: what is written is read again, and what is broken is refused with its reason."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from copilot.errors import PluginError
from copilot.plugins.lockfile import Entry, read, rendered, write

HASH = "ab" * 32


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    odd = Entry("odd", 'C:\\x "quoted" ☃ \x7f\t\n', HASH, resolved="commit 1", base="My skill", enabled=False)
    entries = [odd, Entry("a.b-c", "pypi:acme==1", HASH, previous_sha256="cd" * 32)]
    path = tmp_path / "state" / "plugins.lock"
    write(path, entries)
    assert read(path) == {entry.name: entry for entry in entries}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert rendered(reversed(entries)) == path.read_text("utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["plugins.lock"]
    assert read(tmp_path / "none") == {}


GOOD = f'version = 1\n[[plugin]]\nname = "a"\nsource = "x"\nsha256 = "{HASH}"\n'
BROKEN = {
    "no TOML": ("version = ", "no valid TOML"),
    "not UTF-8": ("\udcff", "no valid TOML"),
    "no version": (GOOD.replace("version = 1", ""), "version"),
    "a newer one": (GOOD.replace("version = 1", "version = 2"), "version is 2"),
    "twice": (GOOD + GOOD.partition("\n")[2], "twice"),
    "no list": ("version = 1\n[plugin]\nname = 'a'\n", "no list"),
    "no table": ("version = 1\nplugin = [1]\n", "no table"),
    "no hash": (GOOD.replace(HASH, "abc"), "no SHA-256"),
    "no source": (GOOD.replace("source", "sauce"), "no source"),
    "a wrong type": (GOOD + "enabled = 3\n", "enabled"),
    "a name that leads out": (GOOD.replace('"a"', '"../a"'), "no name"),
    "a folder that leads out": (GOOD + 'base = ".."\n', "no name of a folder"),
    "a path that leads out": (GOOD + 'path = "../../x"\n', "leads out"),
}


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_lock_is_refused_with_its_reason(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "plugins.lock"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PluginError, match=words) as refused:
        read(path)
    assert str(path) in str(refused.value)


def test_unknown_fields_of_a_later_version_are_let_be(tmp_path: Path) -> None:
    path = tmp_path / "plugins.lock"
    path.write_text(GOOD + 'later = "x"\n')
    assert read(path)["a"].source == "x"
