"""What a program in the sandbox may use."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.settings import SandboxSettings

_MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits of one run. Sizes are bytes, times seconds; `output` is what may be written to standard output or error.

    `disk` is all that it may write, and the most of one file; `memory` is what all its processes hold together;
    `kept` is how much of each output is handed on.
    """

    seconds: float = 60.0
    cpu_seconds: int = 30
    memory: int = 1024 * _MB
    processes: int = 32
    disk: int = 200 * _MB
    files: int = 2_000
    open_files: int = 256
    output: int = 10 * _MB
    kept: int = 20_000

    @classmethod
    def of(cls, settings: SandboxSettings) -> Limits:
        """Return the limits that the settings say."""
        return cls(
            settings.seconds,
            settings.cpu_seconds,
            settings.memory * _MB,
            settings.processes,
            settings.disk * _MB,
        )

    def of_process(self) -> dict[str, int]:
        """Return the limits that the system holds each process to, by the names of the resource module."""
        return {
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_DATA": self.memory,
            "RLIMIT_FSIZE": self.disk,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
        }
