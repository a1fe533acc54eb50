"""What every page of a report has around its sections: a head that allows nothing from elsewhere, and a foot."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path

from copilot.jobs.report.markup import text


def head(title: str, *, scripts: bool = False, posts: bool = False) -> str:
    """Return the start of a page, up to its first element.

    By its policy (Content Security Policy Level 3, section 2.3) nothing is loaded or run but its own style, and with
    `scripts` its own script, both by their hash; it sends forms to its own server (`posts`), or none.
    """
    style, script = _part("page.css"), _part("page.js")
    rules = [
        "default-src 'none'",
        f"style-src {_hash(style)}",
        *([f"script-src {_hash(script)}"] if scripts else []),
        f"form-action {chr(39)}{'self' if posts else 'none'}{chr(39)}",
        "base-uri 'none'",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{text("; ".join(rules))}">'
        f'<meta name="referrer" content="{"same-origin" if posts else "no-referrer"}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        '<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">'
        f'<meta name="color-scheme" content="light dark"><title>{text(title)}</title><style>{style}</style></head>\n'
        '<body><a class="skip" href="#main">To the content</a><main id="main">\n'
    )


def foot(words: str, *, scripts: bool = False) -> str:
    """Return the end of a page, with what is said at its foot."""
    script = f"<script>{_part('page.js')}</script>" if scripts else ""
    return f"</main><footer><p>{words}</p></footer>{script}</body></html>\n"


@lru_cache(2)
def _part(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
