"""Equations (Office Math, ECMA-376 part 1, 22.1) as linear text."""

from __future__ import annotations

from copilot.documents.word.names import Element, child, children, name, value

_DEPTH = 60  # deeper nesting is shown as its bare characters


def linear(element: Element, depth: int = 0) -> str:
    """Return an equation in one line: fractions as (a)/(b), powers as x^(2), roots as √(x)."""
    kind = name(element)
    if kind == "m:t":
        return element.text or ""
    if depth > _DEPTH:
        return "".join(str(t) for t in element.itertext())
    return _shaped(element, kind, depth + 1)


def _shaped(element: Element, kind: str, depth: int) -> str:
    def part(wanted: str) -> str:
        found = child(element, f"m:{wanted}")
        return "" if found is None else linear(found, depth)

    if kind == "m:f":
        return f"{_group(part('num'))}/{_group(part('den'))}"
    if kind in ("m:sSup", "m:sSub", "m:sSubSup", "m:nary", "m:limLow", "m:limUpp"):
        below, above = part("sub") or (part("lim") if kind == "m:limLow" else ""), part("sup")
        above = above or (part("lim") if kind == "m:limUpp" else "")
        scripts = (f"_{_group(below)}" if below else "") + (f"^{_group(above)}" if above else "")
        return f"{_sign(element)}{scripts} {part('e')}" if kind == "m:nary" else f"{part('e')}{scripts}"
    if kind == "m:rad":
        return f"{part('deg')}√{_group(part('e'), always=True)}"
    if kind == "m:d":
        inner = "|".join(linear(e, depth) for e in children(element, "m:e"))
        return f"({inner})"
    if kind in ("m:m", "m:eqArr"):
        return "; ".join(linear(row, depth) for row in children(element, "m:mr", "m:e"))
    if kind.endswith("Pr"):
        return ""
    return "".join(linear(each, depth) for each in element)


def _group(text: str, *, always: bool = False) -> str:
    return text if len(text) <= 1 and not always else f"({text})"


def _sign(element: Element) -> str:
    """Return the operator of a sum, product or integral; the integral is the default (22.1.2.20)."""
    return value(child(child(element, "m:naryPr"), "m:chr")) or "∫"
