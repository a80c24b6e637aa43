"""However a run ends once it is known what to purge, each URL that may be stale is named; whole runs."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault, Sandbox
from sandbox.runner import ENTRYPOINT, Step, read_outputs, run_step, step_environ
from tests.standins.github import GitHubApi
from tests.standins.repositories import Repository
from ztpurge.calls.clock import Clock
from ztpurge.main import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST, TOKEN = "127.0.0.1", "a-token-that-nobody-may-see"
NAMES = ("a.css", "b.css", "c.css")


@pytest.fixture
def served(workspace: Path) -> Path:
    for name in NAMES:
        (workspace / name).write_text(name)
    return workspace


@pytest.fixture
def site(served: Path) -> Iterator[Sandbox]:
    with Sandbox(served, hosts=(HOST,), token=TOKEN) as cdn:
        yield cdn


def inputs_for(cdn: Sandbox, **inputs: str) -> dict[str, str]:
    given = {"token": TOKEN, "api_url": cdn.api_url, "base_url": f"{cdn.edge_url}/", **inputs}
    return {name.replace("_", "-"): value for name, value in given.items()}


def names(outputs: dict[str, str], *listed: str) -> list[str]:
    return [url.rpartition("/")[2] for name in listed for url in json.loads(outputs[name])]


class TestRefused:
    """The plan is known, but nobody is called."""

    @pytest.fixture(params=["max-urls", "manifest", "certificates"])
    def step(self, request: pytest.FixtureRequest, site: Sandbox, served: Path) -> Step:
        inputs = inputs_for(site, report_file="report.json", files="\n".join(NAMES))
        environ = {}
        match request.param:
            case "max-urls":
                inputs["max-urls"] = "2"
            case "manifest":
                (served / "kept").touch()
                inputs |= {"files": "", "manifest": "kept/manifest.json", "exclude": "kept"}
            case "certificates":
                inputs["api-url"] = site.api_url.replace("http:", "https:")
                environ = {"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"}
        step = run_step(served, inputs, environ=environ)
        assert [line for line in step.log.splitlines() if line.startswith("::error")] == [
            line
            for line in step.log.splitlines()
            if line.startswith("::error title=ztpurge::") and "First of" not in line
        ]
        assert site.calls == ()
        return step

    def test_each_url_is_named_everywhere(self, step: Step, served: Path) -> None:
        assert (step.exit_code, step.outputs["result"], step.outputs["failed-count"]) == (2, "failed", "3")
        assert names(step.outputs, "failed-urls") == [*NAMES]
        report = json.loads((served / "report.json").read_text())
        assert [url.rpartition("/")[2] for url in report["failed_urls"]] == [*NAMES]
        for name in NAMES:
            assert f"/{name}" in step.summary
            assert f"/{name}" in step.log
        assert "Nothing was purged; 3 URLs may be stale" in step.log

    def test_even_if_failures_are_to_be_borne(self, site: Sandbox, served: Path) -> None:
        inputs = inputs_for(site, files="\n".join(NAMES), max_urls="2", fail_on_error="false")
        step = run_step(served, inputs)
        assert (step.exit_code, step.log.count("::error ")) == (2, 1)


class TestBug:
    """ztpurge itself goes wrong: here the log breaks in a way that nobody foresees."""

    @pytest.mark.parametrize(
        ("marker", "named"),
        [
            pytest.param("[", "failed-urls", id="while it purges"),
            pytest.param("Waiting for", "failed-urls", id="before it waits"),
            pytest.param("Verifying", "stale-urls", id="before it verifies"),
        ],
    )
    def test_what_is_not_known_to_be_fresh_is_named(
        self, site: Sandbox, served: Path, tmp_path: Path, marker: str, named: str
    ) -> None:
        class Out(io.StringIO):
            def write(self, text: str) -> int:
                if text.startswith(marker):
                    raise RuntimeError("##[error]x")
                return super().write(text)

        output, out = tmp_path / "output", Out()
        inputs = inputs_for(site, files="\n".join(NAMES), wait="true", verify="true")
        environ = {f"INPUT_{name.upper()}": value for name, value in inputs.items()}
        environ |= {"GITHUB_OUTPUT": str(output), "GITHUB_WORKSPACE": str(served)}
        environ["GITHUB_SHA"] = Repository(served).commit()
        assert run(environ, out, Clock()) == 1
        outputs = read_outputs(output.read_bytes())
        assert names(outputs, named) == [*NAMES]
        assert outputs["result"] == "failed"
        assert json.loads(outputs["req-ids"]) == [call.req_id for call in site.purge_calls]
        assert "Traceback (most recent call last):" in out.getvalue()
        assert "::error title=ztpurge::ztpurge has a bug" in out.getvalue()
        assert "##[" not in out.getvalue()


class TestGitHubAway:
    def test_it_is_purged_all_the_same_and_not_verified_is_red(
        self, site: Sandbox, served: Path, tmp_path: Path
    ) -> None:
        with GitHubApi(tmp_path, faults=[Fault("status", status=500, times=99)]) as api:
            environ = {
                "GITHUB_API_URL": api.url,
                "GITHUB_REPOSITORY": "owner/site",
                "GITHUB_SHA": "1" * 40,
                "GITHUB_EVENT_NAME": "workflow_dispatch",
            }
            inputs = inputs_for(site, files="\n".join(NAMES), verify="true", github_token="gh-token", retries="0")
            step = run_step(served, inputs, environ=environ)
        assert (step.exit_code, step.outputs["result"]) == (1, "failed")
        assert names(step.outputs, "purged-urls") == names(step.outputs, "stale-urls") == [*NAMES]
        assert "3 URLs of 127.0.0.1 purged, but not verified to be fresh" in step.log
        assert "GitHub's API, asked for git/trees" in step.log
        assert "GitHub" in step.summary


class TestStop:
    """A signal, while somebody or something is slow: a true report within 8 seconds, wherever the run is."""

    @pytest.fixture
    def pushed(self, served: Path, tmp_path: Path) -> dict[str, str]:
        repository = Repository(served)
        before = repository.commit()
        after = repository.commit(dict.fromkeys(NAMES, "new"))
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"before": before, "after": after}))
        return {
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SHA": after,
            "GITHUB_REPOSITORY": "owner/site",
        }

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize(
        ("slow", "inputs", "named"),
        [
            pytest.param(Fault("hang", seconds=60), {}, "failed-urls", id="the purge hangs"),
            pytest.param(
                Fault("hang", seconds=60, path="/cdn_api/req_status"), {"wait": "true"}, "failed-urls", id="wait"
            ),
            pytest.param(Fault("task-stuck"), {"wait": "true"}, "failed-urls", id="the task does not end"),
            pytest.param(Fault("task-failure"), {"verify": "true"}, "stale-urls", id="the edge stays stale"),
        ],
    )
    def test_what_may_be_stale_is_named_in_time(
        self,
        site: Sandbox,
        served: Path,
        pushed: dict[str, str],
        number: signal.Signals,
        slow: Fault,
        inputs: dict[str, str],
        named: str,
    ) -> None:
        for name in NAMES:  # the edge has what was before
            repository = served / name
            new = repository.read_bytes()
            repository.write_bytes(b"old")
            site.get(f"{site.edge_url}/{name}")
            repository.write_bytes(new)
        site.add_faults(slow)
        outputs, seconds = self._stop(
            served, inputs_for(site, **inputs), pushed, number, lambda: site.wait_for_calls(1)
        )
        assert sorted(names(outputs, named)) == [*NAMES]
        assert seconds < 8

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_github_that_hangs_while_it_is_asked_what_the_commit_holds(
        self, site: Sandbox, served: Path, tmp_path: Path, number: signal.Signals
    ) -> None:
        with GitHubApi(tmp_path, faults=[Fault("hang", seconds=60, times=99)]) as api:
            environ = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "owner/site", "GITHUB_SHA": "1" * 40}
            inputs = inputs_for(site, files="\n".join(NAMES), verify="true", github_token="gh-token")
            outputs, seconds = self._stop(served, inputs, environ, number, lambda: api.wait_for_requests(1))
        assert names(outputs, "purged-urls") == names(outputs, "stale-urls") == [*NAMES]
        assert seconds < 8

    def _stop(
        self,
        served: Path,
        inputs: dict[str, str],
        environ: dict[str, str],
        number: signal.Signals,
        is_there: Callable[[], bool],
    ) -> tuple[dict[str, str], float]:
        """Send a signal once it `is_there`; return the outputs, and the seconds until the run ended."""
        output = served.parent / "output"
        output.touch()
        with subprocess.Popen(
            [sys.executable, "-I", str(ENTRYPOINT)],
            cwd=served,
            env=step_environ(served, inputs) | environ | {"GITHUB_OUTPUT": str(output)},
            stdout=subprocess.DEVNULL,
        ) as process:
            assert is_there()
            began = time.monotonic()
            process.send_signal(number)
            assert process.wait(30) == 1
            return read_outputs(output.read_bytes()), time.monotonic() - began
