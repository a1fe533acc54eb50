"""What a program in the sandbox can't do, tried by programs that try it, in every way that this machine has."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot.errors import PluginError, ToolInputError
from copilot.plugins.sandbox import bubblewrap, namespaces
from copilot.plugins.sandbox import run as running
from copilot.plugins.sandbox.interpreters import of_script
from copilot.plugins.sandbox.job import SKILL, Job, Ran, Way
from copilot.plugins.sandbox.limits import Limits
from copilot.plugins.sandbox.outputs import collect
from copilot.plugins.sandbox.run import run

MB = 1 << 20
WAYS = [way for way in (bubblewrap.found(), namespaces.found()) if way is not None and not running._why_not(way)]
SMALL = Limits(seconds=20, cpu_seconds=5, memory=256 * MB, processes=24, disk=4 * MB, files=50, output=MB)

Try = Callable[..., Ran]


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.fixture
def attempt(way: Way, tmp_path: Path) -> Try:
    """Runs Python (or what else is named) as a skill's script, in a skill and a folder of its own."""
    return _attempts(way, tmp_path)


@pytest.fixture
def once(tmp_path: Path) -> Try:
    """The same in the first way that works: for what is looked at from outside, whatever the way."""
    if not WAYS:
        pytest.skip("no sandbox on this machine")
    return _attempts(WAYS[0], tmp_path)


def _attempts(way: Way, folder: Path) -> Try:
    (folder / "skill").mkdir()
    (folder / "work").mkdir()

    def script(text: str, *arguments: str, limits: Limits = SMALL, name: str = "main.py") -> Ran:
        (folder / "skill" / name).write_text(text)
        found = of_script(name, text.encode())
        command = (*found.command, f"{SKILL}/{name}", *arguments)
        return run(Job(command, folder / "skill", folder / "work", found.readable, limits), way)

    return script


def test_a_script_reads_its_files_and_writes_its_own(attempt: Try, tmp_path: Path) -> None:
    (tmp_path / "work" / "data.txt").write_text("42")
    (tmp_path / "skill" / "helper.py").write_text("def twice(n): return 2 * n\n")
    ran = attempt(
        "import sys, os, helper\n"
        "open('out.txt', 'w').write(str(helper.twice(int(open(sys.argv[1]).read()))))\n"
        "print(os.getcwd(), __name__, sys.stdin.read() == '')\n",
        "data.txt",
    )
    assert (ran.code, ran.output, ran.errors) == (0, "/sandbox/work __main__ True\n", "")
    assert (tmp_path / "work" / "out.txt").read_text() == "84"


def test_its_exit_code_and_its_errors_come_back(once: Try) -> None:
    ran = once("import sys\nprint('half', flush=True)\nsys.exit('no such sheet')")
    assert (ran.code, ran.output, ran.errors.strip()) == (1, "half\n", "no such sheet")


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.sh", "echo $((6*7))"), ("b.js", "console.log(6*7)"), ("c", "#!/usr/bin/env python3\nprint(6*7)")],
)
def test_other_languages(attempt: Try, name: str, text: str) -> None:
    try:
        of_script(name, text.encode())
    except ToolInputError as error:
        pytest.skip(str(error))
    ran = attempt(text, name=name, limits=Limits(seconds=20))
    assert (ran.output, ran.errors) == ("42\n", "")


#: What is tried, as the body of a function, and why it fails; one interpreter tries them all.
ESCAPES = {
    "connect": "socket.create_connection((HOST, PORT), 1)",
    "listen outside": "socket.create_connection(('127.0.0.1', PORT), 1)",
    "look a name up": "socket.getaddrinfo('example.com', 80)",
    "reach an abstract socket": "socket.socket(socket.AF_UNIX).connect(ABSTRACT)",
    "read a secret beside the skill": "open(SECRET).read()",
    "read who there is": "open('/etc/shadow').read()",
    "write beside": "open(SECRET, 'w')",
    "write into the skill": "open('/sandbox/skill/new', 'w')",
    "write into the system": "open('/usr/bin/new', 'w')",
    "write at the root": "open('/new', 'w')",
    "change the machine's own name": "os.close(os.open('/proc/sys/kernel/hostname', os.O_WRONLY))",
    "write into the kernel": "os.close(os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY))",
    "write to shared memory": "open('/dev/shm/x', 'w')",
    "see the parent": "os.listdir(f'/proc/{PARENT}')",
    "signal the parent": "os.kill(PARENT, 0)",
    "mount": "check(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))",
    "a further user namespace": "check(libc.unshare(0x10000000))",
    "become root": "os.setuid(0)",
    "reach the host of a virtual machine": "socket.socket(40, socket.SOCK_STREAM)",  # AF_VSOCK has no namespaces
    "open sockets past the filter": "check(libc.syscall(425, 1, ctypes.create_string_buffer(120)))",  # io_uring
    "get hold of the first process": "check(libc.ptrace(16, 1, 0, 0))",
    "make a device": "os.mknod('/sandbox/work/disk', 0o60666, os.makedev(8, 0))",
}
PROBE = """
import ctypes, json, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result < 0: raise OSError(ctypes.get_errno(), 'refused')
CONSTANTS
done = []
for name, code in json.loads(CASES).items():
    try: exec(code)
    except OSError: continue
    done.append(name)
print(json.dumps(done))
"""


