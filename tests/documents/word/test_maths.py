from __future__ import annotations

import pytest
from lxml import etree

from copilot.documents.word import maths

from .make import STRICT, TRANSITIONAL


def run(text: str, properties: str = "") -> str:
    return f"<m:r>{f'<m:rPr>{properties}</m:rPr>' if properties else ''}<m:t>{text}</m:t></m:r>"


def of(kind: str, properties: str = "", **parts: str) -> str:
    inner = "".join(f"<m:{name}>{held}</m:{name}>" for name, held in parts.items())
    return f"<m:{kind}><m:{kind}Pr>{properties}</m:{kind}Pr>{inner}</m:{kind}>"


A, B, N, X = run("a"), run("b"), run("n"), run("x")
ROW = f"<m:mr><m:e>{A}</m:e><m:e>{B}</m:e></m:mr>"
MATRIX = f"<m:m>{ROW}{ROW}</m:m>"
LINES = f"<m:eqArr><m:e>{run('a&amp;=b')}</m:e><m:e>{run('c&amp;=d')}</m:e></m:eqArr>"
BARS = '<m:begChr m:val="|"/><m:endChr m:val="|"/>'
STACK = of("f", '<m:type m:val="noBar"/>', num=N, den=run("k"))


@pytest.mark.parametrize("space", [TRANSITIONAL["m"], STRICT["m"]], ids=["transitional", "strict"])
@pytest.mark.parametrize(
    ("omml", "expected"),
    [
        (of("f", num=A, den=of("sSup", e=B, sup=run("2"))), r"\frac{a}{b^{2}}"),
        (of("f", '<m:type m:val="lin"/>', num=A, den=B), "{a}/{b}"),
        (STACK, r"\genfrac{}{}{0pt}{}{n}{k}"),
        (of("d", e=STACK), r"\binom{n}{k}"),
        (of("sSub", e=X, sub=run("ij")), "x_{ij}"),
        (of("sSubSup", e=X, sub=A, sup=B), "x_{a}^{b}"),
        (of("sSup", e=run("ab"), sup=N), "{ab}^{n}"),
        (of("sPre", sub=A, sup=B, e=X), "{}_{a}^{b}x"),
        (of("rad", '<m:degHide m:val="1"/>', deg=run("3"), e=X), r"\sqrt{x}"),
        (of("rad", deg=run("3"), e=X), r"\sqrt[3]{x}"),
        (of("nary", '<m:chr m:val="∑"/>', sub=run("n=1"), sup=run("∞"), e=A), r"\sum_{n=1}^{\infty} a"),
        (of("nary", sub=A, sup=B, e=X), r"\int_{a}^{b} x"),
        (of("nary", '<m:limLoc m:val="undOvr"/>', sub=A, sup=B, e=X), r"\int\limits_{a}^{b} x"),
        (of("nary", '<m:chr m:val="∏"/><m:supHide m:val="1"/>', sub=A, sup=B, e=X), r"\prod_{a} x"),
        (of("d", e=A), "(a)"),
        (of("d", '<m:begChr m:val="["/><m:endChr m:val=""/>', e=A), r"\left[a\right."),
        (of("d", '<m:begChr m:val="⟨"/><m:endChr m:val="⟩"/>', e=A), r"\langle a\rangle"),
        (f"<m:d><m:e>{A}</m:e><m:e>{of('f', num=A, den=B)}</m:e></m:d>", r"\left(a \middle| \frac{a}{b}\right)"),
        (MATRIX, r"\begin{matrix}a & b \\ a & b\end{matrix}"),
        (of("d", e=MATRIX), r"\begin{pmatrix}a & b \\ a & b\end{pmatrix}"),
        (of("d", BARS, e=MATRIX), r"\begin{vmatrix}a & b \\ a & b\end{vmatrix}"),
        (LINES, r"\begin{aligned}a&=b \\ c&=d\end{aligned}"),
        (of("d", '<m:begChr m:val="{"/><m:endChr m:val=""/>', e=LINES), r"\begin{cases}a&=b \\ c&=d\end{cases}"),
        (of("acc", e=X), r"\hat{x}"),
        (of("acc", '<m:chr m:val="⃗"/>', e=run("AB")), r"\overrightarrow{AB}"),
        (of("bar", '<m:pos m:val="top"/>', e=X), r"\overline{x}"),
        (of("bar", e=X), r"\underline{x}"),
        (of("groupChr", e=X), r"\underbrace{x}"),
        (of("groupChr", '<m:chr m:val="→"/><m:pos m:val="top"/>', e=X), r"\overset{\rightarrow}{x}"),
        (of("limLow", e=of("groupChr", e=X), lim=N), r"\underbrace{x}_{n}"),
        (of("func", fName=of("limLow", e=run("lim"), lim=run("x→0")), e=X), r"\lim_{x\rightarrow 0} x"),
        (of("func", fName=run("sin"), e=run("θ")), r"\sin \theta"),
        (of("func", fName=run("rank"), e=run("A")), r"\operatorname{rank} A"),
        (of("limUpp", e=run("="), lim=run("?")), r"\overset{?}{=}"),
        (of("phant", '<m:show m:val="0"/>', e=X), r"\phantom{x}"),
        (of("phant", e=X), "x"),
        (of("borderBox", e=X), r"\boxed{x}"),
        (of("box", e=X), "x"),
        (run("αβ≤2x"), r"\alpha\beta\leq 2x"),
        (run("50% &amp; #1"), r"50\% \& \#1"),
        (run("𝑥𝑦"), "xy"),
        (run("R", '<m:scr m:val="double-struck"/>'), r"\mathbb{R}"),
        (run("v", '<m:sty m:val="b"/>'), r"\mathbf{v}"),
        (run("if x_1", "<m:nor/>"), r"\text{if x\_1}"),
        (f"<w:ins>{A}</w:ins><w:del>{B}</w:del>", "a"),
        ("<m:unknown>" + of("f", num=A, den=B) + "</m:unknown>", r"\frac{a}{b}"),
        ("", ""),
    ],
)  # fmt: skip
def test_latex(omml: str, expected: str, space: str) -> None:
    spaces = f'xmlns:m="{space}" xmlns:w="{TRANSITIONAL["w"]}"'
    assert maths.latex(etree.fromstring(f"<m:oMath {spaces}>{omml}</m:oMath>")) == expected


def test_equations_of_one_paragraph_stand_on_lines_of_their_own() -> None:
    inner = f"<m:oMath>{A}</m:oMath><m:oMath>{B}</m:oMath>"
    element = etree.fromstring(f'<m:oMathPara xmlns:m="{TRANSITIONAL["m"]}">{inner}</m:oMathPara>')
    assert maths.latex(element) == r"a \\ b"


def test_what_is_nested_too_deeply_keeps_its_characters() -> None:
    omml = X
    for _ in range(400):
        omml = f"<m:rad><m:e>{omml}</m:e></m:rad>"
    parser = etree.XMLParser(huge_tree=True)
    element = etree.fromstring(f'<m:oMath xmlns:m="{TRANSITIONAL["m"]}">{omml}</m:oMath>', parser)
    shown = maths.latex(element)
    assert "x" in shown
    assert shown.count("{") == shown.count("}")
