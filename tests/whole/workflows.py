"""Workflows as the pages and `examples/` show them, and a stand-in for the runner that plays their jobs.

It knows the expressions, conditions and actions that they use, and fails at any other.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.standins.github import GitHubApi, Run
from tests.standins.repositories import ENVIRON
from tests.whole.steps import run_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.runner import Step
    from tests.standins.repositories import Repository

TOP = Path(__file__).resolve().parents[2]
PAGES = {file.name: file.read_text(encoding="utf-8") for file in (TOP / "README.md", *sorted(TOP.glob("docs/*.md")))}
FILES = {file.name: file.read_text(encoding="utf-8") for file in sorted(TOP.glob("examples/*.yml"))}
GITLAB = "gitlab.yml"
TOKEN = "gh-token"


def read_yaml(text: str) -> Any:  # noqa: ANN401 - YAML's
    """Read YAML as runners do: all values are text, and `on` stays a word."""
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but text


SHOWN: dict[str, Any] = {name: read_yaml(text) for name, text in FILES.items() if name != GITLAB} | {
    f"{name}-{number}": read_yaml(fence)
    for name, page in PAGES.items()
    for number, fence in enumerate(re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE), start=1)
    if not fence.startswith("# .ztpurge.yml\n")  # `test_sites.py` plays these
}


def is_ours(step: Mapping[str, Any]) -> bool:
    return str(step.get("uses")).startswith("OWNER/ztpurge@")


def needs_of(job: Mapping[str, Any]) -> list[str]:
    """Return the names of the jobs that a job waits for."""
    needs: list[str] | str = job.get("needs", [])
    return [needs] if isinstance(needs, str) else needs


def evaluate(text: str, context: Mapping[str, str]) -> str:
    """Put values in the place of expressions: a name, which `|| '...'` may follow; KeyError for what is none.

    Inputs that nobody gives are empty.
    """

    def value(found: re.Match[str]) -> str:
        name, _, otherwise = found[1].partition(" || ")
        return (context.get(name, "") if name.startswith("inputs.") else context[name]) or otherwise.strip("'")

    return re.sub(r"\$\{\{ (.*?) \}\}", value, text)


def translate(text: str, words: Mapping[str, str]) -> str:
    """Put other words in the place of some."""
    for word, other in words.items():
        text = text.replace(word, other)
    return text


@dataclass
class Played:
    """What a run left: each step of ours, what bash printed, and the jobs that failed or were not started for it."""

    ours: list[Step] = field(default_factory=list)
    log: str = ""
    red: set[str] = field(default_factory=set)


@dataclass
class Job:
    """Plays the steps of one job in its workspace; what they leave goes to `context` and `played`."""

    runner: Runner
    workspace: Path
    environ: Mapping[str, str]
    context: dict[str, str]
    played: Played

    def play(self, steps: Iterable[Mapping[str, Any]]) -> bool:
        """Play steps in order and say whether all succeeded; after one that failed only those that always run."""
        is_green = True
        for step in steps:
            assert step.get("if", "always()") == "always()"
            if is_green or "if" in step:
                is_green &= (self._run if "run" in step else self._purge if is_ours(step) else self._use)(step)
        return is_green

    def _given(self, step: Mapping[str, Any], key: str) -> dict[str, str]:
        return {name: evaluate(text, self.context) for name, text in step.get(key, {}).items()}

    def _run(self, step: Mapping[str, Any]) -> bool:
        finished = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=self.workspace,
            env={**ENVIRON, **self.environ, **self.runner.environ, **self._given(step, "env")},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.played.log += finished.stdout
        return finished.returncode == 0

    def _purge(self, step: Mapping[str, Any]) -> bool:
        given = {name: translate(text, self.runner.addresses) for name, text in self._given(step, "with").items()}
        left = run_inside(self.workspace, {**self.runner.inputs, "github-token": TOKEN, **given}, environ=self.environ)
        self.played.ours.append(left)
        self.context |= {f"steps.{step.get('id')}.outputs.{name}": text for name, text in left.outputs.items()}
        return left.exit_code == 0

    def _use(self, step: Mapping[str, Any]) -> bool:
        """Do what an action of others does."""
        given, workspace, kept = self._given(step, "with"), self.workspace, self.runner.folder / "kept"
        kept.mkdir(exist_ok=True)
        match step["uses"].partition("@")[0]:
            case "actions/checkout":
                depth = int(given.get("fetch-depth", 1))
                shallow = [f"--depth={depth}"] if depth else []
                site = self.runner.site
                site.git("clone", "--quiet", *shallow, f"file://{site.folder}", str(workspace))
            case "actions/cache/restore":
                found = sorted(kept.glob(f"{given['restore-keys']}*"), key=lambda file: file.stat().st_mtime_ns)
                if found:
                    shutil.copy(found[-1], workspace / given["path"])
            case "actions/cache/save":
                shutil.copy(workspace / given["path"], kept / given["key"])
            case "actions/upload-artifact":
                shutil.copy(workspace / given["path"], kept / given["name"])
            case others:
                raise ValueError(others)
        return True


@dataclass
class Runner:
    """Plays the workflows of a site, and remembers their runs as GitHub does, the newest first.

    Workspaces, caches and artifacts are in `folder`. `inputs`: what each step of ours is given besides; `addresses`:
    those that it is given in the place of the site's; `environ`: what bash finds besides.
    """

    site: Repository
    folder: Path
    inputs: Mapping[str, str]
    addresses: Mapping[str, str]
    secrets: Mapping[str, str]
    environ: Mapping[str, str]
    runs: list[Run] = field(default_factory=list)

    def play(self, workflow: Mapping[str, Any], event: str, payload: Mapping[str, Any], *, file: str) -> Played:
        """Play the jobs of a workflow in the order in which they stand, for the site's newest commit."""
        number, head, played = len(self.runs) + 1, self.site.git("rev-parse", "HEAD"), Played()
        self.runs.insert(0, Run(head, workflow=file, event=event, run_id=number, status="in_progress", conclusion=None))
        (self.folder / "event.json").write_text(json.dumps(payload))
        told = {
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_SHA": head,
            "GITHUB_REPOSITORY": "owner/site",
            "GITHUB_REF_NAME": "main",
            "GITHUB_RUN_ID": str(number),
            "GITHUB_RUN_NUMBER": str(number),
            "GITHUB_WORKFLOW_REF": f"owner/site/.github/workflows/{file}@refs/heads/main",
        }
        context = {f"secrets.{name}": text for name, text in self.secrets.items()}
        context |= {"github.token": TOKEN, "github.ref_name": "main"}
        context |= {"github.run_id": str(number), "github.run_attempt": "1"}
        context |= {f"inputs.{name}": text for name, text in payload.get("inputs", {}).items()}
        for name, job in workflow["jobs"].items():
            workspace = self.folder / f"{number}-{name}"
            workspace.mkdir()
            permissions = [what for what, level in job["permissions"].items() if level == "read"]
            with GitHubApi(self.site.folder, token=TOKEN, permissions=permissions, runs=self.runs) as api:
                environ = told | {"GITHUB_API_URL": api.url, "RUNNER_TEMP": f"{workspace}-temp"}
                is_started = played.red.isdisjoint(needs_of(job))
                if not (is_started and Job(self, workspace, environ, context, played).play(job["steps"])):
                    played.red.add(name)
            for output, text in job.get("outputs", {}).items():
                context[f"needs.{name}.outputs.{output}"] = evaluate(text, context)
        conclusion = "failure" if played.red else "success"
        self.runs[0] = replace(self.runs[0], status="completed", conclusion=conclusion)
        return played
