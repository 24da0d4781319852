"""No input ends in a pass that it does not deserve, and every refusal names a remedy that works."""

import json

import pytest

from supersede.cli import main
from tests.corpus.cases import CASES

CODES = {"pass": 0, "fail": 1, None: 2, "undecided": 3}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_people_bring(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    case.write()
    call = ["review", *case.call, "--format", "json"]
    code = main(call)
    out, err = capsys.readouterr()
    assert code == CODES[case.verdict], (code, out[-3000:], err)
    assert case.says in out + err
    if case.verdict is None:
        assert out == ""
        assert err.strip()
    else:
        assert json.loads(out)["verdict"] == case.verdict
    if case.remedy:
        code = main([*(word for word in call if word not in case.without), *case.remedy])
        out, err = capsys.readouterr()
        assert code == CODES[case.then], (code, out[-3000:], err)


def test_the_corpus_is_large_and_its_names_differ():
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)
