"""Whole runs that wait, verify, prefetch and keep a manifest, with the sandbox's own edge and with Varnish."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Provider, Sandbox, Service
from sandbox.listener import Listener
from sandbox.runner import Step, read_outputs
from sandbox.wire import read_request
from tests.standins.github import GitHubApi, Run
from tests.standins.repositories import Repository
from tests.whole.steps import push_event, started
from tests.whole.steps import run_inside as run_step

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from sandbox.varnish import EdgeKind

    RunStep = Callable[..., Step]

TOKEN, GITHUB_TOKEN = "a-token-that-nobody-may-see", "gh-token-that-nobody-may-see"
STATUS = "/cdn_api/req_status"
EDITED = {"public/a.css": "2", "public/index.html": "new", "public/\u6625/x y.html": None, "public/n.js": "1"}
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"


class Site:
    """A repository whose folder `public` is what the origin serves."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "site")
        files = {"public/a.css": "1", "public/index.html": "old", "public/\u6625/x y.html": "1", "public/same": "1"}
        self.before = self.repository.commit(files)
        self.after = ""

    @property
    def folder(self) -> Path:
        return self.repository.folder

    def push(self, files: dict[str, str | None]) -> None:
        self.after = self.repository.commit(files)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def edge(site: Site, edge_kind: EdgeKind) -> Iterator[Sandbox]:
    folder = site.folder / "public"
    with Sandbox(folder, hosts=("127.0.0.1",), token=TOKEN, propagation=0.3, edge=edge_kind) as cdn:
        yield cdn


@pytest.fixture
def cdn(site: Site) -> Iterator[Sandbox]:
    """The sandbox's own edge alone, where the edge is not the point."""
    with Sandbox(site.folder / "public", hosts=("127.0.0.1",), token=TOKEN, propagation=0.3) as cdn:
        yield cdn


def event_of(site: Site) -> dict[str, str]:
    return push_event(site.folder.parent, site.before, site.after)


def inputs_for(cdn: Sandbox, **inputs: str) -> dict[str, str]:
    given = {"token": TOKEN, "api_url": cdn.api_url, "base_url": f"{cdn.edge_url}/", "root": "public", **inputs}
    return {name.replace("_", "-"): value for name, value in given.items()}


def run(cdn: Sandbox, site: Site, *, environ: dict[str, str] | None = None, **inputs: str) -> Step:
    return run_step(site.folder, inputs_for(cdn, **inputs), environ=event_of(site) | (environ or {}))


def submit_purge(cdn: Sandbox, path: str) -> None:
    """Have the edge forget a file, as an edge does that needs the room."""
    run_step(Path.cwd(), {"token": TOKEN, "api-url": cdn.api_url, "urls": f"{cdn.edge_url}/{path}", "wait": "true"})


def warm(cdn: Sandbox) -> None:
    for path in ("a.css", "index.html", "", "%E6%98%A5/x%20y.html", "same"):
        assert cdn.get(f"{cdn.edge_url}/{path}").status == 200


def listed(step: Step, output: str) -> list[Any]:
    found: list[Any] = json.loads(step.outputs[output])
    return found


def paths(cdn: Sandbox, urls: list[str]) -> list[str]:
    return sorted(url.removeprefix(f"{cdn.edge_url}/") for url in urls)


def page(body: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), head, body)


@contextmanager
def serving(answers: dict[bytes, bytes]) -> Iterator[str]:
    """Serve answers by their path, and 404 for any other; yields the address."""

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while request := read_request(stream):
                connection.sendall(answers.get(request.target, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))

    with Listener(serve, bind="127.0.0.1", port=0) as listener:
        yield f"{listener.url}/"


CHANGED = ["", "%E6%98%A5/x%20y.html", "a.css", "index.html", "n.js"]


