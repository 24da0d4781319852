"""The steps of the GitHub action and of the GitLab job, run by bash with the real command line.

Only the two services are played, by a server on the loopback interface that keeps what it is sent.
"""

import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


class Service(ThreadingHTTPServer):
    """Artefacts, packages and comments, as the two services answer them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.artefacts, self.comments, self.packages, self.read_only = [], {}, {}, False
        self.address = f"http://127.0.0.1:{self.server_port}"

    def keep(self, name, path, branch="main", *, fork=False):
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.write(path, path.name)
        self.artefacts.append((name, branch, fork, whole.getvalue()))


class _Answer(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, *_):
        pass

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path.endswith("/actions/artifacts"):
            found = [
                {"expired": False, "created_at": f"2026-01-{at:02}T00:00:00Z",
                 "archive_download_url": f"{self.server.address}/zip/{at}",
                 "workflow_run": {"head_branch": branch, "repository_id": 1,
                                  "head_repository_id": 2 if fork else 1}}
                for at, (name, branch, fork, _) in enumerate(self.server.artefacts)
                if f"name={name}" in query
            ]  # fmt: skip
            self._say({"artifacts": found})
        elif path.startswith("/zip/"):
            self._say(self.server.artefacts[int(path[5:])][3])
        elif path.endswith("/comments"):
            self._say([{"id": i, "body": body} for i, body in self.server.comments.items()])
        elif path in self.server.packages:
            self._say(self.server.packages[path])
        else:
            self.send_error(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.read_only:
            self.send_error(403)
            return
        said = json.loads(body)["body"] if body.startswith(b"{") else body.decode()
        place = self.path.rpartition("/")[2]
        at = int(place) if place.isdigit() else len(self.server.comments)
        self.server.comments[at] = said
        self._say({})

    do_PATCH = do_POST

    def do_PUT(self):
        self.server.packages[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._say({})

    def _say(self, said):
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def service():
    server = Service()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run_file(folder, broken, items=900, gain=0):
    """A run: some items wrong from the start, and some broken."""
    lines = [
        json.dumps(
            {
                "id": i,
                "correct": (i % 9 != 0 or i < gain) and not (broken and i % (items // broken) == 1),
            }
        )
        for i in range(items)
    ]
    path = folder / "run.jsonl"
    path.write_text("\n".join(lines))
    return path


def environment(**more):
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PYTHONPATH", "OMP_NUM_THREADS")
            if name in os.environ}  # fmt: skip
    return {**kept, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", **more}


def action(folder, service, *, event="push", ref="refs/heads/main", **inputs):
    """The shell steps of action.yml in order; its uses-steps are played where they have an effect.

    Returns the exit code of the job and the review's outputs.
    """
    made = yaml.safe_load((ROOT / "action.yml").read_text())
    given = {name: text.get("default", "") for name, text in made["inputs"].items()} | inputs
    outputs = {}

    def filled(text):
        for name, value in given.items():
            text = text.replace(f"${{{{ inputs.{name} }}}}", value)
        for name in ("code", "keep", "verdict"):
            text = text.replace(f"${{{{ steps.review.outputs.{name} }}}}", outputs.get(name, ""))
        text = text.replace("${{ github.token }}", "secret")
        text = text.replace("${{ github.event.repository.default_branch }}", "main")
        return text.replace("${{ github.event.pull_request.number }}", "7")

    for step in made["runs"]["steps"]:
        condition = step.get("if", "")
        if "keep ==" in condition and outputs.get("keep") == "yes":
            service.keep(given["baseline"], folder / given["run"])
        played = "uses" in step or step["name"] == "Install supersede"
        if played or ("pull_request" in condition and event != "pull_request"):
            continue
        said = folder / "github-output"
        said.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder, capture_output=True, text=True, check=False,
            env=environment(
                GITHUB_ACTION_PATH=str(ROOT), GITHUB_API_URL=service.address,
                GITHUB_REPOSITORY="us/models", GITHUB_EVENT_NAME=event, GITHUB_REF=ref,
                GITHUB_OUTPUT=str(said), GITHUB_STEP_SUMMARY=str(folder / "summary.md"),
                **{name: filled(text) for name, text in step.get("env", {}).items()},
            ),
        )  # fmt: skip
        if step.get("id") == "review":
            outputs.update(line.split("=", 1) for line in said.read_text().splitlines())
        outputs["output"] = done.stdout + done.stderr
        if done.returncode:
            return done.returncode, outputs
    return 0, outputs


def test_the_life_of_a_repository_on_github(service, tmp_path):
    run_file(tmp_path, broken=0)
    request = {"event": "pull_request", "ref": "refs/pull/7/merge", "run": "run.jsonl"}
    flags = "--max-nfr '1%' --min-gain=-5%"
    code, _ = action(tmp_path, service, flags=flags, **request)
    assert code == 2  # nothing to compare with is no pass
    assert "No baseline" in service.comments[0]
    code, said = action(tmp_path, service, run="run.jsonl", flags=flags)
    assert (code, said["verdict"]) == (0, "first")
    code, said = action(tmp_path, service, flags=flags, **request)
    assert (code, said["verdict"], said["keep"]) == (0, "pass", "no")
    assert "Unchanged" in service.comments[0]
    run_file(tmp_path, broken=0, gain=50)
    code, said = action(tmp_path, service, flags=flags, **request)
    assert (code, said["verdict"], said["keep"]) == (0, "pass", "no")
    assert "✅ Pass" in service.comments[0]
    run_file(tmp_path, broken=30)
    code, said = action(tmp_path, service, flags=flags, **request)
    assert (code, said["verdict"]) == (1, "fail")
    (comment,) = service.comments.values()  # replaced, not added
    assert "❌ Fail" in comment
    code, said = action(tmp_path, service, run="run.jsonl", flags=flags)
    assert (code, said["keep"]) == (1, "no")  # what fails does not become the baseline
    code, said = action(tmp_path, service, run="run.jsonl", flags=flags, accept="always")
    assert (code, said["keep"]) == (1, "yes")


def test_what_is_not_a_pass_ends_the_job_on_github(service, tmp_path):
    service.keep("supersede-baseline", run_file(tmp_path, broken=0, items=60))
    request = {"event": "pull_request", "ref": "refs/pull/7/merge", "run": "run.jsonl"}
    run_file(tmp_path, broken=0, items=60, gain=10)
    assert action(tmp_path, service, flags="--max-nfr 1%", **request)[0] == 3
    assert action(tmp_path, service, flags="--max-nfr 1%", undecided="warn", **request)[0] == 0
    assert action(tmp_path, service, flags="--max-nfr 1%", undecided="pass", **request)[0] == 2
    code, said = action(tmp_path, service, flags="--max-nfr 0.5; touch injected", **request)
    assert (code, said["verdict"]) == (2, "error")
    assert not (tmp_path / "injected").exists()
    assert "No review" in service.comments[0]
    service.read_only = True  # a fork's token
    code, said = action(tmp_path, service, flags="--max-nfr 1%", **request)
    assert code == 3
    assert "Undecided" in (tmp_path / "summary.md").read_text()


def test_strangers_do_not_move_the_baseline_on_github(service, tmp_path):
    good = run_file(tmp_path, broken=0)
    service.keep("supersede-baseline", good)
    run_file(tmp_path, broken=30)
    service.keep("supersede-baseline", good, fork=True)  # of a fork whose branch is called main
    service.keep("supersede-baseline", good, branch="mine")
    code, said = action(tmp_path, service, run="run.jsonl", flags="--max-nfr 1%",
                        event="pull_request_target", accept="always")  # fmt: skip
    assert (code, said["keep"]) == (1, "no")


def test_an_empty_repository_needs_ten_lines():
    page = (ROOT / "docs/how-to/gate-a-pipeline.md").read_text()
    workflow = page.split("```yaml\n# .github/workflows/review.yml\n")[1].split("```")[0]
    assert len(workflow.splitlines()) <= 10
    steps = yaml.safe_load(workflow)["jobs"]["review"]["steps"]
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    assert steps[-1]["with"].keys() <= inputs.keys()


def gitlab(folder, service, *, request=None, **variables):
    """The script of the GitLab job, after the installation."""
    job = yaml.safe_load((ROOT / "ci/gitlab.yml").read_text())[".supersede"]
    own = {"CI_MERGE_REQUEST_IID": request} if request else {"CI_COMMIT_BRANCH": "main"}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", job["script"][1]], cwd=folder, capture_output=True,
        text=True, check=False,
        env=environment(
            **{**job["variables"], **variables}, CI_API_V4_URL=f"{service.address}/api/v4", **own,
            CI_PROJECT_ID="5", CI_JOB_TOKEN="secret", CI_DEFAULT_BRANCH="main",
        ),
    )  # fmt: skip
    return done.returncode


def test_the_life_of_a_repository_on_gitlab(service, tmp_path):
    run_file(tmp_path, broken=0)
    job = {
        "SUPERSEDE_RUN": "run.jsonl",
        "SUPERSEDE_FLAGS": "--max-nfr '1%'",
        "SUPERSEDE_TOKEN": "t",
    }
    assert gitlab(tmp_path, service, request="4", **job) == 2
    assert gitlab(tmp_path, service, **job) == 0
    first = dict(service.packages)
    assert gitlab(tmp_path, service, request="4", **job) == 0
    run_file(tmp_path, broken=30)
    assert gitlab(tmp_path, service, request="4", **job) == 1
    assert "Fail" in service.comments[0]
    assert gitlab(tmp_path, service, **job) == 1
    assert service.packages == first
    assert gitlab(tmp_path, service, **job, SUPERSEDE_ACCEPT="always") == 1
    assert service.packages != first
    run_file(tmp_path, broken=0, items=60, gain=5)
    assert gitlab(tmp_path, service, request="4", **job) == 2  # most items have no answer
    assert gitlab(tmp_path, service, request="4", **{**job, "SUPERSEDE_RUN": "gone"}) == 2
