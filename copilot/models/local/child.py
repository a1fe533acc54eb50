"""The process that holds the model. A script of its own: it imports the standard library and xllamacpp, not Everpilot.

It is started by runtime.py. One line of JSON comes in on stdin (model, options, key, parent); one line of JSON goes out
on stdout: {"url"} when the model is loaded, or {"error", "hint"}. It ends when stdin closes, which is also what happens
when whoever started it is killed.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import sys
import threading
import time
from enum import IntEnum
from pathlib import Path
from typing import Any, TextIO

#: What other names people use, and what they mean.
ALIASES = {
    "context": "n_ctx",
    "threads": "cpuparams.n_threads",
    "gpu_layers": "n_gpu_layers",
    "projector": "mmproj.path",
    "temperature": "sampling.temp",
    "max_tokens": "n_predict",
    "parallel": "n_parallel",
}
#: What decides who can reach the model and what it can reach is not for the options.
OURS = frozenset(
    {
        *("model", "api_keys", "api_prefix", "hostnames", "reuse_port", "ssl_file_cert", "ssl_file_key", "hf_token"),
        *("cors_origins", "cors_origins_explicit", "cors_credentials", "cors_headers", "cors_methods"),
        *("ui", "ui_config_json", "ui_mcp_proxy", "public_path", "mcp_servers_config", "mcp_servers_json"),
        *("server_tools", "server_tools_runtime", "endpoint_slots", "endpoint_props", "endpoint_metrics"),
        *("models_dir", "models_preset", "models_preset_hf", "models_autoload", "models_max", "media_path"),
        *("slot_save_path", "path_prompts_log_dir", "logits_file", "out_file", "verbosity", "log_json"),
    }
)
#: Tokens; models are trained for up to a million, and the memory for that is taken when the model is loaded.
DEFAULT_CONTEXT = 16_384
#: No page can come from here: "null" would be the origin of every sandboxed frame.
_NO_ORIGIN = "https://everpilot.invalid"
_WATCH = 1.0  # seconds between two looks at whether our parent lives


class Mistake(Exception):
    """An option is wrong; `hint` says what to do."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.hint = hint


def parameters(llama: Any, order: dict[str, Any]) -> Any:
    """Return xllamacpp's parameters for an order. Raises Mistake for an option that is unknown, ours or ill-typed."""
    made = llama.CommonParams()
    made.n_ctx = DEFAULT_CONTEXT
    made.n_parallel = 1
    made.cache_ram_mib = 0
    made.cpuparams.n_threads = made.cpuparams_batch.n_threads = threads()
    _set_all(made, {ALIASES.get(name, name): value for name, value in order["options"].items()})
    made.model.path = order["model"]
    made.verbosity = 2
    made.hostnames = ["127.0.0.1"]
    made.api_keys = [order["key"]]
    made.cors_origins, made.cors_origins_explicit, made.cors_credentials = _NO_ORIGIN, True, False
    made.ui = made.endpoint_slots = made.endpoint_props = made.endpoint_metrics = False
    return made


def threads() -> int:
    """Return on how many threads a model runs by default: one core is left for everything else."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(1, usable - 1)


def _set_all(target: Any, options: dict[str, Any], at: str = "") -> None:
    for name, value in options.items():
        head, _, rest = name.partition(".")
        path = f"{at}{head}"
        if path in OURS:
            raise Mistake(f"option {path!r} is set by Everpilot.", "Leave it out.")
        if head not in (known := _names(target)):
            raise Mistake(f"there is no option {path!r}.", _closest(head, known))
        if rest or isinstance(value, dict):
            _set_all(getattr(target, head), {rest: value} if rest else value, f"{path}.")
        else:
            _set(target, head, value, path)


def _names(target: Any) -> list[str]:
    return [name for name in dir(target) if not name.startswith("_") and not callable(getattr(target, name, None))]


def _closest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, [*ALIASES, *known], n=3, cutoff=0.5)
    return f"Did you mean {', '.join(close)}?" if close else "Any parameter of xllamacpp's CommonParams can be set."


def _set(target: Any, name: str, value: Any, path: str) -> None:
    before = getattr(target, name)
    try:
        setattr(target, name, _member(before, value) if isinstance(before, IntEnum) else value)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Mistake(f"option {path!r} can't be {value!r} ({error}).", f"It is {before!r} by default.") from None


def _member(before: IntEnum, value: Any) -> Any:
    """Return the member of an enum that is meant by its number, its name or the last part of its name ("q8_0")."""
    if not isinstance(value, str):
        return type(before)(value)
    wanted = value.upper()
    found = next((m for m in type(before) if m.name == wanted or m.name.endswith(f"_{wanted}")), None)
    if found is None:
        close = difflib.get_close_matches(wanted, [m.name for m in type(before)], n=3, cutoff=0.1)
        raise ValueError(f"did you mean {', '.join(close)}?")
    return found


def main() -> int:
    """Load the model that stdin orders, say where it answers, and stay until stdin closes."""
    out = _own_stdout()
    order = json.loads(sys.stdin.readline())
    _end_with(order["parent"])
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        import xllamacpp

        made = parameters(xllamacpp, order)
    except Mistake as error:
        _say(out, {"error": str(error), "hint": error.hint})
        return 2
    except ImportError as error:  # of a library of the system's, most often libgomp
        _say(out, {"error": f"xllamacpp can't be loaded ({error}).", "hint": "Install the library that it names."})
        return 2
    _limit_memory(xllamacpp)
    try:
        server = xllamacpp.Server(made)
    except RuntimeError as error:  # why stands on stderr
        _say(out, {"error": "", "hint": str(error)})
        return 3
    _say(out, {"url": server.listening_address})
    while os.name != "posix" or os.getppid() == order["parent"]:
        time.sleep(_WATCH)
    os._exit(0)


def _say(out: TextIO, what: dict[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def _own_stdout() -> TextIO:
    """Return stdout for us alone; whatever native code prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def _end_with(parent: int) -> None:
    """Have the system end us with our parent, where it can, also while native code holds the interpreter."""
    if sys.platform == "linux":
        import ctypes
        import resource
        import signal

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the documents' text
    if os.name == "posix" and os.getppid() != parent:
        os._exit(0)


def _limit_memory(llama: Any) -> None:
    """Let an allocation beyond what is free fail, instead of having the system end processes until it fits.

    The file itself is mapped, which does not count (RLIMIT_DATA, getrlimit(2)). Drivers of GPUs reserve more than they
    use: with one of them only the order is changed in which the system ends processes.
    """
    if sys.platform != "linux":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        Path("/proc/self/oom_score_adj").write_text("1000")
        told = Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()
        if all("CPU" in device["type"].name for device in llama.get_device_info()):
            soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
            free = int(told[0]) * 1024
            resource.setrlimit(resource.RLIMIT_DATA, (free if soft < 0 else min(soft, free), hard))


def _end_with_stdin() -> None:
    while sys.stdin.read(1 << 12):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
