"""Whole runs of entrypoint.py, as the runner starts it, against the CDN on loopback."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault, Sandbox
from sandbox.runner import ENTRYPOINT, Step, read_outputs, run_step, step_environ
from tests.whole.steps import run_inside, started
from ztpurge.site.urls import spell_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., Step]

NO_PAUSE = (("Retry-After", "0"),)


def runs_with(start: Run, cdn: Sandbox, workspace: Path, token: str) -> Run:
    """Return what runs a step with the inputs that each needs; underscores in names stand for hyphens."""

    def run(environ: dict[str, str] | None = None, **inputs: str) -> Step:
        given = {"token": token, "api_url": cdn.api_url, "base_url": "https://static.example.com/", **inputs}
        return start(workspace, {name.replace("_", "-"): value for name, value in given.items()}, environ=environ)

    return run


@pytest.fixture
def run(cdn: Sandbox, workspace: Path, token: str) -> Run:
    return runs_with(run_inside, cdn, workspace, token)


@pytest.fixture
def process(cdn: Sandbox, workspace: Path, token: str) -> Run:
    """As `run`, but in a process of its own, as the runner starts one."""
    return runs_with(run_step, cdn, workspace, token)


def sent(cdn: Sandbox) -> list[tuple[str, tuple[str, ...]]]:
    return sorted((call.kind, call.entries) for call in cdn.purge_calls)


def req_ids(step: Step) -> list[str]:
    ids: list[str] = json.loads(step.outputs["req-ids"])
    return ids


def test_files_become_purged_urls_and_req_ids(process: Run, cdn: Sandbox) -> None:
    step = process(files="css/a.css\nindex.html\n", dirs="https://www.example.com/img")
    assert step.exit_code == 0
    assert sent(cdn) == [
        ("dirs", ("https://www.example.com/img/",)),
        (
            "urls",
            (
                "https://static.example.com/css/a.css",
                "https://static.example.com/index.html",
                "https://static.example.com/",
            ),
        ),
    ]
    by_kind: dict[str, str | None] = {call.kind: call.req_id for call in cdn.purge_calls}
    assert req_ids(step) == [by_kind["urls"], by_kind["dirs"]]
    assert (
        step.outputs.items()
        >= {
            "result": "purged",
            "purged-urls": json.dumps(list(sent(cdn)[1][1]), separators=(",", ":")),
            "purged-dirs": '["https://www.example.com/img/"]',
            "failed-urls": "[]",
            "stale-urls": "[]",
            "prefetch-req-ids": "[]",
            "url-count": "3",
            "dir-count": "1",
            "failed-count": "0",
            "stale-count": "0",
            "unverified-count": "0",
            "skipped-count": "0",
            "request-count": "2",
            "success-rate": "100.0",
            "report-file": "",
        }.items()
    )
    assert json.loads(step.outputs["requests"]) == [
        {
            "kind": kind,
            "host": host,
            "entries": entries,
            "reqId": by_kind[kind],
            "attempts": 1,
            "status": "purged",
            "error": None,
        }
        for kind, host, entries in (("urls", "static.example.com", 3), ("dirs", "www.example.com", 1))
    ]


def test_each_call_shows_as_one_line(run: Run, cdn: Sandbox) -> None:
    step = run(files="\n".join(f"{number}.css" for number in range(11)))
    ids = {len(call.entries): call.req_id for call in cdn.purge_calls}
    lines = sorted(line.rpartition("  ")[0] for line in step.log.splitlines() if line.startswith("["))
    assert lines == [
        f"[1/2] static.example.com  10 urls  reqId {ids[10]}",
        f"[2/2] static.example.com    1 url  reqId {ids[1]}",
    ]


def test_calls_carry_token_content_type_and_user_agent(run: Run, cdn: Sandbox, token: str) -> None:
    run(files="a.css")
    (call,) = cdn.purge_calls
    assert call.headers.get("X-Auth-Token", "") == token
    assert call.headers.get("Content-Type", "") == "application/json"
    assert call.headers.get("User-Agent", "").startswith("ztpurge/")


def test_the_other_answer_shape_is_understood(tmp_path: Path, workspace: Path, token: str) -> None:
    with Sandbox(tmp_path, hosts=("static.example.com",), token=token, shape="seen") as cdn:
        inputs = {"token": token, "api-url": cdn.api_url, "urls": "http://static.example.com/a"}
        step = run_step(workspace, inputs)
        assert (step.exit_code, req_ids(step)) == (0, [call.req_id for call in cdn.purge_calls])


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param({"base_url": "", "urls": "[]"}, id="an empty list of URLs"),
        pytest.param({"files": "[]"}, id="empty JSON list"),
        pytest.param({"files_from": "empty"}, id="empty list in a file"),
        pytest.param({"files": "src/a.ts\nREADME.md", "root": "public"}, id="nothing under root"),
        pytest.param({"files": "a.map", "exclude": "*.map"}, id="everything excluded"),
        pytest.param({"files": "[]", "dry_run": "true"}, id="dry run of nothing"),
    ],
)
def test_nothing_to_purge_is_green_and_calls_nobody(
    run: Run, cdn: Sandbox, inputs: dict[str, str], workspace: Path
) -> None:
    (workspace / "public").mkdir()
    (workspace / "empty").touch()
    step = run(**inputs)
    assert (step.exit_code, step.outputs["result"], step.outputs["req-ids"], cdn.calls) == (0, "nothing", "[]", ())
    assert "::notice title=ztpurge::Nothing to purge" in step.log
    assert "Nothing to purge" in step.summary


def test_a_root_that_nothing_is_in_and_that_may_not_be_there_is_warned_of(run: Run) -> None:
    step = run(files="public/a.css", root="pubilc")
    assert step.exit_code == 0
    assert "::warning title=ztpurge::root: whether 'pubilc' is there is not known" in step.log
    assert "::notice title=ztpurge::Nothing to purge: 1 changed file skipped (1 outside root pubilc)" in step.log


def test_skipped_files_are_named_with_their_reason(run: Run) -> None:
    step = run(files="public/a.css\nsrc/b.ts\npublic/c.map", root="public", exclude="*.map")
    assert step.outputs["skipped-count"] == "2"
    for name, reason in (("src/b.ts", "outside root public"), ("public/c.map", "matched by exclude")):
        assert f"{name}  ({reason})" in step.log
        assert f"{name}  ({reason})" in step.summary


def test_a_dry_run_plans_what_a_real_run_sends_and_calls_nobody(run: Run, cdn: Sandbox) -> None:
    inputs = {
        "files": "\n".join(["index.html", *(f"{number}.css" for number in range(25))]),
        "dirs": "http://www.example.com/x/\nhttp://static.example.com/x/",
        "report_file": "report.json",
        "base_url": "http://static.example.com/\nhttp://www.example.com/assets/",
    }
    workspace_report = run(**inputs, dry_run="true", token="")
    assert (workspace_report.exit_code, cdn.calls) == (0, ())
    assert workspace_report.outputs["result"] == "dry-run"
    planned = json.loads(workspace_report.outputs["requests"])
    real = run(**inputs)
    assert real.outputs["result"] == "purged"
    done = json.loads(real.outputs["requests"])
    shape = [(call["kind"], call["host"], call["entries"]) for call in planned]
    assert shape == [(call["kind"], call["host"], call["entries"]) for call in done]
    assert {call["status"] for call in planned} == {"dry-run"}
    for _, entries in sent(cdn):
        for entry in entries:
            assert f"  {entry}\n" in workspace_report.log
            assert entry in workspace_report.summary


def test_a_dry_run_shows_names_as_people_write_them(run: Run) -> None:
    step = run(files="\u6625/a b.html", files_format="lines", dry_run="true")
    shown = "https://static.example.com/%E6%98%A5/a%20b.html  \u6625/a b.html"
    assert f"  {shown}" in step.log
    assert shown in step.summary


def test_the_report_file_holds_everything(run: Run, workspace: Path) -> None:
    step = run(
        files="index.html\nimg/a.png\nsrc/a",
        exclude="src",
        dirs="https://static.example.com/img/",
        report_file="out/report.json",
    )
    assert step.outputs["report-file"] == "out/report.json"
    report = json.loads((workspace / "out/report.json").read_text())
    assert report["result"] == "purged"
    assert report["targets"][0] == {"url": "https://static.example.com/index.html", "path": "index.html"}
    assert report["folded"] == [
        {"url": "https://static.example.com/img/a.png", "directory": "https://static.example.com/img/"}
    ]
    assert report["skipped"] == [{"path": "src/a", "reason": "matched by exclude"}]
    assert [call["purge"] for call in report["requests"]] == [
        ["https://static.example.com/index.html", "https://static.example.com/"],
        ["https://static.example.com/img/"],
    ]


def test_a_list_file_may_hold_any_name(run: Run, cdn: Sandbox, workspace: Path) -> None:
    (workspace / "list").write_bytes(b"a b.css\0caf\xe9.css\0line\nbreak.css\0\xe6\x98\xa5.html\0-rf\0")
    step = run(files_from="list")
    assert step.exit_code == 0
    assert sent(cdn)[0][1] == tuple(
        f"https://static.example.com/{name}"
        for name in ("a%20b.css", "caf%E9.css", "line%0Abreak.css", "%E6%98%A5.html", "-rf")
    )


def test_every_batch_is_attempted_and_each_failure_named(run: Run, cdn: Sandbox) -> None:
    step = run(base_url="https://static.example.com/\nhttps://not-ours.example.com/", files="a.css\nb.css")
    assert step.exit_code == 1
    assert step.outputs["result"] == "partial"
    assert json.loads(step.outputs["purged-urls"]) == [
        f"https://static.example.com/{name}" for name in ("a.css", "b.css")
    ]
    assert json.loads(step.outputs["failed-urls"]) == [
        f"https://not-ours.example.com/{name}" for name in ("a.css", "b.css")
    ]
    assert (step.outputs["failed-count"], step.outputs["success-rate"]) == ("2", "50.0")
    assert [call["error"] and "not yours" in call["error"] for call in json.loads(step.outputs["requests"])] == [
        None,
        True,
    ]
    (error,) = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert "2 URLs of not-ours.example.com not purged" in error
    assert "https://not-ours.example.com/a.css" in step.summary


def test_a_bad_token_fails_every_batch(process: Run, cdn: Sandbox) -> None:
    step = process(token="wrong", files="\n".join(f"{number}.css" for number in range(25)))
    assert (step.exit_code, step.outputs["result"], step.outputs["req-ids"]) == (1, "failed", "[]")
    assert {call.status for call in cdn.purge_calls} == {400}
    assert len(cdn.purge_calls) <= 3
    assert len(json.loads(step.outputs["failed-urls"])) == 25
    assert step.log.count("::error") == 1


def test_urls_folded_into_a_directory_that_failed_are_named(run: Run) -> None:
    step = run(base_url="https://not-ours.example.com", files="x/a.css", dirs="https://not-ours.example.com/x/")
    assert json.loads(step.outputs["failed-urls"]) == [
        "https://not-ours.example.com/x/",
        "https://not-ours.example.com/x/a.css",
    ]
    assert step.outputs["failed-count"] == "1"


def test_fail_on_error_false_warns_and_exits_0(run: Run) -> None:
    step = run(token="wrong", files="a.css", fail_on_error="false")
    assert (step.exit_code, step.outputs["result"]) == (0, "failed")
    assert "::warning title=ztpurge::1 URL of static.example.com not purged" in step.log
    assert "::error" not in step.log


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("status", status=503, times=2, headers=NO_PAUSE), id="503 twice"),
        pytest.param(Fault("status", status=429, headers=NO_PAUSE), id="429"),
        pytest.param(Fault("status", status=500, body="<html>Traceback</html>"), id="500 page"),
        pytest.param(Fault("bad-status-line"), id="status line -1"),
        pytest.param(Fault("reset"), id="connection reset"),
        pytest.param(Fault("truncated"), id="answer cut off"),
        pytest.param(Fault("html"), id="HTML with 200"),
        pytest.param(Fault("no-reqid"), id="no reqId"),
        pytest.param(Fault("ret"), id="ret not 0"),
        pytest.param(Fault("huge"), id="answer of megabytes"),
    ],
)
def test_what_may_succeed_later_is_tried_again(run: Run, cdn: Sandbox, fault: Fault) -> None:
    cdn.add_faults(fault)
    step = run(files="a.css")
    assert (step.exit_code, step.outputs["result"]) == (0, "purged")
    assert len(cdn.purge_calls) == fault.times + 1
    assert req_ids(step) == [cdn.purge_calls[-1].req_id]
    assert json.loads(step.outputs["requests"])[0]["attempts"] == fault.times + 1


def test_what_was_accepted_is_not_sent_again(run: Run, cdn: Sandbox) -> None:
    cdn.add_faults(Fault("status", status=503, times=3, headers=NO_PAUSE))
    step = run(files="\n".join(f"{number}.css" for number in range(60)), concurrency="3")
    assert step.outputs["success-rate"] == "100.0"
    assert cdn.repeated == ()
    assert len(cdn.purge_calls) == 9


def test_a_partly_accepted_call_is_red_and_keeps_its_req_id(run: Run, cdn: Sandbox) -> None:
    cdn.add_faults(Fault("partial"))
    step = run(files="a.css")
    assert (step.exit_code, step.outputs["result"]) == (1, "failed")
    assert req_ids(step) == [cdn.purge_calls[0].req_id]
    assert len(cdn.purge_calls) == 1
    assert json.loads(step.outputs["failed-urls"]) == ["https://static.example.com/a.css"]


def test_a_redirect_is_not_followed(run: Run, cdn: Sandbox, tmp_path: Path) -> None:
    with Sandbox(tmp_path) as elsewhere:
        cdn.add_faults(Fault("redirect", location=f"{elsewhere.api_url}/cdn_api/purge"))
        step = run(files="a.css")
        assert elsewhere.calls == ()
    assert step.exit_code == 1
    assert len(cdn.purge_calls) == 1
    assert "pointed elsewhere" in step.log


def test_retries_end(run: Run, cdn: Sandbox) -> None:
    cdn.add_faults(Fault("status", status=503, times=9, headers=NO_PAUSE))
    step = run(files="a.css", retries="2")
    assert step.exit_code == 1
    assert len(cdn.purge_calls) == 3
    assert "3 tries" in step.log


def test_a_pause_longer_than_the_run_is_not_waited_for(run: Run, cdn: Sandbox) -> None:
    cdn.add_faults(Fault("status", status=503, headers=(("Retry-After", "3600"),)))
    step = run(files="a.css")
    assert step.exit_code == 1
    assert "`timeout` leaves no time for it" in step.log


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_the_run_ends_in_time_though_the_api_hangs(process: Run, cdn: Sandbox, workspace: Path, kind: str) -> None:
    cdn.add_faults(Fault(kind, seconds=60))
    step = process(files="a.css", timeout="1", report_file="r.json")
    assert step.exit_code == 1
    assert json.loads((workspace / "r.json").read_text())["seconds"] < 10  # of 60; generous, for a machine under load
    assert json.loads(step.outputs["failed-urls"]) == ["https://static.example.com/a.css"]


def test_calls_run_at_once_but_no_more_than_asked(tmp_path: Path, workspace: Path, token: str) -> None:
    with Sandbox(tmp_path, hosts=("static.example.com",), token=token, latency=0.3) as cdn:
        urls = json.dumps([f"http://static.example.com/{number}" for number in range(90)])
        run_step(workspace, {"token": token, "api-url": cdn.api_url, "urls": urls, "concurrency": "3"})
        assert cdn.most_at_once == 3


def test_results_stay_in_plan_order(run: Run, cdn: Sandbox) -> None:
    cdn.add_faults(Fault("status", status=503, headers=NO_PAUSE, match="/0.css"))
    step = run(files="\n".join(f"{number}.css" for number in range(40)))
    first_entries = {call.req_id: call.entries[0] for call in cdn.purge_calls if call.req_id}
    assert [first_entries[req_id] for req_id in req_ids(step)] == [
        f"https://static.example.com/{number}.css" for number in (0, 10, 20, 30)
    ]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        pytest.param({"token": "", "files": "a"}, ["token: it is missing"], id="no token"),
        pytest.param({"base_url": "", "files": "a"}, ["base-url: it is missing"], id="no base-url"),
        pytest.param({"base_url": ""}, ["base-url: ", "nothing would ever be purged"], id="nothing given"),
        pytest.param({"files": "a", "include": "!*.map"}, ["include: ", "no file can match"], id="nothing included"),
        pytest.param({"base_url": "https://a.example/index.html"}, ["base-url: "], id="a page for a folder"),
        pytest.param({"dirs": "https://a.example/a.css"}, ["dirs: "], id="a file for a folder"),
        pytest.param(
            {"files": "a.css", "dry run": "true", "DRYRUN": "true", "wait": "x"},
            ["dry_run: there is no input", "Write `dry-run`", "dryrun: there is no input", "wait: 'x'"],
            id="misspelt names",
        ),
        pytest.param({"files": "/etc/passwd"}, ["files: ", "/etc/passwd (absolute)"], id="absolute path"),
        pytest.param({"files": "a/../../b"}, ["files: ", "a/../../b (climbs"], id="climbing path"),
        pytest.param({"files_from": "nowhere"}, ["files-from: there is no file 'nowhere'"], id="list is not there"),
        pytest.param(
            {"files_from": "\u6625"}, ["files-from: there is no file '\u6625'"], id="a name as people write it"
        ),
        pytest.param(
            {"files_from": "a\u202eb"}, [r"there is no file 'a\u202eb'"], id="a name that would turn the line"
        ),
        pytest.param({"files_from": "/etc/hostname"}, ["files-from: ", "outside"], id="list outside"),
        pytest.param({"report_file": "../r.json"}, ["report-file: ", "outside"], id="report outside"),
        pytest.param({"files": "a.css b.css"}, ["files: ", "one name or several"], id="space-separated"),
        pytest.param({"files": "a\nb\nc", "max_urls": "2"}, ["max-urls: 3 URLs"], id="too many"),
        pytest.param(
            {"pace": "x", "dry_run": "yes", "root": "/", "urls": "a.css"},
            ["pace: ", "dry-run: ", "root: ", "urls: "],
            id="all problems at once",
        ),
    ],
)
def test_inputs_that_cannot_be_used_call_nobody(
    run: Run, cdn: Sandbox, inputs: dict[str, str], words: list[str]
) -> None:
    step = run(**inputs)
    assert (step.exit_code, cdn.calls) == (2, ())
    assert (step.outputs["result"], step.outputs["req-ids"]) == ("failed", "[]")
    errors = "\n".join(line for line in step.log.splitlines() if line.startswith("::error title=ztpurge::"))
    assert [word for word in words if word not in errors] == []
    assert "nothing was purged" in step.summary.lower()


@pytest.mark.parametrize("report", ["m.json", "./m.json", "a/../m.json", "link.json", "b/m.json"])
def test_the_report_may_not_be_the_manifest(run: Run, cdn: Sandbox, workspace: Path, report: str) -> None:
    (workspace / "link.json").symlink_to("m.json")
    (workspace / "b").symlink_to(".")
    step = run(manifest="m.json", report_file=report)
    assert (step.exit_code, cdn.calls) == (2, ())
    assert "::error title=ztpurge::report-file: it is the file of `manifest`" in step.log
    assert run(manifest="m.json", report_file="r.json").exit_code == 0


def test_a_manifest_that_cannot_be_puts_the_report_not_at_fault(run: Run) -> None:
    step = run(manifest="../m.json", report_file="../m.json")
    errors = [line.partition("title=ztpurge::")[2][:20] for line in step.log.splitlines() if "::error" in line]
    assert errors == ["manifest: '../m.json", "report-file: '../m.j"]


@pytest.mark.parametrize("name", ["token", "password", "github_token", "base_url", "include", "report_file", "root"])
def test_inputs_that_are_not_utf_8_are_errors_with_a_name(process: Run, cdn: Sandbox, name: str) -> None:
    step = process(**{"files": "a.css", "report_file": "r.json", name: "caf\udce9\udcff"})
    assert "Traceback" not in step.log
    assert (step.exit_code, cdn.calls, step.outputs["result"]) == (2, (), "failed")
    assert f"::error title=ztpurge::{name.replace('_', '-')}: it is not UTF-8" in step.log
    assert "it is not UTF" in step.summary


@pytest.mark.parametrize("name", ["root", "report_file", "manifest", "files_from"])
@pytest.mark.parametrize("text", ["x" * 300, "x" * 5000, "new/" + "x" * 300, "x/" * 3000 + "y", "\u6625" * 100])
def test_names_that_no_file_system_takes_are_errors_with_a_name(run: Run, cdn: Sandbox, name: str, text: str) -> None:
    given = {"files": "a.css"} if name in {"root", "report_file"} else {}
    step = run(**given | {"include": f"{text}/*", name: text})
    assert (step.exit_code, cdn.calls) == (2, ())
    assert "Traceback" not in step.log
    assert f"::error title=ztpurge::{name.replace('_', '-')}: '{text[:3]}" in step.log
    assert max(map(len, step.log.splitlines())) < 4200


def test_names_of_files_may_hold_any_byte(process: Run, cdn: Sandbox, workspace: Path) -> None:
    step = process(files="caf\udce9\udcff.css\nsrc/\udcff", exclude="src/", report_file="r.json")
    assert (step.exit_code, sent(cdn)) == (0, [("urls", ("https://static.example.com/caf%E9%FF.css",))])
    assert r"src/\xff" in step.log
    assert r"caf\\xe9\\xff.css" in (workspace / "r.json").read_text()


def test_an_input_whose_name_is_not_utf_8_is_an_error(process: Run, cdn: Sandbox) -> None:
    step = process(files="a.css", environ={"INPUT_DRY\udcff": "true"})
    assert (step.exit_code, cdn.calls) == (2, ())
    assert "there is no input of this name. Write `dry-run`" in step.log


HOSTILE = [
    "x##[set-output name=req-ids]y",
    "::set-output name=req-ids::y",
    "cr\r::error::y",
    "lf\n::error::y",
    "esc\x1b[31mred",
    "rtl\u202egpj.exe",
    "<img src=x onerror=alert(1)>",
    "`|*_[a](http://x)",
    "EOF\nreq-ids=y",
    "</pre><script>",
]


def test_hostile_names_neither_command_the_runner_nor_render(process: Run, workspace: Path) -> None:
    (workspace / "list").write_bytes("\0".join(HOSTILE).encode())
    for root in ("", "elsewhere"):  # purged in one run, skipped in the other
        step = process(files_from="list", root=root)
        assert step.exit_code == 0
        urls = 0 if root else sum(len(spell_path(name)) for name in HOSTILE)
        assert step.outputs["url-count"] == str(urls)
        commands = {
            line.split("::")[1].split(" ")[0] for line in step.log.splitlines() if line.lstrip().startswith("::")
        }
        assert commands <= {"add-mask", "group", "endgroup", "notice", "warning"}
        assert "##[" not in step.log
        assert not {"\r", "\x1b", "\u202e"} & set(step.log)
        assert not {"\r", "\x1b", "\u202e"} & set(step.summary)
        assert "<script" not in step.summary
        assert "<img" not in step.summary


def test_the_token_is_masked_first_and_shown_nowhere_else(run: Run, cdn: Sandbox, token: str, workspace: Path) -> None:
    cdn.add_faults(Fault("status", status=400, body=json.dumps({"error": "bad"})))
    step = run(files="a.css", report_file="r.json", environ={"RUNNER_DEBUG": "1"})
    first, _, rest = step.log.partition("\n")
    assert first == f"::add-mask::{token}"
    for text in (rest, step.summary, *step.outputs.values(), (workspace / "r.json").read_text()):
        assert token not in text


def test_debug_logging_names_each_url(process: Run) -> None:
    assert (
        "::debug::purged https://static.example.com/a.css" in process(files="a.css", environ={"RUNNER_DEBUG": "1"}).log
    )
    assert "::debug::" not in process(files="a.css").log


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"GITHUB_OUTPUT": "", "GITHUB_STEP_SUMMARY": ""}, id="no files"),
        pytest.param({"GITHUB_OUTPUT": "/no/such/file", "GITHUB_STEP_SUMMARY": "/no/such/file"}, id="unwritable"),
        pytest.param({"LC_ALL": "C", "LANG": "C"}, id="C locale"),
        pytest.param({"PYTHONPATH": ".", "PYTHONHOME": "/nowhere", "PYTHONWARNINGS": "error"}, id="Python's variables"),
        pytest.param({"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}, id="proxy with exception"),
    ],
)
def test_the_purge_works_in_odd_environments(
    process: Run, cdn: Sandbox, environ: dict[str, str], workspace: Path
) -> None:
    (workspace / "requests.py").write_text("raise SystemExit('the workspace was imported')")
    step = process(files="春.html", environ=environ)
    assert step.exit_code == 0
    assert sent(cdn) == [("urls", ("https://static.example.com/%E6%98%A5.html",))]


def test_a_proxy_of_the_environment_is_used(run: Run, cdn: Sandbox) -> None:
    step = run(api_url="http://cdnapi.invalid", files="a.css", environ={"HTTP_PROXY": cdn.api_url})
    assert [call.path for call in cdn.calls] == ["http://cdnapi.invalid/cdn_api/purge"] * len(cdn.calls)
    assert cdn.calls
    assert step.exit_code == 1


def test_an_output_too_long_for_github_is_left_empty_with_a_warning(run: Run, workspace: Path) -> None:
    (workspace / "list").write_text("\n".join(f"{number:05}/{'x' * 200}.css" for number in range(2000)))
    step = run(files_from="list", report_file="r.json")
    assert step.outputs["purged-urls"] == "[]"
    assert (step.outputs["url-count"], step.outputs["result"]) == ("2000", "purged")
    assert "::warning title=ztpurge::too long for a step output, left empty: purged-urls; see r.json" in step.log
    assert len(step.summary.encode()) < 1_048_576


def test_lines_of_outputs_stay_short_enough_for_forgejo(run: Run, workspace: Path, tmp_path: Path) -> None:
    (workspace / "list").write_text("\n".join(f"{number:05}.css" for number in range(3000)))
    output = tmp_path / "output"
    run(files_from="list", environ={"GITHUB_OUTPUT": str(output)})
    lines = output.read_bytes().split(b"\n")
    assert max(map(len, lines)) < 64 * 1024
    assert b"" not in [line for before, line in itertools.pairwise(lines[:-1]) if b"<<" not in before]


@pytest.fixture
def hanging(cdn: Sandbox, workspace: Path, token: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A step whose only call gets no answer, once that call has arrived."""
    cdn.add_faults(Fault("hang", seconds=60))
    inputs = {"token": token, "api-url": cdn.api_url, "concurrency": "1", "files": "b.css"}
    inputs |= {"base-url": "https://static.example.com/\nhttps://www.example.com/"}
    with started(workspace, inputs, environ={"GITHUB_OUTPUT": str(tmp_path / "output")}) as process:
        assert cdn.wait_for_calls(1)
        yield process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_run_leaves_its_outputs(hanging: subprocess.Popen[str], number: int, tmp_path: Path) -> None:
    hanging.send_signal(number)
    log, _ = hanging.communicate(timeout=20)
    assert hanging.returncode == 1
    assert "the run was cancelled" in log
    output = (tmp_path / "output").read_text()
    assert '["https://static.example.com/b.css","https://www.example.com/b.css"]' in output


