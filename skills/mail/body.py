"""The text of a message as a person sees it: HTML made plain, hidden text marked, quoted history folded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from copilot.documents.htmltext import read_html
from copilot.documents.invisible import invisible
from copilot.plugins.connections.mail import Message, Part
from copilot.trust.sanitise import safe_text

#: Lines with which the history of a conversation begins, in the words of mail programs in several languages.
_BEGINS = re.compile(
    r"\s*(?:[-_]{2,}\s*(?:original message|forwarded message|urspr\S+ nachricht|weitergeleitete nachricht"
    r"|message d'origine|message transf\S+|mensaje original|messaggio (?:originale|inoltrato)|oorspronkelijk bericht"
    r"|mensagem original|oprindelig meddelelse)\b.*"
    r"|(?:on|am|le|el|il|op|em|den)\s.{4,200}\s(?:wrote|schrieb\b.*|a \S+crit|escribi\S+|ha scritto|schreef\b.*"
    r"|escreveu|skrev\b.*)\s*:)\s*\Z",
    re.IGNORECASE,
)
_FROM = re.compile(r"\W*(?:from|von|de|da|van|fra|från)\W*:\W*\S", re.IGNORECASE)
_SENT = re.compile(
    r"\W*(?:sent|date|gesendet|datum|envoy\S+|enviado|fecha|inviato|data|verzonden|sendt|skickat)\W*:", re.IGNORECASE
)
#: Characters of a text that are looked at: no person wrote more.
_MOST = 1_000_000
_LONG = "It is long; the rest is left out."
#: Hidden by the form of a page rather than to hide it: it is counted, not handed over.
_FORM = frozenset({"HTML comment", "page title"})
#: What can't be read here, by the type or name of an attachment, and what to do.
_SEALED: tuple[tuple[str, str], ...] = (
    (r"application/(?:x-)?pkcs7-mime|smime\.p7m", "It is encrypted or signed by S/MIME; open it in a mail program."),
    (r"application/pgp-encrypted|\S*\.(?:pgp|asc)\Z", "It is encrypted or signed by PGP; open it in a mail program."),
    (r"\S*rpmsg(?:-message)?\Z|message\.rpmsg", "It is protected by rights management; open it in Outlook."),
    (
        r"application/(?:vnd\.)?ms-tnef|winmail\.dat",
        "Its attachments are packed as winmail.dat (TNEF); ask for others.",
    ),
)


@dataclass(frozen=True, slots=True)
class Body:
    """A text: what its author wrote, the history below it, and what deserves attention; `cut` where some is missing."""

    text: str
    history: str = ""
    notes: tuple[str, ...] = ()
    cut: bool = False


def body_of(message: Message) -> Body:
    """Return the text of a message. Nothing is fetched; links are told with their full target."""
    text, notes = _html(message.html) if message.html.strip() else _plain(message.text)
    flags = invisible(text)
    notes += [f"It holds characters that nobody sees ({', '.join(flags)}); they are left out."] if flags else []
    notes += [*message.odd, *sealed(message.parts)]
    own, history = folded(safe_text(text, lines=True).strip().splitlines())
    return Body("\n".join(own).strip(), "\n".join(history).strip(), tuple(dict.fromkeys(notes)), _LONG in notes)


def visible(message: Message) -> str:
    """Return all that a person sees of a message, history included: what an answer quotes."""
    if not message.html.strip():
        return safe_text(_plain(message.text)[0], lines=True).strip()
    return safe_text(read_html(message.html).visible, lines=True).strip()


def sealed(parts: Sequence[Part]) -> list[str]:
    """Return what is said of attachments that hide what the message holds."""
    found = [why for part in parts for pattern, why in _SEALED if _is(part, pattern)]
    return list(dict.fromkeys(found))


def _is(part: Part, pattern: str) -> bool:
    return any(re.match(pattern, each, re.IGNORECASE) for each in (part.media, part.name))


def _plain(text: str) -> tuple[str, list[str]]:
    return text[:_MOST].replace("\r\n", "\n"), [_LONG] if len(text) > _MOST else []


def _html(text: str) -> tuple[str, list[str]]:
    page = read_html(text)
    lines, left_out = [], 0
    for stretch in page.stretches:
        if stretch.hidden in _FORM:
            left_out += 1
        else:
            lines.append(f"[hidden: {stretch.hidden}] {stretch.text}" if stretch.hidden else stretch.text)
    notes = []
    if any(s.hidden and s.hidden not in _FORM for s in page.stretches):
        notes.append("It hides text from whoever opens it.")
    hosts = dict.fromkeys(host for source in page.images if (host := _host(source)))
    notes += [f"{len(page.images)} remote image(s) of {', '.join(hosts)}, not fetched."] if hosts else []
    notes += ["It holds a script, which is not run."] if page.scripts else []
    notes += [f"{left_out} HTML comment(s) left out."] if left_out else []
    notes += [_LONG] if page.cut else []
    return "\n".join(lines), notes


def _host(source: str) -> str:
    try:
        return safe_text(urlsplit(source.strip()).hostname or "")
    except ValueError:
        return "?"


def folded(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines of the author and those of the history. What only passes something on is not folded."""
    cut = next((n for n in range(len(lines)) if _is_start(lines, n)), len(lines))
    if not any(line.strip() for line in lines[:cut]):
        return list(lines), []
    return list(lines[:cut]), list(lines[cut:])


def _is_start(lines: Sequence[str], n: int) -> bool:
    if _BEGINS.match(lines[n]):
        return True
    if _FROM.match(lines[n]) and any(_SENT.match(line) for line in lines[n + 1 : n + 4]):
        return True
    return all(line.lstrip().startswith(">") for line in lines[n : n + 3]) and len(lines) - n >= 3