def test_no_way_out(attempt: Try, tmp_path: Path) -> None:
    """Every attempt that succeeds is named in the output."""
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    abstract = f"\0everpilot-{os.getpid()}-{tmp_path.name}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(abstract)
        unix.listen()
        constants = {
            "HOST": socket.gethostname(),
            "PORT": server.getsockname()[1],
            "ABSTRACT": abstract,
            "SECRET": str(secret),
            "PARENT": os.getpid() if os.getpid() > 50 else 99_999,
        }
        lines = "\n".join(f"{name} = {value!r}" for name, value in constants.items())
        ran = attempt(PROBE.replace("CONSTANTS", lines).replace("CASES", repr(json.dumps(ESCAPES))))
    assert ran.code == 0, ran.errors
    assert json.loads(ran.output) == []
    assert secret.read_text() == "SECRET"


def test_the_environment_and_the_home_hold_nothing_of_the_persons(
    attempt: Try, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "4711")
    (tmp_path / "mine.txt").write_text("x")
    ran = attempt("import os, sys\nprint(sorted(os.environ))\nprint(os.path.exists(sys.argv[1]))", str(tmp_path))
    assert "SECRET" not in ran.output
    assert ran.output.endswith("False\n")


@pytest.mark.parametrize(
    ("text", "limits", "stopped"),
    [
        ("while True: print('x' * 10_000)", SMALL, "output"),
        ("import os, time\nfor _ in range(60):\n  if os.fork() == 0: break\ntime.sleep(30)", SMALL, "processes"),
        ("import time; time.sleep(60)", Limits(seconds=0.4), "time"),
        ("import os, time\nos.close(1); os.close(2); time.sleep(60)", Limits(seconds=0.4), "time"),
        ("n = 0\nwhile True:\n  n += 1; open(f'f{n}', 'w').write('x')", SMALL, "disk"),
        ("n = 0\nwhile True:\n  n += 1; open(f'f{n % 40}', 'wb').write(b'x' * 1_000_000)", SMALL, "disk"),
    ],
    ids=["output", "processes", "time", "quiet", "many files", "much written"],
)
def test_what_takes_too_much_is_ended(once: Try, text: str, limits: Limits, stopped: str) -> None:
    ran = once(text, limits=limits)
    assert ran.code is None
    assert ran.stopped == stopped
    assert len(ran.output) < limits.kept + 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = bytearray(2_000_000_000)", "MemoryError"),
        ("open('big', 'wb').write(b'x' * 20_000_000)", "File too large"),
        ("fs = [open('/dev/null') for _ in range(1000)]", "Too many open files"),
    ],
    ids=["memory", "a large file", "open files"],
)
def test_the_system_refuses_what_one_process_may_not_have(once: Try, text: str, said: str) -> None:
    ran = once(text)
    assert ran.code == 1
    assert said in ran.errors


def test_a_busy_process_is_ended_by_its_own_clock(once: Try) -> None:
    ran = once("while True: pass", limits=Limits(seconds=30, cpu_seconds=1))
    assert ran.code not in (0, None)


def test_nothing_goes_on_after_the_end(attempt: Try, tmp_path: Path) -> None:
    """A child that left the session and outlives the script would hold the pipe, or write later: it is gone."""
    attempt(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "  os.setsid()\n"
        "  if os.fork() == 0:\n"
        "    open('alive', 'w').write('1')\n"
        "    time.sleep(30)\n"
        "    open('late', 'w')\n"
        "while not os.path.exists('alive'): time.sleep(0.01)\n"
    )
    mine = str(tmp_path / "work")
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _works_in(pid, mine)]


def _works_in(pid: str, folder: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == folder or folder.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_only_plain_files_are_taken_out(once: Try, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    (tmp_path / "work" / "in.txt").write_text("in")
    (tmp_path / "work" / "same.txt").write_text("same")
    before = {"same.txt": "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5", "in.txt": "?"}
    ran = once(
        "import os, sys\n"
        "os.mkdir('sub'); open('sub/new.txt', 'w').write('new')\n"
        "os.symlink(sys.argv[1], 'link'); os.symlink('/', 'all'); os.symlink('link', 'sub/again')\n"
        "os.mkfifo('pipe'); os.link('in.txt', 'second')\n"
        "open('bad\\x1b[31mname', 'w'); open(b'caf\\xff', 'w')\n"
        "d = ''\n"
        "for _ in range(20): d += 'd/'; os.mkdir(d)\n"
        "open(d + 'deep.txt', 'w'); os.mkdir('shut'); os.chmod('shut', 0)\n",
        str(secret),
    )
    assert ran.code == 0, ran.errors
    found = collect(tmp_path / "work", before, Limits())
    kept = {left.name: content for left, content in found.files}
    assert kept["sub/new.txt"] == b"new"
    assert b"SECRET" not in b"".join(kept.values())
    assert not {"link", "pipe", "second", "in.txt"} & set(kept)
    told = "\n".join(found.left_out)
    assert all(word in told for word in ("link: it is a link", "pipe: it is no plain file", "too deep", "\\x1b"))
    assert "\x1b" not in told


def test_a_script_of_an_unknown_kind_is_explained() -> None:
    for name, text in (("a.exe", b"MZ"), ("b", b"no first line"), ("c.txt", b"#!/usr/bin/env lua\n")):
        with pytest.raises(ToolInputError) as raised:
            of_script(name, text)
        assert raised.value.code == "no_interpreter"
        assert name in str(raised.value)


def test_where_there_is_no_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (running.bubblewrap, running.namespaces, running.seatbelt):
        monkeypatch.setattr(module, "found", lambda: None)
    running.chosen.cache_clear()
    try:
        with pytest.raises(PluginError) as raised:
            running.chosen()
    finally:
        running.chosen.cache_clear()
    assert "bubblewrap" in str(raised.value)
    assert raised.value.code == "no_sandbox"


def test_a_way_that_does_not_work_here_is_not_taken(tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        def launch(self, job: Job) -> list[str]:
            return ["/bin/sh", "-c", "echo 'no permissions' >&2; exit 3"]

    assert running._why_not(Broken()) == "no permissions"
