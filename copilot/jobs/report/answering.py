"""How a page is answered: by a command to copy, or by buttons where a review serves the page."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.jobs.report.digest import Shown
from copilot.jobs.report.markup import text
from copilot.jobs.report.view import RunView, counted


@dataclass(frozen=True)
class Form:
    """Where the buttons of a page post to, relative to it, and the secret that shows that it was this page."""

    action: str
    nonce: str


@dataclass(frozen=True)
class Desk:
    """What the answers of a report need: the run, all that is shown, and the form if there is a server behind it."""

    run: RunView
    shown: Shown
    form: Form | None = None

    def around(self, page: str, pages: int) -> tuple[str, str]:
        """Return what stands before and after the documents that wait on the page with the name `page`.

        `pages` is how many pages have such documents.
        """
        if self.form is None:
            return "", self._command(pages)
        hidden = {"shown": self.shown.digest, "nonce": self.form.nonce, "page": page}
        fields = "".join(f'<input type="hidden" name="{key}" value="{text(value)}">' for key, value in hidden.items())
        return f'<form method="post" action="{text(self.form.action)}">{fields}', f"{self._buttons(pages)}</form>"

    def _buttons(self, pages: int) -> str:
        everything = counted(len(self.shown.changes), "change")
        here = " on this page" if pages > 1 else ""
        buttons = [
            ("selected", f"Accept the ticked{here}", "main"),
            *([("all", f"Accept all {everything}", "")] if self.shown.changes else []),
            ("none", "Decline everything", "danger"),
            *([("finish", "Finish: the others keep waiting", "")] if pages > 1 else []),
        ]
        made = "".join(
            f'<button name="verdict" value="{value}" class="{kind}">{text(words)}</button>'
            for value, words, kind in buttons
        )
        return f'<div class="answer" id="answer">{_TICKS}<p>{made}</p>{self._sends()}</div>'

    def _command(self, pages: int) -> str:
        command = self.run.command("accept", "--shown", self.shown.digest)
        here = " and stand on this page" if pages > 1 else ""
        every = f"Accept all changes: <code>{text(command)}</code><br>" if self.shown.changes else ""
        return (
            f'<div class="answer" id="answer" data-command="{text(command)}" data-pages="{pages}">{_TICKS}'
            f'<p><label for="command">To accept the documents that are ticked{here}, run in a terminal:</label></p>'
            f'<textarea id="command" readonly rows="2" spellcheck="false">{text(command)}</textarea>'
            f'<p class="scripted"><button type="button" id="copy" class="main">Copy</button></p>'
            f'<p class="dim">{every}'
            f"Decline everything: <code>{text(self.run.command('reject', '--shown', self.shown.digest))}</code><br>"
            f"With buttons in place of commands: <code>{text(self.run.command('review'))}</code></p>"
            f"{self._sends()}</div>"
        )

    def _sends(self) -> str:
        if not self.shown.sends:
            return ""
        return '<p class="dim">What would be sent is only sent where it is ticked, or named in the command.</p>'


_TICKS = (
    '<p class="scripted"><button type="button" id="tick">Tick all changes</button>'
    '<button type="button" id="untick">Untick all</button> <output id="ticked"></output></p>'
)
