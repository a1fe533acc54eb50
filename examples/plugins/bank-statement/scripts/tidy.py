"""Write tidy.csv from an exported statement: dates as 2026-05-31, amounts as -1234.50. Needs nothing but Python."""

import csv
import re
import sys
from datetime import datetime

DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d %b %Y")


def date(text):
    for form in DATES:
        try:
            return datetime.strptime(text.strip(), form).strftime("%Y-%m-%d")
        except ValueError:
            continue
    raise ValueError(f"no date: {text!r}")


def amount(text):
    """Return 1.234,50- and (1,234.50) alike as -1234.50."""
    digits = re.sub(r"[^\d.,]", "", text)
    whole, point, cents = digits.rpartition(max(".,", key=digits.rfind))
    if not point or len(cents) > 2:
        whole, cents = digits, "0"
    sign = "-" if re.search(r"-|^\(.*\)$", text.strip()) else ""
    return f"{sign}{int(re.sub('[.,]', '', whole))}.{cents:0<2}"


def main(source):
    bad = 0
    with open(source, encoding="utf-8-sig") as given, open("tidy.csv", "w", newline="", encoding="utf-8") as made:
        rows = csv.reader(given, delimiter=";" if ";" in given.readline() else ",")
        out = csv.writer(made)
        out.writerow(["date", "text", "amount"])
        for number, row in enumerate(rows, 2):
            try:
                day, text, value = row
                out.writerow([date(day), text.strip(), amount(value)])
            except ValueError as error:
                bad += 1
                print(f"line {number}: {error}")
    print(f"tidy.csv is written; {bad} lines could not be read.")


if __name__ == "__main__":
    main(sys.argv[1])
