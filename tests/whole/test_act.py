"""The README's own workflow under `act`: a runner that is not ours, the image that was built, the CDN on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Push = tuple["Site", Callable[..., "Job"]]

pytestmark = pytest.mark.engine

TOP = Path(__file__).resolve().parents[2]
ZEROS = "0" * 40


def readme_workflow() -> dict[str, Any]:
    """Return the first workflow of the README."""
    found = re.search(r"```yaml\n(.*?)```", (TOP / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    workflow: dict[str, Any] = yaml.load(found[1], Loader=yaml.BaseLoader)  # noqa: S506 - `on` stays a word, all is text
    return workflow


@dataclass(frozen=True)
class Job:
    """What act made of a job."""

    exit_code: int
    log: str


class Site:
    """A repository that uses the action, with the README's workflow."""

    def __init__(self, folder: Path, image: str, api_url: str) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")
        action = yaml.safe_load((TOP / "action.yml").read_text(encoding="utf-8"))
        self.write(
            ".ztpurge/action.yml", yaml.safe_dump(action | {"runs": {"using": "docker", "image": f"docker://{image}"}})
        )
        self.runner = readme_workflow()
        (self.step,) = [step for step in self.steps if "/ztpurge@" in step.get("uses", "")]
        self.step["uses"] = "./.ztpurge"
        self.step["with"]["api-url"] = api_url
        self.write("deploy", '#!/bin/sh\necho "deployed $1"\n')
        (folder / "deploy").chmod(0o755)
        self.write("public/a.css", "old")
        self.before = self.commit()

    @property
    def steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.runner["jobs"]["deploy"]["steps"]
        return steps

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=site", "-c", "user.email=site@example.com")
        finished = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return finished.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        return self.git("rev-parse", "HEAD")

    def push(self, job_image: str, *, before: str | None = None) -> Job:
        self.write(".github/workflows/purge.yml", yaml.safe_dump(self.runner, sort_keys=False))
        event = {"ref": "refs/heads/main", "before": before or self.before, "after": self.commit()}
        self.write(".git/event.json", json.dumps(event))
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
    site.write("public/春 x.html", "new")
    job = run()
    assert job.exit_code == 0, job.log
    assert sorted(entry for call in cdn.purge_calls for entry in call.entries) == [
        f"https://static.example.com/{name}" for name in ("%E6%98%A5%20x.html", "a.css", "b.css")
    ]
    assert 0 <= job.log.find("deployed public") < job.log.find(f"asked for {cdn.purge_calls[0].req_id}")
    assert token not in job.log


def test_a_run_that_fails_is_red_and_its_outputs_reach_later_steps(push: Push) -> None:
    site, run = push
    site.write("public/b.css", "new")
    site.step["with"]["base-url"] = "https://static.example.com/\nhttps://not-ours.example.com/"
    site.steps.append(
        {
            "if": "always()",
            "env": {"RESULT": "${{ steps.purge.outputs.result }} ${{ fromJSON(steps.purge.outputs.failed-urls)[0] }}"},
            "run": 'echo "later: $RESULT"',
        }
    )
    job = run()
    assert job.exit_code == 1, job.log
    assert "Job failed" in job.log
    assert "later: partial https://not-ours.example.com/b.css" in job.log


def test_a_first_push_purges_all_there_is(push: Push, cdn: Sandbox) -> None:
    site, run = push
    site.write("public/b/index.html", "new")
    job = run(before=ZEROS)
    assert job.exit_code == 0, job.log
    assert sorted(entry for call in cdn.purge_calls for entry in call.entries) == [
        f"https://static.example.com/{name}" for name in ("a.css", "b/", "b/index.html")
    ]


def test_a_range_that_cannot_be_told_is_red(push: Push, cdn: Sandbox) -> None:
    _, run = push
    job = run(before="1" * 40)
    assert (job.exit_code, cdn.calls) == (1, ()), job.log
    assert "::error" in job.log or "since:" in job.log
