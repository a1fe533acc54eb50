"""Reading: bytes and label, or a reason that helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from copilot.errors import DocumentError
from copilot.trust.labels import Confidentiality, Integrity, Label
from copilot.workspace.reading import read_file
from copilot.workspace.workspace import Workspace


def test_what_is_read(root: Path, state: Path) -> None:
    labelled = Label(Integrity.UNTRUSTED, Confidentiality.RESTRICTED, ("x",))
    file = Workspace([root], state, labeller=lambda content, name: labelled).read("contract.docx")
    assert (file.path, file.name, file.content, file.label) == (
        root / "contract.docx",
        "contract.docx",
        b"old",
        labelled,
    )
    assert not state.exists()  # reading leaves no trace


def test_labels_are_read_by_default(workspace: Workspace) -> None:
    assert workspace.read("contract.docx").label == Label(sources=("contract.docx",))


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ("contrct.docx", "contract.docx"),
        ("Contract", "contract.docx"),
        ("CONTRACT.DOCX", "contract.docx"),
        ("budget.xlsx", "2024/Budget 2024.xlsx"),
        ("budgt", "2024/Budget 2024.xlsx"),
        ("2024 budget", "2024/Budget 2024.xlsx"),
        ("sub/contract.docx", "contract.docx"),
    ],
)
def test_a_missing_file_offers_the_closest(workspace: Workspace, root: Path, asked: str, offered: str) -> None:
    (root / "2024").mkdir()
    (root / "2024" / "Budget 2024.xlsx").write_bytes(b"")
    with pytest.raises(DocumentError) as caught:
        workspace.read(asked)
    assert caught.value.code == "missing"
    assert repr(asked) in str(caught.value)
    assert caught.value.hint.startswith(f"Did you mean: {offered!r}")


def test_nothing_close(workspace: Workspace, root: Path) -> None:
    with pytest.raises(DocumentError, match=r"There is: 'contract.docx'"):
        workspace.read("zzzz")
    (root / "contract.docx").unlink()
    with pytest.raises(DocumentError, match="no documents here"):
        workspace.read("zzzz")


def test_a_folder(workspace: Workspace, root: Path) -> None:
    (root / "sub").mkdir()
    for path in ("sub", ".", str(root)):
        with pytest.raises(DocumentError) as caught:
            workspace.read(path)
        assert caught.value.code == "folder"


def test_through_a_file(workspace: Workspace) -> None:
    with pytest.raises(DocumentError) as caught:
        workspace.read("contract.docx/x")
    assert caught.value.code == "missing"


def test_a_name_too_long(workspace: Workspace) -> None:
    with pytest.raises(DocumentError) as caught:
        workspace.read("x" * 5000)
    assert caught.value.code == "missing"


def test_a_pipe_does_not_hang(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "pipe.docx")
    with pytest.raises(DocumentError) as caught:
        workspace.read("pipe.docx")
    assert caught.value.code == "unreadable"


def test_a_link_in_a_circle(workspace: Workspace, root: Path) -> None:
    (root / "loop.docx").symlink_to("loop.docx")
    with pytest.raises(DocumentError) as caught:
        workspace.read("loop.docx")
    assert caught.value.code == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may read everything")
def test_not_allowed(workspace: Workspace, root: Path) -> None:
    (root / "contract.docx").chmod(0)
    with pytest.raises(DocumentError) as caught:
        workspace.read("contract.docx")
    assert caught.value.code == "unreadable"


def test_too_large(root: Path, state: Path) -> None:
    (root / "big.docx").write_bytes(bytes(101))
    workspace = Workspace([root], state, max_bytes=100)
    with pytest.raises(DocumentError) as caught:
        workspace.read("big.docx")
    assert caught.value.code == "too_large"


def test_a_file_the_person_names_may_lie_anywhere(root: Path) -> None:
    assert read_file(root / "contract.docx") == b"old"
    with pytest.raises(DocumentError, match=r"contract\.docx") as caught:
        read_file(root / "contrat.docx")
    assert caught.value.code == "missing"
