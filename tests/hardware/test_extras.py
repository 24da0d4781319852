import subprocess
import sys

import pytest

CODE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {absent!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import supersede.hardware as hw
from supersede.errors import MissingExtraError
trained = hw.random_parameters(hw.mobile_net([hw.Block(8)], resolution=16, head=8, classes=2))
try:
    {call}
except MissingExtraError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("absent", "call", "message"),
    [
        ("torch", "hw.to_torch(trained)", "to_torch needs torch; install it with: pip install 'supersede[torch]'"),
        ("onnx", "hw.to_onnx(trained, 'x')", "an ONNX file needs onnx; install it with: pip install 'supersede[hardware]'"),
        ("onnx", "hw.from_onnx('x')", "an ONNX file needs onnx; install it with: pip install 'supersede[hardware]'"),
        ("ethosu", "hw.to_tflite(hw.random_quantised(trained.network))", "an int8 file needs ethos-u-vela; install it with: pip install 'supersede[hardware]'"),
    ],
)  # fmt: skip
def test_an_extra_that_is_missing_is_named(absent, call, message):
    code = CODE.format(absent={absent}, call=call)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == message


def test_a_star_brings_what_the_documentation_uses():
    import re
    from pathlib import Path

    import supersede.hardware as room

    docs = Path(__file__).parents[2] / "docs"
    used: set[str] = set()
    for page in docs.glob("**/*.md"):
        for names in re.findall(r"from supersede\.hardware import (.+)", page.read_text()):
            used |= set(re.findall(r"\w+", names))
    assert used <= set(room.__all__)
