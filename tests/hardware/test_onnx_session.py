"""onnxruntime is imported without a thread, a file or a variable that stays."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, os
from supersede.hardware.onnx_session import import_onnxruntime
import_onnxruntime()
links = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
print(json.dumps([len(os.listdir("/proc/self/task")), [f for f in links if "onnxruntime.db" in f],
                  os.environ.get("ORT_DISABLE_TELEMETRY")]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_onnxruntime_starts_no_telemetry(tmp_path):
    pytest.importorskip("onnxruntime")
    kept = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    env = kept | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip
    out = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)  # fmt: skip
    threads, files, variable = json.loads(out.stdout.splitlines()[-1])
    assert threads == 1
    assert files == []
    assert variable is None
    assert not list(tmp_path.rglob("*.db"))
