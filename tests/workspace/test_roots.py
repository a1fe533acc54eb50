"""No way out of the opened folders, and no guessing inside them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from copilot.errors import DocumentError, OutsideRootsError, WorkspaceError
from copilot.workspace.change import Change
from copilot.workspace.workspace import Workspace


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.docx").write_bytes(b"secret")
    return folder


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.docx",
        "sub/../../outside/secret.docx",
        "contract.docx/../../outside/secret.docx",
        "/etc/passwd",
        "~/secret.docx",
        "..",
        "/",
        "..\\outside\\secret.docx",
        "..\\outside\\new.docx",
        "link/secret.docx",
        "file-link.docx",
        "chain",
        "dangling",
        "new-link/new.docx",
        "../docs-2/a.docx",
    ],
)
def test_no_way_out(workspace: Workspace, root: Path, outside: Path, path: str) -> None:
    (root / "sub").mkdir()
    (root.parent / "docs-2").mkdir()
    (root / "link").symlink_to(outside)
    (root / "new-link").symlink_to(outside)
    (root / "file-link.docx").symlink_to(outside / "secret.docx")
    (root / "chain").symlink_to("file-link.docx")
    (root / "dangling").symlink_to("../nowhere.docx")
    change = Change(root / path, None, b"mine", (), "Escape")
    for attempt in (
        lambda: workspace.resolve(path),
        lambda: workspace.read(path),
        lambda: workspace.hash(path),
        lambda: workspace.commit(Change(Path(path), None, b"mine", (), "Escape")),
        lambda: workspace.staging().exists(path),
    ):
        with pytest.raises(OutsideRootsError, match=str(root)):
            attempt()
    if path[0] != "~" and "\\" not in path:  # spellings that only `resolve` knows
        with pytest.raises(OutsideRootsError):
            workspace.commit(change)
    assert (outside / "secret.docx").read_bytes() == b"secret"
    assert sorted(p.name for p in outside.iterdir()) == ["secret.docx"]


def test_a_link_put_in_after_staging_is_not_followed_out(workspace: Workspace, root: Path, outside: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "secret.docx").write_bytes(b"secret")
    file = workspace.read("sub/secret.docx")
    change = Change(file.path, file.sha256, b"mine", (), "Edit")
    (root / "sub" / "secret.docx").unlink()
    (root / "sub").rmdir()
    (root / "sub").symlink_to(outside)
    with pytest.raises(OutsideRootsError):
        workspace.commit(change)
    assert (outside / "secret.docx").read_bytes() == b"secret"


def test_links_inside_are_followed(workspace: Workspace, root: Path) -> None:
    (root / "current.docx").symlink_to("contract.docx")
    assert workspace.resolve("current.docx") == root / "contract.docx"
    assert workspace.read("current.docx").content == b"old"


@pytest.mark.parametrize("path", ["", "  ", "a\0b"])
def test_no_name(workspace: Workspace, path: str) -> None:
    with pytest.raises(DocumentError) as caught:
        workspace.read(path)
    assert caught.value.code == "missing"


def test_the_first_root_that_has_it(tmp_path: Path, state: Path) -> None:
    for name, files in {"a": ["x.docx", "both.docx"], "b": ["y.docx", "both.docx"]}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_bytes(name.encode())
    workspace = Workspace([tmp_path / "a", tmp_path / "b", tmp_path / "a"], state)
    assert workspace.roots == (tmp_path / "a", tmp_path / "b")
    assert [workspace.read(n).content for n in ("x.docx", "y.docx", "both.docx")] == [b"a", b"b", b"a"]
    assert workspace.resolve("new.docx") == tmp_path / "a" / "new.docx"
    assert workspace.read(str(tmp_path / "b" / "both.docx")).content == b"b"
    for path in workspace.files():
        assert workspace.resolve(workspace.show(path)) == path


def test_written_as_on_other_systems(workspace: Workspace, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / unicodedata.normalize("NFD", "Präsentation.pptx")).write_bytes(b"1")
    assert workspace.read("sub/Präsentation.pptx").content == b"1"
    (root / "sub" / "plain.pptx").write_bytes(b"2")
    assert workspace.read("sub\\plain.pptx").content == b"2"
    assert workspace.resolve("new\\a.pptx") == root / "new" / "a.pptx"
    (root / "odd\\name.pptx").write_bytes(b"3")
    assert workspace.read("odd\\name.pptx").content == b"3"


def test_shown_below_the_root(workspace: Workspace, root: Path) -> None:
    assert workspace.show(root / "sub" / "a.docx") == "sub/a.docx"


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.write_bytes(b"")], ids=["missing", "file"])
def test_a_root_must_be_a_folder(tmp_path: Path, state: Path, make) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "r")
    with pytest.raises(WorkspaceError, match="folder"):
        Workspace([tmp_path / "r"], state)
    with pytest.raises(WorkspaceError):
        Workspace([], state)


def test_our_own_state_is_out_of_reach(root: Path) -> None:
    workspace = Workspace([root], root / "state")
    workspace.commit(Change(root / "a.docx", None, b"1", (), "New"))
    assert [p.name for p in workspace.files()] == ["a.docx", "contract.docx"]
    with pytest.raises(OutsideRootsError):
        workspace.read("state/journal/index.sqlite")


def test_a_state_folder_that_is_opened_itself(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"1")
    workspace = Workspace([tmp_path], tmp_path)
    workspace.commit(Change(tmp_path / "b.docx", None, b"1", (), "New"))
    assert [p.name for p in workspace.files()] == ["a.docx", "b.docx"]
    for name in ("journal/index.sqlite", "trusted.json"):
        with pytest.raises(OutsideRootsError):
            workspace.resolve(name)


def test_what_is_listed(workspace: Workspace, root: Path, outside: Path) -> None:
    for name in (
        "b.docx",
        "A.DOCX",
        "t.xlsx",
        "sub/c.docx",
        ".hidden.docx",
        ".git/d.docx",
        "~$b.docx",
        ".~lock.b.docx#",
        "name\u202fwith\u00a0spaces.docx",
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"")
    (root / "out.docx").symlink_to(outside / "secret.docx")
    (root / "in.docx").symlink_to("b.docx")
    (root / "loop.docx").symlink_to("loop.docx")
    (root / "up").symlink_to("..")
    (root / "folder.docx").mkdir()
    os.mkfifo(root / "pipe.docx")
    shown = [workspace.show(p) for p in workspace.files([".docx"])]
    names = [p.relative_to(root).as_posix() for p in workspace.files(["docx"])]
    assert names == ["A.DOCX", "b.docx", "contract.docx", "in.docx", "name\u202fwith\u00a0spaces.docx", "sub/c.docx"]
    assert shown[3] == "b.docx"  # what the link leads to
    assert len(workspace.files()) == 7


def test_a_listing_that_is_cut_says_so(workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot.workspace import listing
    from copilot.workspace.roots import Roots

    for i in range(20):
        (root / f"{i:02}.docx").write_bytes(b"")
    assert workspace.listing().complete
    for cut in (listing.walk(Roots([root]), files=5), listing.walk(Roots([root]), entries=5)):
        assert (len(cut.paths), cut.complete) == (5, False)


def test_a_name_that_is_no_text_does_not_break_a_listing(workspace: Workspace, root: Path) -> None:
    try:
        (root / "bad\udcff.docx").write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes valid names only")
    assert [p.name for p in workspace.files()] == ["contract.docx"]
