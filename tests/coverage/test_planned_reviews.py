"""What a review says of flips from a plan's labels holds, also where hardly any item flips."""

import numpy as np
import pyarrow as pa
import pytest

import supersede
from supersede.evaluate import negative_flips, plan
from supersede.review import MaxNFR

ITEMS, DIFFER = 5_000, 200


@pytest.mark.parametrize("lost", [10, 20])
def test_no_flip_among_few_labels_does_not_bound_the_flips_of_all_items(lost, simulations):
    """Items on which the models agree are known not to flip; they say nothing of the others."""
    truth = np.zeros(ITEMS, int)
    old, new = truth.copy(), truth.copy()
    new[:lost] = 1
    old[lost:DIFFER] = 1
    rows = {"id": np.arange(ITEMS), "old": old, "new": new}
    table = supersede.read(rows, models=["old", "new"], item="id", labelled=False)
    runs = max(20, simulations // 20)
    missed = 0
    for seed in range(runs):
        made = plan(table, [negative_flips("old", "new")], margin=0.01, seed=seed)
        asked = made.items["item"].to_numpy()[~made.items["reserve"].to_numpy(zero_copy_only=False)]
        label = pa.array(truth, mask=~np.isin(rows["id"], asked))
        review = supersede.compare(
            {**rows, "y": label}, old="old", new="new", label="y", item="id", labels=made,
            checks=[MaxNFR(0.5)],
        )  # fmt: skip
        missed += review.candidate.findings[0].high < lost / ITEMS
    assert missed <= 0.025 * runs + 3 * np.sqrt(0.025 * runs), (
        f"{missed} of {runs}; {made.size} labels"
    )
