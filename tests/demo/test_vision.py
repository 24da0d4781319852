"""The demonstration of a network on a device, here with few images and short trainings."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch")
pytest.importorskip("ethosu.vela")
from supersede.demo.vision import deploy
from supersede.demo.vision.digits import Sizes
from supersede.hardware.formats.tflite_reader import quantised_from_tflite


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vision")
    said = []
    small = Sizes(copies=1, epochs=3, short=1, evaluations=2)
    return deploy(folder, sizes=small, progress=said.append), folder, said


def test_every_step_has_its_page_its_picture_and_its_commands(deployed):
    vision, folder, said = deployed
    assert len(vision.steps) == 4
    for step in vision.steps:
        assert (folder / step.page).exists()
        assert all(command in said for command in step.commands)
    page = (folder / "index.html").read_text()
    assert page.count("<svg") >= 4
    assert f'href="{vision.deployed}"' in page
    assert vision.verdict in {"pass", "fail", "undecided"}


def test_the_deployed_file_is_compiled_and_is_the_network_that_was_found(deployed):
    vision, folder, _ = deployed
    assert b"ethos-u" in (folder / vision.deployed).read_bytes()
    device = quantised_from_tflite(folder / "deployed/model_int8.tflite").network
    found = json.loads((folder / "winner/network.json").read_text())
    assert [layer.kind for layer in device.layers] == [layer["kind"] for layer in found["layers"]]
    assert vision.ratio > 3


def test_answers_come_from_the_device_and_its_nearest_gallery_image(deployed):
    _, folder, _ = deployed
    answers = pq.read_table(folder / "answers.parquet")
    gallery, asked = (pq.read_table(folder / f"{n}.parquet") for n in ("gallery", "queries-device"))
    unit = []
    for rows in (asked, gallery):
        found = np.array(rows["vector"].to_pylist())
        unit.append(found / np.linalg.norm(found, axis=1, keepdims=True))
    digits = gallery["digit"].to_numpy()
    nearest = (unit[0] @ unit[1].T).max(axis=1)
    for row in range(0, len(answers), 50):
        tied = np.isclose(unit[1] @ unit[0][row], nearest[row])
        assert answers["device"][row].as_py() in digits[tied]


def test_a_search_that_was_finished_is_not_done_again(deployed):
    vision, folder, _ = deployed
    (command,) = [c for c in vision.steps[0].commands if c.startswith("supersede search")]
    before = json.loads((folder / "search.json").read_text())
    subprocess.run([sys.executable, "-m", *shlex.split(command)], cwd=folder, check=True)
    assert json.loads((folder / "search.json").read_text())["evaluated"] == before["evaluated"]
