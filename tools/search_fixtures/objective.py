"""The search that every tool makes: a loss with a known minimum, over epochs."""

import math


def loss(rate: float, depth: int, kind: str, epoch: int = 3) -> float:
    """Lower is better; the minimum lies near rate = 0.01, depth = 5, kind = "b"."""
    away = (math.log10(rate) + 2) ** 2 / 4 + (depth - 5) ** 2 / 20 + (kind != "b") * 0.3
    return round(0.1 + away + 0.5 / (1 + epoch), 6)


def configuration(number: int) -> dict[str, float | int | str]:
    """The configuration of one trial, spread over the space and the same everywhere."""
    return {
        "rate": round(10 ** (-4 + 4 * ((number * 7) % 24) / 24), 6),
        "depth": 1 + (number * 5) % 9,
        "kind": "abc"[number % 3],
    }
