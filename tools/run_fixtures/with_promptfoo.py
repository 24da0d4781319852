"""promptfoo with its echo provider; an error comes from a provider script that throws."""

import json
import os
import subprocess
import sys
from pathlib import Path

from questions import QUESTIONS, answer

out, work, program = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
work.mkdir(parents=True, exist_ok=True)
quiet = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
    "PROMPTFOO_CONFIG_DIR": str(work / "config"),
}
(work / "breaks.js").write_text(
    "module.exports = class { id() { return 'breaks'; } async callApi(prompt) {"
    " if (prompt.includes('27')) return {error: 'timed out'}; return {output: prompt}; } };\n"
)


def evaluate(name: str, versions: list[str], providers: list[str], tests: int) -> None:
    config = {
        "description": "sums",
        "providers": providers,
        # echo gives back the prompt, which therefore holds the version's answer
        "prompts": [{"raw": "{{" + version + "}}", "label": version} for version in versions],
        "tests": [
            {
                "description": q["id"] if n % 2 else "",
                "vars": {"question": q["question"]}
                | {version: answer(version, n) for version in ("old", "new")},
                "metadata": {"category": q["category"]},
                "assert": [
                    {"type": "equals", "value": q["target"], "metric": "exact"},
                    {"type": "regex", "value": "^\\d+$", "metric": "number"},
                ],
            }
            for n, q in enumerate(QUESTIONS[:tests], 1)
        ],
    }
    (work / f"{name}.json").write_text(json.dumps(config))
    subprocess.run(
        [program, "eval", "-c", f"{name}.json", "-o", out / f"{name}.json", "--no-cache",
         "--no-progress-bar", "--no-table", "--max-concurrency", "1"],
        cwd=work, env=os.environ | quiet, check=False, stdout=subprocess.DEVNULL,
    )  # fmt: skip  # promptfoo's exit code is that of the tests


evaluate("promptfoo_old", ["old"], ["echo"], 20)
evaluate("promptfoo_new", ["new"], ["echo"], 20)
evaluate("promptfoo_both", ["old", "new"], ["echo"], 6)
evaluate("promptfoo_error", ["new"], ["file://breaks.js"], 20)
