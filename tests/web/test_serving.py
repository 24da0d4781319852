import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from supersede.web.serving import free_port


def wait_for(url, process):
    """The page, once the server answers; it may take as long as it needs, but must not end."""
    while True:
        try:
            return urllib.request.urlopen(url, timeout=60).read().decode()
        except OSError:
            if process.poll() is not None:
                raise
            time.sleep(0.2)


def children(pid):
    out = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True
    )
    return {
        line.split()[4]: int(line.split()[0]) for line in out.stdout.splitlines() if "web" in line
    }


@pytest.fixture
def served(tmp_path):
    port = free_port("127.0.0.1")
    command = [sys.executable, "-c", "import sys; from supersede.cli import main; sys.exit(main())"]
    command += ["serve", "--data", str(tmp_path / "data"), "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(20)
    process.stderr.close()


def test_the_first_start_prints_the_owners_link_and_dead_processes_are_replaced(served):
    process = served
    assert "serving at" in process.stderr.readline()
    link = re.search(r"http://\S+/invitation/\S+", process.stderr.readline())
    assert link is not None
    assert "Create the owner" in wait_for(link[0], process)
    before = children(process.pid)
    assert set(before) == {"server", "worker"}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    assert "Create the owner" in wait_for(link[0], process)
    after = children(process.pid)
    assert set(after) == {"server", "worker"}
    assert not set(after.values()) & set(before.values())
    os.kill(process.pid, signal.SIGKILL)  # however the parent ends, its children end
    process.wait()
    while any(Path(f"/proc/{pid}/exe").exists() for pid in after.values()):
        time.sleep(0.1)
