"""The words of requests and of tools made comparable: identifiers split, words stemmed, shapes named, kin known."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

from copilot.documents.terms import STOP_WORDS, stem

#: Words that any request or description may hold.
_EMPTY = (STOP_WORDS - {"find", "show", "say", "said", "give"}) | frozenset(
    {"please", "using", "use", "used", "want", "need", "via", "per", "only", "new", "given", "specified", "existing"}
)
#: Letters of a word that count.
_LONGEST = 60
#: Words of many tools and requests, which say little of either.
_FAINT = frozenset(
    {
        *("get", "find", "show", "give", "list", "take", "do", "tell", "say", "said", "put"),
        *("many", "go", "come", "know", "look", "last", "first", "next", "today", "tomorrow", "week"),
        *("day", "month", "year", "one", "two", "back", "out", "up", "off", "down", "all", "long", "far"),
    }
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_|(?<=[^\W\d])(?=\d)")
_WORD = re.compile(r"\w+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
#: What stands for one of its kind in a request, whatever it is called; the first group is kept as part of the shape.
_SHAPES = (
    (
        re.compile(
            r"(?<![\w./\\-])[\w./\\-]{1,200}\.(docx|xlsx|xlsm|pptx|pdf|csv|txt|md|json|html|eml)\b", re.IGNORECASE
        ),
        "file",
    ),
    (re.compile(r"https?://\S+"), "url"),
    (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.]{1,200}"), "mail"),
    (re.compile(r"\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|(?<!\w)'[^'\n]{1,200}'(?!\w)"), "quote"),
    (re.compile(r"(?<!\w)=[A-Z(]\S*"), "formula"),
    (re.compile(r"[€$£¥]\s?\d|\b(?:USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|CAD|AUD)\b"), "money"),
    (re.compile(r"(?<!\w)#[A-Za-z][\w-]+"), "channel"),
    (re.compile(r"\bSELECT\s.+", re.DOTALL), "sql"),
    (re.compile(r"\b\d{1,2}(?::\d\d)?\s?[ap]m\b", re.IGNORECASE), "time"),
    (re.compile(r"\b[A-Z]{1,3}[1-9]\d{0,6}(?::[A-Z]{1,3}[1-9]\d{0,6})?\b"), "cell"),
)
#: Characters at the beginning of a request in which its question word stands.
_OPENING = 40
_QUESTION = re.compile(
    r"\b(how (?:many|much|long|often|far|old)|who(?:m|se)?|what|when|where|which|why|how|does|did|is|are)\b", re.I
)
#: What tools call the kinds of things.
_MEANS = {
    "‹url›": "url",
    "‹money›": "currency amount",
    "‹mail›": "email",
    "‹channel›": "channel",
    "‹sql›": "sql query",
    "‹time›": "time",
    "‹how much›": "total sum amount",
    "‹how many›": "count number",
}
#: Words that name the same thing, or the same deed, in the descriptions of different tools.
_KIN = (
    "create add make new open insert register file raise compose set start write",
    "delete remove drop erase cancel discard trash clear",
    "update edit change modify alter set rename adjust correct reschedule move patch",
    "list show browse enumerate overview display all",
    "get fetch retrieve read view look display show detail open",
    "search find query lookup locate look",
    "send dispatch deliver mail notify write",
    "post publish announce share write",
    "reply respond answer",
    "issue ticket bug defect problem incident case task",
    "task todo reminder chore assignment",
    "meeting event appointment call invite invitation calendar",
    "schedule plan arrange book reserve set",
    "availability free busy slot open",
    "customer client account contact company organization",
    "contact person people lead",
    "deal opportunity sale pipeline",
    "file document attachment",
    "folder directory",
    "message mail email note chat",
    "channel room conversation",
    "comment remark note annotate reply",
    "database table sql record row",
    "query select sql run execute",
    "schema structure column layout describe definition",
    "repository repo project codebase",
    "commit change history revision",
    "merge combine integrate join",
    "pull merge request pr review",
    "branch fork",
    "assign owner responsible delegate hand give",
    "close resolve finish complete done end",
    "member user teammate colleague employee staff",
    "invoice bill",
    "payment charge pay",
    "refund reimburse return money back",
    "product item article good",
    "order purchase",
    "page wiki article note",
    "copy duplicate clone",
    "move relocate transfer",
    "upload attach put store save",
    "download export save",
    "convert transform turn export",
    "translate translation language",
    "weather forecast temperature rain",
    "web internet online site page",
    "url link address website",
    "image picture photo screenshot",
    "screenshot capture snapshot",
    "chart graph plot diagram",
    "sheet spreadsheet workbook excel table",
    "slide presentation deck powerpoint",
    "cell range value",
    "summary summarize digest gist recap",
    "permission access right share",
    "label tag category",
    "status state progress",
    "log trace error crash",
    "deploy release ship rollout",
    "build pipeline workflow ci job run",
    "alert alarm notification",
    "metric statistic number figure kpi",
    "stock inventory quantity",
    "price cost rate quote",
    "flight plane trip travel",
    "hotel room accommodation stay",
    "place location address map where",
    "video clip movie youtube",
    "transcript subtitle caption",
    "music song track playlist",
    "campaign newsletter marketing",
    "subscriber audience recipient",
    "survey form questionnaire",
    "vacation leave absence holiday off",
    "salary payroll wage pay",
    "candidate applicant hire recruit",
    "sprint iteration milestone",
    "backlog board kanban",
    "fact memory remember know",
    "memory remember store keep",
    "container docker pod",
    "server machine instance host vm",
    "secret password key credential",
    "currency exchange rate convert money",
    "time hour clock timezone zone convert",
    "distance far near nearby radius",
    "direction route way train bus car walk drive",
    "size big large metadata property info detail",
    "phone address property profile field",
    "profile employee person bio",
    "reaction emoji thumb like smiley",
    "alert warning alarm storm",
    "say post message chat history",
    "tell post message notify",
    "manager boss report reporting line org hierarchy",
    "google web search internet competitor",
    "rename move name title",
    "change update modify edit",
    "fix correct replace swap substitute spell",
    "mention contain say search find include",
    "total sum average count aggregate",
    "bug issue broken broke crash fault",
    "knowledge wiki base article help center",
    "permission access right grant",
    "video youtube talk recording",
    "transcribe speech audio dictation voice spoken words",
    "buy order purchase",
    "revenue profit loss income earning",
    "expense receipt spending cost",
    "supplier vendor",
    "tracking shipment parcel delivery shipping ship",
    "replica scale instance",
    "restart reboot bounce",
    "silence mute snooze",
    "incident outage down page",
    "pod container",
    "audience list mailing subscriber",
    "newsletter campaign email",
    "vote approve decision accept decline deny reject",
    "archive label read unread star flag",
    "attachment attached enclosed file",
    "plan execution explain slow performance",
    "read see view check look",
    "agenda calendar event schedule",
    "umbrella rain snow sunny cold warm weather forecast",
    "spanish french german english italian chinese japanese portuguese translate language",
    "exception error bug crash failure",
    "press click tap push button",
    "type fill enter form field",
    "record recording audio sound",
    "aloud speech voice speak spoken",
    "questionnaire survey poll form",
    "written wrote write mail message",
    "everybody everyone all team recipient",
    "pass fail green red status conclusion run",
    "cache cached key value",
    "end extension pattern matching glob",
    "lunch dinner break meeting event",
    "phone call dial log",
    "money amount balance currency",
    "car taxi ride trip",
    "coupon voucher discount promotion",
    "outage down incident",
    "employee staff people hr",
    "buyer customer contact",
    "earlier older previous version revision",
    "tree structure hierarchy recursive",
    "remove label archive",
    "version release tag",
    "person people user contact employee",
    "cheap cheapest price cost",
    "number phone count",
    "learn article documentation doc page wiki",
    "host deploy server cluster deployment",
    "job opening position candidate",
    "new latest recent news",
    "sleep wake snooze mute",
    "sick ill leave absence",
    "memory fact remember observation",
)
#: How much a word of many counts, beside another one, and how much a related word.
FAINT, NEAR = 0.35, 0.5


def terms(text: str) -> list[str]:
    """Return the stems of a text's words; identifiers are split, and Chinese, Japanese, Korean into pairs of signs."""
    found: list[str] = []
    for word in _WORD.findall(text):
        found += _terms_of(word)
    return found


