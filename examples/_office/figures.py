"""The sales of 2026 that the workbooks and the report share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple


class Sale(NamedTuple):
    day: date
    region: str
    product: str
    rep: str
    units: int
    price: float

    @property
    def revenue(self) -> float:
        return round(self.units * self.price, 2)


REGIONS = ("North", "South", "East", "West")
PRODUCTS = {"Flow sensor": 189.0, "Control unit": 640.0, "Service plan": 95.0, "Valve kit": 78.5, "Gateway": 412.0}
REPS = {
    "North": ("Hannah Weiss", "Tom Okafor"),
    "South": ("Lucía Romero", "Sam Keller"),
    "East": ("Priya Nair", "Jan Nowak"),
    "West": ("Claire Dubois", "Ben Archer"),
}


def sales() -> list[Sale]:
    """Return 126 sales from January to September 2026, oldest first; autumn is stronger, the North strongest."""
    chance = random.Random(2026)
    weight = {"North": 1.35, "South": 0.9, "East": 1.1, "West": 0.75}
    rows = []
    turn = dict.fromkeys(REGIONS, 0)
    for month in range(1, 10):
        for region in ("North",) * 5 + ("South",) * 3 + ("East",) * 4 + ("West",) * 2:
            product = tuple(PRODUCTS)[turn[region] % len(PRODUCTS)]
            turn[region] += 1
            units = round(chance.uniform(19, 29) * weight[region] * (1 + month / 60))
            day = date(2026, month, chance.randint(1, 28))
            rows.append(Sale(day, region, product, chance.choice(REPS[region]), units, PRODUCTS[product]))
    return sorted(rows)


def by_region(rows: Sequence[Sale], months: range) -> dict[str, float]:
    return {r: round(sum(s.revenue for s in rows if s.region == r and s.day.month in months), 2) for r in REGIONS}


def by_product(rows: Sequence[Sale], months: range) -> dict[str, float]:
    return {p: round(sum(s.revenue for s in rows if s.product == p and s.day.month in months), 2) for p in PRODUCTS}


def money(value: float) -> str:
    return f"€{value:,.0f}"


def change(now: float, before: float) -> str:
    return f"{(now / before - 1) * 100:+.1f} %".replace("-", "−")
