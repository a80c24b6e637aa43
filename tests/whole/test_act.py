"""The README's workflow under `act`: a runner that is not ours, the image that was built, the CDN on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.standins.repositories import Repository
from tests.whole.workflows import SHOWN, TOP, is_ours

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Push = tuple["Site", Callable[..., "Job"]]

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Job:
    """What act made of a job."""

    exit_code: int
    log: str


class Site(Repository):
    """A repository that uses the action, with the README's workflow."""

    def __init__(self, folder: Path, image: str, api_url: str) -> None:
        super().__init__(folder)
        action = yaml.safe_load((TOP / "action.yml").read_text(encoding="utf-8"))
        action |= {"runs": {"using": "docker", "image": f"docker://{image}"}}
        self.workflow = deepcopy(SHOWN["README.md-1"])
        self.steps: list[dict[str, Any]] = self.workflow["jobs"]["deploy"]["steps"]
        (self.step,) = filter(is_ours, self.steps)
        self.step |= {"id": "purge", "uses": "./.ztpurge"}
        # no GitHub knows its runs, nobody serves the site, and the CDN lets nobody log in
        unknown = {"since", "verify", "username", "password"}
        given = {name: value for name, value in self.step["with"].items() if name not in unknown}
        self.step["with"] = given | {"token": "${{ secrets.ZT_CDN_TOKEN }}", "api-url": api_url}
        self.write({".ztpurge/action.yml": yaml.safe_dump(action), "deploy": '#!/bin/sh\necho "deployed $1"\n'})
        (folder / "deploy").chmod(0o755)
        self.before = self.commit({"public/a.css": "old"})

    def push(self, job_image: str, *, before: str | None = None) -> Job:
        # the workflow was read as text alone, and `act` wants its booleans and numbers without quotes
        workflow = re.sub(r"'(false|true|[0-9]+)'", r"\1", yaml.safe_dump(self.workflow, sort_keys=False))
        after = self.commit({".github/workflows/purge.yml": workflow})
        event = {"ref": "refs/heads/main", "before": before or self.before, "after": after}
        self.write({".git/event.json": json.dumps(event)})
        finished = subprocess.run(
            [
                str(Path(sys.executable).with_name("act")),
                "push",
                f"--eventpath={self.folder}/.git/event.json",
                f"--platform=ubuntu-latest={job_image}",
                "--pull=false",
                "--network=host",
                "--container-daemon-socket=-",
                "--secret=ZT_CDN_TOKEN",
            ],
            cwd=self.folder,
            env=os.environ | {"ZT_CDN_TOKEN": os.environ.get("ZT_CDN_TOKEN", "")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        return Job(finished.returncode, finished.stdout)


@pytest.fixture
def push(workspace: Path, cdn: Sandbox, token: str, monkeypatch: pytest.MonkeyPatch) -> Push:
    if "ZTPURGE_JOB_IMAGE" not in os.environ:
        pytest.skip("needs a Docker engine: `make e2e` builds the images and runs this")
    monkeypatch.setenv("ZT_CDN_TOKEN", token)
    site = Site(workspace, os.environ["ZTPURGE_IMAGE"], cdn.api_url)
    return site, lambda **options: site.push(os.environ["ZTPURGE_JOB_IMAGE"], **options)


def test_the_readme_s_workflow_purges_what_a_push_changed(push: Push, cdn: Sandbox, token: str) -> None:
    site, run = push
    site.git("mv", "public/a.css", "public/b.css")
    site.write({"public/春 x.html": "new"})
    job = run()
    assert job.exit_code == 0, job.log
    assert sorted(entry for call in cdn.purge_calls for entry in call.entries) == [
        f"https://static.example.com/{name}" for name in ("%E6%98%A5%20x.html", "a.css", "b.css")
    ]
    assert 0 <= job.log.find("deployed public") < job.log.find(f"reqId {cdn.purge_calls[0].req_id}")
    assert token not in job.log


def test_a_run_that_fails_is_red_and_its_outputs_reach_later_steps(push: Push) -> None:
    site, run = push
    site.write({"public/b.css": "new"})
    site.step["with"]["base-url"] = "https://static.example.com/\nhttps://not-ours.example.com/"
    result = "${{ steps.purge.outputs.result }} ${{ fromJSON(steps.purge.outputs.failed-urls)[0] }}"
    site.steps.append({"if": "always()", "env": {"RESULT": result}, "run": 'echo "later: $RESULT"'})
    job = run()
    assert job.exit_code == 1, job.log
    assert "Job failed" in job.log
    assert "later: partial https://not-ours.example.com/b.css" in job.log


def test_a_first_push_purges_all_there_is(push: Push, cdn: Sandbox) -> None:
    site, run = push
    site.write({"public/b/index.html": "new"})
    job = run(before="0" * 40)
    assert job.exit_code == 0, job.log
    assert sorted(entry for call in cdn.purge_calls for entry in call.entries) == [
        f"https://static.example.com/{name}" for name in ("a.css", "b/", "b/index.html")
    ]


def test_a_range_that_cannot_be_told_is_red(push: Push, cdn: Sandbox) -> None:
    _, run = push
    job = run(before="1" * 40)
    assert (job.exit_code, cdn.calls) == (1, ()), job.log
    assert "::error" in job.log or "since:" in job.log
