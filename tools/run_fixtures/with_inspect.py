"""Inspect with its mock model: one epoch as .eval, three epochs as .json, and a run that died."""

import shutil
import sys
from pathlib import Path

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes, match
from inspect_ai.solver import generate, solver
from questions import QUESTIONS, answer, number_of


def samples() -> MemoryDataset:
    return MemoryDataset(
        [
            Sample(
                id=q["id"],
                input=q["question"],
                target=q["target"],
                metadata={"category": q["category"], "difficulty": q["difficulty"]},
            )
            for q in QUESTIONS
        ],
        name="sums",
    )


def model(version: str):
    calls: dict[int, int] = {}

    def reply(input, tools, tool_choice, config):
        number = number_of(input[-1].text)
        calls[number] = calls.get(number, 0) + 1
        said = answer(version, number)
        if calls[number] == 3 and number % 4 == 0:  # the third epoch is less lucky
            said = "none"
        output = ModelOutput.from_content("mockllm/model", f"ANSWER: {said}")
        output.usage = ModelUsage(input_tokens=8, output_tokens=3, total_tokens=11)
        return output  # with the usage given, no tokenizer is downloaded to count it

    return get_model("mockllm/model", custom_outputs=reply)


@solver
def breaks(at: str):
    async def solve(state, generate):
        if state.sample_id == at:
            raise RuntimeError("the sandbox did not answer")
        return state

    return solve


def run(folder: Path, name: str, version: str, scorer, solvers=(), trim=True, **options) -> None:
    """Run and keep the log; trimmed, it has no events and no tracebacks, which name paths."""
    logs = folder / "logs"
    task = Task(dataset=samples(), solver=[*solvers, generate()], scorer=scorer, name="sums")
    eval(task, model=model(version), log_dir=str(logs), display="none", max_samples=1, **options)
    written = next(logs.glob("*sums*"))
    kept = folder / f"inspect_{name}{written.suffix}"
    if trim:
        log = read_eval_log(str(written))
        for sample in log.samples or []:
            sample.events = []
            if sample.error:
                sample.error.traceback = sample.error.traceback_ansi = ""
        if log.error:
            log.error.traceback = log.error.traceback_ansi = ""
        write_eval_log(log, str(kept))
    else:
        shutil.move(written, kept)
    shutil.rmtree(logs)


out = Path(sys.argv[1])
for version in ("old", "new"):
    run(out, version, version, match(location="end", numeric=True), trim=False)
    run(out, f"{version}_epochs", version, includes(), log_format="json", epochs=3, limit=8)
scorers = [match(location="end", numeric=True), includes()]
for version in ("old", "new"):
    run(out, f"{version}_scorers", version, scorers, log_format="json", limit=8)
run(out, "new_error", "new", match(numeric=True), [breaks("sum-07")], fail_on_error=False)
run(out, "new_died", "new", match(numeric=True), [breaks("sum-07")], fail_on_error=True)
