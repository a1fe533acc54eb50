"""The files of a plugin: inside its folder, of a sane size and shape, and every refusal names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles, most_of


@pytest.fixture
def files(tmp_path: Path) -> PluginFiles:
    root = tmp_path / "plugin"
    (root / "a").mkdir(parents=True)
    (root / "a" / "x.json").write_text('\ufeff{"k": 1}', "utf-8")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret.txt")
    (root / "inner").symlink_to(root / "a")
    return PluginFiles(root)


def test_files_inside_are_read_links_included(files: PluginFiles) -> None:
    assert files.json("a/x.json") == {"k": 1}
    assert files.json("inner\\x.json") == {"k": 1}
    assert list(files.glob("**/*.json")) == ["a/x.json"]
    assert files.exists("a/x.json")


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "link", "a/../../secret.txt", "..\\secret.txt"])
def test_nothing_outside_is(files: PluginFiles, path: str) -> None:
    with pytest.raises(PluginError, match="leads out"):
        files.read(path)
    assert not files.exists(path)


@pytest.mark.parametrize("path", ["a\0b", "x" * 300, "y/" * 5_000, "\ud800" * 300, "x" * 70_000], ids=lambda p: p[:4])
def test_what_is_no_path_is_said_so_shortly(files: PluginFiles, path: str) -> None:
    with pytest.raises(PluginError) as raised:
        files.path(path)
    assert len(str(raised.value)) < 3_000
    assert not files.exists(path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.json", b"{", "no valid JSON"),
        ("x.json", b"\xff\xfe{}", "no UTF-8"),
        ("x.json", b"[" * 100_000, "nested too deep"),
        ("x.json", b'{"a":' * 300 + b"1" + b"}" * 300, "nested too deep"),
        ("x.yaml", b"a: [b\nc: d", "no valid YAML"),
        ("x.yaml", b"a: &a [*a]", "holds itself"),
        ("x.yaml", b"a: !!python/object:os.system {}", "no valid YAML"),
        ("x.yaml", b"- 2026-99-99T", ""),
        ("x.yaml", b"a: &a [x]\n" + b"".join(b"k%d: *a\n" % i for i in range(2_000)), "aliases"),
        (
            "x.yaml",
            b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
            + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 20)),
            "holds itself",
        ),
    ],
)
def test_what_is_broken_or_meant_to_break_us_is_named(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if not told:
        assert most_of(path) == ["2026-99-99T"]
        return
    with pytest.raises(PluginError, match=told) as caught:
        most_of(path)
    assert name in str(caught.value)


def test_a_file_that_is_too_large_is_refused(files: PluginFiles) -> None:
    with pytest.raises(PluginError, match="larger than 3 bytes"):
        files.read("a/x.json", 3)
    with pytest.raises(PluginError, match="is no file"):
        files.read("a")
