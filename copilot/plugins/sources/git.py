"""Plugins in a git repository. Git runs without hooks, filters, submodules, helpers or questions, and reads no
configuration but ours: what is fetched can't make it do anything."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from copilot._redaction import redacted
from copilot.errors import PluginError
from copilot.plugins.contents import copy_files
from copilot.plugins.skill import Problem
from copilot.plugins.sources.source import Fetched, Progress, Source
from copilot.workspace.save import make_private

TIMEOUT = 300.0  # seconds for one command of git
_MOST_BYTES = 500 * 2**20  # of a repository, with its history
_LOOK = 0.5  # seconds between two looks at how much has come
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_POINTER = b"version https://git-lfs.github.com/spec/"
#: Each setting says what it keeps from running. Sources: git-config(1), git(1) on the variables.
_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "core.sshCommand=ssh -oBatchMode=yes",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "credential.helper=",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "transfer.fsckObjects=true",
    "http.followRedirects=initial",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "protocol.file.allow=always",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
)
#: What git is given of our environment: where programs and the ssh agent are, how to reach the network.
_KEPT = ("PATH", "SSH_AUTH_SOCK", "SYSTEMROOT", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")


def fetch(source: Source, into: Path, progress: Progress) -> Fetched:
    """Return the files of a repository at its `ref` (else the branch it shows), and the commit that they are.

    Raises PluginError: no git, an address that is not fetched from, no such branch, tag, commit or folder, too large.
    """
    address = _checked(source.place)
    progress(f"fetching {address}")
    made = into / "repository"
    home = into / "home"
    for folder in (made, home):
        make_private(folder)
    git = _Git(made, home)
    git("init", "--quiet", "--template=", ".")
    git.fetch(address, source.ref)
    commit = git("rev-parse", "--verify", "HEAD").strip()
    root = made / source.inside
    if not root.is_dir() or not root.resolve().is_relative_to(made.resolve()):
        hint = f"It has: {', '.join(sorted(p.name for p in made.iterdir() if p.is_dir() and p.name != '.git'))}."
        raise PluginError(f"{address} has no folder {source.inside!r} at {source.ref or 'its head'}.", hint=hint)
    copied = copy_files(root, into / "files")
    name = Path(source.inside).name or re.split(r"[/:\\]", address.rstrip("/"))[-1].removesuffix(".git")
    pointers = [n for n, size in copied.sizes.items() if size < 1024 and _is_pointer(into / "files" / n)]
    told = tuple(Problem(n, "it is kept in Git LFS and was not fetched", "unsupported") for n in pointers)
    if (root / ".gitmodules").is_file():
        told += (Problem(".gitmodules", "submodules are not fetched", "unsupported"),)
    return Fetched(into / "files", f"commit {commit}", name, told)


def _checked(address: str) -> str:
    """Return the address if git may fetch from it: https, ssh and this machine; plain http only from this machine."""
    parts = urlsplit(address) if "://" in address else None
    scheme = parts.scheme.lower() if parts else "ssh"
    local = bool(parts) and (parts.hostname or "") in ("localhost", "127.0.0.1", "::1") if parts else False
    if scheme not in ("https", "ssh", "file") and not (scheme == "http" and local):
        raise PluginError(f"{address} can't be fetched: {scheme} is not used.", hint="Use https, ssh or a local path.")
    if parts and parts.password:
        raise PluginError(
            f"The address of {parts.hostname} holds a password, and would be kept with it.",
            hint="Clone the repository yourself and install the folder.",
        )
    return address


class _Git:
    """Git in one folder."""

    def __init__(self, folder: Path, home: Path) -> None:
        program = shutil.which("git")
        if program is None:
            raise PluginError("Git is not installed.", hint="Install it, or download the files and install the folder.")
        self._folder = folder
        self._command = [program, *(word for each in _CONFIG for word in ("-c", each))]
        kept = {n: os.environ[n] for n in (*_KEPT, *_PROXIES, *map(str.upper, _PROXIES)) if n in os.environ}
        self._env = {
            **kept,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_ALLOW_PROTOCOL": "https:http:ssh:file",
            "GIT_CEILING_DIRECTORIES": str(folder.parent),
        }

    def fetch(self, address: str, ref: str) -> None:
        """Fetch one commit and check it out; where a server gives no single commits, all of its branches and tags."""
        shallow = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--depth=1", "--end-of-options", address)
        try:
            self(*shallow, ref or "HEAD")
            self("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
        except PluginError:
            if not _COMMIT.match(ref):
                raise
            everything = ("+refs/heads/*:refs/heads/fetched/*", "+refs/tags/*:refs/tags/*")
            whole = ("fetch", "--quiet", "--no-recurse-submodules", "--end-of-options", address)
            self(*whole, *everything)
            self("checkout", "--quiet", "--force", "--detach", ref)

    def __call__(self, *arguments: str) -> str:
        """Run one command and return what it printed. Raises PluginError with git's last words."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            running = subprocess.Popen(
                [*self._command, *arguments],
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
            trouble = self._waited(running)
            out.seek(0)
            errors.seek(0)
            said = errors.read(4096).decode("utf-8", "replace")
            if running.returncode or trouble:
                raise PluginError(f"Git could not do it: {redacted(trouble or _last(said))}.", hint=_hint(said))
            return out.read(1 << 20).decode("utf-8", "replace")

    def _waited(self, running: subprocess.Popen[bytes]) -> str:
        """Wait for the end; return why it was stopped, "" if it was not."""
        looks = int(TIMEOUT / _LOOK)
        try:
            for _ in range(looks):
                try:
                    running.wait(_LOOK)
                    return ""
                except subprocess.TimeoutExpired:
                    if _size(self._folder) > _MOST_BYTES:
                        return f"the repository has more than {_MOST_BYTES // 2**20} MB"
            return f"it took longer than {TIMEOUT:.0f} s"
        finally:
            if running.poll() is None:
                _stop(running)


def _stop(running: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(running.pid, signal.SIGKILL)  # it leads a group of its own
    else:
        running.kill()
    running.wait()


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # git has moved it meanwhile
                continue
    return total


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


def _last(said: str) -> str:
    lines: Sequence[str] = [line.strip() for line in said.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "no reason")
    return told.partition(": ")[2].rstrip(".") or told.rstrip(".")


#: What git says when something is wrong, and what a person can do about it.
_HINTS = (
    ("Could not resolve host", "The machine is offline, or the host's name is wrong."),
    ("Failed to connect", "The machine is offline, or the host does not answer."),
    ("could not read Username", "It asks for a sign-in. Clone it yourself and install the folder."),
    ("Authentication failed", "It asks for a sign-in. Clone it yourself and install the folder."),
    ("Permission denied", "Your ssh key is not accepted there. Clone it yourself and install the folder."),
    ("Host key verification failed", "Connect to the host with ssh once, so that its key is known."),
    ("couldn't find remote ref", "Check the branch or tag behind the #."),
    ("does not appear to be a git repository", "Check the address."),
    ("not found", "Check the address; a private repository must be cloned by yourself."),
)


def _hint(said: str) -> str:
    return next((hint for words, hint in _HINTS if words in said), "")
