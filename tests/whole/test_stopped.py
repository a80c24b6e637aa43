"""Whole runs that are cancelled, or out of time, while somebody who only reads is slow: they end soon, in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from sandbox.runner import ENTRYPOINT, step_environ
from tests.standins.github import GitHubApi
from tests.standins.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sandbox import Sandbox

GITHUB_TOKEN = "gh-token-that-nobody-may-see"
SOON = 8.0  # seconds: the runner sends SIGKILL 10 s after its first signal


@pytest.fixture
def site(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "site")


@pytest.fixture
def api(site: Repository) -> Iterator[GitHubApi]:
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        yield api


def slow_api(site: Repository, api: GitHubApi) -> Mapping[str, str]:
    api.add_faults(Fault("hang", seconds=60, times=9))
    return {"since": "v1", "github-token": GITHUB_TOKEN}


def slow_git(site: Repository, api: GitHubApi) -> Mapping[str, str]:
    (site.folder / ".git/packed-refs").unlink(missing_ok=True)
    os.mkfifo(site.folder / ".git/packed-refs")
    return {"since": "v1"}


def much_to_hash(site: Repository, api: GitHubApi) -> Mapping[str, str]:
    with (site.folder / "public/huge").open("wb") as file:
        file.truncate(1 << 38)
    return {"manifest": "m.json"}


def much_to_compare_with(site: Repository, api: GitHubApi) -> Mapping[str, str]:
    names = [f"public/new-{number}" for number in range(200)]
    for name in names:  # each small enough to be compared
        with (site.folder / name).open("wb") as file:
            file.truncate(1 << 30)
    return {"files": "\n".join(names), "verify": "true"}


@pytest.mark.parametrize("how", ["cancelled", "timeout"])
@pytest.mark.parametrize("slow", [slow_api, slow_git, much_to_hash, much_to_compare_with])
def test_a_run_ends_soon_whoever_is_slow(
    cdn: Sandbox, token: str, site: Repository, api: GitHubApi, tmp_path: Path, slow: object, how: str
) -> None:
    before = site.commit({"public/a": "1"})
    after = site.commit({"public/a": "2"})
    (tmp_path / "event.json").write_text(json.dumps({"before": before, "after": after}))
    given = slow(site, api) if callable(slow) else {}
    inputs = {
        "token": token,
        "api-url": cdn.api_url,
        "base-url": "https://static.example.com/",
        "root": "public",
        "timeout": "2" if how == "timeout" else "300",
        **given,
    }
    environ = {
        **step_environ(site.folder, inputs),
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_SHA": after,
        "GITHUB_REPOSITORY": "owner/site",
        "GITHUB_API_URL": api.url,
    }
    with subprocess.Popen(
        [sys.executable, "-I", str(ENTRYPOINT)], cwd=site.folder, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert any(line.startswith("ztpurge ") for line in process.stdout)  # it hears of signals from here
            began = time.monotonic()
            if how == "cancelled":
                process.send_signal(signal.SIGTERM)
            log, _ = process.communicate(timeout=SOON)
        finally:
            process.kill()
    assert time.monotonic() - began < SOON
    assert process.returncode > 0
    assert slow is much_to_compare_with or cdn.calls == ()  # what is purged already is compared
    assert "::error title=ztpurge::" in log
    assert ("the run was cancelled" if how == "cancelled" else "`timeout` leaves no time") in log.replace("&#96;", "`")
    assert "Traceback" not in log
