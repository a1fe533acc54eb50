"""Zips with plugins: what is sound is unpacked, what is hostile is refused by name, and nothing is left outside."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot.documents.limits import Limits
from copilot.errors import PluginError
from copilot.plugins.archives import check_names, unpack, unpacked
from copilot.plugins.contents import copy_files, files_of

SMALL = Limits(
    entries=20, part=200_000, total=400_000, ratio=50, ratio_from=1000, total_ratio=50, total_ratio_from=1000
)


def zipped(*entries: tuple[str, bytes], mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            info.create_system = 3
            info.external_attr = (mode or stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data)
    return out.getvalue()


def _lying() -> bytes:
    """A bomb whose directory says that it is small."""
    data = bytearray(zipped(("a.txt", b"0" * 150_000)))
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    data[22:26] = (10).to_bytes(4, "little")
    return bytes(data)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "traversal": (lambda: zipped(("../evil.txt", b"x")), "unsafe"),
    "backslashes": (lambda: zipped(("..\\evil.txt", b"x")), "unsafe"),
    "absolute": (lambda: zipped(("/etc/evil", b"x")), "unsafe"),
    "a drive": (lambda: zipped(("C:evil.txt", b"x")), "unsafe"),
    "a link": (lambda: zipped(("link", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "symbolic link"),
    "a device": (lambda: zipped(("dev", b""), mode=stat.S_IFCHR | 0o644), "device"),
    "a bomb": (lambda: zipped(("a.txt", b"0" * 100_000)), "bomb"),
    "a bomb that lies": (_lying, "can't be unpacked"),
    "many bombs": (lambda: zipped(*[(f"{i}.txt", b"0" * 30_000) for i in range(19)]), "bomb"),
    "too many": (lambda: zipped(*[(f"{i}.txt", b"") for i in range(30)]), "parts"),
    "case": (lambda: zipped(("SKILL.md", b"a"), ("skill.md", b"b")), "twice"),
    "case of folders": (lambda: zipped(("Docs/a", b"a"), ("docs/b", b"b")), "one name on many systems"),
    "file and folder": (lambda: zipped(("a", b"a"), ("a/b", b"b")), "both as a file and as a folder"),
    "a device's name": (lambda: zipped(("aux.md", b"x")), "device"),
    "a dot at the end": (lambda: zipped(("a./b", b"x")), "ends with a dot"),
    "bidi": (lambda: zipped(("a\u202egnp.exe", b"x")), "character"),
    "a new line": (lambda: zipped(("a\nb", b"x")), "character"),
    "deep": (lambda: zipped(("/".join("d" * 40), b"x")), "deeper"),
    "cut off": (lambda: zipped(("a.txt", b"hello" * 100))[:-40], "can't be unpacked"),
    "no zip": (lambda: b"hello", "can't be unpacked"),
    "another method": (lambda: zipped(("a.txt", b"x" * 50), method=zipfile.ZIP_LZMA), "deflate"),
}


@pytest.mark.parametrize(("make", "words"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_zips_are_refused_by_name(make: Callable[[], bytes], words: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=words) as refused:
        unpack(make(), tmp_path / "in" / "side", limits=SMALL, name="evil.zip")
    assert "evil.zip" in str(refused.value)
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(tmp_path / "in/side")]
    assert outside == []


def test_a_sound_zip_is_unpacked_privately_and_once(tmp_path: Path) -> None:
    path = tmp_path / "repo-main.zip"
    leftovers = (("repo-main/__pycache__/x.pyc", b"x"), ("__MACOSX/._SKILL.md", b"x"), ("repo-main/.git/config", b"x"))
    path.write_bytes(zipped(("repo-main/SKILL.md", b"hello"), ("repo-main/a/b.txt", b"b"), *leftovers))
    top = unpacked(path, tmp_path / "home")
    assert (top.name, sorted(p.relative_to(top).as_posix() for p in top.rglob("*"))) == (
        "repo-main",
        ["SKILL.md", "a", "a/b.txt"],
    )
    assert stat.S_IMODE((top / "SKILL.md").stat().st_mode) == 0o600
    assert stat.S_IMODE(top.stat().st_mode) == 0o700
    before = (top / "SKILL.md").stat().st_ino
    assert (unpacked(path, tmp_path / "home") / "SKILL.md").stat().st_ino == before


def test_names_that_are_fine() -> None:
    check_names(["a/b.md", "a/c.md", "Ünïcode/日本.md", "console.md", "com.txt/nulls", "emoji👩\u200d💻.md"], "it")


def test_folders_are_copied_with_their_links_and_refused_with_what_leads_out(tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    (folder / "a" / "__pycache__").mkdir(parents=True)
    (folder / "a" / "x.md").write_text("x")
    (folder / "a" / "__pycache__" / "x.pyc").write_text("x")
    (folder / "link.md").symlink_to(folder / "a" / "x.md")
    (folder / "loop").symlink_to(folder)
    copied = copy_files(folder, tmp_path / "copy")
    assert sorted(copied.sizes) == ["a/x.md", "link.md"]
    assert not (tmp_path / "copy" / "link.md").is_symlink()
    assert copied.hashes == files_of(tmp_path / "copy").hashes
    (folder / "circle").symlink_to(folder / "circle")
    with pytest.raises(PluginError, match="leads nowhere"):
        files_of(folder)
    (folder / "circle").unlink()
    (folder / "out").symlink_to("/etc/hostname")
    with pytest.raises(PluginError, match="leads out"):
        files_of(folder)
