"""lm-evaluation-harness: ``samples_<task>_<date>.jsonl``, one line per document and filter.

With several filters a document has a line for each; a metric is then named as the harness itself
names it, ``exact_match,strict-match``. Written by ``lm_eval --log_samples``.
"""

import re
from typing import Any

from supersede.table.runs.attempt import Attempt, RunColumns, RunLog, fingerprint, scalars
from supersede.table.runs.content import Content

__all__ = ["LmEval"]

_NAME = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d{2}-\d{2}T[\d.:-]+)?\.jsonl")


class LmEval:
    """Reads samples of the LM evaluation harness."""

    name = "lm-eval"

    def recognises(self, content: Content) -> bool:
        """By the keys of the first line."""
        lines = content.lines or [{}]
        return {"doc_id", "doc", "resps"} <= lines[0].keys()

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per document, with the metrics of all its filters."""
        lines = content.lines or []
        filters = {line.get("filter", "none") for line in lines}
        documents: dict[object, list[dict[str, Any]]] = {}
        for line in lines:
            documents.setdefault(line["doc_id"], []).append(line)
        named = _NAME.match(content.name.removesuffix(".gz"))
        attempts: list[Attempt] = []
        for document, said in documents.items():
            seen: list[dict[str, object]] = [{}]  # a filter's second line is a second attempt
            for line in said:
                grades = _metrics(line, several=len(filters) > 1)
                if grades.keys() & seen[-1].keys():
                    seen.append({})
                seen[-1].update(grades)
            attempts += [_attempt(document, said[0], grades) for grades in seen]
        task = named["task"] if named else None
        return RunLog(tool="lm-evaluation-harness", attempts=attempts, benchmark=task)


def _attempt(document: Any, line: dict[str, Any], grades: dict[str, object]) -> Attempt:
    return Attempt(
        item=document,
        grades=grades,
        label=line.get("target"),
        groups=scalars(line.get("doc"), but=("question", "text", "prompt", "id")),
        question=line.get("doc_hash") or fingerprint(line.get("doc")),
    )


def _metrics(line: dict[str, Any], *, several: bool) -> dict[str, object]:
    """The line's metrics; what is not a number per document (perplexity's pairs) is left out."""
    names = line.get("metrics") or [k for k, v in line.items() if k in _KNOWN and v is not None]
    suffix = f",{line.get('filter', 'none')}" if several else ""
    return {
        f"{name}{suffix}": line[name]
        for name in names
        if isinstance(line.get(name), bool | int | float)
    }


_KNOWN = ("acc", "acc_norm", "exact_match", "f1", "em")  # of versions that wrote no list of metrics
