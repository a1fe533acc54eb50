"""What the builtin planner knows of English: closed classes of words, synonyms, and which verbs act.

Nothing here names a tool. What a tool is about comes from its own examples, cues and slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from copilot.documents.terms import stem

if TYPE_CHECKING:
    from copilot.models.builtin.lexing import Token

__all__ = ["stem"]


def word_set(text: str) -> frozenset[str]:
    """Return the words of `text`."""
    return frozenset(text.split())


#: Words that say nothing about what is wanted; they need no explanation by a plan.
STOPWORDS = word_set(
    """a an the this that these those my our your his her its their some any of to in on at from for with by into
    onto as is are was were be been am do does did and or me us i we you it there here please kindly thanks
    thank just now then so also too can could would will what which who whose where when how much many have has
    had all each every not no up out over within inside via about one ones let let's okay ok hi hello hey dear
    assistant copilot everpilot next afterwards finally it's what's that's i'd i'm there's go ahead tell give
    whole entire still currently already pls plz whats what’s showing"""
)

#: Words that narrow or twist a command: a slot must account for them, a tool's vocabulary does not suffice.
LIMITERS = word_set(
    """only except but first second third last next other another both half instead unless until besides excluding
    without not never no alternate odd even least most some rather almost nearly partly any"""
)

DETERMINERS = word_set("a an the this that these those my our your its their all every each any")
PREPOSITIONS = word_set("""in on at from of for to into onto within inside under below after before with by""")

#: Words that may lead from a verb to a quoted or plain text: "replace the word Acme", "every occurrence of Acme".
TEXT_NOUNS = word_set(
    """word words phrase phrases text term terms name names string value values occurrence occurrences instance
    instances mention mentions of spelling sentence company number all every each the any everything"""
)

#: Words at the end of a command that change nothing: "everywhere", "please".
TRAILERS = word_set("please thanks everywhere throughout now")
TRAILING_PAIRS = frozenset({("thank", "you"), ("for", "me")})

#: A text that is not quoted and holds one of these may be longer or shorter than what was meant.
LOOSE = word_set(
    """in on at only but except and or then for from if when unless instead under below after before using as it
    them that which where also so because into there this those these every each all throughout everywhere to
    with by something someone whatever better new correct right appropriate suitable"""
)

#: A value of one of these words is a reference to something, not the word itself.
REFERENCES = word_set(
    """total sum average mean maximum minimum median max min today yesterday tomorrow now previous same current
    double half twice empty blank nothing null none result value amount number date name formula text above
    below it random original old new default right left first last next something anything whatever here there"""
)

PRONOUNS = word_set("it this that them these those")

#: Verbs that ask for prose of its own, which only a language model can write.
FREE_WRITING = word_set(
    """translate rewrite rephrase reword paraphrase compose draft brainstorm invent imagine improve polish
    proofread shorten lengthen simplify expand elaborate explain argue suggest recommend advise write author
    critique review evaluate judge predict forecast guess think reason discuss describe analyse analyze
    interpret assess chat joke sing tell answer reply respond fix correct beautify refine reformulate localize
    localise outline plan"""
)
#: What is written by somebody: "write a poem" asks for new prose, whatever it is about.
PROSE = word_set(
    """poem poems slogan slogans letter email mail essay speech story song joke limerick haiku article blog post reply
    response proposal paragraph introduction conclusion memo tweet toast tagline comment comments feedback review
    headline invitation announcement statement script message newsletter advert description report pitch biography bio
    apology reference testimonial press"""
)
#: Of these, the ones that nothing but a model can do, whatever else the request names.
NEVER_MECHANICAL = word_set(
    """translate rewrite rephrase reword paraphrase brainstorm improve polish proofread shorten lengthen simplify
    elaborate critique reformulate localize localise beautify refine"""
)

#: Verbs of one meaning. A tool whose examples use one of them is also meant by the others, a little less.
SYNONYMS: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "replace change swap substitute update rename switch exchange amend fix correct",
        "set put write enter update change fill type assign",
        "add insert append put include attach",
        "delete remove drop erase cut strip",
        "make create build generate draw plot produce prepare chart graph",
        "show display list give print view see get read open tell filter fetch",
        "find search look locate",
        "summarise summarize recap condense digest abridge",
        "sum total calculate compute",
        "compare diff contrast",
        "convert export save turn transform",
        "send mail email forward",
        "sort order rank arrange",
    )
)

#: Base forms that can open a command, besides those in the examples of the tools at hand.
VERBS = frozenset(v for group in SYNONYMS for v in group) | word_set(
    """count average group apply format move copy merge split undo redo revert restore call name check verify
    describe analyse analyze rewrite translate extract highlight mark turn start stop close hide unhide bold
    underline"""
)

#: Verbs that change something when they open a request; a question or a hypothetical with one must not act.
ACTING = word_set(
    """replace change swap substitute update rename set put write enter fill add insert append delete remove drop
    erase make create build generate convert export save send mail email forward move copy merge apply format
    clear undo edit modify amend overwrite adjust increase decrease switch correct fix draw plot chart graph"""
)

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "sum": ("sum", "total", "totals", "sums", "altogether", "how much", "add up", "in total"),
    "average": ("average", "mean", "avg", "averages"),
    "count": ("count", "how many", "number of", "counts"),
    "min": ("min", "minimum", "lowest", "smallest", "least", "cheapest"),
    "max": ("max", "maximum", "highest", "largest", "biggest", "greatest", "most expensive"),
    "median": ("median",),
}
#: Other names that a tool may use for the same function in its enum.
FUNCTION_NAMES: dict[str, tuple[str, ...]] = {
    "sum": ("sum", "total"),
    "average": ("average", "mean", "avg"),
    "count": ("count",),
    "min": ("min", "minimum"),
    "max": ("max", "maximum"),
    "median": ("median",),
}

SUPERLATIVES = word_set(
    """highest largest biggest greatest most top best lowest smallest least fewest cheapest worst bottom newest oldest
    latest earliest longest shortest heaviest priciest dearest youngest strongest weakest"""
)

#: Comparisons in words, longest first within the search; the symbol is what a tool gets.
OPERATORS: dict[str, tuple[str, ...]] = {
    ">=": ("at least", "no less than", "not less than", "greater than or equal to", ">=", "≥", "or more"),
    "<=": ("at most", "no more than", "not more than", "less than or equal to", "up to", "<=", "≤", "or less"),
    "!=": ("is not", "isn't", "not equal to", "other than", "are not", "!=", "<>", "does not equal"),
    ">": ("over", "above", "more than", "greater than", "larger than", "higher than", "exceeding", "exceeds", ">",
          "bigger than", "exceed", "after", "later than"),
    "<": ("under", "below", "less than", "smaller than", "lower than", "fewer than", "<", "before", "earlier than"),
    "contains": ("contains", "containing", "contain", "includes", "including", "include"),
    "=": ("equal to", "equals", "is", "are", "=", "equal", "being"),
}  # fmt: skip

OPERATOR_NAMES: dict[str, tuple[str, ...]] = {
    ">": (">", "gt", "greater"),
    "<": ("<", "lt", "less"),
    ">=": (">=", "ge", "gte"),
    "<=": ("<=", "le", "lte"),
    "=": ("=", "==", "eq", "equals"),
    "!=": ("!=", "<>", "ne"),
    "contains": ("contains", "contain", "like"),
}

#: Words for kinds of files.
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "word": ("word document", "word file", "document", "doc", "docx", "word doc"),
    "excel": ("excel file", "excel workbook", "workbook", "spreadsheet", "excel", "xlsx", "excel sheet", "excel table"),
    "powerpoint": (
        "powerpoint",
        "presentation",
        "deck",
        "slides",
        "slide deck",
        "pptx",
        "powerpoint file",
        "slideshow",
    ),
    "pdf": ("pdf", "pdf file", "pdf document"),
    "text": ("text file", "markdown file", "csv", "csv file", "txt"),
}
#: Words for any file.
FILE_NOUNS = word_set("file files document documents one folder")

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NUMBER_WORDS = {word: number for number, word in enumerate(_NUMBERS)}
ORDINALS = {"first": 1, "second": 2, "third": 3, "1st": 1, "2nd": 2, "3rd": 3, "last": -1}

#: Function words of other languages, to notice a request that is not English.
FOREIGN = word_set(
    """der die das und ist nicht ein eine einen dem den durch bitte ersetze ersetzen mit für auf zeige wie viel le
    la les des une dans est pas pour avec remplace remplacer par sur quel quelle combien montre du et el los las
    una por con para reemplaza reemplazar cuál cuánto muestra del que y en il lo gli della nel sostituisci per
    mostra quanto che di o os um uma não substitua mostre qual de het een van niet vervang door toon hoeveel och
    att med ersätt visa"""
)
#: Of those, the ones that English has too.
_ALSO_ENGLISH = word_set("die per en y o a i la le de con pour")
ENGLISH_HINTS = (STOPWORDS | VERBS | PREPOSITIONS | DETERMINERS) - FOREIGN


_WRITES = word_set("""write draft compose author create make produce generate prepare give think come invent devise""")


def asks_for_prose(tokens: Sequence[Token]) -> bool:
    """Whether a request wants a text that is not there: "write a poem about budgets", with no words of its own."""
    if not tokens or tokens[0].lower not in _WRITES or any(t.kind in ("quote", "formula", "file") for t in tokens):
        return False
    for index, token in enumerate(tokens[1:8], 1):
        if token.lower in ("in", "into", "to", "of", "from", "for", "with", "saying", "about", ":"):
            return False
        if token.lower in PROSE:
            return any(t.lower in ("a", "an", "some", "me", "us", "another", "two", "three") for t in tokens[1:index])
    return False


def synonyms(verb: str) -> frozenset[str]:
    """Return the verbs of the same meaning, `verb` among them."""
    return frozenset({verb}).union(*(group for group in SYNONYMS if verb in group))


def looks_english(words: list[str]) -> bool:
    """Return False for a request that is more likely of another language."""
    lower = [w.lower() for w in words]
    if any(ord(c) > 0x2FF and c.isalpha() for w in lower for c in w):
        return False
    foreign = sum(w in FOREIGN and w not in _ALSO_ENGLISH for w in lower)
    english = sum(w in ENGLISH_HINTS for w in lower)
    return foreign == 0 or english > 2 * foreign
