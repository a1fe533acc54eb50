"""Counters of lists and notes in the number formats of WordprocessingML (ECMA-376 part 1, 17.18.59)."""

from __future__ import annotations

from collections.abc import Callable

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_HEBREW = (
    (400, "ת"), (300, "ש"), (200, "ר"), (100, "ק"), (90, "צ"), (80, "פ"), (70, "ע"), (60, "ס"), (50, "נ"), (40, "מ"),
    (30, "ל"), (20, "כ"), (16, "טז"), (15, "טו"), (10, "י"), (9, "ט"), (8, "ח"), (7, "ז"), (6, "ו"), (5, "ה"),
    (4, "ד"), (3, "ג"), (2, "ב"), (1, "א"),
)  # fmt: skip
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_FAR_EAST = "〇一二三四五六七八九"

#: Formats whose letters are doubled after the last one: a ... z, aa, bb ...
_ALPHABETS = {
    "lowerLetter": "abcdefghijklmnopqrstuvwxyz",
    "upperLetter": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "russianUpper": "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ",
    "hebrew2": "אבגדהוזחטיכלמנסעפצקרשת",
    "arabicAlpha": "أبتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "arabicAbjad": "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ",
    "thaiLetters": "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ",
    "hindiVowels": "कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह",
    "hindiConsonants": "अआइईउऊऋऌऍऎएऐऑऒओऔ",
    "chicago": "*†‡§",
}
#: Formats that begin again after the last sign.
_CYCLES = {
    "aiueo": "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン",
    "iroha": "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセスン",
    "ganada": "가나다라마바사아자차카타파하",
    "chosung": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
}
_CYCLES |= {"aiueoFullWidth": _CYCLES["aiueo"], "irohaFullWidth": _CYCLES["iroha"]}
#: Decimal digits of other scripts, 0 to 9.
_DIGITS = {
    "decimalFullWidth": "０１２３４５６７８９",
    "decimalFullWidth2": "０１２３４５６７８９",
    "ideographDigital": _FAR_EAST,
    "japaneseDigitalTenThousand": _FAR_EAST,
    "taiwaneseDigital": "○一二三四五六七八九",
    "koreanDigital": "영일이삼사오육칠팔구",
    "koreanDigital2": "零一二三四五六七八九",
    "thaiNumbers": "๐๑๒๓๔๕๖๗๘๙",
    "hindiNumbers": "०१२३४५६७८९",
}
#: Digits and the signs of 10, 100, 1000 and 10000, of formats that count in words; whether one before ten is said.
_COUNTING = {
    "japaneseCounting": (_FAR_EAST, "十百千万", False),
    "taiwaneseCounting": ("○一二三四五六七八九", "十百千萬", False),
    "taiwaneseCountingThousand": ("○一二三四五六七八九", "十百千萬", False),
    "chineseCounting": ("○一二三四五六七八九", "十百千万", False),
    "chineseCountingThousand": ("○一二三四五六七八九", "十百千万", False),
    "koreanCounting": ("영일이삼사오육칠팔구", "십백천만", False),
    "japaneseLegal": ("零壱弐参四伍六七八九", "拾百阡萬", True),
    "ideographLegalTraditional": ("零壹貳參肆伍陸柒捌玖", "拾佰仟萬", True),
    "chineseLegalSimplified": ("零壹贰叁肆伍陆柒捌玖", "拾佰仟萬", True),
}
#: First character of a row of enclosed numbers, and how many there are.
_ENCLOSED = {
    "decimalEnclosedCircle": (0x2460, 20),
    "decimalEnclosedCircleChinese": (0x2460, 20),
    "decimalEnclosedFullstop": (0x2488, 20),
    "decimalEnclosedParen": (0x2474, 20),
    "ideographEnclosedCircle": (0x3280, 10),
}
_MOST_DOUBLED = 30  # a letter is written at most so often
_MOST_ROMAN = 4000
_MOST_IN_WORDS = 1_000_000


