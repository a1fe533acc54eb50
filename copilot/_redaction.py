"""Secrets taken out of what is written down or shown: logs, traces, errors, exports.

Two things are looked for: every secret that this process has loaded (credentials, and variables whose name says that
they hold one), as it is, percent-encoded, in base64 and in JSON; and what has the shape of a vendor's key. Documents
and answers are not touched: they are the person's own.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

#: What stands in the place of a secret.
GONE = "[...]"
#: Characters; a shorter value can't be told from a word.
SHORTEST = 8
_MOST = 512  # values that are remembered; tokens that were renewed are dropped first

_WORD = r"(?<![A-Za-z0-9_-])"
_NAMES = (
    r"api[-_ ]?key|access[-_]?key(?:[-_]?id)?|secret[-_]?access[-_]?key|account[-_]?key|shared[-_]?access[-_]?key|"
    r"shared[-_]?access[-_]?signature|client[-_]?secret|subscription[-_]?key|private[-_]?key|"
    r"(?:access|refresh|id|auth|session|security|bearer)[-_]?token|client[-_]?assertion"
)
_LOOSE = ("pass", "pwd", "secret", "token", "credential")
_LOOSE_NAMES = r"pass(?:word|wd|phrase)|pwd|secret|token|credential"

#: Shapes of keys: words in lower case of which the text holds one (looked at first, for speed), a pattern, and what
#: takes its place: what is kept says what it was. Sources: the vendors' pages on their keys, GitHub's list of secret
#: scanning patterns, RFC 6750 and 7617 (headers), RFC 7519 (JWT), RFC 7468 (PEM).
SHAPES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("private key",),
        r"-----BEGIN ([A-Z0-9 ]{0,40})PRIVATE KEY((?: BLOCK)?)-----.*?(?:-----END \1PRIVATE KEY\2-----|\Z)",
        GONE,
    ),
    (("://",), r"(://)[^\s/:@\"'<>]*:(?!\d{1,5}(?:[/?#\s]|$))[^\s\"'<>]*@", rf"\1{GONE}@"),
    (("://",), r"(://)[^\s/:@\"'<>]{20,}@", rf"\1{GONE}@"),
    (
        ("authorization",),
        r"((?i:authorization)[\"']?\s*[:=]\s*[\"']?)(?:(?i:bearer|basic|token|negotiate|digest)\s+)?[^\s\"',;]+",
        rf"\1{GONE}",
    ),
    (("bearer", "basic"), r"\b(?i:bearer|basic)\s+(?=[^\s]*[\d=])[A-Za-z0-9_.~+/-]{12,}=*", GONE),
    (("eyj",), rf"{_WORD}eyJ[A-Za-z0-9_-]{{8,}}(?:\.[A-Za-z0-9_-]*){{1,4}}", GONE),
    (
        ("akia", "asia", "abia", "acca"),
        rf"{_WORD}(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}(?:\W{{1,4}}(?:\w+\W{{1,4}}){{0,3}}?[A-Za-z0-9/+]{{40}})?(?!\w)",
        GONE,
    ),
    (("sk-", "pk-", "rk-"), rf"{_WORD}[spr]k-(?=[\w-]*\d)(?:\w{{2,12}}-){{0,3}}[\w-]*[A-Za-z0-9]{{16}}[\w-]*", GONE),
    (("sk-", "pk-", "rk-"), rf"{_WORD}[spr]k-[\w-]*\*{{2,}}[\w*-]*", GONE),  # OpenAI shows the ends of a refused key
    (("sk-",), rf"{_WORD}sk-(?:ant|proj|svcacct|admin|or-v1)-[\w-]{{6,}}", GONE),
    (("k_", "whsec_"), rf"{_WORD}(?:(?:sk|pk|rk)_(?:live|test)_\w{{10,}}|whsec_\w{{16,}})", GONE),
    (("aiza",), r"(?<![A-Za-z0-9])AIza[\w-]{30,}", GONE),
    (
        ("gh", "github_pat_", "glpat-"),
        rf"{_WORD}(?:gh[pousr]_[A-Za-z0-9]{{20,}}|github_pat_\w{{20,}}|glpat-[\w-]{{16,}})|github_pat_\w{{60,}}",
        GONE,
    ),
    (("xox", "xapp-"), rf"{_WORD}(?:xox[abeoprs]-[\w-]{{10,}}|xapp-[\w-]{{10,}})", GONE),
    (
        ("hf_", "gsk_", "npm_", "r8_", "fw_", "key_", "lsv2_"),
        rf"{_WORD}(?:hf|gsk|npm|r8|fw|key|lsv2_pt|lsv2_sk)_(?=\w*\d)\w{{20,}}",
        GONE,
    ),
    (
        ("xai", "pplx", "nvapi", "tvly", "pypi", "dop_v1", "dapi"),
        rf"{_WORD}(?:xai|pplx|nvapi|tvly|pypi|dop_v1|dapi)[-_]?(?=[\w-]*\d)[\w-]{{24,}}",
        GONE,
    ),
    (("sg.",), rf"{_WORD}SG\.[\w-]{{16,}}\.[\w-]{{16,}}", GONE),
    (("q~",), r"(?<![\w.~-])[\w.~-]{3}\dQ~[\w.~-]{31,34}", GONE),  # a client secret of Entra ID
    (("jqqj99",), r"(?<!\w)[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26}(?!\w)", GONE),  # a key of Azure AI services
    (  # a key of Azure's storage, batch or Cosmos DB
        ("ast", "aba", "amc", "acdb"),
        r"(?<![\w+/])[A-Za-z0-9+/]{76}\+?(?:ASt|ABa|AMC|ACDb)[A-Za-z0-9+/]{5,7}==",
        GONE,
    ),
    (("=",), r"([?&;](?i:sig|code|key|api[-_]?key|access_token|token)=)[^&\s\"'<>#]{8,}", rf"\1{GONE}"),
    (
        ("key", "secret", "token", "sign", "assertion"),
        rf"((?<![A-Za-z])(?i:{_NAMES})[\"']?\s*[:=]\s*[\"']?)(?!\[\.\.\.\])[^\s\"',;&]{{6,}}",
        rf"\1{GONE}",
    ),
    (_LOOSE, rf"((?<![A-Za-z])(?i:{_LOOSE_NAMES})[\"']?\s*=\s*[\"']?)(?!\[\.\.\.\])[^\s\"',;&]{{4,}}", rf"\1{GONE}"),
    (
        _LOOSE,
        rf"([\"'](?i:{_LOOSE_NAMES})[\"']\s*:\s*[\"'])(?!\[\.\.\.\])[^\"'\s]{{6,}}(?=[\"'])",
        rf"\1{GONE}",
    ),
    (
        _LOOSE,
        rf"((?<![A-Za-z])(?i:{_LOOSE_NAMES})\s*:\s*)(?=[^\s\"',;]*\d)(?=[^\s\"',;]*[A-Za-z])[^\s\"',;]{{8,}}",
        rf"\1{GONE}",
    ),
)

#: Where nothing but a vendor's or a command's complaint is shown, whatever could be a secret goes.
_STRICT = (
    r"bearer\s+\S+|\beyJ[\w.-]+|\b(?:sk|pk|key|api|token|gh[pos]|xox[a-z])[-_][\w*-]{6,}"
    r"|\b\w*(?:key|token|secret|passw\w*)\s*[=:]\s*\S{4,}|\b(?=[\w+=-]*\d)(?=[\w+=-]*[a-z])[\w+=-]{20,}"
)
_NAMES_A_SECRET = re.compile(r"key|token|secret|passw|passphrase|credential|connection|(?:^|_)p(?:at|wd)$", re.I)
_NAMES_NONE = re.compile(
    r"keyboard|keyring|keychain|tokenizer|_tokens$|max_?token|^(?:old)?pwd$|key_?(?:file|path|id)$", re.I
)

_NAMES_A_URL = re.compile(r"(?:^|_)(?:url|uri|dsn|proxy|broker|database)$", re.I)
_IN_A_URL = re.compile(r"://[^\s/:@]*:([^\s@]{8,})@")

_lock = threading.Lock()
_loaded: dict[str, None] = {}


def remember(*values: str) -> None:
    """Take note of secrets that this process has loaded; those shorter than `SHORTEST` are not looked for."""
    with _lock:
        for value in values:
            if len(value) >= SHORTEST:
                _loaded.pop(value, None)
                _loaded[value] = None
        while len(_loaded) > _MOST:
            del _loaded[next(iter(_loaded))]


def redacted(text: str, env: Mapping[str, str] | None = None) -> str:
    """Return the text with `GONE` in the place of each secret; text without one comes back as it is.

    `env` is looked at for secrets beside the variables of the process.
    """
    if len(text) < 4:
        return text
    for pattern in _known(env):
        text = pattern.sub(GONE, text)
    lower = text.lower()
    hinted = {number for hint, numbers in _hints().items() if hint in lower for number in numbers}
    for number in sorted(hinted):
        pattern, instead = _shape(number)
        text = pattern.sub(instead, text)
    return text


def one_line(text: str, env: Mapping[str, str] | None = None, most: int = 200) -> str:
    """Return the first line that says something, at most `most` characters, for complaints of vendors and commands.

    Stricter than `redacted`: what could be a secret goes, too, such as any long word with digits in it.
    """
    line = next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")
    for pattern in _known(env):
        line = pattern.sub(GONE, line)
    line = re.sub(_STRICT, GONE, line, flags=re.IGNORECASE)
    return redacted(line, env)[:most]


def redacted_json(value: Any) -> Any:
    """Return JSON types with every text in them redacted, the keys of objects among them.

    A text under a name that says that it is a secret goes whole.
    """
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {redacted(str(k)): GONE if _is_secret(k, v) else redacted_json(v) for k, v in value.items()}
    return [redacted_json(item) for item in value] if isinstance(value, (list, tuple)) else value


def _is_secret(name: Any, value: Any) -> bool:
    named = isinstance(name, str) and re.fullmatch(rf"(?i:x[-_])?(?i:{_NAMES}|{_LOOSE_NAMES}|authorization)", name)
    return bool(named) and isinstance(value, str) and bool(value)


# --- what the process has loaded --------------------------------------------------------------------------------------


def _known(env: Mapping[str, str] | None) -> Iterator[re.Pattern[str]]:
    """Yield a pattern for each secret that is loaded, the longest first: one may begin like another."""
    found = {**_loaded, **dict.fromkeys(_of(os.environ))}
    if env is not None and env is not os.environ:
        found |= dict.fromkeys(_of(env))
    for value in sorted(found, key=len, reverse=True):
        yield _pattern(value)


def _of(env: Mapping[str, str]) -> Iterator[str]:
    for name in filter(_may_hold_one, list(env)):
        value = env.get(name, "")
        if found := _IN_A_URL.search(value):
            yield found[1]
        elif len(value) >= SHORTEST and not _NAMES_A_URL.search(name) and not _is_a_place(value):
            yield value


@lru_cache(4096)
def _may_hold_one(name: str) -> bool:
    named = _NAMES_A_SECRET.search(name) and not _NAMES_NONE.search(name)
    return bool(named or _NAMES_A_URL.search(name))


@lru_cache(512)
def _is_a_place(value: str) -> bool:
    """Return whether the value is the path of a file, which is where a secret lies and not one."""
    return os.sep in value and os.path.exists(value)


@lru_cache(2 * _MOST)
def _pattern(value: str) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(form) for form in sorted(_forms(value), key=len, reverse=True)))


def _forms(value: str) -> set[str]:
    """Return the ways in which the value may be written: as it is, percent-encoded, in JSON, in base64."""
    percent = {quote(value, safe=""), quote(value), quote_plus(value)}
    lower = {re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), form) for form in percent}
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    return {value} | percent | lower | escaped | set(_in_base64(value.encode("utf-8", "surrogateescape")))


def _in_base64(value: bytes) -> Iterator[str]:
    """Yield what base64 makes of the value at each place of the encoded bytes: what its neighbours don't change."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + value).decode()
        first = (0, 2, 3)[before]
        certain = whole[first : (before + len(value)) * 8 // 6]
        if len(certain) >= SHORTEST:
            yield from {certain, certain.replace("+", "-").replace("/", "_")}


@lru_cache(1)
def _hints() -> dict[str, list[int]]:
    """Return the numbers of the shapes that each hint speaks for."""
    found: dict[str, list[int]] = {}
    for number, (hints, _, _) in enumerate(SHAPES):
        for hint in hints:
            found.setdefault(hint, []).append(number)
    return found


@lru_cache(len(SHAPES))
def _shape(number: int) -> tuple[re.Pattern[str], str]:
    """Return a shape, compiled when it is first needed: `everpilot --help` does without."""
    _, pattern, instead = SHAPES[number]
    return re.compile(pattern, re.DOTALL), instead


# --- logs -------------------------------------------------------------------------------------------------------------


class Filter(logging.Filter):
    """Redacts a record's message, traceback and extra fields, for whoever formats it later."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True: nothing is dropped."""
        cleaned(record)
        for name, value in vars(record).items():
            if name not in _STANDARD and isinstance(value, (str, dict, list, tuple)):
                setattr(record, name, redacted_json(value))
        return True


_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime"}


def cleaned(record: logging.LogRecord) -> logging.LogRecord:
    """Return the record with its message and traceback redacted. A message that can't be made is left to logging."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):
        return record
    record.msg, record.args = redacted(message), None
    if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
        record.exc_text = redacted("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
    if record.stack_info:
        record.stack_info = redacted(record.stack_info)
    return record


def guard_logs(name: str = "copilot") -> None:
    """Redact every record of the logger `name` and of those below it, whoever handles them. Can be called again.

    A filter on a logger does not see the records of those below it (logging's own rule), so it is done where records
    are made; the filter on the logger and its handlers sees the extra fields, too.
    """
    make = logging.getLogRecordFactory()
    if name not in getattr(make, "guards", ()):
        logging.setLogRecordFactory(_guarding(make, name))
    logger = logging.getLogger(name)
    for owner in (logger, *logger.handlers):
        if not any(isinstance(each, Filter) for each in owner.filters):
            owner.addFilter(Filter())


def show_tracebacks_redacted() -> None:
    """Print the traceback of an error that nobody caught redacted, too."""

    def show(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, where))))

    sys.excepthook = show


def _guarding(make: Callable[..., logging.LogRecord], name: str) -> Callable[..., logging.LogRecord]:
    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        ours = f"{record.name}.".startswith(f"{name}.")  # makeLogRecord begins with a name of None
        return cleaned(record) if ours else record

    made.guards = (*getattr(make, "guards", ()), name)  # type: ignore[attr-defined]
    return made
