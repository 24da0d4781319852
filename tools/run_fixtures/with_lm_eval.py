"""lm-evaluation-harness with its dummy model, on two local tasks: choices, and text with filters."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

from questions import QUESTIONS

CHOICES = """\
task: sums_choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: gold
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
"""
TEXT = """\
task: sums_text
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: said
generation_kwargs: {{until: ["\\n"]}}
filter_list:
  - name: strict-match
    filter: [{{function: regex, regex_pattern: "{strict}"}}, {{function: take_first}}]
  - name: flexible-extract
    filter: [{{function: regex, regex_pattern: "(l.)"}}, {{function: take_first}}]
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
"""

out, work = Path(sys.argv[1]), Path(sys.argv[2])
work.mkdir(parents=True, exist_ok=True)
data = work / "sums.jsonl"
chance = random.Random(7)
with data.open("w") as file:
    for q in QUESTIONS:
        right = int(q["target"])
        options = [str(right), str(right + 1), str(right + 10)]
        gold = chance.randrange(3)
        options[0], options[gold] = options[gold], options[0]
        row = q | {"choices": options, "gold": gold, "said": "lol" if right % 2 else "lo"}
        file.write(json.dumps(row) + "\n")
program = Path(sys.executable).parent / "lm_eval"
# the dummy always says "lol", so that a looser filter stands for a new version
for version, seed, strict in (("old", 1, "^(lol)$"), ("new", 2, "^(lo)")):
    for name, text in (("sums_choice", CHOICES), ("sums_text", TEXT)):
        (work / f"{name}.yaml").write_text(text.format(data=data, strict=strict))
    results = work / version
    subprocess.run(
        [
            program, "--model", "dummy", "--tasks", "sums_choice,sums_text", "--include_path", work,
            "--output_path", results, "--log_samples", "--seed", str(seed),
        ],
        check=True,
    )  # fmt: skip
    for path in results.rglob("samples_*.jsonl"):
        task = "choice" if "choice" in path.name else "text"
        shutil.copy(path, out / f"samples_sums_{task}_{version}.jsonl")