def formatted(count: int, form: str, pattern: str = "") -> str:
    """Return a counter in a number format ("lowerRoman": "iv"); what a format can't say comes as a decimal number.

    `pattern` is the `w:format` of a custom format ("001, 002, 003, ..."), whose leading zeros are kept.
    """
    if form == "none":
        return ""
    if form == "custom":
        return f"{count:0{len(pattern.partition(',')[0].strip()) or 1}d}"
    if form in _DIGITS:
        return str(count).translate(str.maketrans("0123456789", _DIGITS[form])) if count >= 0 else str(count)
    if count < 1 and form not in ("decimalZero", "numberInDash"):
        return str(count)
    if (written := _written(count, form)) is not None:
        return written
    rule = _RULES.get(form)
    return str(count) if rule is None else rule(count)


def _written(count: int, form: str) -> str | None:
    if (letters := _ALPHABETS.get(form)) is not None:
        times = (count - 1) // len(letters) + 1
        return letters[(count - 1) % len(letters)] * times if times <= _MOST_DOUBLED else str(count)
    if (cycle := _CYCLES.get(form)) is not None:
        return cycle[(count - 1) % len(cycle)]
    if (enclosed := _ENCLOSED.get(form)) is not None:
        return chr(enclosed[0] + count - 1) if count <= enclosed[1] else str(count)
    return _counted(count, *_COUNTING[form]) if form in _COUNTING else None


def _counted(count: int, digits: str, units: str, legal: bool) -> str:
    if count >= 10_000:
        head, rest = divmod(count, 10_000)
        if head >= 10_000:
            return str(count)
        return _counted(head, digits, units, legal) + units[3] + (_counted(rest, digits, units, legal) if rest else "")
    text, gap = "", False
    for power in (3, 2, 1, 0):
        digit = count // 10**power % 10
        if not digit:
            gap = bool(text)
            continue
        text += digits[0] if gap and legal else ""
        gap = False
        said = digit > 1 or power == 0 or legal or bool(text and power != 1)
        text += (digits[digit] if said else "") + (units[power - 1] if power else "")
    return text


def _roman(count: int) -> str:
    if count >= _MOST_ROMAN:
        return str(count)
    return _added(count, _ROMAN)


def _added(count: int, signs: tuple[tuple[int, str], ...]) -> str:
    text = ""
    for worth, sign in signs:
        times, count = divmod(count, worth)
        text += sign * times
    return text


def _ordinal(count: int) -> str:
    special = {} if 10 <= count % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}
    return f"{count}{special.get(count % 10, 'th')}"


def _cardinal(count: int) -> str:
    """Return a number in English words, without a capital letter."""
    if count < len(_ONES):
        return _ONES[count]
    if count < 100:
        tens, ones = divmod(count, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    if count < 1000:
        hundreds, rest = divmod(count, 100)
        return f"{_ONES[hundreds]} hundred" + (f" {_cardinal(rest)}" if rest else "")
    if count < _MOST_IN_WORDS:
        thousands, rest = divmod(count, 1000)
        return f"{_cardinal(thousands)} thousand" + (f" {_cardinal(rest)}" if rest else "")
    return str(count)


def _ordinal_words(count: int) -> str:
    words = _cardinal(count)
    head, cut, last = max(words.rpartition("-"), words.rpartition(" "), key=lambda parts: len(parts[0]))
    return head + cut + _ORDINALS.get(last, f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


_RULES: dict[str, Callable[[int], str]] = {
    "lowerRoman": _roman,
    "upperRoman": lambda count: _roman(count).upper(),
    "decimalZero": lambda count: f"{count:02d}",
    "ordinal": _ordinal,
    "cardinalText": lambda count: _cardinal(count).capitalize(),
    "ordinalText": lambda count: _ordinal_words(count).capitalize(),
    "hex": lambda count: f"{count:X}",
    "numberInDash": lambda count: f"- {count} -",
    "hebrew1": lambda count: _added(count, _HEBREW) if count < 1000 else str(count),
    "ideographZodiacTraditional": lambda count: (
        _CYCLES["ideographTraditional"][(count - 1) % 10] + _CYCLES["ideographZodiac"][(count - 1) % 12]
    ),
}
