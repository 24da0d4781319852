"""What to label next, and what the labels prove.

One label set serves many models and many metrics: name the estimands, `plan` which items to label,
and `estimate` the value and interval of each estimand once the labels are in.
"""

from supersede.evaluate.before_a_run import detectable
from supersede.evaluate.design import Expectation, Plan
from supersede.evaluate.estimands import (
    Estimand,
    accuracy,
    change,
    difference,
    f1,
    for_each_class,
    for_each_group,
    negative_flips,
    positive_flips,
    precision,
    recall,
    win_rate,
)
from supersede.evaluate.estimates import Estimate, Estimates, estimate
from supersede.evaluate.following import Following, Look, follow, has_sequence, latest_look
from supersede.evaluate.for_review import open_questions
from supersede.evaluate.labels import Annotation, Labels, read_labels
from supersede.evaluate.over_time import Change, change_between
from supersede.evaluate.pictures import time_picture
from supersede.evaluate.plan_file import load_plan, write_plan
from supersede.evaluate.planner import plan
from supersede.evaluate.prefix import labelled_part
from supersede.evaluate.run_power import Power
from supersede.evaluate.run_sizes import RunSize, RunSizes
from supersede.evaluate.sharing import SharedLabels, labels_by_method, shared_labels

__all__ = [
    "Annotation",
    "Change",
    "Estimand",
    "Estimate",
    "Estimates",
    "Expectation",
    "Following",
    "Labels",
    "Look",
    "Plan",
    "Power",
    "RunSize",
    "RunSizes",
    "SharedLabels",
    "accuracy",
    "change",
    "change_between",
    "detectable",
    "difference",
    "estimate",
    "f1",
    "follow",
    "for_each_class",
    "for_each_group",
    "has_sequence",
    "labelled_part",
    "labels_by_method",
    "latest_look",
    "load_plan",
    "negative_flips",
    "open_questions",
    "plan",
    "positive_flips",
    "precision",
    "read_labels",
    "recall",
    "shared_labels",
    "time_picture",
    "win_rate",
    "write_plan",
]
