"""Whole runs that wait, verify, prefetch and keep a manifest, with the sandbox's own edge and with Varnish."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Provider, Sandbox, Service
from sandbox.listener import Listener
from sandbox.runner import read_outputs
from sandbox.wire import read_request
from tests.standins.github import GitHubApi, Run
from tests.standins.repositories import Repository
from tests.whole.steps import push_event, run_inside, started

if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sandbox.record import Call
    from sandbox.runner import Step
    from sandbox.varnish import EdgeKind

    Files = Mapping[str, str | None]

TOKEN, GITHUB_TOKEN = "a-token-that-nobody-may-see", "gh-token-that-nobody-may-see"
STATUS, LIVE = "/cdn_api/req_status", "/cdn_api/purge/"
OLD = {"a.css": "1", "index.html": "old", "\u6625/x y.html": "1", "same": "1"}
EDITED = {"a.css": "2", "index.html": "new", "\u6625/x y.html": None, "n.js": "1"}
ALL = ["", "%E6%98%A5/x%20y.html", "a.css", "index.html", "same"]
CHANGED = ["", "%E6%98%A5/x%20y.html", "a.css", "index.html", "n.js"]


class Site:
    """A repository whose folder `public` is what the origin behind a CDN serves, and the step that purges it."""

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "site")
        self.folder = self.repository.folder
        self.public = self.folder / "public"
        self.before = self.after = self.commit(OLD)
        self.cdn: Sandbox
        self.base = ""

    def commit(self, files: Files) -> str:
        return self.repository.commit({f"public/{name}": text for name, text in files.items()})

    def push(self, files: Files) -> None:
        self.after = self.commit(files)

    def write(self, **texts: str) -> None:
        """Build files anew; an underscore stands for the dot."""
        self.repository.write({f"public/{name.replace('_', '.')}": text for name, text in texts.items()})

    @contextmanager
    def served(self, **options: Any) -> Iterator[Sandbox]:  # noqa: ANN401 - Sandbox's
        """Serve the folder as the sandbox's `options` say; a purge takes a while to spread."""
        given: dict[str, Any] = {"hosts": ("127.0.0.1",), "token": TOKEN, "propagation": 0.3} | options
        with Sandbox(self.public, **given) as self.cdn:
            self.base = f"{self.cdn.edge_url}/"
            yield self.cdn

    def inputs(self, **inputs: str) -> dict[str, str]:
        given = {"token": TOKEN, "api_url": self.cdn.api_url, "base_url": self.base, "root": "public"}
        return {name.replace("_", "-"): value for name, value in (given | inputs).items()}

    def environ(self, **environ: str) -> dict[str, str]:
        return push_event(self.folder.parent, self.before, self.after) | environ

    def run(self, environ: Mapping[str, str] | None = None, at: Path | None = None, /, **inputs: str) -> Step:
        """Run the step for the last push, in the checkout or `at` another folder."""
        return run_inside(at or self.folder, self.inputs(**inputs), environ=self.environ(**(environ or {})))

    def ask_api(self, at: Path, environ: Mapping[str, str], /, **inputs: str) -> tuple[Step, list[str]]:
        """Run the step with GitHub's API, and return what was asked for, too."""
        runs = [Run(self.after, run_id=10), Run(self.after, run_id=9, branch="dev"), Run(self.after, run_id=7)]
        if environ.get("GITHUB_RUN_NUMBER") == "7":
            del runs[:2]
        with GitHubApi(self.folder, token=GITHUB_TOKEN, runs=runs) as api:
            workflow = "owner/site/.github/workflows/purge.yml@refs/heads/main"
            told = {"GITHUB_API_URL": api.url, "GITHUB_REF_NAME": "main", "GITHUB_WORKFLOW_REF": workflow, **environ}
            return self.run(told, at, github_token=GITHUB_TOKEN, **inputs), [one.path for one in api.requests]

    def purge(self, files: Files, /, **inputs: str) -> Step:
        """Push files and run the step for them."""
        self.push(files)
        return self.run(**inputs)

    @contextmanager
    def running(self, environ: Mapping[str, str] | None = None, /, **inputs: str) -> Iterator[subprocess.Popen[str]]:
        with started(self.folder, self.inputs(**inputs), environ=self.environ(**(environ or {}))) as process:
            yield process

    def ask(self, req_ids: str, at: Path | None = None, /, **inputs: str) -> Step:
        """Run a later step that asks what became of reqIds."""
        given = {"token": TOKEN, "api-url": self.cdn.api_url, "command": "status", "req-ids": req_ids}
        return run_inside(at or self.folder, given | {name.replace("_", "-"): text for name, text in inputs.items()})

    def warm(self) -> None:
        for path in ALL:
            assert self.cdn.get(self.base + path).status == 200

    def body(self, path: str) -> bytes:
        return self.cdn.get(self.base + path).body

    def paths(self, step: Step, output: str) -> list[str]:
        return self.below_edge(listed(step, output))

    def below_edge(self, urls: Sequence[str]) -> list[str]:
        return sorted(url.removeprefix(self.base) for url in urls)

    def verified(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((self.folder / "r.json").read_text())["verified"]
        return rows


@pytest.fixture
def bare(tmp_path: Path) -> Site:
    """A site that nothing serves yet."""
    return Site(tmp_path)


@pytest.fixture
def on_edge(bare: Site, edge_kind: EdgeKind) -> Iterator[Site]:
    with bare.served(edge=edge_kind):
        yield bare


@pytest.fixture
def site(bare: Site) -> Iterator[Site]:
    """The sandbox's own edge alone, where the edge is not the point."""
    with bare.served():
        yield bare


def listed(step: Step, output: str) -> list[Any]:
    found: list[Any] = json.loads(step.outputs[output])
    return found


def ended(step: Step) -> tuple[int, str]:
    return step.exit_code, step.outputs["result"]


def statuses(step: Step) -> list[str]:
    return [row["status"] for row in listed(step, "requests")]


@contextmanager
def serving(body: bytes, *, age: int) -> Iterator[str]:
    """Serve one body at any address, fetched so many seconds ago; yields the address."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nAge: %d\r\n\r\n%b" % (len(body), age, body)

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while read_request(stream):
                connection.sendall(answer)

    with Listener(serve, bind="127.0.0.1", port=0) as listener:
        yield f"{listener.url}/"


class TestWait:
    def test_done_means_that_the_edge_is_fresh(self, on_edge: Site) -> None:
        on_edge.warm()
        step = on_edge.purge(EDITED, wait="true")
        assert ended(step) == (0, "purged")
        assert on_edge.body("a.css") == b"2"
        assert on_edge.cdn.get(f"{on_edge.base}%E6%98%A5/x%20y.html").status == 404
        assert "purged and reported done in" in step.log

    def test_a_task_that_fails_is_a_failure_of_its_urls(self, site: Site) -> None:
        site.cdn.add_faults(Fault("task-failure", match="/14"))
        step = site.purge({f"{number:02}": "1" for number in range(15)}, wait="true")
        assert (*ended(step), statuses(step)) == (1, "partial", ["purged", "failed"])
        assert site.paths(step, "failed-urls") == ["10", "11", "12", "13", "14"]
        assert listed(step, "requests")[1]["reqId"] == listed(step, "req-ids")[1]
        assert "the service reports `failure` for it" in step.log

    def test_hiccups_are_survived_and_questions_share_the_limit_of_calls_at_once(self, site: Site) -> None:
        site.push({f"{number:03}": "1" for number in range(200)})
        hiccups = ("status", "reset", "html", "truncated", "bad-status-line", "no-reqid")
        site.cdn.add_faults(*(Fault(kind, path=STATUS) for kind in hiccups))
        site.cdn.add_faults(Fault("hang", path=STATUS, seconds=0.2, times=9))
        step = site.run(wait="true", concurrency="3")
        assert (step.exit_code, site.cdn.most_at_once) == (0, 3)
        assert sum(call.path.startswith(STATUS) for call in site.cdn.calls) >= 20 + len(hiccups)


def published(*providers: Provider, has_live_call: bool = True) -> Service:
    """Return the service as the vendor's published server has it: its tasks never end."""
    return Service(tasks_end=False, providers=providers, has_live_call=has_live_call)


WS = Provider("ws_api")
NO_LIVE_CALL = published(WS, has_live_call=False)
TOO_LATE = [
    (published(WS, Provider("y", late_by=99)), "", "`y` says `wait`"),
    (published(WS, Provider("y", word="")), "", "`y` does not answer"),
    (Service(providers=(WS,)), "task-stuck", "`ws_api` says `run`"),
]
NO_ANSWERS = {  # to the question what the providers say
    "404": None,
    "405": Fault("status", status=405, times=99, path=LIVE),
    "401": Fault("status", status=401, body="Unauthorized", times=99, path=LIVE),
    "HTML": Fault("html", times=99, path=LIVE),
}


class TestTasksThatStayAtRun:
    def test_all_providers_done_is_done(self, bare: Site) -> None:
        with bare.served(service=published(WS, Provider("yy_api"))) as cdn:
            bare.warm()
            step = bare.purge(EDITED, wait="true", prefetch="true")
            assert cdn.is_cached(f"{cdn.edge_url}/n.js")
            asked = {call.path.rpartition("/")[0] for call in cdn.calls if call.method == "GET"}
        assert (*ended(step), step.log.count("::warning")) == (0, "purged", 0)
        assert "purged and reported done in" in step.log
        assert asked == {STATUS, "/cdn_api/purge", "/cdn_api/prefetch"}

    def test_a_late_provider_is_named_and_waited_for(self, bare: Site) -> None:
        with bare.served(service=published(WS, Provider("yy_api", late_by=1.5))):
            step = bare.purge({"a.css": "2"}, wait="true")
        assert ended(step) == (0, "purged")
        assert "  1 still under way after 0 s; of the providers `ws_api` says `wait`, `yy_api` says `wait`" in step.log
        assert " s; of the providers `yy_api` says `wait`\n" in step.log

    @pytest.mark.parametrize(("service", "kinds", "words"), TOO_LATE, ids=["late", "silent", "stuck"])
    def test_a_late_provider_is_red_and_named(self, bare: Site, service: Service, kinds: str, words: str) -> None:
        with bare.served(service=service) as cdn:
            cdn.add_faults(*map(Fault, kinds.split()))
            step = bare.purge({"a.css": "2"}, wait="true", wait_timeout="2")
        assert (*ended(step), statuses(step)) == (1, "failed", ["pending"])
        assert bare.paths(step, "failed-urls") == ["a.css"]
        assert "1 URL of 127.0.0.1 not confirmed (1 call): still under way after" in step.log
        assert f" s: the CDN still reports `run`; of its providers {words}. Raise `wait-timeout`" in step.log
        assert "or ask later with `command" in step.log
        assert "but `verify: true` sees for itself" in step.log

    @pytest.mark.parametrize("fault", NO_ANSWERS.values(), ids=NO_ANSWERS)
    def test_without_the_live_call_what_is_seen_fresh_is_green(self, bare: Site, fault: Fault | None) -> None:
        with bare.served(service=published(WS) if fault else NO_LIVE_CALL) as cdn:
            bare.warm()
            cdn.add_faults(*([fault] if fault else []))
            step = bare.purge(EDITED, wait="true", wait_timeout="2", verify="true", report_file="r.json")
            asked = [call.path for call in cdn.calls if call.method == "GET" and STATUS not in call.path]
        assert (*ended(step), step.outputs["failed-urls"], len(asked)) == (0, "purged", "[]", 1)
        assert (step.outputs["url-count"], step.outputs["success-rate"], {*statuses(step)}) == (
            "5",
            "100.0",
            {"purged"},
        )
        assert bare.paths(step, "purged-urls") == CHANGED
        assert re.search("::warning .*[235] URLs of 127.0.0.1 not reported done .*: still under way", step.log)
        assert "the CDN still reports `run`, but each of its URLs was seen fresh" in step.log
        assert ", all seen fresh" in step.log

    def test_what_providers_are_called_is_no_command_and_no_markup(self, bare: Site) -> None:
        name = f"\n::error::<b>@owner [x](http://x) {TOKEN}"
        said = {name: {"ret": 0, "result": {"status": "##[error]wait"}}}
        with bare.served(service=published()) as cdn:
            cdn.add_faults(Fault("status", status=200, body=json.dumps(said), times=9, path=LIVE))
            step = bare.purge({"a.css": "2"}, wait="true", wait_timeout="2")
        assert ended(step) == (1, "failed")
        assert "of its providers `\\n::error::<b>@owner [x](http://x) ***` says `#\\#[error]wait`" in step.log
        (error,) = [line for line in step.log.splitlines() if line.startswith("::error title")]
        assert error.startswith("::error title=ztpurge::1 URL of 127.0.0.1 not ")
        assert not any(mark in step.summary for mark in ("<b>@", "##[", TOKEN))
        outside_code = re.sub(r"<(code|pre)>.*?</\1>", "", step.summary, flags=re.DOTALL)
        assert not any(mark in outside_code for mark in ("@owner", "[x]"))
        assert TOKEN not in step.log.replace(f"::add-mask::{TOKEN}", "")

    def test_what_is_not_seen_fresh_stays_red_and_only_that(self, bare: Site) -> None:
        with bare.served(service=NO_LIVE_CALL) as cdn:
            bare.warm()
            bare.push(EDITED | {"d/x": "1", "d/y": "1"})
            cdn.add_faults(Fault("task-stuck", match="a.css"))
            waits = {"wait": "true", "wait_timeout": "2", "verify": "true", "verify_timeout": "1"}
            step = bare.run(dirs=f"{cdn.edge_url}/d/", **waits)
        assert (*ended(step), step.outputs["stale-urls"]) == (1, "partial", "[]")
        assert bare.paths(step, "failed-urls") == ["a.css", "d/"]
        assert bare.paths(step, "purged-urls") == ["", "%E6%98%A5/x%20y.html", "index.html", "n.js"]
        assert statuses(step) == ["pending", "pending", "purged"]
        assert "a.css  (serves other content (" in step.log
        assert re.search("::error title=ztpurge::(1 URL|2 entries) of 127.0.0.1 not confirmed ", step.log)

    def test_the_manifest_keeps_what_was_seen_fresh(self, bare: Site) -> None:
        inputs = {"manifest": "kept/manifest.json", "wait": "true", "wait_timeout": "1", "verify": "true"}
        with bare.served(service=NO_LIVE_CALL):
            steps = [bare.run({"GITHUB_RUN_NUMBER": number}, **inputs) for number in "12"]
        assert [ended(step) for step in steps] == [(0, "purged"), (0, "nothing")]

    def test_a_wait_that_could_use_up_all_the_time_leaves_some_to_verify(self, bare: Site) -> None:
        with bare.served(service=NO_LIVE_CALL):
            step = bare.purge({"a.css": "2"}, wait="true", verify="true", prefetch="true", timeout="6")
        assert (*ended(step), len(listed(step, "prefetch-req-ids"))) == (0, "purged", 1)
        assert ", all seen fresh" in step.log

    def test_a_later_step_takes_the_word_of_all_providers(self, bare: Site) -> None:
        with bare.served(service=published(WS, Provider("yy_api", late_by=1))):
            bare.push({"a.css": "2"})
            req_ids = bare.run().outputs["req-ids"]
            before, after = bare.ask(req_ids), bare.ask(req_ids, wait="true")
        assert (ended(before), ended(after)) == ((0, "pending"), (0, "done"))
        assert "`yy_api` says `wait`" in before.log


class TestStatus:
    def test_a_later_step_gets_the_same_outputs(self, site: Site) -> None:
        site.push({"a.css": "2", "n.js": "1"})  # the service lists so many whole
        purged = site.run()
        step = site.ask(purged.outputs["req-ids"], wait="true")
        same = ("req-ids", "purged-urls", "failed-urls", "url-count", "request-count", "success-rate")
        assert {name: step.outputs[name] for name in same} == {name: purged.outputs[name] for name in same}
        assert (*ended(step), len(site.cdn.purge_calls)) == (0, "done", 1)
        assert "1 reqId asked after: 1 done" in step.summary

    @pytest.mark.parametrize(
        ("kind", "inputs", "ends"),
        [
            pytest.param("task-stuck", {}, (0, "pending"), id="pending is an answer"),
            pytest.param("task-stuck", {"wait": "true", "wait_timeout": "1"}, (1, "pending"), id="not if waited for"),
            pytest.param("task-failure", {"wait": "true"}, (1, "failed"), id="a failure"),
        ],
    )
    def test_what_is_not_done_is_named(self, site: Site, kind: str, inputs: dict[str, str], ends: object) -> None:
        site.cdn.add_faults(Fault(kind))
        purged = site.purge({"a.css": "2"})
        step = site.ask(purged.outputs["req-ids"], **inputs)
        assert (purged.exit_code, ended(step)) == (0, ends)
        assert site.paths(step, "failed-urls") == ["a.css"]

    def test_no_ids_are_green_and_no_file_of_a_purge_is_looked_at(self, site: Site, workspace: Path) -> None:
        (workspace / "manifest.json").write_text("{")
        step = site.ask("[]", workspace, manifest="manifest.json", files_from="not-there")
        assert (*ended(step), site.cdn.calls) == (0, "done", ())


# fmt: off
SPELLED = {
    "[id].js": ["%5Bid%5D.js", "[id].js"], "a|b.css": ["a%7Cb.css", "a|b.css"], "x^y.css": ["x%5Ey.css", "x^y.css"],
    "[a]/|^": ["%5Ba%5D/%7C%5E", "[a]/|%5E", "[a]/|^"],
    "a b.css": ["a%20b.css"], "100%.css": ["100%25.css"], "\u6625.html": ["%E6%98%A5.html"],
}
# fmt: on


class TestVerify:
    def test_a_push_is_seen_to_be_fresh(self, on_edge: Site) -> None:
        on_edge.warm()
        step = on_edge.purge(EDITED, verify="true", report_file="r.json")
        assert (*ended(step), step.outputs["stale-urls"]) == (0, "purged", "[]")
        seen = on_edge.verified()
        assert on_edge.below_edge([row["url"] for row in seen if row["state"] == "fresh"]) == CHANGED
        assert (len(seen), max(row["looks"] for row in seen) > 1) == (5, True)  # the purge takes a while to spread
        assert ", all seen fresh" in step.log

    def test_each_spelling_that_clients_use_is_purged_and_seen_fresh(self, on_edge: Site) -> None:
        on_edge.before = on_edge.commit(dict.fromkeys(SPELLED, "old"))
        spelled = sorted(path for paths in SPELLED.values() for path in paths)
        assert {on_edge.body(path) for path in spelled} == {b"old"}
        on_edge.push(dict.fromkeys(SPELLED, "new"))
        assert on_edge.run(verify="true", max_urls="11").exit_code == 2
        step = on_edge.run(verify="true", max_urls="12")
        assert (*ended(step), on_edge.paths(step, "purged-urls")) == (0, "purged", spelled)
        assert {on_edge.body(path) for path in spelled} == {b"new"}
        assert step.outputs["stale-urls"] == "[]"
        assert ", all seen fresh" in step.log

    @pytest.mark.parametrize(("verify", "code"), [("true", 1), ("warn", 0)])
    def test_what_stays_stale_is_listed_with_what_the_edge_says(self, on_edge: Site, verify: str, code: int) -> None:
        on_edge.warm()
        on_edge.cdn.add_faults(Fault("task-failure"))
        step = on_edge.purge(EDITED, verify=verify, verify_timeout="1")
        assert ended(step) == (code, "partial" if code else "purged")
        assert on_edge.paths(step, "stale-urls") == ["", "%E6%98%A5/x%20y.html", "a.css", "index.html"]
        level = "error" if code else "warning"
        assert f"::{level} title=ztpurge::4 URLs of 127.0.0.1 purged, but not fresh. " in step.log
        for words in ("serves other content (", "answers 200, but the file is deleted (", "X-Cache: HIT", "Age: "):
            assert words in step.log
        assert "<br><code>serves other content (" in step.summary

    def test_the_content_is_known_without_a_checkout(self, site: Site, workspace: Path) -> None:
        site.warm()
        site.push(EDITED)
        step, asked = site.ask_api(workspace, {}, verify="true")
        assert (step.exit_code, ", all seen fresh" in step.log) == (0, True)
        assert sum("/git/trees/" in path for path in asked) == 2

    def test_a_list_is_compared_with_the_commit_or_the_workspace(self, site: Site) -> None:
        site.push(EDITED)
        site.write(built_js="built")
        step = site.run(verify="true", files="public/a.css\npublic/built.js\npublic/\u6625/x y.html")
        assert (step.exit_code, ", all seen fresh" in step.log) == (0, True)
        site.write(built_js="built anew")
        step = site.run(verify="true", files="public/built.js")
        assert (step.exit_code, site.body("built.js")) == (0, b"built anew")

    @pytest.mark.parametrize("event", [{}, {"before": "?", "after": "?"}, None], ids=["no commits", "odd", "at a desk"])
    def test_without_an_event_s_commits_that_of_the_run_or_the_checkout_counts(self, site: Site, event: object) -> None:
        site.warm()
        site.push(EDITED)
        environ = {} if event is None else site.environ()
        (site.folder.parent / "event.json").write_text(json.dumps(event))
        inputs = site.inputs(verify="true", files="public/a.css\npublic/\u6625/x y.html")
        step = run_inside(site.folder, inputs, environ=environ)
        assert (*ended(step), step.outputs["stale-urls"], ", all seen fresh" in step.log) == (0, "purged", "[]", True)

    @pytest.mark.parametrize(("verify", "code"), [("true", 1), ("warn", 0)])
    def test_without_a_commit_it_is_purged_and_not_fresh(
        self, site: Site, workspace: Path, verify: str, code: int
    ) -> None:
        step = run_inside(workspace, site.inputs(verify=verify, prefetch="true", files="public/a.css"))
        assert (step.exit_code, site.paths(step, "purged-urls")) == (code, ["a.css"])
        assert len(listed(step, "prefetch-req-ids")) == 1  # be it deleted or not
        assert site.paths(step, "stale-urls") == ["a.css"]
        level = "error" if code else "warning"
        assert f"::{level} title=ztpurge::1 URL of 127.0.0.1 purged, but not" in step.log
        why = "which commit is served is not known: there is no GITHUB_SHA, and the workspace is no checkout"
        assert f"{why}. Check the repository out before this step" in step.log
        assert "Purged, but not seen to be fresh (1)" in step.summary  # it may well be

    def test_what_cannot_be_compared_says_so(self, site: Site) -> None:
        (site.public / "link").symlink_to("same")
        site.push({"d/a": "1", "d/b": "1"})
        step = site.run(verify="true", dirs=f"{site.base}d/", urls=f"{site.base}feed.xml\n{site.base}same?v=1")
        assert (step.exit_code, step.outputs["stale-urls"]) == (0, "[]")
        assert "; 2 seen fresh, 4 not verified" in step.log
        for words in ("/d/  (a whole directory", "/feed.xml  (no file", "v=1  (no file", "/link  (a symbolic link"):
            assert words in step.log

    def test_a_pointer_of_git_lfs_stands_for_the_file_that_is_served(self, site: Site, workspace: Path) -> None:
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
        step = site.purge({"big.bin": pointer.format("0" * 64, 12345)}, verify="true", verify_timeout="1")
        assert (step.exit_code, site.paths(step, "stale-urls")) == (1, ["big.bin"])
        assert "serves the pointer of Git LFS, not the file" in step.log
        data = b"the real one"
        site.push({"big.bin": pointer.format(hashlib.sha256(data).hexdigest(), len(data))})
        (site.public / "big.bin").write_bytes(data)
        assert site.run(verify="true", verify_timeout="5").exit_code == 0
        step, asked = site.ask_api(workspace, {}, verify="true", verify_timeout="5")
        assert (step.exit_code, asked[-1].rpartition("/")[0]) == (0, "/repos/owner/site/git/blobs")

    def test_each_address_of_a_site_is_looked_at(self, bare: Site) -> None:
        with bare.served(hosts=("127.0.0.1", "localhost")) as cdn:
            local = cdn.edge_url.replace("127.0.0.1", "localhost")
            for url in (cdn.edge_url, local):
                cdn.get(f"{url}/a.css")
            cdn.add_faults(Fault("task-failure", match="localhost", times=9))
            step = bare.purge(EDITED, base_url=f"{cdn.edge_url}/\n{local}/", verify="true", verify_timeout="2")
        assert (step.exit_code, listed(step, "stale-urls")) == (1, [f"{local}/a.css"])
        assert "10 URLs on 2 hosts purged in " in step.log
        assert "; 9 seen fresh, 1 STILL STALE" in step.log

    def test_a_site_that_is_not_reached_is_not_called_stale(self, site: Site) -> None:
        site.push({"a.css": "2"})
        nobody = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.2"}
        with Sandbox(site.public, hosts=("127.0.0.1",), token=TOKEN, bind="127.0.0.2") as away:
            step = site.run(nobody, api_url=away.api_url, verify="true", verify_timeout="1")
        assert (step.exit_code, step.outputs["stale-count"]) == (1, "1")
        assert "; 1 NOT SEEN" in step.log
        assert "1 URL of 127.0.0.1 purged, but not seen to be fresh; can the runner reach the host?" in step.log

    @pytest.mark.parametrize(
        ("age", "words"),
        [(0, "The edge fetched that after the purge, so the origin"), (86400, "Two purges have not reached this edge")],
    )
    def test_the_age_of_a_stale_copy_tells_whose_it_is(self, site: Site, age: int, words: str) -> None:
        with serving(b"1", age=age) as url:
            step = site.purge({"a.css": "2"}, base_url=url, verify="true", verify_timeout="2.5")
        assert step.exit_code == 1
        assert f"::error title=ztpurge::1 URL of 127.0.0.1 purged, but not fresh. {words}" in step.log
        assert words in step.summary

    def test_only_what_was_purged_is_looked_at(self, site: Site) -> None:
        site.push({"a.css": "2", "b.css": "1"})
        refusal = json.dumps({"error": "bad url", "successRate": 50.0})
        site.cdn.add_faults(Fault("status", status=400, body=refusal, times=9, match="b.css"))
        step = site.run(verify="true", report_file="r.json")
        assert (step.exit_code, site.paths(step, "failed-urls")) == (1, ["b.css"])
        assert site.below_edge([row["url"] for row in site.verified()]) == ["a.css"]


class TestOrder:
    """Pages are purged after what they refer to, and what is deleted last."""

    def test_no_new_page_meets_old_assets(self, bare: Site, edge_kind: EdgeKind) -> None:
        seen: list[bytes] = []

        def look(call: Call) -> None:
            if call.path == "/cdn_api/purge" and f"{bare.base}index.html" in call.entries:
                seen.append(bare.body("a.css"))

        with bare.served(edge=edge_kind, on_call=look):
            bare.warm()
            step = bare.purge(EDITED, wait="true", prefetch="true", report_file="r.json")
            assets, pages = bare.cdn.purge_calls
            asked = [call for call in bare.cdn.calls if call.path.startswith(STATUS) and call.started < pages.started]
        assert ended(step) == (0, "purged")
        assert (bare.below_edge(assets.entries), seen) == (["a.css", "n.js"], [b"2"])
        assert bare.below_edge(pages.entries[:2]) == ["", "index.html"]
        assert bare.below_edge(pages.entries[2:]) == ["%E6%98%A5/x%20y.html"]  # which is deleted
        assert {call.path.rpartition("/")[2] for call in asked} == {assets.req_id}
        assert listed(step, "req-ids") == [assets.req_id, pages.req_id]
        assert "; 5 URLs to purge in 2 calls in 2 waves (" in step.log
        stages = [stage["name"] for stage in json.loads((bare.folder / "r.json").read_text())["stages"]]
        assert stages[1:5] == [f"{name}, wave {wave} of 2" for wave in (1, 2) for name in ("Purge", "Wait")]

    def test_a_dry_run_plans_what_a_run_does(self, site: Site) -> None:
        dry, real = site.purge(EDITED, wait="true", dry_run="true"), site.run(wait="true")
        planned = [url for call in site.cdn.purge_calls for url in call.entries]
        assert listed(dry, "planned-urls") == listed(real, "purged-urls") == planned
        sizes = [[call["entries"] for call in listed(step, "requests")] for step in (dry, real)]
        assert sizes == [[2, 3], [2, 3]]

    def test_who_does_not_wait_needs_no_more_calls(self, site: Site) -> None:
        site.purge(EDITED)
        (call,) = site.cdn.purge_calls
        names = [url.removeprefix(site.base) for url in call.entries]
        assert names == ["a.css", "n.js", "index.html", "", "%E6%98%A5/x%20y.html"]

    @pytest.mark.parametrize(("most", "calls"), [("1", 1), ("2", 2)])
    def test_a_budget_comes_before_the_waves(self, site: Site, most: str, calls: int) -> None:
        step = site.purge(EDITED, wait="true", max_requests=most)
        assert (*ended(step), len(site.cdn.purge_calls)) == (0, "purged", calls)
        assert ("max-requests leaves no call for a second wave" in step.log) == (calls == 1)

    def test_assets_that_are_not_done_in_half_of_the_time_hold_up_no_page_and_are_asked_after_again(
        self, bare: Site
    ) -> None:
        with bare.served(propagation=1.2) as cdn:
            step = bare.purge(EDITED, wait="true", wait_timeout="4")
            assets, pages = cdn.purge_calls
        assert (*ended(step), statuses(step)) == (0, "purged", ["purged", "purged"])
        assert pages.started < assets.started + 1.2
        with bare.served() as cdn:
            cdn.add_faults(Fault("task-stuck"))
            step = bare.run(wait="true", wait_timeout="4")
        assert (step.exit_code, statuses(step)) == (1, ["pending", "purged"])
        assert bare.paths(step, "failed-urls") == ["a.css", "n.js"]
        assert "Wait, wave 1 of 2: 2 still under way, to be asked after again (" in step.log
        assert "Wait, wave 2 of 2: 2 STILL UNDER WAY, 3 done (" in step.log

    def test_assets_that_fail_hold_up_no_page(self, site: Site) -> None:
        site.cdn.add_faults(Fault("task-failure"))
        step = site.purge(EDITED, wait="true")
        assert (step.exit_code, statuses(step)) == (1, ["failed", "purged"])

    def test_a_refused_token_is_not_tried_for_the_pages(self, site: Site) -> None:
        step = site.purge(EDITED, wait="true", token="another")
        assert (step.exit_code, statuses(step), len(site.cdn.calls)) == (1, ["failed", "failed"], 1)
        assert site.paths(step, "failed-urls") == CHANGED

    def test_a_signal_between_the_waves_names_both(self, site: Site) -> None:
        site.push(EDITED)
        site.cdn.add_faults(Fault("task-stuck"))
        output = site.folder.parent / "output"
        with site.running({"GITHUB_OUTPUT": str(output)}, wait="true") as process:
            assert site.cdn.wait_for_calls(3)
            process.terminate()
            process.communicate(timeout=30)
        outputs = read_outputs(output.read_bytes())
        assert (process.returncode, site.below_edge(json.loads(outputs["failed-urls"]))) == (1, CHANGED)
        assert len(site.cdn.purge_calls) == 1

    def test_a_run_whose_time_is_over_in_the_first_wave_names_the_second(self, site: Site) -> None:
        site.cdn.add_faults(Fault("hang", seconds=30))
        step = site.purge(EDITED, wait="true", timeout="2")
        assert (step.exit_code, site.paths(step, "failed-urls")) == (1, CHANGED)
        assert "[2/2] 127.0.0.1   3 urls  NOT SENT  not sent: the run's `timeout` leaves no time for it" in step.log


class TestPrefetch:
    def test_the_edge_has_the_new_content_before_anybody_asks(self, on_edge: Site) -> None:
        on_edge.warm()
        step = on_edge.purge(EDITED, wait="true", prefetch="true")
        assert ended(step) == (0, "purged")
        there = [on_edge.cdn.is_cached(on_edge.base + path) for path in ("a.css", "n.js", "%E6%98%A5/x%20y.html")]
        assert (there, on_edge.body("a.css")) == ([True, True, False], b"2")  # the last one is deleted
        (call,) = [call for call in on_edge.cdn.calls if call.path == "/cdn_api/prefetch"]
        assert listed(step, "prefetch-req-ids") == [call.req_id]
        assert call.req_id not in listed(step, "req-ids")

    def test_a_failure_is_a_warning(self, site: Site) -> None:
        site.cdn.add_faults(Fault("status", status=404, path="/cdn_api/prefetch"))
        step = site.purge({"a.css": "2"}, prefetch="true")
        assert (*ended(step), step.outputs["prefetch-req-ids"]) == (0, "purged", "[]")
        assert "::warning title=ztpurge::1 URL of 127.0.0.1 not prefetched (1 call): a provider behind" in step.log

    def test_nothing_that_was_not_purged_is_prefetched(self, site: Site) -> None:
        site.cdn.add_faults(Fault("task-failure"))
        step = site.purge({"a.css": "2"}, wait="true", prefetch="true")
        assert (step.exit_code, [call.path for call in site.cdn.calls if "prefetch" in call.path]) == (1, [])


class TestManifest:
    def build(self, site: Site, number: int = 1, attempt: int = 1, /, **inputs: str) -> Step:
        environ = {"GITHUB_RUN_NUMBER": str(number), "GITHUB_RUN_ATTEMPT": str(attempt)}
        return site.run(environ, **{"manifest": "kept/manifest.json", "wait": "true"} | inputs)

    def purged(self, site: Site, number: int, /, **inputs: str) -> list[str]:
        return site.paths(self.build(site, number, **inputs), "purged-urls")

    def test_only_what_differs_from_the_last_purge_is_purged(self, on_edge: Site) -> None:
        first = self.build(on_edge, verify="true")
        assert (first.exit_code, on_edge.paths(first, "purged-urls")) == (0, ALL)
        assert "::warning title=ztpurge::there is no manifest yet" in first.log
        on_edge.write(a_css="2")
        (on_edge.public / "\u6625/x y.html").unlink()
        second = self.build(on_edge, 2, verify="true")
        assert (second.exit_code, on_edge.paths(second, "purged-urls")) == (0, ["%E6%98%A5/x%20y.html", "a.css"])
        assert ", all seen fresh" in second.log
        assert ended(self.build(on_edge, 3)) == (0, "nothing")

    @pytest.mark.parametrize("is_red", [True, False], ids=["red", "green"])
    def test_what_a_run_left_stale_is_purged_by_the_next_even_after_a_revert(self, site: Site, is_red: bool) -> None:
        self.build(site)
        site.warm()
        site.write(a_css="2")
        (site.public / "same").unlink()
        site.cdn.add_faults(Fault("task-failure", times=1 + is_red))  # with `wait` a deleted file has a call of its own
        inputs = {} if is_red else {"wait": "false", "verify": "warn", "verify_timeout": "1"}
        step = self.build(site, 2, **inputs)
        left = site.paths(step, "failed-urls" if is_red else "stale-urls")
        assert (step.exit_code, left) == (int(is_red), ["a.css", "same"])
        site.write(a_css="1", same="1")
        assert self.purged(site, 3) == ["a.css", "same"]
        assert self.build(site, 4).outputs["result"] == "nothing"

    def test_a_run_that_was_killed_is_made_up_for(self, site: Site) -> None:
        self.build(site)
        site.write(a_css="2")
        site.cdn.add_faults(Fault("hang", seconds=30))
        calls = len(site.cdn.calls)
        with site.running(manifest="kept/manifest.json"):  # no run number: it is not the gap that tells
            assert site.cdn.wait_for_calls(calls + 1)
        site.write(a_css="1")
        assert site.paths(site.run(manifest="kept/manifest.json"), "purged-urls") == ["a.css"]

    def test_runs_that_left_no_manifest_make_all_files_count(self, site: Site) -> None:
        self.build(site, 7)
        step = self.build(site, 9)
        assert site.paths(step, "purged-urls") == ALL
        assert "1 run of this workflow (8) left no manifest and may have deployed" in step.log
        assert self.build(site, 10).outputs["result"] == "nothing"

    @pytest.mark.parametrize("number", [pytest.param(7, id="the same"), pytest.param(6, id="an older one")])
    def test_a_run_again_does_not_trust_what_later_runs_may_have_made_untrue(self, site: Site, number: int) -> None:
        self.build(site, 7)
        site.write(a_css="2")  # run 8, which is cancelled once it has deployed and an edge has forgotten the file
        site.run(files="public/a.css", wait="true")
        assert site.body("a.css") == b"2"
        site.write(a_css="1")
        step = self.build(site, number, 2)
        assert (step.exit_code, site.body("a.css")) == (0, b"1")
        assert "that came after the one that is run again here" in step.log

    @pytest.mark.parametrize(("number", "attempt"), [(7, 2), (10, 1)], ids=["run again", "of other branches since"])
    def test_a_manifest_is_trusted_if_no_run_came_after_it(self, site: Site, number: int, attempt: int) -> None:
        self.build(site, 7)
        environ = {"GITHUB_RUN_NUMBER": str(number), "GITHUB_RUN_ATTEMPT": str(attempt)}
        step, asked = site.ask_api(site.folder, environ, manifest="kept/manifest.json")
        assert (*ended(step), len(asked)) == (0, "nothing", 1)

    def test_a_dry_run_calls_nobody_and_leaves_the_manifest_alone(self, site: Site) -> None:
        step = self.build(site, dry_run="true", verify="true", prefetch="true")
        assert (*ended(step), site.cdn.calls, (site.folder / "kept").exists()) == (0, "dry-run", (), False)

    def test_what_was_never_purged_counts_with_other_inputs(self, site: Site) -> None:
        self.build(site, exclude="*.css")
        assert self.purged(site, 2) == ["a.css"]
        step = self.build(site, 3, clean_urls="true")
        assert "all files count as changed" in step.log
        assert len(site.paths(step, "purged-urls")) == 7

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            pytest.param({"manifest": "kept"}, "manifest: it is not JSON", id="a manifest that was cut off"),
            pytest.param({"manifest": "pipe"}, "manifest: 'pipe' is not a file", id="a manifest that is no file"),
            pytest.param({"root": "dits"}, "root: there is no such folder. Build the site before this step", id="root"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, site: Site, inputs: dict[str, str], words: str) -> None:
        site.repository.write({"kept": "{"})
        os.mkfifo(site.folder / "pipe")
        step = site.run(**{"manifest": "m.json"} | inputs)
        assert (step.exit_code, site.cdn.calls) == (2, ())
        assert f"::error title=ztpurge::{words}" in step.log

    def test_a_manifest_that_cannot_be_kept_afterwards_is_a_warning(self, site: Site) -> None:
        site.cdn.add_faults(Fault("hang", seconds=1))
        with site.running(manifest="kept/manifest.json") as process:
            assert site.cdn.wait_for_calls(1)
            shutil.rmtree(site.folder / "kept")
            (site.folder / "kept").touch()
            log, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "::warning title=ztpurge::manifest: 'kept/manifest.json' cannot be written" in log

    def test_the_manifest_itself_is_no_part_of_the_build(self, site: Site) -> None:
        inputs = {"manifest": "public/m.json", "report_file": "public/r.json"}
        assert [ended(site.run(**inputs)) for _ in range(2)] == [(0, "purged"), (0, "nothing")]


def test_debug_logging_shows_what_was_asked_of_each_door_and_no_token(site: Site, tmp_path: Path) -> None:
    site.push({"a.css": "2"})
    with GitHubApi(site.folder, token=GITHUB_TOKEN) as api:
        environ = {"GITHUB_API_URL": api.url, "RUNNER_DEBUG": "1"}
        step = site.run(environ, tmp_path, github_token=GITHUB_TOKEN, verify="true")
        starts = {"GitHub": f"{api.url}/repos/owner/site/git/trees/"}
    starts |= {"CDN": f"{site.cdn.api_url}/cdn_api/purge", "edge": f"{site.base}a.css"}
    told = re.findall(r"^::debug::(GET|POST) (\S+) .*-> 200 in \d+\.\d\d s(?:  (.*))?$", step.log, re.MULTILINE)
    found = {door: next(said for _, url, said in told if url.startswith(start)) for door, start in starts.items()}
    assert '"path": "public"' in found["GitHub"]
    assert '"reqId": "' in found["CDN"]
    assert found["edge"].startswith("age: ")
    unmasked = re.sub(r"^::add-mask::.*$", "", step.log, flags=re.MULTILINE)
    assert [token for token in (TOKEN, GITHUB_TOKEN) if token in unmasked] == []