def shaped(text: str) -> tuple[list[str], str]:
    """Return the shapes in a text (‹who›, ‹xlsx›, ‹cell›, ‹quote›, ...), and the text without what they stand for."""
    asks = _QUESTION.search(text[:_OPENING])
    found = [f"‹{asks[1].lower()}›"] if asks else []
    for pattern, name in _SHAPES:
        found += [f"‹{(m[1].lower() if m.re.groups else name)}›" for m in pattern.finditer(text)]
        text = pattern.sub(" ", text)
    return found, text


def plain(text: str) -> set[str]:
    """Return every word of a text as it is written, small ones too, and its shapes."""
    shapes, rest = shaped(text)
    return {*shapes, *_WORD.findall(rest.lower())}


def weight_of(term: str) -> float:
    """Return how much a word of a request counts: FAINT for one that says little, else 1."""
    return FAINT if term in _faint() else 1.0


def near(term: str) -> Mapping[str, float]:
    """Return the stems of words that are related to one, and how much each counts."""
    return _kin().get(term, {})


@lru_cache(100_000)
def _terms_of(word: str) -> tuple[str, ...]:
    word = word[:_LONGEST]
    if not word.isascii():
        if signs := _CJK.findall(word):
            return tuple(run[i : i + 2] for run in signs for i in range(len(run) - 1))
        word = _folded(word)
    parts = _CAMEL.sub(" ", word).lower().split()
    return tuple(stem(part) for part in parts if part not in _EMPTY and (len(part) > 1 or not part.isascii()))


def _folded(text: str) -> str:
    """Return the text without accents; letters that have none stay as they are."""
    apart = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(c for c in apart if not unicodedata.combining(c))


@cache
def _faint() -> frozenset[str]:
    return frozenset(stem(word) for word in _FAINT)


@cache
def _kin() -> Mapping[str, Mapping[str, float]]:
    made: dict[str, dict[str, float]] = {}
    for group in _KIN:
        stems = list(dict.fromkeys(stem(word) for word in group.split()))
        for each in stems:
            made.setdefault(each, {}).update({other: NEAR for other in stems if other != each})
    for shape, kin in _MEANS.items():
        made[shape] = {stem(word): 1.0 for word in kin.split()}
    return made
