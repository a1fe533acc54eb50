# ruff: noqa: E501
"""What is no way to leak stays byte-equal, however it is streamed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.trust.sanitise import CardSanitiser, MarkdownSanitiser, TerminalSanitiser
from tests.trust.renderers import unsafe
from tests.trust.test_sanitise_constructs import CONSTRUCTS, WAYS, prefixes

BENIGN = [
    "# Heading\n\n## Another\n\nText with **bold**, *italic*, _x_, ~~struck~~.\n\n---\n",
    "- a\n- b\n  - c\n    1. d\n    2. e\n\n1. one\n2. two\n   more\n",
    "| a | b |\n|---|:-:|\n| `x[0](y)` | List |\n| 1 | `<b>` |\n",
    "Use `<html>` and `[brackets](x)` and `![x](y)` and `List<int>`.\n",
    '```html\n<img src="x.png">\n[a](b)\n![c](d)\n&#x202e;\n```\nafter\n',
    '~~~\n<b>[a]: http://x</b>\n~~~\n\n```python title="x"\na[0](x)\n```\n',
    '1. Do this:\n\n   ```xml\n   <a href="x"/>\n   ```\n\n2. Then:\n\n   ```\n   <b>\n   ```\n',
    "- a\n\n  ```\n  <b>\n  ```\n- b\n",
    "Text.\n\n    <b>indented</b> [a](b)\n\nText.\n",
    "````\n```\n<b>\n```\n````\n",
    "> a quote\n> with `code`\n\n- [ ] open\n- [x] done\n",
    "a < b && c > d; x <= y; a << 2; <3; 1 <2; i<10\n",
    "List<int>, Map<String, int>, a vector<T> and #include <iostream>\n",
    "Mail john@example.com or John <john@example.com>.\n",
    "See report[1].docx, a[0], a[i][j], [1], [x], [see below], x[1:2], [a, [b, c]].\n",
    "A note[^1] and another[^note].\n\n[^1]: What it says is here.\n[^note]: More about it.\n",
    "=SUM(Table1[Q1]:Table1[Q4]) and as in note [3]: it rains\n",
    "$E = mc^2$, $$\\frac{a}{b} \\leq \\sum_{i=0}^n x_i$$ and \\alpha\n",
    "C:\\Users\\me\\file.txt and \\\\server\\share\\x\n",
    "{{x}} {% if a %} ${y} <%= z %>".replace("<%= z %>", "%z%"),
    "https://example.com/a?b=1&c=2#d, http://localhost:8080/ and www.example.com.\n",
    "AT&T &amp; R&D &lt;b&gt; &#8364; &copy; &nosuch; A&B; & &#; 50% off! Wow! ![1] \\[x\\] \\* \\_\n",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u0928\u092e\u0938\u094d\u0924\u0947"
    " \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u4f60\u597d \u3053\u3093\u306b\u3061\u306f \uc548\ub155 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    " \u0915\u094d\u200d\u0937\n",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \u2764\ufe0f 1\ufe0f\u20e3 \U0001f1e9\U0001f1ea :smile: e\u0301 o\u0308\n",
    "Tabs\tand  two spaces  \nhard break\\\nnext\n",
    "```\nnever closed <b>\n",
    "`a` ``b ` c`` `` ` `` it's 'x' \"y\" (see (z)) {a} ~ ^ | / \n",
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", BENIGN)
def test_benign_text_is_unchanged(text: str, way: str) -> None:
    for kind in (MarkdownSanitiser, TerminalSanitiser):
        assert prefixes(kind(), text, way)[-1] == text
    for prefix in prefixes(MarkdownSanitiser(), text, way):
        assert unsafe(prefix) == []


FRAGMENTS = st.sampled_from(
    [part for text in [*BENIGN, *CONSTRUCTS.values()] if len(text) < 400 for part in (text, text[: len(text) // 2])]
    + [
        "\n",
        "\n\n",
        "`",
        "```",
        "```\n",
        "~~~\n",
        "[",
        "](",
        "]",
        ")",
        "<",
        ">",
        "- ",
        "> ",
        "    ",
        "  ",
        "|",
        "\\",
        "!",
        "&",
    ]
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(FRAGMENTS, min_size=1, max_size=4).map("".join), st.sampled_from([MarkdownSanitiser, CardSanitiser]))
def test_whatever_is_put_together_is_safe(text: str, kind: type[MarkdownSanitiser]) -> None:
    shown = {way: prefixes(kind(), text, way) for way in WAYS}
    assert len({prefix[-1] for prefix in shown.values()}) == 1
    for prefix in shown["pieces"][-40:]:
        assert unsafe(prefix) == [], prefix