class TestWait:
    def test_done_means_that_the_edge_is_fresh(self, edge: Sandbox, site: Site) -> None:
        warm(edge)
        site.push(EDITED)
        step = run(edge, site, wait="true")
        assert (step.exit_code, step.outputs["result"]) == (0, "purged")
        assert edge.get(f"{edge.edge_url}/a.css").body == b"2"
        assert edge.get(f"{edge.edge_url}/%E6%98%A5/x%20y.html").status == 404
        assert "5 URLs purged and reported done" in step.log

    def test_a_task_that_fails_is_a_failure_of_its_urls(self, cdn: Sandbox, site: Site) -> None:
        site.push({f"public/{number:02}": "1" for number in range(15)})
        cdn.add_faults(Fault("task-failure", match="/14"))
        step = run(cdn, site, wait="true")
        assert (step.exit_code, step.outputs["result"]) == (1, "partial")
        assert paths(cdn, listed(step, "failed-urls")) == ["10", "11", "12", "13", "14"]
        assert [row["status"] for row in listed(step, "requests")] == ["purged", "failed"]
        assert listed(step, "requests")[1]["reqId"] == listed(step, "req-ids")[1]
        assert "the service reports `failure` for it" in step.log

    def test_what_is_under_way_at_the_end_is_named(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2"})
        cdn.add_faults(Fault("task-stuck"))
        step = run(cdn, site, wait="true", wait_timeout="2")
        assert (step.exit_code, step.outputs["result"]) == (1, "failed")
        assert paths(cdn, listed(step, "failed-urls")) == ["a.css"]
        assert [row["status"] for row in listed(step, "requests")] == ["pending"]
        assert "1 URL of 127.0.0.1 not confirmed (1 call): still under way after" in step.log
        for words in (
            "the CDN still reports `run`; of its providers `ws_api` says `run`",
            "or ask later with `command",
        ):
            assert words in step.log

    @pytest.mark.parametrize("kind", ["status", "reset", "html", "truncated", "bad-status-line", "no-reqid"])
    def test_hiccups_of_the_status_are_survived(self, cdn: Sandbox, site: Site, kind: str) -> None:
        site.push({"public/a.css": "2"})
        cdn.add_faults(Fault(kind, path=STATUS, times=2))
        assert run(cdn, site, wait="true").exit_code == 0

    def test_questions_share_the_limit_of_calls_at_once(self, cdn: Sandbox, site: Site) -> None:
        site.push({f"public/{number:03}": "1" for number in range(200)})
        cdn.add_faults(Fault("hang", path=STATUS, seconds=0.2, times=12))
        step = run(cdn, site, wait="true", concurrency="3")
        assert (step.exit_code, cdn.most_at_once) == (0, 3)

    def test_it_is_a_warning_if_failures_are_to_be_borne(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2"})
        cdn.add_faults(Fault("task-failure"))
        step = run(cdn, site, wait="true", fail_on_error="false")
        assert (step.exit_code, step.outputs["result"], step.log.count("::warning")) == (0, "failed", 1)

    def test_a_dry_run_waits_for_nobody(self, cdn: Sandbox, site: Site) -> None:
        site.push(EDITED)
        step = run(cdn, site, wait="true", verify="true", prefetch="true", dry_run="true")
        assert (step.exit_code, step.outputs["result"], cdn.calls) == (0, "dry-run", ())


def published(site: Site, *providers: Provider, has_live_call: bool = True, propagation: float = 0.3) -> Sandbox:
    """Open a CDN as the vendor's published server is one: its tasks never end."""
    service = Service(tasks_end=False, providers=providers, has_live_call=has_live_call)
    folder = site.folder / "public"
    return Sandbox(folder, hosts=("127.0.0.1",), token=TOKEN, propagation=propagation, service=service)


class TestTasksThatStayAtRun:
    def test_all_providers_done_is_done(self, site: Site) -> None:
        with published(site, Provider("ws_api"), Provider("yy_api")) as cdn:
            warm(cdn)
            site.push(EDITED)
            step = run(cdn, site, wait="true", prefetch="true")
            assert cdn.is_cached(f"{cdn.edge_url}/n.js")
            asked = [call.path.rpartition("/")[0] for call in cdn.calls if call.method == "GET"]
        assert (step.exit_code, step.outputs["result"], step.log.count("::warning")) == (0, "purged", 0)
        assert "5 URLs purged and reported done" in step.log
        assert {*asked} == {STATUS, "/cdn_api/purge", "/cdn_api/prefetch"}

    def test_a_late_provider_is_named_and_waited_for(self, site: Site) -> None:
        with published(site, Provider("ws_api"), Provider("yy_api", late_by=1.5)) as cdn:
            site.push({"public/a.css": "2"})
            step = run(cdn, site, wait="true")
        assert (step.exit_code, step.outputs["result"]) == (0, "purged")
        assert "  1 still under way after 0 s; of the providers `ws_api` says `wait`, `yy_api` says `wait`" in step.log
        assert " s; of the providers `yy_api` says `wait`\n" in step.log

    @pytest.mark.parametrize(
        ("provider", "words"),
        [
            pytest.param(Provider("yy_api", late_by=99), "`yy_api` says `wait`", id="late"),
            pytest.param(Provider("yy_api", word=""), "`yy_api` does not answer", id="silent"),
        ],
    )
    def test_a_provider_that_is_too_late_is_red_and_named(self, site: Site, provider: Provider, words: str) -> None:
        with published(site, Provider("ws_api"), provider) as cdn:
            site.push({"public/a.css": "2"})
            step = run(cdn, site, wait="true", wait_timeout="2")
            failed = paths(cdn, listed(step, "failed-urls"))
        assert (step.exit_code, step.outputs["result"], failed) == (1, "failed", ["a.css"])
        assert f" s: the CDN still reports `run`; of its providers {words}. Raise `wait-timeout`" in step.log
        assert "but `verify: true` sees for itself" in step.log

    def test_a_provider_that_failed_is_red_however_fresh_this_edge_is(self, site: Site) -> None:
        with published(site, Provider("ws_api", word="failure"), Provider("yy_api"), propagation=0.0) as cdn:
            site.push({"public/a.css": "2"})
            step = run(cdn, site, wait="true", verify="true", prefetch="true")
            failed = paths(cdn, listed(step, "failed-urls"))
        assert (step.exit_code, step.outputs["result"], failed) == (1, "failed", ["a.css"])
        assert "of the providers behind the service `ws_api` says `failure`" in step.log

    @pytest.mark.parametrize("kind", ["task-failure", "task-stuck"])
    def test_hiccups_of_the_live_question_are_no_end(self, site: Site, kind: str) -> None:
        faults = [Fault(one, path="/cdn_api/purge/") for one in ("status", "reset", "bad-status-line", "truncated")]
        with published(site, Provider("ws_api")) as cdn:
            site.push({"public/a.css": "2"})
            cdn.add_faults(*faults, Fault(kind))
            step = run(cdn, site, wait="true", wait_timeout="20")
        assert (step.exit_code, step.outputs["result"]) == (1, "failed")
        assert [row["status"] for row in listed(step, "requests")] == [
            "failed" if kind == "task-failure" else "pending"
        ]

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(None, id="404"),
            pytest.param(Fault("status", status=405, times=99, path="/cdn_api/purge/"), id="405"),
            pytest.param(Fault("status", status=401, body="Unauthorized", times=99, path="/cdn_api/purge/"), id="401"),
            pytest.param(Fault("html", times=99, path="/cdn_api/purge/"), id="HTML"),
        ],
    )
    def test_without_the_live_call_what_is_seen_fresh_is_green_with_a_warning(
        self, site: Site, fault: Fault | None
    ) -> None:
        with published(site, Provider("ws_api"), has_live_call=fault is not None) as cdn:
            warm(cdn)
            site.push(EDITED)
            cdn.add_faults(*([fault] if fault else []))
            step = run(cdn, site, wait="true", wait_timeout="2", verify="true", report_file="r.json")
            purged = paths(cdn, listed(step, "purged-urls"))
            asked = [call.path for call in cdn.calls if call.method == "GET" and STATUS not in call.path]
        assert (step.exit_code, step.outputs["result"], step.outputs["failed-urls"]) == (0, "purged", "[]")
        assert (purged, step.outputs["url-count"], step.outputs["success-rate"]) == (CHANGED, "5", "100.0")
        assert [row["status"] for row in listed(step, "requests")] == ["purged"]
        assert "::warning title=ztpurge::5 URLs of 127.0.0.1 not reported done (1 call): still under way" in step.log
        assert "the CDN still reports `run`, but each of its URLs was seen fresh" in step.log
        assert "5 URLs purged on 1 host, in 1 call; 5 seen fresh" in step.log
        assert len(asked) == 1

    def test_what_providers_are_called_is_no_command_and_no_markup(self, site: Site) -> None:
        name = f"\n::error::<b>@owner [x](http://x) {TOKEN}"
        said = {name: {"ret": 0, "result": {"status": "##[error]wait"}}}
        with published(site) as cdn:
            site.push({"public/a.css": "2"})
            cdn.add_faults(Fault("status", status=200, body=json.dumps(said), times=9, path="/cdn_api/purge/"))
            step = run(cdn, site, wait="true", wait_timeout="2")
        assert (step.exit_code, step.outputs["result"]) == (1, "failed")
        assert "of its providers `\\n::error::<b>@owner [x](http://x) ***` says `#\\#[error]wait`" in step.log
        assert [line for line in step.log.splitlines() if line.startswith("::error")] == [
            line for line in step.log.splitlines() if line.startswith("::error title=ztpurge::1 URL of 127.0.0.1 not ")
        ]
        assert not any(mark in step.summary for mark in ("<b>", "##[", TOKEN))
        outside_code = re.sub(r"<(code|pre)>.*?</\1>", "", step.summary, flags=re.DOTALL)
        assert not any(mark in outside_code for mark in ("@owner", "[x]"))
        assert TOKEN not in step.log.replace(f"::add-mask::{TOKEN}", "")

    def test_what_is_not_seen_fresh_stays_red_and_only_that(self, site: Site) -> None:
        with published(site, has_live_call=False) as cdn:
            warm(cdn)
            site.push(EDITED | {"public/d/x": "1", "public/d/y": "1"})
            cdn.add_faults(Fault("task-stuck", match="a.css"))
            dirs = f"{cdn.edge_url}/d/"
            step = run(cdn, site, dirs=dirs, wait="true", wait_timeout="2", verify="true", verify_timeout="1")
            failed, purged = (paths(cdn, listed(step, name)) for name in ("failed-urls", "purged-urls"))
        assert (step.exit_code, step.outputs["result"], step.outputs["stale-urls"]) == (1, "partial", "[]")
        assert failed == ["", "%E6%98%A5/x%20y.html", "a.css", "d/", "index.html"]
        assert purged == ["n.js"]
        assert [row["status"] for row in listed(step, "requests")] == ["pending", "pending"]
        assert "a.css  (serves other content (" in step.log
        assert "::error title=ztpurge::5 entries of 127.0.0.1 not confirmed (2 calls): " in step.log

    def test_the_manifest_keeps_what_was_seen_fresh(self, site: Site) -> None:
        site.push({})
        with published(site, has_live_call=False) as cdn:
            inputs = {"manifest": "kept/manifest.json", "wait": "true", "wait_timeout": "1", "verify": "true"}
            first = run(cdn, site, environ={"GITHUB_RUN_NUMBER": "1"}, **inputs)
            second = run(cdn, site, environ={"GITHUB_RUN_NUMBER": "2"}, **inputs)
        assert (first.exit_code, second.exit_code, second.outputs["result"]) == (0, 0, "nothing")

    def test_a_wait_that_could_use_up_all_the_time_leaves_some_to_verify(self, site: Site) -> None:
        with published(site, has_live_call=False) as cdn:
            site.push({"public/a.css": "2"})
            step = run(cdn, site, wait="true", verify="true", prefetch="true", timeout="6")
            assert len(listed(step, "prefetch-req-ids")) == 1
        assert (step.exit_code, step.outputs["result"]) == (0, "purged")
        assert "1 seen fresh" in step.log

    def test_a_later_step_takes_the_word_of_all_providers(self, site: Site) -> None:
        with published(site, Provider("ws_api"), Provider("yy_api", late_by=1)) as cdn:
            site.push({"public/a.css": "2"})
            given = {"token": TOKEN, "api-url": cdn.api_url, "command": "status"}
            given["req-ids"] = run(cdn, site).outputs["req-ids"]
            before = run_step(site.folder, given)
            after = run_step(site.folder, given | {"wait": "true"})
        assert (before.exit_code, before.outputs["result"]) == (0, "pending")
        assert "`yy_api` says `wait`" in before.log
        assert (after.exit_code, after.outputs["result"]) == (0, "done")


