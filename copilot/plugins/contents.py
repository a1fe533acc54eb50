"""The files of a plugin's folder: read once, copied privately, and told apart by their hashes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from copilot.errors import PluginError
from copilot.plugins.archives import LEFT_OUT, LIMITS, check_names
from copilot.plugins.trusting import Content
from copilot.workspace.save import make_private

_CHUNK = 1 << 20
MOST_FILES, MOST_BYTES = LIMITS.entries, LIMITS.total
#: Kinds of files that are programs, for whoever is asked to trust them.
RUNS = (
    *(".py", ".sh", ".bash", ".zsh", ".ps1", ".bat", ".cmd", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".php"),
    *(".exe", ".com", ".msi", ".so", ".dll", ".dylib", ".jar", ".wasm", ".pyc", ".pyd", ".node"),
)


@dataclass(frozen=True)
class Files:
    """The files below a folder: sizes in bytes and SHA-256, by their names in it (with /)."""

    root: Path
    sizes: Mapping[str, int]
    hashes: Mapping[str, str]

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of what can be run: by its ending, or because it lies in a folder `scripts` or `bin`."""
        return tuple(n for n in self.sizes if n.lower().endswith(RUNS) or {"scripts", "bin"} & set(n.split("/")[:-1]))

    def content(self, where: str) -> Content:
        """Return them as what a decision is about: the plugin that is kept at `where`."""
        return Content("plugin", where, self.hashes)


def files_of(folder: Path) -> Files:
    """Return the files below `folder`, links inside of it followed; what tools leave behind is left out.

    Raises PluginError when there are too many, they are too large, one can't be read or has an unsafe name, or a link
    leads out of the folder.
    """
    return _look(folder, None)


def copy_files(folder: Path, into: Path) -> Files:
    """Copy the files below `folder` into `into`, which is made (0700, files 0600; links become what they lead to).

    What is hashed is what was written. Raises PluginError as `files_of` does.
    """
    make_private(into)
    return _look(folder, into)


def _look(folder: Path, into: Path | None) -> Files:
    root = folder.resolve()
    sizes: dict[str, int] = {}
    hashes: dict[str, str] = {}
    left = MOST_BYTES
    for count, (path, name, is_folder) in enumerate(_walk(root, "", root, frozenset({root}))):
        if count >= MOST_FILES:
            raise PluginError(f"{folder} is too large for a plugin: over {MOST_FILES:,} files and folders.")
        if is_folder:
            continue
        if into:
            check_names([name], str(folder))
        sizes[name], hashes[name] = _take(path, root, into / name if into else None, left)
        left -= sizes[name]
    check_names(sizes, str(folder))
    return Files(folder, sizes, hashes)


def _walk(folder: Path, below: str, root: Path, above: frozenset[Path]) -> Iterator[tuple[Path, str, bool]]:
    """Yield what lies below a folder, by name: where it really lies, its name, whether it is a folder.

    Links are followed inside of the root; a folder that leads back to itself is left out.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise PluginError(f"{folder} can't be read: {error.strerror}.") from error
    for entry in entries:
        if entry.name in LEFT_OUT:
            continue
        path, name = Path(entry.path), f"{below}{entry.name}"
        if entry.is_symlink():
            path = _led_to(path, root)
        if not path.is_dir():
            yield path, name, False
        elif path not in above:
            yield path, name, True
            yield from _walk(path, f"{name}/", root, above | {path})


def _led_to(link: Path, root: Path) -> Path:
    """Return what a link leads to; raises PluginError when that is outside, or it leads in a circle."""
    try:
        real = link.resolve()
    except (OSError, RuntimeError):  # Python 3.11 says RuntimeError for a circle
        raise PluginError(f"{link} is a link that leads nowhere.", hint="Remove it.") from None
    if not real.is_relative_to(root):
        raise PluginError(f"{link} is a link that leads out of the plugin's folder.", hint="Copy the file into it.")
    return real


def _take(path: Path, root: Path, target: Path | None, most: int) -> tuple[int, str]:
    """Return size and SHA-256 of a file, and write it to `target` if there is one; pipes and devices are none."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    digest, size = hashlib.sha256(), 0
    try:
        with open(os.open(path, flags), "rb") as file, _written(target) as copy:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PluginError(f"{path} is no ordinary file.")
            while chunk := file.read(_CHUNK):
                size += len(chunk)
                if size > most:
                    raise PluginError(f"{root} is too large for a plugin: over {MOST_BYTES // 2**20} MB.")
                digest.update(chunk)
                copy.write(chunk)
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}.") from error
    return size, digest.hexdigest()


def _written(target: Path | None) -> BinaryIO:
    """Return where the bytes go; the system's bin, where nothing is copied."""
    if target is None:
        return open(os.devnull, "wb")
    make_private(target.parent)
    return open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
