"""DeepEval with a metric of our own, which needs no language model."""

import os
import shutil
import sys
from pathlib import Path

os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "YES"
out, work = Path(sys.argv[1]), Path(sys.argv[2])
work.mkdir(parents=True, exist_ok=True)
os.chdir(work)
os.environ["DEEPEVAL_RESULTS_FOLDER"] = str(work / "results")

from deepeval import evaluate  # noqa: E402
from deepeval.evaluate.configs import AsyncConfig, CacheConfig, DisplayConfig  # noqa: E402
from deepeval.metrics import BaseMetric  # noqa: E402
from deepeval.test_case import LLMTestCase  # noqa: E402
from questions import QUESTIONS, answer  # noqa: E402


class Exact(BaseMetric):
    threshold = 0.5
    async_mode = False

    def measure(self, case, *args, **kwargs):
        self.score = float(case.actual_output == case.expected_output)
        self.success = self.score >= self.threshold
        self.reason = "equal" if self.success else "different"
        return self.score

    async def a_measure(self, case, *args, **kwargs):
        return self.measure(case)

    def is_successful(self):
        return self.success

    @property
    def __name__(self):
        return "Exact"


class Close(Exact):
    def measure(self, case, *args, **kwargs):
        self.score = 1 / (1 + abs(int(case.actual_output) - int(case.expected_output)))
        self.success = self.score >= self.threshold
        return self.score

    @property
    def __name__(self):
        return "Close"


for version in ("old", "new"):
    evaluate(
        [
            LLMTestCase(
                name=q["id"],
                input=q["question"],
                actual_output=answer(version, n),
                expected_output=q["target"],
            )
            for n, q in enumerate(QUESTIONS, 1)
        ],
        metrics=[Exact(), Close()],
        async_config=AsyncConfig(run_async=False),
        cache_config=CacheConfig(write_cache=True),
        display_config=DisplayConfig(show_indicator=False, print_results=False),
    )
    written = sorted((work / "results").glob("*"), key=lambda path: path.stat().st_mtime)[-1]
    shutil.copy(written, out / f"deepeval_{version}.json")