def test_a_kill_leaves_no_half_written_file(hanging: subprocess.Popen[str], tmp_path: Path) -> None:
    hanging.kill()
    hanging.wait()
    output = tmp_path / "output"
    assert read_outputs(output.read_bytes() if output.exists() else b"") == {}


def test_a_second_signal_ends_at_once(hanging: subprocess.Popen[str]) -> None:
    hanging.send_signal(signal.SIGTERM)
    while hanging.poll() is None:
        hanging.send_signal(signal.SIGTERM)
    assert hanging.returncode == 128 + signal.SIGTERM


def test_stray_arguments_are_tolerated(workspace: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-I", str(ENTRYPOINT), "--token", "x", ";"],
        cwd=workspace,
        env=step_environ(workspace, {"dry-run": "true", "urls": "[]"}),
        check=False,
        stdout=subprocess.PIPE,
    )
    assert finished.returncode == 0


def test_no_pattern_keeps_a_run_from_ending(workspace: Path) -> None:
    inputs = {
        "dry-run": "true",
        "files": f"{'-' * 254}\na.js",
        "base-url": "http://a.example",
        "exclude": "*-*-*-*-*-*.js",
    }
    step = run_inside(workspace, inputs)
    assert step.exit_code == 0
    assert "2 URLs to purge" in step.log


