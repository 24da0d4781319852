"""Bounties small enough to follow by hand, and lists drawn at random."""

import numpy as np

from supersede.bounty import DecisionList, Sample
from supersede.bounty.artefacts import Constant, Expression, columns_of, parse

ZERO, ONE = Constant((0,)), Constant((1,))
SEXES = ("f", "m", "x")


class Grumpy:
    """1 for everybody, and 7, which is no class, beyond 100."""

    columns = ("age",)
    bits = 8

    def predict(self, columns, answers):
        age = columns_of(columns)["age"].numbers()
        return answers.check(np.where(age > 100, 7.0, 1.0), len(age))

    def to_dict(self):
        return {"form": "grumpy"}


def people(n: int = 3000, *, seed: int = 0, noise: float = 0.1, name: str = "holdout") -> Sample:
    """Old people are 1, and in the north women are too; some labels are wrong."""
    rng = np.random.default_rng(seed)
    age, sex = rng.integers(18, 90, n), rng.choice(["f", "m"], n)
    site = rng.choice(["north", "south"], n)
    truth = (age >= 60) | ((sex == "f") & (site == "north"))
    labels = (truth ^ (rng.random(n) < noise)).astype(int)
    return Sample(name, {"age": age, "sex": sex, "site": site}, labels)


def random_group(rng: np.random.Generator) -> Expression:
    """A group of one to three conditions over age, income and sex."""
    tests = [f"age >= {rng.integers(0, 100)}", f"income < {rng.random():.3f}"]
    tests += [f"sex == '{rng.choice(SEXES)}'", f"not sex in ['{rng.choice(SEXES)}']"]
    chosen = rng.choice(tests, rng.integers(1, 4), replace=False)
    return parse(str(rng.choice([" and ", " or "])).join(chosen))


def random_list(rng: np.random.Generator, nodes: int) -> DecisionList:
    """A list with a fifth of pointers, and a tenth of patches for everyone."""
    model = DecisionList(ZERO)
    for version in range(nodes):
        pointer = int(rng.integers(0, version + 1)) if rng.random() < 0.2 else None
        answer = Constant((int(rng.integers(2)),)) if pointer is None else pointer
        group = parse("everyone") if rng.random() < 0.1 else random_group(rng)
        model = model.patched(group, answer)
    return model


def random_rows(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Rows with missing numbers and texts, and a text that no group names."""
    age = rng.integers(0, 100, n).astype(float)
    age[rng.random(n) < 0.05] = np.nan
    sex = rng.choice(np.array([*SEXES, "new", None], dtype=object), n)
    return {"age": age, "income": rng.random(n), "sex": sex}
