"""OpenAI evals: its Match eval and its local recorder, with a completion function of our own."""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENAI_API_KEY", "unused")  # a client is made on import, and never called

from evals.base import RunSpec
from evals.elsuite.basic.match import Match
from evals.record import LocalRecorder
from questions import QUESTIONS, answer, number_of

out, work = Path(sys.argv[1]), Path(sys.argv[2])
work.mkdir(parents=True, exist_ok=True)
samples = work / "sums.jsonl"
with samples.open("w") as file:
    for q in QUESTIONS:
        prompt = [{"role": "user", "content": q["question"]}]
        file.write(json.dumps({"input": prompt, "ideal": q["target"]}) + "\n")


class Says:
    def __init__(self, version: str) -> None:
        self.version = version

    def __call__(self, prompt, **kwargs):
        self.said = answer(self.version, number_of(prompt[-1]["content"]))
        from evals.record import record_sampling

        record_sampling(prompt=prompt, sampled=[self.said], model=self.version)
        return self

    def get_completions(self) -> list[str]:
        return [self.said]


for version in ("old", "new"):
    spec = RunSpec(
        completion_fns=[version], eval_name="sums.dev.v0", base_eval="sums", split="dev",
        run_config={}, created_by="", run_id=f"run-{version}", created_at="2026-01-01 00:00:00",
    )  # fmt: skip
    recorder = LocalRecorder(str(out / f"openai_evals_{version}.jsonl"), run_spec=spec)
    task = Match([Says(version)], samples_jsonl=str(samples), name="sums.dev.v0",
                 eval_registry_path=work, seed=1)  # fmt: skip
    result = task.run(recorder)
    recorder.record_final_report(result)
    recorder.flush_events()