def test_a_run_without_calls_does_not_import_the_http_client(workspace: Path) -> None:
    code = (
        "import os, sys, io; sys.path.insert(0, sys.argv[1])\n"
        "from ztpurge.main import run; from ztpurge.calls.clock import Clock\n"
        "code = run(os.environ, io.StringIO(), Clock())\n"
        "sys.exit(code or len({'requests', 'yaml'} & sys.modules.keys()))"
    )
    environ = step_environ(workspace, {"dry-run": "true", "files": "a.css", "base-url": "http://static.example.com"})
    finished = subprocess.run(
        [sys.executable, "-I", "-c", code, str(ENTRYPOINT.parent)], cwd=workspace, env=environ, check=False
    )
    assert finished.returncode == 0


def test_works_from_a_folder_that_is_not_the_workspace(cdn: Sandbox, workspace: Path, token: str) -> None:
    (workspace / "list").write_text("a.css")
    inputs = {"token": token, "api-url": cdn.api_url, "base-url": "http://static.example.com", "files-from": "list"}
    finished = subprocess.run(
        [sys.executable, "-I", str(ENTRYPOINT)], cwd=Path(os.sep), env=step_environ(workspace, inputs), check=False
    )
    assert finished.returncode == 0
    assert len(cdn.purge_calls) == 1