class TestStatus:
    def ask(self, cdn: Sandbox, workspace: Path, req_ids: str, **inputs: str) -> Step:
        given = {"token": TOKEN, "api-url": cdn.api_url, "command": "status", "req-ids": req_ids}
        return run_step(workspace, given | {name.replace("_", "-"): value for name, value in inputs.items()})

    def test_a_later_step_gets_the_same_outputs(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2", "public/n.js": "1"})  # the service lists so many whole
        purged = run(cdn, site)
        step = self.ask(cdn, site.folder, purged.outputs["req-ids"], wait="true")
        same = ("req-ids", "purged-urls", "failed-urls", "url-count", "request-count", "success-rate")
        assert {name: step.outputs[name] for name in same} == {name: purged.outputs[name] for name in same}
        assert (step.exit_code, step.outputs["result"]) == (0, "done")
        assert "1 reqId asked after: 1 done" in step.summary
        assert len(cdn.purge_calls) == 1

    @pytest.mark.parametrize(
        ("inputs", "code"),
        [pytest.param({}, 0, id="asked"), pytest.param({"wait": "true", "wait_timeout": "1"}, 1, id="waited for")],
    )
    def test_what_is_pending_is_an_answer_but_not_what_was_waited_for(
        self, cdn: Sandbox, site: Site, inputs: dict[str, str], code: int
    ) -> None:
        site.push({"public/a.css": "2"})
        cdn.add_faults(Fault("task-stuck"))
        req_ids = run(cdn, site).outputs["req-ids"]
        step = self.ask(cdn, site.folder, req_ids, **inputs)
        assert (step.exit_code, step.outputs["result"]) == (code, "pending")
        assert paths(cdn, listed(step, "failed-urls")) == ["a.css"]

    def test_a_failure_is_red_and_names_its_urls(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2"})
        cdn.add_faults(Fault("task-failure"))
        purged = run(cdn, site)
        step = self.ask(cdn, site.folder, purged.outputs["req-ids"], wait="true")
        assert (purged.exit_code, step.exit_code, step.outputs["result"]) == (0, 1, "failed")
        assert paths(cdn, listed(step, "failed-urls")) == ["a.css"]

    def test_no_url_is_named_that_was_not_sent(self, cdn: Sandbox, site: Site) -> None:
        site.push({f"public/assets/page-{number}.css": "1" for number in range(9)})
        cdn.add_faults(Fault("task-failure"))
        purged = run(cdn, site)
        step = self.ask(cdn, site.folder, purged.outputs["req-ids"], wait="true")
        failed = listed(step, "failed-urls")
        assert (step.exit_code, failed) == (1, listed(purged, "purged-urls")[: len(failed)])
        assert 1 <= len(failed) < 9
        note = f"the service lists only the first {len(failed)} of what was sent"
        assert "::notice title=ztpurge::The lists of URLs are not whole: of 1 reqId " in step.log
        assert (note in step.log, note in step.summary) == (True, True)

    def test_an_id_that_nobody_knows_is_red(self, cdn: Sandbox, workspace: Path) -> None:
        step = self.ask(cdn, workspace, "no-such-id")
        assert (step.exit_code, step.outputs["result"]) == (1, "failed")
        assert "task id can not found. Check the reqId, and that it was made with the same account" in step.log

    def test_an_api_that_does_not_answer_is_red(self, cdn: Sandbox, workspace: Path) -> None:
        cdn.add_faults(Fault("reset", path=STATUS, times=9))
        step = self.ask(cdn, workspace, "some-id", retries="1")
        assert (step.exit_code, step.outputs["result"]) == (1, "pending")
        assert "it could not be told whether it is done" in step.log

    def test_no_ids_of_a_run_that_purged_nothing_are_green(self, cdn: Sandbox, workspace: Path) -> None:
        step = self.ask(cdn, workspace, "[]")
        assert (step.exit_code, step.outputs["result"], cdn.calls) == (0, "done", ())

    @pytest.mark.parametrize("name", ["verify", "prefetch"])
    def test_what_is_for_a_purge_is_refused(self, cdn: Sandbox, workspace: Path, name: str) -> None:
        step = self.ask(cdn, workspace, "an-id", **{name: "true"})
        assert (step.exit_code, cdn.calls) == (2, ())
        assert f"::error title=ztpurge::{name}: it is for URLs that this step purges" in step.log

    def test_no_file_of_a_purge_is_looked_at(self, cdn: Sandbox, workspace: Path) -> None:
        (workspace / "manifest.json").write_text("{")
        assert self.ask(cdn, workspace, "[]", manifest="manifest.json", files_from="not-there").exit_code == 0

    def test_a_token_that_the_service_echoes_goes_nowhere(self, cdn: Sandbox, workspace: Path) -> None:
        task = {"taskStatus": TOKEN, "taskType": "1", "taskContent": f"http://127.0.0.1/{TOKEN}"}
        cdn.add_faults(Fault("status", status=200, body=json.dumps({"task": task}), path=STATUS))
        step = self.ask(cdn, workspace, "an-id", report_file="r.json")
        assert listed(step, "failed-urls") == []  # what was blotted out is no URL that was sent
        shown = step.log.replace(f"::add-mask::{TOKEN}", "")
        assert [text for text in (shown, step.summary, (workspace / "r.json").read_text()) if TOKEN in text] == []

    @pytest.mark.parametrize("req_ids", ["", " \n"])
    def test_ids_of_a_step_that_did_not_run_are_refused(self, cdn: Sandbox, workspace: Path, req_ids: str) -> None:
        step = self.ask(cdn, workspace, req_ids)
        assert (step.exit_code, cdn.calls) == (2, ())
        assert "::error title=ztpurge::req-ids: it is missing" in step.log


class TestVerify:
    def test_a_push_is_seen_to_be_fresh(self, edge: Sandbox, site: Site) -> None:
        warm(edge)
        site.push(EDITED)
        step = run(edge, site, verify="true", report_file="r.json")
        assert (step.exit_code, step.outputs["result"], step.outputs["stale-urls"]) == (0, "purged", "[]")
        seen = json.loads((site.folder / "r.json").read_text())["verified"]
        assert {row["state"] for row in seen} == {"fresh"}
        assert paths(edge, [row["url"] for row in seen]) == CHANGED
        assert max(row["looks"] for row in seen) > 1  # the purge takes a while to spread
        assert "5 URLs purged on 1 host, in 1 call; 5 seen fresh" in step.log

    def test_each_spelling_that_clients_use_is_purged_and_seen_fresh(self, edge: Sandbox, site: Site) -> None:
        spellings = {
            "[id].js": ["%5Bid%5D.js", "[id].js"],
            "a|b.css": ["a%7Cb.css", "a|b.css"],
            "x^y.css": ["x%5Ey.css", "x^y.css"],
            "[a]/|^": ["%5Ba%5D/%7C%5E", "[a]/|%5E", "[a]/|^"],
            "a b.css": ["a%20b.css"],
            "100%.css": ["100%25.css"],
            "\u6625.html": ["%E6%98%A5.html"],
        }
        site.before = site.repository.commit({f"public/{name}": "old" for name in spellings})
        urls = [f"{edge.edge_url}/{path}" for paths in spellings.values() for path in paths]
        assert [edge.get(url).body for url in urls] == [b"old"] * len(urls)
        site.push({f"public/{name}": "new" for name in spellings})
        step = run(edge, site, verify="true", max_urls="12")
        assert (step.exit_code, step.outputs["result"]) == (0, "purged")
        assert sorted(listed(step, "purged-urls")) == sorted(urls)
        assert [edge.get(url).body for url in urls] == [b"new"] * len(urls)
        assert step.outputs["stale-urls"] == "[]"
        assert "12 seen fresh" in step.log
        assert run(edge, site, verify="true", max_urls="11").exit_code == 2

    @pytest.mark.parametrize(("verify", "code"), [("true", 1), ("warn", 0)])
    def test_what_stays_stale_is_listed_with_what_the_edge_says(
        self, edge: Sandbox, site: Site, verify: str, code: int
    ) -> None:
        warm(edge)
        site.push(EDITED)
        edge.add_faults(Fault("task-failure"))
        step = run(edge, site, verify=verify, verify_timeout="1")
        assert (step.exit_code, step.outputs["result"]) == (code, "partial" if code else "purged")
        assert paths(edge, listed(step, "stale-urls")) == ["", "%E6%98%A5/x%20y.html", "a.css", "index.html"]
        level = "error" if code else "warning"
        assert f"::{level} title=ztpurge::4 URLs of 127.0.0.1 purged, but not fresh. " in step.log
        for words in ("serves other content (", "answers 200, but the file is deleted (", "X-Cache: HIT", "Age: "):
            assert words in step.log
        assert "<td><code>serves other content (" in step.summary

    def test_the_content_is_known_without_a_checkout(self, cdn: Sandbox, site: Site, workspace: Path) -> None:
        warm(cdn)
        site.push(EDITED)
        with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
            environ = event_of(site) | {"GITHUB_API_URL": api.url}
            inputs = inputs_for(cdn, verify="true", github_token=GITHUB_TOKEN)
            step = run_step(workspace, inputs, environ=environ)
        assert (step.exit_code, "5 seen fresh" in step.log) == (0, True)
        assert sum("/git/trees/" in request.path for request in api.requests) == 2

    def test_a_list_is_compared_with_the_commit_or_the_workspace(self, cdn: Sandbox, site: Site) -> None:
        site.push(EDITED)
        (site.folder / "public/built.js").write_text("built")
        step = run(cdn, site, verify="true", files="public/a.css\npublic/built.js\npublic/\u6625/x y.html")
        assert (step.exit_code, "3 seen fresh" in step.log) == (0, True)
        (site.folder / "public/built.js").write_text("built anew")
        step = run(cdn, site, verify="true", files="public/built.js")
        assert (step.exit_code, cdn.get(f"{cdn.edge_url}/built.js").body) == (0, b"built anew")

    @pytest.mark.parametrize("payload", [{}, {"before": "?", "after": "?"}], ids=["no commits", "odd ones"])
    def test_a_list_is_compared_with_the_commit_of_the_run_if_the_event_has_none(
        self, cdn: Sandbox, site: Site, payload: dict[str, str]
    ) -> None:
        site.push(EDITED)
        environ = event_of(site)
        (site.folder.parent / "event.json").write_text(json.dumps(payload))
        inputs = inputs_for(cdn, verify="true", files="public/a.css\npublic/\u6625/x y.html")
        step = run_step(site.folder, inputs, environ=environ)
        assert (step.exit_code, "2 seen fresh" in step.log) == (0, True)

    @pytest.mark.parametrize(("verify", "exit_code"), [("true", 1), ("warn", 0)])
    def test_nothing_to_compare_with_keeps_nobody_from_purging_and_is_not_fresh(
        self, cdn: Sandbox, workspace: Path, verify: str, exit_code: int
    ) -> None:
        step = run_step(workspace, inputs_for(cdn, verify=verify, files="public/a.css"))
        assert (step.exit_code, len(listed(step, "purged-urls"))) == (exit_code, 1)
        assert paths(cdn, listed(step, "stale-urls")) == ["a.css"]
        assert (
            f"::{'warning' if exit_code == 0 else 'error'} title=ztpurge::1 URL of 127.0.0.1 purged, but not"
            in step.log
        )
        assert (
            "which commit is served is not known: there is no GITHUB_SHA, and the workspace is no checkout. Check the "
            "repository out before this step"
        ) in step.log
        assert "Purged, but not seen to be fresh (1)" in step.summary  # it may well be

    def test_at_a_desk_the_commit_that_is_checked_out_is_compared(self, cdn: Sandbox, site: Site) -> None:
        warm(cdn)
        site.push({"public/a.css": "22"})
        step = run_step(site.folder, inputs_for(cdn, verify="true", files="public/a.css"))
        assert (step.exit_code, step.outputs["result"], step.outputs["stale-urls"]) == (0, "purged", "[]")
        assert "1 seen fresh" in step.log

    def test_what_cannot_be_compared_says_so(self, cdn: Sandbox, site: Site) -> None:
        (site.folder / "public/link").symlink_to("same")
        site.push({"public/d/a": "1", "public/d/b": "1"})
        urls = f"{cdn.edge_url}/feed.xml\n{cdn.edge_url}/same?v=1"
        step = run(cdn, site, verify="true", dirs=f"{cdn.edge_url}/d/", urls=urls)
        assert (step.exit_code, step.outputs["stale-urls"]) == (0, "[]")
        assert "; 2 seen fresh, 4 not verified" in step.log
        for words in ("/d/  (a whole directory", "/feed.xml  (no file", "v=1  (no file", "/link  (a symbolic link"):
            assert words in step.log

    def test_a_pointer_of_git_lfs_stands_for_the_file_that_is_served(
        self, cdn: Sandbox, site: Site, workspace: Path
    ) -> None:
        site.push({"public/big.bin": POINTER})
        step = run(cdn, site, verify="true", verify_timeout="2")
        assert (step.exit_code, paths(cdn, listed(step, "stale-urls"))) == (1, ["big.bin"])
        assert "serves the pointer of Git LFS, not the file" in step.log
        data = b"the real one"
        digest = subprocess.run(["sha256sum"], input=data, check=True, capture_output=True).stdout.decode()[:64]
        site.push({"public/big.bin": POINTER.replace("0" * 64, digest).replace("12345", str(len(data)))})
        (site.folder / "public/big.bin").write_bytes(data)
        assert run(cdn, site, verify="true", verify_timeout="5").exit_code == 0
        with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
            inputs = inputs_for(cdn, verify="true", verify_timeout="5", github_token=GITHUB_TOKEN)
            step = run_step(workspace, inputs, environ=event_of(site) | {"GITHUB_API_URL": api.url})
        assert (step.exit_code, [request.path for request in api.requests][-1].rpartition("/")[0]) == (
            0,
            "/repos/owner/site/git/blobs",
        )

    def test_each_address_of_a_site_is_looked_at(self, site: Site) -> None:
        with Sandbox(site.folder / "public", hosts=("127.0.0.1", "localhost"), token=TOKEN, propagation=0.3) as cdn:
            local = cdn.edge_url.replace("127.0.0.1", "localhost")
            for url in (f"{cdn.edge_url}/a.css", f"{local}/a.css"):
                cdn.get(url)
            site.push(EDITED)
            cdn.add_faults(Fault("task-failure", match="localhost"))
            step = run(cdn, site, base_url=f"{cdn.edge_url}/\n{local}/", verify="true", verify_timeout="2")
        assert (step.exit_code, listed(step, "stale-urls")) == (1, [f"{local}/a.css"])
        assert "10 URLs purged on 2 hosts, in 2 calls; 9 seen fresh, 1 STILL STALE" in step.log

    def test_a_site_that_is_not_reached_is_not_called_stale(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2"})
        nobody = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.2"}
        with Sandbox(site.folder / "public", hosts=("127.0.0.1",), token=TOKEN, bind="127.0.0.2") as away:
            step = run(cdn, site, environ=nobody, api_url=away.api_url, verify="true", verify_timeout="1")
        assert (step.exit_code, step.outputs["stale-count"]) == (1, "1")
        assert "; 1 NOT SEEN" in step.log
        assert "1 URL of 127.0.0.1 purged, but not seen to be fresh; can the runner reach the host?" in step.log

    @pytest.mark.parametrize(
        ("target", "words"),
        [
            pytest.param("/new.html", "; 2 seen fresh", id="to its new name"),
            pytest.param("/", "; 1 seen fresh, 1 not verified", id="elsewhere"),
        ],
    )
    def test_the_old_url_of_a_renamed_page_may_redirect(
        self, cdn: Sandbox, site: Site, target: str, words: str
    ) -> None:
        site.push({"public/same": None, "public/new.html": "page"})
        moved = b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % target.encode()
        with serving({b"/new.html": page(b"page"), b"/same": moved}) as url:
            step = run(cdn, site, base_url=url, verify="true", verify_timeout="2")
        assert (step.exit_code, words in step.log) == (0, True)
        assert ("/same  (answers 301 to " in step.log) is (target == "/")

    def test_a_site_that_has_none_of_the_files_is_told_from_a_stale_one(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2", "public/b.css": "2"})
        with serving({}) as url:
            step = run(cdn, site, base_url=f"{url}public/", verify="true", verify_timeout="1")
        assert step.exit_code == 1
        assert (
            "2 URLs of 127.0.0.1 purged, but not fresh. None of the files is there: do `root` and `base-url` fit"
            in step.log
        )
        assert "None of the files is there" in step.summary

    @pytest.mark.parametrize(
        ("age", "words"),
        [
            pytest.param(
                b"0", "The edge fetched that after the purge, so the origin (or a cache in between) still", id="new"
            ),
            pytest.param(b"86400", "The purge has not reached this edge", id="old"),
        ],
    )
    def test_the_age_of_a_stale_copy_tells_whose_it_is(self, cdn: Sandbox, site: Site, age: bytes, words: str) -> None:
        site.push({"public/a.css": "2"})
        with serving({b"/a.css": page(b"1", b"Age: %b\r\n" % age)}) as url:
            step = run(cdn, site, base_url=url, verify="true", verify_timeout="2.5")
        assert step.exit_code == 1
        assert f"::error title=ztpurge::1 URL of 127.0.0.1 purged, but not fresh. {words}" in step.log
        assert words in step.summary

    def test_one_url_finds_out_whether_the_origin_is_new(self, site: Site, tmp_path: Path) -> None:
        served = tmp_path / "served"
        served.mkdir()
        names = [f"{number}.css" for number in range(9)]
        for name in names:
            (served / name).write_text("1")
        site.push({f"public/{name}": "2" for name in names})
        with Sandbox(served, hosts=("127.0.0.1",), token=TOKEN) as cdn:
            inputs = inputs_for(cdn, verify="true", verify_timeout="4")
            with started(site.folder, inputs, environ=event_of(site)) as process:
                assert process.stdout
                for line in process.stdout:
                    if "9 not fresh yet" in line:
                        break
                for name in names:
                    (served / name).write_text("2")
                log, _ = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "; 8 seen fresh, 1 STILL STALE" in log
        assert "The edge fetched that after the purge" in log

    def test_only_what_was_purged_is_looked_at(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2", "public/b.css": "1"})
        refusal = json.dumps({"error": "bad url", "successRate": 50.0})
        cdn.add_faults(Fault("status", status=400, body=refusal, times=9, match="b.css"))
        step = run(cdn, site, verify="true", report_file="r.json")
        seen = json.loads((site.folder / "r.json").read_text())["verified"]
        assert (step.exit_code, paths(cdn, [row["url"] for row in seen])) == (1, ["a.css"])
        assert paths(cdn, listed(step, "failed-urls")) == ["b.css"]

    def test_a_cancel_names_what_was_not_seen_to_be_fresh(self, cdn: Sandbox, site: Site, tmp_path: Path) -> None:
        warm(cdn)
        site.push(EDITED)
        cdn.add_faults(Fault("task-failure"))
        output = tmp_path / "output"
        environ = event_of(site) | {"GITHUB_OUTPUT": str(output)}
        with started(site.folder, inputs_for(cdn, verify="true"), environ=environ) as process:
            assert process.stdout
            for line in process.stdout:
                if "not fresh yet" in line:
                    process.send_signal(signal.SIGINT)
                    break
            log, _ = process.communicate(timeout=30)
        assert process.returncode == 1
        stale = json.loads(read_outputs(output.read_bytes())["stale-urls"])
        assert paths(cdn, stale) == CHANGED  # `n.js` was not looked at yet
        assert "the run was cancelled" in log


class TestPrefetch:
    def test_the_edge_has_the_new_content_before_anybody_asks(self, edge: Sandbox, site: Site) -> None:
        warm(edge)
        site.push(EDITED)
        step = run(edge, site, wait="true", prefetch="true")
        assert (step.exit_code, step.outputs["result"]) == (0, "purged")
        assert edge.is_cached(f"{edge.edge_url}/a.css")
        assert edge.is_cached(f"{edge.edge_url}/n.js")
        assert not edge.is_cached(f"{edge.edge_url}/%E6%98%A5/x%20y.html")  # it is deleted
        assert edge.get(f"{edge.edge_url}/a.css").body == b"2"
        (call,) = [call for call in edge.calls if call.path == "/cdn_api/prefetch"]
        assert listed(step, "prefetch-req-ids") == [call.req_id]
        assert call.req_id not in listed(step, "req-ids")

    def test_a_failure_is_a_warning(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2"})
        cdn.add_faults(Fault("status", status=404, path="/cdn_api/prefetch"))
        step = run(cdn, site, prefetch="true")
        assert (step.exit_code, step.outputs["result"], step.outputs["prefetch-req-ids"]) == (0, "purged", "[]")
        assert "::warning title=ztpurge::1 URL of 127.0.0.1 not prefetched (1 call): a provider behind" in step.log

    def test_it_is_no_matter_if_nobody_can_tell_what_is_deleted(self, cdn: Sandbox, workspace: Path) -> None:
        step = run_step(workspace, inputs_for(cdn, prefetch="true", files="public/a.css"))
        assert (step.exit_code, len(listed(step, "prefetch-req-ids"))) == (0, 1)

    def test_nothing_that_was_not_purged_is_prefetched(self, cdn: Sandbox, site: Site) -> None:
        site.push({"public/a.css": "2"})
        cdn.add_faults(Fault("task-failure"))
        step = run(cdn, site, wait="true", prefetch="true")
        assert (step.exit_code, [call.path for call in cdn.calls if "prefetch" in call.path]) == (1, [])


@pytest.mark.usefixtures("dist")
class TestManifest:
    @pytest.fixture
    def dist(self, site: Site) -> Path:
        site.push({})
        return site.folder / "public"

    def build(self, cdn: Sandbox, site: Site, *, number: int = 1, **inputs: str) -> Step:
        environ = {"GITHUB_RUN_NUMBER": str(number)}
        return run(cdn, site, environ=environ, manifest="kept/manifest.json", wait="true", **inputs)

    def purged(self, cdn: Sandbox, step: Step) -> list[str]:
        return paths(cdn, listed(step, "purged-urls"))

    def test_only_what_differs_from_the_last_purge_is_purged(self, edge: Sandbox, site: Site, dist: Path) -> None:
        first = self.build(edge, site, verify="true")
        assert (first.exit_code, self.purged(edge, first)) == (
            0,
            ["", "%E6%98%A5/x%20y.html", "a.css", "index.html", "same"],
        )
        assert "::warning title=ztpurge::there is no manifest yet" in first.log
        (dist / "a.css").write_text("2")
        (dist / "\u6625/x y.html").unlink()
        second = self.build(edge, site, number=2, verify="true")
        assert (second.exit_code, self.purged(edge, second)) == (0, ["%E6%98%A5/x%20y.html", "a.css"])
        assert "; 2 seen fresh" in second.log
        third = self.build(edge, site, number=3)
        assert (third.exit_code, third.outputs["result"]) == (0, "nothing")

    def test_a_run_that_failed_is_made_up_for_even_after_a_revert(self, cdn: Sandbox, site: Site, dist: Path) -> None:
        self.build(cdn, site)
        (dist / "a.css").write_text("2")
        (dist / "same").unlink()
        cdn.add_faults(Fault("task-failure"))
        assert self.build(cdn, site, number=2).exit_code == 1
        (dist / "a.css").write_text("1")
        (dist / "same").write_text("1")
        assert self.purged(cdn, self.build(cdn, site, number=3)) == ["a.css", "same"]
        assert self.build(cdn, site, number=4).outputs["result"] == "nothing"

    def test_a_run_that_was_killed_is_made_up_for(self, cdn: Sandbox, site: Site, dist: Path) -> None:
        self.build(cdn, site)
        (dist / "a.css").write_text("2")
        cdn.add_faults(Fault("hang", seconds=30))
        inputs = inputs_for(cdn, manifest="kept/manifest.json")
        calls = len(cdn.calls)
        with started(site.folder, inputs, environ=event_of(site)):  # no run number: it is not the gap that tells
            assert cdn.wait_for_calls(calls + 1)
        (dist / "a.css").write_text("1")
        assert self.purged(cdn, run(cdn, site, manifest="kept/manifest.json")) == ["a.css"]

    def test_a_stale_url_is_purged_again_by_the_next_run(self, cdn: Sandbox, site: Site, dist: Path) -> None:
        self.build(cdn, site)
        warm(cdn)
        (dist / "a.css").write_text("2")
        (dist / "same").write_text("2")
        cdn.add_faults(Fault("task-failure"))
        environ = {"GITHUB_RUN_NUMBER": "2"}
        step = run(cdn, site, environ=environ, manifest="kept/manifest.json", verify="warn", verify_timeout="1")
        assert (step.exit_code, paths(cdn, listed(step, "stale-urls"))) == (0, ["a.css", "same"])
        assert self.purged(cdn, self.build(cdn, site, number=3)) == ["a.css", "same"]

    def test_runs_that_left_no_manifest_make_all_files_count(self, cdn: Sandbox, site: Site) -> None:
        self.build(cdn, site, number=7)
        step = self.build(cdn, site, number=9)
        assert len(self.purged(cdn, step)) == 5
        assert "1 run of this workflow (8) left no manifest and may have deployed" in step.log
        assert self.build(cdn, site, number=10).outputs["result"] == "nothing"

    @pytest.mark.parametrize("number", [pytest.param(7, id="the same"), pytest.param(6, id="an older one")])
    def test_a_run_again_does_not_trust_what_later_runs_may_have_made_untrue(
        self, cdn: Sandbox, site: Site, dist: Path, number: int
    ) -> None:
        self.build(cdn, site, number=7)
        (dist / "a.css").write_text("2")  # run 8, which is cancelled once it has deployed
        submit_purge(cdn, "a.css")
        assert cdn.get(f"{cdn.edge_url}/a.css").body == b"2"
        (dist / "a.css").write_text("1")
        environ = {"GITHUB_RUN_NUMBER": str(number), "GITHUB_RUN_ATTEMPT": "2"}
        step = run(cdn, site, environ=environ, manifest="kept/manifest.json", wait="true")
        assert (step.exit_code, cdn.get(f"{cdn.edge_url}/a.css").body) == (0, b"1")
        assert "that came after the one that is run again here" in step.log

    def test_a_run_again_trusts_the_manifest_if_no_run_came_after_it(self, cdn: Sandbox, site: Site) -> None:
        self.build(cdn, site, number=7)
        workflow = "owner/site/.github/workflows/purge.yml@refs/heads/main"
        with GitHubApi(site.folder, token=GITHUB_TOKEN, runs=[Run(site.after, run_id=7)]) as api:
            environ = {"GITHUB_API_URL": api.url, "GITHUB_REF_NAME": "main", "GITHUB_WORKFLOW_REF": workflow}
            environ |= {"GITHUB_RUN_NUMBER": "7", "GITHUB_RUN_ATTEMPT": "2"}
            step = run(cdn, site, environ=environ, manifest="kept/manifest.json", github_token=GITHUB_TOKEN)
        assert (step.exit_code, step.outputs["result"]) == (0, "nothing")

    def test_runs_of_other_branches_in_between_are_no_matter(self, cdn: Sandbox, site: Site) -> None:
        self.build(cdn, site, number=7)
        runs = [Run(site.after, run_id=10), Run(site.after, run_id=9, branch="dev"), Run(site.after, run_id=7)]
        workflow = "owner/site/.github/workflows/purge.yml@refs/heads/main"
        with GitHubApi(site.folder, token=GITHUB_TOKEN, runs=runs) as api:
            environ = {"GITHUB_API_URL": api.url, "GITHUB_REF_NAME": "main", "GITHUB_WORKFLOW_REF": workflow}
            inputs = {"manifest": "kept/manifest.json", "github_token": GITHUB_TOKEN}
            step = run(cdn, site, environ=environ | {"GITHUB_RUN_NUMBER": "10"}, **inputs)
        assert (step.exit_code, step.outputs["result"], len(api.requests)) == (0, "nothing", 1)

    def test_a_dry_run_leaves_the_manifest_alone(self, cdn: Sandbox, site: Site) -> None:
        step = self.build(cdn, site, dry_run="true")
        assert (step.exit_code, step.outputs["result"]) == (0, "dry-run")
        assert not (site.folder / "kept").exists()

    def test_files_that_are_skipped_count_once_they_are_not(self, cdn: Sandbox, site: Site) -> None:
        self.build(cdn, site, exclude="*.css")
        assert self.purged(cdn, self.build(cdn, site, number=2)) == ["a.css"]

    def test_another_address_was_never_purged(self, cdn: Sandbox, site: Site) -> None:
        self.build(cdn, site)
        step = self.build(cdn, site, number=2, clean_urls="true")
        assert "all files count as changed" in step.log
        assert len(self.purged(cdn, step)) == 7

    @pytest.mark.parametrize(
        ("kept", "words"),
        [
            pytest.param("{", "manifest: it is not JSON", id="cut off"),
            pytest.param("[]", "manifest: it is not a manifest of this version of ztpurge", id="something else"),
        ],
    )
    def test_an_unreadable_manifest_is_not_taken_for_nothing_changed(
        self, cdn: Sandbox, site: Site, kept: str, words: str
    ) -> None:
        (site.folder / "kept").mkdir()
        (site.folder / "kept/manifest.json").write_text(kept)
        step = self.build(cdn, site)
        assert (step.exit_code, cdn.calls) == (2, ())
        assert words in step.log

    def test_a_manifest_that_is_no_file_is_refused(self, cdn: Sandbox, site: Site) -> None:
        os.mkfifo(site.folder / "pipe")
        step = run(cdn, site, manifest="pipe")
        assert (step.exit_code, cdn.calls) == (2, ())
        assert "manifest: 'pipe' is not a file" in step.log

    def test_a_build_that_is_not_there_is_refused(self, cdn: Sandbox, site: Site) -> None:
        step = self.build(cdn, site, root="dits")
        assert (step.exit_code, cdn.calls) == (2, ())
        assert "::error title=ztpurge::root: there is no such folder. Build the site before this step" in step.log

    def test_a_manifest_that_cannot_be_kept_afterwards_is_a_warning(self, cdn: Sandbox, site: Site) -> None:
        cdn.add_faults(Fault("hang", seconds=1))
        inputs = inputs_for(cdn, manifest="kept/manifest.json")
        with started(site.folder, inputs, environ=event_of(site)) as process:
            assert cdn.wait_for_calls(1)
            shutil.rmtree(site.folder / "kept")
            (site.folder / "kept").touch()
            log, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "::warning title=ztpurge::manifest: 'kept/manifest.json' cannot be written" in log

    def test_the_manifest_itself_is_no_part_of_the_build(self, cdn: Sandbox, site: Site) -> None:
        inputs = {"manifest": "public/m.json", "report_file": "public/r.json"}
        results = [run(cdn, site, environ={}, **inputs).outputs["result"] for _ in range(2)]
        assert results == ["purged", "nothing"]
