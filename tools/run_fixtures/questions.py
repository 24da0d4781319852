"""The questions that every tool is run on, and what two versions of a model answer."""

QUESTIONS = [
    {
        "id": f"sum-{n:02d}",
        "question": f"What is {n} + {2 * n}?",
        "target": str(3 * n),
        "category": "small" if n <= 10 else "large",
        "difficulty": "easy" if n % 3 else "hard",
    }
    for n in range(1, 21)
]
WRONG = {"old": {2, 5, 9, 13, 14, 17}, "new": {2, 5, 7, 11, 17}}
"""Numbers of the questions that each version gets wrong: 2 negative flips, 3 positive ones."""


def answer(version: str, number: int) -> str:
    """What the version answers to the question of this number, from 1."""
    return str(3 * number + (number in WRONG[version]))


def number_of(question: str) -> int:
    """The number of a question, from its text."""
    return int(question.split("What is ")[1].split(" ")[0])
