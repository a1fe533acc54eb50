"""How LaTeX writes the signs of Office Math: commands by character, alphabets, delimiters, accents."""

from __future__ import annotations

import re

#: In the order of Unicode from α to ω.
_GREEK = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi o pi rho varsigma sigma tau upsilon "
    "varphi chi psi omega"
)
_CAPITALS = {
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_SIGNS = {
    "ϵ": "epsilon", "ϑ": "vartheta", "ϕ": "phi", "ϱ": "varrho", "ϖ": "varpi", "ϰ": "varkappa",
    "±": "pm", "∓": "mp", "×": "times", "÷": "div", "⋅": "cdot", "·": "cdot", "∗": "ast", "⋆": "star", "∘": "circ",
    "∙": "bullet", "⊕": "oplus", "⊖": "ominus", "⊗": "otimes", "⊙": "odot", "∩": "cap", "∪": "cup", "∖": "setminus",
    "∧": "wedge", "∨": "vee", "¬": "neg", "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx", "≡": "equiv", "≅": "cong",
    "∼": "sim", "≃": "simeq", "∝": "propto", "≪": "ll", "≫": "gg", "≺": "prec", "≻": "succ", "∈": "in", "∉": "notin",
    "∋": "ni", "⊂": "subset", "⊃": "supset", "⊆": "subseteq", "⊇": "supseteq", "∅": "emptyset", "∀": "forall",
    "∃": "exists", "∄": "nexists", "∇": "nabla", "∂": "partial", "∞": "infty", "√": "surd", "∠": "angle", "⊥": "perp",
    "∥": "parallel", "∣": "mid", "⊢": "vdash", "⊨": "models", "⊤": "top", "∴": "therefore", "∵": "because",
    "→": "rightarrow", "←": "leftarrow", "↔": "leftrightarrow", "⇒": "Rightarrow", "⇐": "Leftarrow",
    "⇔": "Leftrightarrow", "↑": "uparrow", "↓": "downarrow", "↦": "mapsto", "⟶": "longrightarrow",
    "⟹": "Longrightarrow", "⇌": "rightleftharpoons", "↪": "hookrightarrow", "…": "ldots", "⋯": "cdots", "⋮": "vdots",
    "⋱": "ddots", "ℏ": "hbar", "ℓ": "ell", "ℜ": "Re", "ℑ": "Im", "ℵ": "aleph", "℘": "wp", "′": "prime",
    "⟨": "langle", "⟩": "rangle", "⌈": "lceil", "⌉": "rceil", "⌊": "lfloor", "⌋": "rfloor", "‖": "Vert",
}  # fmt: skip
_ESCAPED = {c: f"\\{c}" for c in "#$%&_{}"} | {"\\": "\\backslash ", "~": "\\sim ", "^": "\\hat{}"}
_SPACES = {"\u2003": "\\quad ", "\u2002": "\\enspace ", "\u2009": "\\,", "\u205f": "\\:", "\u2004": "\\;"}
_SPACES |= {"\u00a0": "~", "\u200a": "\\,", "\u200b": "", "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": ""}
_LETTERS = {"ℝ": "R", "ℕ": "N", "ℤ": "Z", "ℚ": "Q", "ℂ": "C", "ℙ": "P", "ℍ": "H"}
_SMALL_ALPHA = 0x3B1

#: Sums, products and integrals (22.1.2.70).
OPERATORS = {
    "∫": "\\int", "∬": "\\iint", "∭": "\\iiint", "∮": "\\oint", "∯": "\\oiint", "∰": "\\oiiint", "∑": "\\sum",
    "∏": "\\prod", "∐": "\\coprod", "⋃": "\\bigcup", "⋂": "\\bigcap", "⋁": "\\bigvee", "⋀": "\\bigwedge",
    "⨁": "\\bigoplus", "⨂": "\\bigotimes", "⨀": "\\bigodot", "⨆": "\\bigsqcup", "⨄": "\\biguplus",
}  # fmt: skip
#: Characters that are no letters or digits of plain LaTeX.
SYMBOLS = {
    **{chr(_SMALL_ALPHA + at): f"\\{word}" if word != "o" else "o" for at, word in enumerate(_GREEK.split())},
    **{sign: f"\\{word}" for sign, word in (_CAPITALS | _SIGNS).items()},
    **{sign: f"\\mathbb{{{letter}}}" for sign, letter in _LETTERS.items()},
    **OPERATORS, **_ESCAPED, **_SPACES, "−": "-", "°": "^{\\circ}",
}  # fmt: skip
ALPHABETS = {
    "double-struck": "mathbb",
    "script": "mathcal",
    "fraktur": "mathfrak",
    "sans-serif": "mathsf",
    "monospace": "mathtt",
}
DELIMITERS = {
    "(": "(", ")": ")", "[": "[", "]": "]", "{": "\\{", "}": "\\}", "|": "|", "‖": "\\|", "/": "/", "\\": "\\backslash",
    "⟨": "\\langle", "⟩": "\\rangle", "〈": "\\langle", "〉": "\\rangle", "⟦": "[\\![", "⟧": "]\\!]",
    "∣": "|", "∥": "\\|",
}  # fmt: skip
#: The environment of a matrix that stands alone between two delimiters.
MATRICES = {"()": "pmatrix", "[]": "bmatrix", "{}": "Bmatrix", "||": "vmatrix", "‖‖": "Vmatrix"}
#: Combining characters over a base (22.1.2.1), and the same as characters of their own.
ACCENTS = {
    "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "overline", "\u0306": "breve", "\u0307": "dot",
    "\u0308": "ddot", "\u20db": "dddot", "\u030c": "check", "\u0301": "acute", "\u0300": "grave", "\u20d7": "vec",
    "\u20d6": "overleftarrow", "\u20e1": "overleftrightarrow", "\u20d1": "overset{\\rightharpoonup}",
    "\u20d0": "overset{\\leftharpoonup}", "\u030a": "mathring", "\u033f": "overline", "\u0332": "underline",
    "^": "hat", "~": "tilde", "¯": "bar", "→": "vec", "´": "acute", "`": "grave", "˙": "dot", "¨": "ddot", "ˇ": "check",
    "˘": "breve", "‾": "overline",
}  # fmt: skip
#: What an accent is over more than one sign.
WIDE = {"hat": "widehat", "tilde": "widetilde", "bar": "overline", "vec": "overrightarrow"}
BRACES = {"⏟": "underbrace", "⏞": "overbrace", "⎵": "underbracket", "⎴": "overbracket"}
_LIMITS = "lim liminf limsup max min sup inf det gcd Pr"
_FUNCTIONS = "arccos arcsin arctan arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin sinh tan tanh"
#: Names that are commands of LaTeX.
FUNCTIONS = frozenset(f"{_FUNCTIONS} {_LIMITS}".split())
#: Names whose limit stands below them.
LIMITS = frozenset({*_LIMITS.split(), "operatorname{argmax}", "operatorname{argmin}"})
_SPECIAL = re.compile(r"[\\{}$&#%_^~]")
_IN_TEXT = {"\\": "\\textbackslash{}", "^": "\\^{}", "~": "\\~{}"}


def escaped(text: str) -> str:
    r"""Return a text as it is written inside of `\text{}`."""
    return _SPECIAL.sub(lambda match: _IN_TEXT.get(match[0], f"\\{match[0]}"), text)
