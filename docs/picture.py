"""Makes docs/terminal.svg: the picture of a real chat over a copy of examples/office, with no model. Needs tmux.

python docs/picture.py
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
COLUMNS, ROWS = 92, 60
#: What is typed, and what must be on the screen before the next line is typed.
TALK = [
    ("what does the contract say about termination?", "builtin (no language model)"),
    ("replace 'fourteen (14) days' with 'thirty (30) days' in contract.docx", "Do it?"),
    ("y", "takes it back"),
]


class Window:
    """A terminal window that nobody sees."""

    def __init__(self, folder: Path, home: Path) -> None:
        env = {**os.environ, "HOME": str(home), "EVERPILOT_HOME": str(home / "state"), "PYTHONPATH": str(ROOT)}
        env = {k: v for k, v in env.items() if not k.endswith(("_API_KEY", "_ENDPOINT"))}
        env["OLLAMA_HOST"] = "http://127.0.0.1:9"  # nothing listens there: the picture shows what everybody has
        self._tmux = ["tmux", "-S", str(home / "tmux"), "-f", "/dev/null"]
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        chat = ["new-session", "-d", "-s", "chat", *size, "-c", str(folder), sys.executable, "-m", "copilot"]
        subprocess.run([*self._tmux, *chat], env=env, check=True)

    def type(self, line: str) -> None:
        """Type a line."""
        subprocess.run([*self._tmux, "send-keys", "-t", "chat", "-l", line], check=True)
        subprocess.run([*self._tmux, "send-keys", "-t", "chat", "Enter"], check=True)

    def screen(self) -> str:
        """Return the screen with its colours as ANSI sequences."""
        shown = subprocess.run([*self._tmux, "capture-pane", "-t", "chat", "-e", "-p"], capture_output=True, check=True)
        return shown.stdout.decode()

    def wait(self, text: str, times: int = 1, seconds: float = 60) -> None:
        """Return once `text` is on the screen as often; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while Text.from_ansi(self.screen()).plain.count(text) < times:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{text!r} did not appear:\n{Text.from_ansi(self.screen()).plain}")
            time.sleep(0.1)

    def close(self) -> None:
        """End the chat."""
        subprocess.run([*self._tmux, "kill-server"], check=False)


def talk() -> str:
    """Return the screen after the whole conversation."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(ROOT / "examples" / "office", Path(place, "office")))
        window = Window(folder, Path(place))
        try:
            window.wait("›")
            for line, answer in TALK:
                window.type(line)
                window.wait(answer)
            window.wait("›", len(TALK))  # the prompts of two turns and the next; the approval has none
            return window.screen()
        finally:
            window.close()


def main() -> None:
    """Write the picture."""
    shown = Text.from_ansi(talk().rstrip())
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    console.print(shown)
    # A picture loads nothing: the reader's own monospace font, held to the grid by each text's length.
    frame = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    frame = frame.replace("<svg ", '<svg xml:space="preserve" ', 1)
    console.save_svg(str(ROOT / "docs" / "terminal.svg"), title="everpilot", unique_id="everpilot", code_format=frame)


if __name__ == "__main__":
    main()
