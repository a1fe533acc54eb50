"""The first thing that runs in a new process: it takes limits upon itself, shuts itself in, and becomes the program.

It is run as a file of its own by the interpreter alone (`python -I -S launch.py SPEC`), because namespaces can't be
entered by a process that has threads. SPEC is JSON: `limits` (names of the resource module), `env`, `command`, and
`inside`, which is None where the command shuts the program in itself (bubblewrap), or says what of the file system
there is: `root` (an empty folder), `bind` (source, place, whether it may be written), `links`, `tmp` (bytes), what
of /proc is `guarded`, the most `processes`, and the `writable` places. The calls that no namespace shuts in are refused
by a filter; `filter` is -1, or the descriptor under which the command finds it, to put it on by itself.

See user_namespaces(7), mount_namespaces(7), pivot_root(2), mount_setattr(2), landlock(7), seccomp(2), vsock(7).
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
from typing import Any, NoReturn

_NEW = 0x10000000 | 0x00020000 | 0x40000000 | 0x20000000 | 0x08000000 | 0x04000000  # user, mounts, net, pid, ipc, uts
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 24, 38, 22
#: Numbers of system calls that the C library has no function for, by machine.
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR, _LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 442, 444, 445, 446
#: Rights of Landlock: of files, by the version of its interface that has them; what reading and running needs.
_LANDLOCK_FILES = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_LANDLOCK_READ = 1 | 4 | 8
_LANDLOCK_FILE_ONLY = 1 | 2 | 4 | 1 << 14 | 1 << 15
_KEYCTL, _JOIN_SESSION_KEYRING = {"x86_64": 250, "aarch64": 219}, 1
#: The kernel's number of each machine, `socket`, and what is refused: io_uring, which opens sockets past the filter,
#: keys, bpf, perf_event_open, userfaultfd, ptrace and process_vm_writev.
_CALLS = {
    "x86_64": (0xC000003E, 41, (425, 426, 427, 248, 249, 250, 321, 298, 323, 101, 311)),
    "aarch64": (0xC00000B7, 198, (425, 426, 427, 217, 218, 219, 280, 241, 282, 117, 271)),
}
#: Families of sockets that a network namespace shuts in. A virtual machine's AF_VSOCK leads to its host from each.
_FAMILIES = (1, 2, 10, 16)  # unix, IPv4, IPv6, netlink
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF
_ALLOWED, _REFUSED = 0x7FFF0000, 0x00050000
_DEVICES = ("null", "zero", "full", "random", "urandom")
_NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)


def main(text: str) -> NoReturn:
    """Become the program that SPEC describes; never returns."""
    spec = json.loads(text)
    for name, value in spec["limits"].items():
        _limit(getattr(resource, name), value)
    if (number := _KEYCTL.get(platform.machine())) and sys.platform == "linux":
        _libc.syscall(number, _JOIN_SESSION_KEYRING, None)  # the person's keys stay behind; without keyrings: nothing
    if spec["inside"] is not None:
        _enter(spec["inside"])
    if spec["filter"] >= 0:
        _hand_on(_filter(), spec["filter"])
    else:
        _put_on(_filter())
    os.chdir(spec["cwd"])
    os.execve(spec["command"][0], spec["command"], spec["env"])


def _limit(which: int, value: int) -> None:
    most = resource.getrlimit(which)[1]
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(which, (value, value))


def _enter(inside: dict[str, Any]) -> None:
    """Shut this process in: on return it is a new one that sees nothing but what `inside` says."""
    user, group = os.getuid(), os.getgid()
    _checked(_libc.unshare(_NEW), "unshare")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{_NOBODY} {user} 1")
    _write("/proc/self/gid_map", f"{_NOBODY} {group} 1")
    _fork_and_wait()  # the child is the first process of its namespace: when it ends, all others do
    _build(inside)
    _fork_and_wait()  # the first process stays, because somebody must take care of orphans
    _limit(resource.RLIMIT_NPROC, inside["processes"])
    for capability in range(64):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _landlock(inside["writable"])


def _fork_and_wait() -> None:
    """Return in a child; this process waits for it, takes its exit code and ends."""
    child = os.fork()
    if child == 0:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        return
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _build(inside: dict[str, Any]) -> None:
    """Make the file system of the sandbox and go into it."""
    root = inside["root"]
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    os.mkdir(f"{root}/tmp")
    _mount("tmpfs", f"{root}/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={inside['tmp']},mode=777")
    for source, place, writable in inside["bind"]:
        _bind(source, root + place, writable)
    for target, place in inside["links"]:
        os.symlink(target, root + place)
    os.mkdir(f"{root}/proc")
    _mount("proc", f"{root}/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"{root}/dev/{name}", True)
    os.chdir(root)
    _checked(_libc.syscall(_PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _MNT_DETACH), "umount")
    os.chdir("/")
    _write("/proc/sys/user/max_user_namespaces", "0")  # no further ones: they open the kernel's rarer parts
    for place in inside["guarded"]:
        if os.path.exists(place):
            _mount(place, place, None, _MS_BIND | _MS_REC)
            _set_attributes(place, _ATTR_RDONLY, _AT_RECURSIVE)
    _set_attributes("/", _ATTR_RDONLY, 0)


def _bind(source: str, place: str, writable: bool) -> None:
    if os.path.isdir(source):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o600))
    _mount(source, place, None, _MS_BIND | _MS_REC)
    device = source.startswith("/dev/")
    attributes = _ATTR_NOSUID | (0 if device else _ATTR_NODEV) | (0 if writable else _ATTR_RDONLY)
    _set_attributes(place, attributes, _AT_RECURSIVE)


def _mount(source: str, place: str, kind: str | None, flags: int, options: str = "") -> None:
    made = _libc.mount(source.encode(), place.encode(), kind.encode() if kind else None, flags, options.encode())
    _checked(made, f"mount {place}")


def _set_attributes(place: str, attributes: int, flags: int) -> None:
    given = struct.pack("QQQQ", attributes, 0, 0, 0)
    done = _libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, place.encode(), flags, given, ctypes.c_size_t(len(given)))
    _checked(done, f"mount_setattr {place}")


def _landlock(writable: list[str]) -> None:
    """Have the kernel refuse writing, TCP and signals once more, where it knows Landlock: a second wall."""
    version = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return
    files = sum(rights for since, rights in _LANDLOCK_FILES if version >= since)
    given = struct.pack("QQQ", files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _libc.syscall(_LANDLOCK_CREATE, given[:size], ctypes.c_size_t(size), 0)
    _checked(ruleset, "landlock")
    for place, rights in [("/", _LANDLOCK_READ), *((each, files) for each in writable)]:
        folder = os.open(place, os.O_PATH | os.O_CLOEXEC)
        allowed = rights if os.path.isdir(place) else rights & _LANDLOCK_FILE_ONLY
        rule = struct.pack("=Qi", allowed & files, folder)
        _checked(_libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0), f"landlock {place}")
        os.close(folder)
    _checked(_libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0), "landlock")
    os.close(ruleset)


def _filter() -> bytes:
    """Return the filter of system calls as a program of struct sock_filter; empty for a machine that is not known."""
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        return b""
    machine, socket, refused = _CALLS[platform.machine()]
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, machine), _answer(errno.ENOSYS), (_LOAD, 0, 0, 0)]
    steps += [(_AT_LEAST, 0, 1, 1 << 30), _answer(errno.ENOSYS)]  # x32 has the same calls by other numbers
    for number in refused:
        steps += [(_EQUAL, 0, 1, number), _answer(errno.ENOSYS)]
    steps += [(_EQUAL, 1, 0, socket), (_RETURN, 0, 0, _ALLOWED), (_LOAD, 0, 0, 16)]  # 16: the first argument
    for family in _FAMILIES:
        steps += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOWED)]
    steps.append(_answer(errno.EAFNOSUPPORT))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _answer(error: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _REFUSED | error)


def _put_on(program: bytes) -> None:
    """Put the filter on, for this process and all that come of it."""
    if not program:
        return
    kept = ctypes.create_string_buffer(program, len(program))
    given = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept))
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _checked(_libc.prctl(_PR_SET_SECCOMP, 2, given, 0, 0), "seccomp")


def _hand_on(program: bytes, descriptor: int) -> None:
    """Leave the filter in a file that the command finds open."""
    file = os.memfd_create("filter", 0)
    os.write(file, program)
    os.lseek(file, 0, os.SEEK_SET)
    os.dup2(file, descriptor, inheritable=True)


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    os.write(file, text.encode())
    os.close(file)


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1])
