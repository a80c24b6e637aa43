"""Whole runs of entrypoint.py, as the runner starts it, against the CDN on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from sandbox import Fault, Sandbox
from sandbox.runner import ENTRYPOINT, Step, run_step, step_environ
from tests.whole.steps import run_inside
from ztpurge.site.urls import spell_path

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., Step]

BASE = "https://static.example.com/"
OTHERS = "https://not-ours.example.com/"


def runs_with(start: Run, cdn: Sandbox, workspace: Path, token: str) -> Run:
    """Return what runs a step with the inputs that each needs; underscores in names stand for hyphens."""

    def run(environ: dict[str, str] | None = None, **inputs: str) -> Step:
        given = {"token": token, "api_url": cdn.api_url, "base_url": BASE, **inputs}
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


def under(base: str, *names: str) -> list[str]:
    return [base + name for name in names]


def test_files_become_purged_urls_and_req_ids(process: Run, cdn: Sandbox) -> None:
    step = process(files="css/a.css\nindex.html\n", dirs="https://www.example.com/img")
    urls = under(BASE, "css/a.css", "index.html", "")
    assert sent(cdn) == [("dirs", ("https://www.example.com/img/",)), ("urls", tuple(urls))]
    by_kind: dict[str, str | None] = {call.kind: call.req_id for call in cdn.purge_calls}
    lists = {
        "req-ids": [by_kind["urls"], by_kind["dirs"]], "purged-urls": urls,
        "purged-dirs": ["https://www.example.com/img/"], "failed-urls": [], "stale-urls": [], "prefetch-req-ids": [],
        "requests": [
            {"kind": kind, "host": host, "entries": entries, "reqId": by_kind[kind], "attempts": 1, "status": "purged",
             "error": None}
            for kind, host, entries in (("urls", "static.example.com", 3), ("dirs", "www.example.com", 1))
        ],
    }  # fmt: skip
    assert {name: json.loads(step.outputs[name]) for name in lists} == lists
    assert json.dumps(urls, separators=(",", ":")) == step.outputs["purged-urls"]
    counts = {"url": "3", "dir": "1", "failed": "0", "stale": "0", "unverified": "0", "skipped": "0", "request": "2"}
    told = {f"{name}-count": count for name, count in counts.items()}
    assert step.outputs.items() >= {**told, "result": "purged", "success-rate": "100.0", "report-file": ""}.items()
    assert step.exit_code == 0


def test_each_call_shows_as_one_line_and_carries_token_content_type_and_user_agent(
    run: Run, cdn: Sandbox, token: str
) -> None:
    step = run(files="\n".join(f"{number}.css" for number in range(11)))
    ids = {len(call.entries): call.req_id for call in cdn.purge_calls}
    lines = sorted(line.rpartition("  ")[0] for line in step.log.splitlines() if line.startswith("["))
    assert lines == [
        f"[1/2] static.example.com  10 urls  reqId {ids[10]}",
        f"[2/2] static.example.com    1 url  reqId {ids[1]}",
    ]
    for headers in (call.headers for call in cdn.purge_calls):
        assert (headers.get("X-Auth-Token", ""), headers.get("Content-Type", "")) == (token, "application/json")
        assert headers.get("User-Agent", "").startswith("ztpurge/")


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


def test_a_dry_run_plans_what_a_real_run_sends_and_calls_nobody(run: Run, cdn: Sandbox) -> None:
    inputs = {
        "files": "\n".join(["index.html", "\u6625/a b.html", *(f"{number}.css" for number in range(25))]),
        "files_format": "lines",
        "dirs": "http://www.example.com/x/\nhttp://static.example.com/x/",
        "base_url": "http://static.example.com/\nhttp://www.example.com/assets/",
    }
    dry = run(**inputs, dry_run="true", token="")
    assert (dry.exit_code, dry.outputs["result"], cdn.calls) == (0, "dry-run", ())
    real = run(**inputs)
    assert real.outputs["result"] == "purged"
    planned, done = json.loads(dry.outputs["requests"]), json.loads(real.outputs["requests"])
    shape = [[(call["kind"], call["host"], call["entries"]) for call in calls] for calls in (planned, done)]
    assert shape[0] == shape[1]
    assert {call["status"] for call in planned} == {"dry-run"}
    for entry in (entry for _, entries in sent(cdn) for entry in entries):
        shown = f"{entry}  {unquote(urlsplit(entry).path)[1:]}" if "%" in entry else entry  # as people write it
        assert f"  {shown}  for " in dry.log or f"  {shown}  which was given in `dirs`\n" in dry.log
        assert shown in dry.summary


def test_the_report_file_holds_everything_and_skipped_files_are_named_with_their_reason(
    run: Run, workspace: Path
) -> None:
    files = under("public/", "index.html", "img/a.png", "c.map")
    step = run(files="\n".join([*files, "src/b.ts"]), root="public", exclude="*.map", dirs=f"{BASE}img/",
               report_file="out/report.json")  # fmt: skip
    assert (step.outputs["report-file"], step.outputs["skipped-count"]) == ("out/report.json", "2")
    report = json.loads((workspace / "out/report.json").read_text())
    assert report["result"] == "purged"
    assert [stage["name"] for stage in report["stages"]] == ["What changed", "Purge"]
    assert report["options"] == {
        "api-url": report["options"]["api-url"], "base-url": BASE, "root": "public", "exclude": "*.map",
        "files": " ".join([*files, "src/b.ts"]), "dirs": f"{BASE}img/", "report-file": "out/report.json",
    }  # fmt: skip
    assert report["targets"][0] == {
        "url": f"{BASE}index.html",
        "kind": "urls",
        "path": "public/index.html",
        "by": "the inputs",
    }
    assert report["folded"] == [{"url": f"{BASE}img/a.png", "directory": f"{BASE}img/", "kind": "urls"}]
    assert [call["purge"] for call in report["requests"]] == [[f"{BASE}img/"], under(BASE, "index.html", "")]
    assert [(skip["path"], skip["reason"]) for skip in report["skipped"]] == [
        ("public/c.map", "matched by exclude"), ("src/b.ts", "outside root public")
    ]  # fmt: skip
    for skip in report["skipped"]:
        assert f"{skip['path']}  ({skip['reason']})" in step.log
        assert f"Skipped: <code>{skip['reason']}</code> (1)</summary>\n\n<pre>{skip['path']}</pre>" in step.summary


def test_names_of_files_may_hold_any_byte(run: Run, process: Run, cdn: Sandbox, workspace: Path) -> None:
    (workspace / "list").write_bytes(b"a b.css\0caf\xe9.css\0line\nbreak.css\0\xe6\x98\xa5.html\0-rf\0")
    assert run(files_from="list").exit_code == 0
    step = process(files="caf\udce9\udcff.css\nsrc/\udcff", exclude="src/", report_file="r.json")
    assert step.exit_code == 0
    assert [call.entries for call in cdn.purge_calls] == [
        tuple(under(BASE, "a%20b.css", "caf%E9.css", "line%0Abreak.css", "%E6%98%A5.html", "-rf")),
        (f"{BASE}caf%E9%FF.css",),
    ]
    assert r"src/\xff" in step.log
    assert r"caf\\xe9\\xff.css" in (workspace / "r.json").read_text()


def test_every_batch_is_attempted_and_each_failure_named(run: Run, cdn: Sandbox) -> None:
    """One that a directory was to purge with it, too."""
    step = run(base_url=f"{BASE}\n{OTHERS}", files="a.css\nx/b.css", dirs=f"{OTHERS}x/")
    assert (step.exit_code, step.outputs["result"]) == (1, "partial")
    assert json.loads(step.outputs["purged-urls"]) == under(BASE, "a.css", "x/b.css")
    assert json.loads(step.outputs["failed-urls"]) == under(OTHERS, "a.css", "x/", "x/b.css")
    assert (step.outputs["failed-count"], step.outputs["success-rate"]) == ("2", "50.0")
    errors = [call["error"] for call in json.loads(step.outputs["requests"])]
    assert [error and "not yours" in error for error in errors] == [None, True, True]
    (error,) = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert "2 entries of not-ours.example.com not purged (2 calls)" in error
    assert f"{OTHERS}a.css" in step.summary


def test_a_bad_token_fails_every_batch_and_stops_the_calls(process: Run, cdn: Sandbox) -> None:
    step = process(token="wrong", files="\n".join(f"{number}.css" for number in range(500)), concurrency="4")
    assert (step.exit_code, step.outputs["result"], step.outputs["req-ids"]) == (1, "failed", "[]")
    assert {call.status for call in cdn.purge_calls} == {400}
    assert len(cdn.purge_calls) <= 4
    assert len(json.loads(step.outputs["failed-urls"])) == 500
    assert step.log.count("::error") == 1


@pytest.mark.parametrize(
    ("times", "pause", "calls", "result", "words"),
    [
        pytest.param(2, "0", 3, "purged", "reqId", id="it succeeds later"),
        pytest.param(9, "0", 3, "failed", "3 tries", id="retries end"),
        pytest.param(1, "3600", 1, "failed", "`timeout` leaves no time for it", id="a pause longer than the run"),
    ],
)
def test_what_may_succeed_later_is_tried_again(
    run: Run, cdn: Sandbox, times: int, pause: str, calls: int, result: str, words: str
) -> None:
    cdn.add_faults(Fault("status", status=503, times=times, headers=(("Retry-After", pause),)))
    step = run(files="a.css", retries="2")
    assert (step.exit_code, step.outputs["result"]) == (result == "failed", result)
    assert json.loads(step.outputs["req-ids"]) == [call.req_id for call in cdn.purge_calls if call.req_id]
    assert json.loads(step.outputs["requests"])[0]["attempts"] == len(cdn.purge_calls) == calls
    assert words in step.log


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_the_run_ends_in_time_though_the_api_hangs(process: Run, cdn: Sandbox, workspace: Path, kind: str) -> None:
    cdn.add_faults(Fault(kind, seconds=60))
    step = process(files="a.css", timeout="1", report_file="r.json")
    assert step.exit_code == 1
    assert json.loads((workspace / "r.json").read_text())["seconds"] < 10  # of 60; generous, for a machine under load
    assert json.loads(step.outputs["failed-urls"]) == [f"{BASE}a.css"]


def test_calls_run_at_once_but_no_more_than_asked(tmp_path: Path, workspace: Path, token: str) -> None:
    with Sandbox(tmp_path, hosts=("static.example.com",), token=token, latency=0.3) as cdn:
        run = runs_with(run_inside, cdn, workspace, token)
        run(base_url="", urls=json.dumps(under(BASE, *map(str, range(90)))), concurrency="3")
        assert cdn.most_at_once == 3


# what each input may not be is a row of tests/test_inputs.py; here is one for each place that refuses
@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        pytest.param({"token": "", "files": "a"}, ["token: it is missing"], id="no token"),
        pytest.param({"base_url": ""}, ["base-url: ", "nothing would ever be purged"], id="nothing given"),
        pytest.param({"files": "a.css", "dry run": "true", "DRYRUN": "true", "wait": "x"},
                     ["dry_run: there is no input", "Write `dry-run`", "dryrun: there is no input", "wait: 'x'"],
                     id="misspelt names"),
        pytest.param({"files": "/etc/passwd"}, ["files: ", "/etc/passwd (absolute)"], id="absolute path"),
        pytest.param({"files_from": "nowhere"}, ["files-from: there is no file 'nowhere'"], id="list is not there"),
        pytest.param({"files_from": "a\u202eb"}, [r"there is no file 'a\u202eb'"], id="a name that turns the line"),
        pytest.param({"files_from": "/etc/hostname"}, ["files-from: ", "outside"], id="list outside"),
        pytest.param({"report_file": "../r.json"}, ["report-file: ", "outside"], id="report outside"),
        pytest.param({"files": "a.css b.css"}, ["files: ", "one name or several"], id="space-separated"),
        pytest.param({"files": "a\nb\nc", "max_urls": "2"}, ["max-urls: 3 URLs"], id="too many"),
        pytest.param({"pace": "x", "dry_run": "yes", "root": "/", "urls": "a.css"},
                     ["pace: ", "dry-run: ", "root: ", "urls: "], id="all problems at once"),
    ],
)  # fmt: skip
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


def test_inputs_that_are_not_utf_8_are_errors_with_a_name(process: Run, cdn: Sandbox) -> None:
    names = ["token", "password", "github_token", "base_url", "include", "report_file", "root"]
    step = process(files="a.css", environ={"INPUT_DRY\udcff": "true"}, **dict.fromkeys(names, "caf\udce9\udcff"))
    assert "Traceback" not in step.log
    assert (step.exit_code, cdn.calls, step.outputs["result"]) == (2, (), "failed")
    for name in names:
        assert f"::error title=ztpurge::{name.replace('_', '-')}: it is not UTF-8" in step.log
    assert "there is no input of this name. Write `dry-run`" in step.log
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


HOSTILE = [
    "x##[set-output name=req-ids]y", "::set-output name=req-ids::y", "cr\r::error::y", "lf\n::error::y",
    "esc\x1b[31mred", "rtl\u202egpj.exe", "<img src=x onerror=alert(1)>", "`|*_[a](http://x)", "EOF\nreq-ids=y",
    "</pre><script>",
]  # fmt: skip


@pytest.mark.parametrize("root", ["", "elsewhere"], ids=["purged", "skipped"])
def test_hostile_names_neither_command_the_runner_nor_render(process: Run, workspace: Path, root: str) -> None:
    (workspace / "list").write_bytes("\0".join(HOSTILE).encode())
    step = process(files_from="list", root=root)
    assert step.exit_code == 0
    assert step.outputs["url-count"] == str(0 if root else sum(len(spell_path(name)) for name in HOSTILE))
    commands = {line.split("::")[1].split(" ")[0] for line in step.log.splitlines() if line.lstrip().startswith("::")}
    assert commands <= {"add-mask", "group", "endgroup", "notice", "warning"}
    assert "##[" not in step.log
    assert not {"\r", "\x1b", "\u202e"} & {*step.log, *step.summary}
    assert "<script" not in step.summary
    assert "<img" not in step.summary


TIME = re.compile(r"\d+\.\d+ s")


def test_a_log_is_folded_stage_by_stage_with_what_came_of_each_below(run: Run, workspace: Path) -> None:
    page = {"GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7"}
    step = run(files="a.css\nb.css", wait="true", prefetch="true", environ=page)
    in_sight, groups, title = [], [], ""
    for line in step.log.splitlines():
        if line.startswith("::group::"):
            assert not title
            title = line.removeprefix("::group::")
            groups.append(TIME.sub("T", title))
        elif line == "::endgroup::":
            title = ""
        elif not title and "add-mask" not in line:
            in_sight.append(TIME.sub("T", line))
    assert groups == [
        "What changed: 2 changed files; 2 URLs to purge in 1 call (T)",
        "Purge 2 URLs in 1 call",
        "Wait for 1 reqId, 300 s at most",
        "Prefetch 2 URLs in 1 call",
        "Wait for 1 reqId, 300 s at most",
    ]
    assert in_sight[1:] == [
        "Purge: 2 accepted (T)",
        "Wait: 2 done (T)",
        "Prefetch: 2 accepted (T)",
        "Wait: 2 done (T)",
        "2 URLs on static.example.com purged and reported done in T; summary: https://git.example/o/r/actions/runs/7",
    ]


def test_what_is_wrong_is_in_sight_and_stands_at_the_file(run: Run, cdn: Sandbox) -> None:
    cdn.add_faults(Fault("status", status=500, match="/12.css"))
    step = run(files="\n".join(f"{number}.css" for number in range(20)), retries="0", concurrency="1")
    unfolded = re.sub(r"::group::(.*\n)*?::endgroup::\n", "", step.log)
    assert "[2/2] static.example.com  10 urls  NOT PURGED  " in unfolded
    assert "[1/2]" not in unfolded
    assert re.search(r"^Purge: 10 NOT ACCEPTED, 10 accepted \(", unfolded, re.MULTILINE)
    assert "::error file=10.css,title=ztpurge::Not purged: https://static.example.com/10.css  (a provider" in unfolded
    assert "::error title=ztpurge::and 2 more changed files with such URLs; " in unfolded
    assert step.log.count("::error ") == 10


@pytest.mark.parametrize("summary", ["never", "on-failure"])
def test_a_run_that_is_refused_has_a_summary_unless_none_is_wanted(run: Run, summary: str) -> None:
    for inputs in ({"base_url": "x"}, {"files": "a\nb", "max_urls": "1"}):
        step = run(summary=summary, **inputs)
        assert (step.exit_code, bool(step.summary)) == (2, summary == "on-failure")


def test_debug_logging_names_each_url(run: Run) -> None:
    assert f"::debug::purged {BASE}a.css" in run(files="a.css", environ={"RUNNER_DEBUG": "1"}).log
    assert "::debug::" not in run(files="a.css").log


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
    assert process(files="春.html", environ=environ).exit_code == 0
    assert sent(cdn) == [("urls", (f"{BASE}%E6%98%A5.html",))]


def test_a_proxy_of_the_environment_is_used(run: Run, cdn: Sandbox) -> None:
    step = run(api_url="http://cdnapi.invalid", files="a.css", environ={"HTTP_PROXY": cdn.api_url})
    assert {call.path for call in cdn.calls} == {"http://cdnapi.invalid/cdn_api/purge"}
    assert step.exit_code == 1


def test_stray_arguments_and_a_folder_that_is_not_the_workspace_are_tolerated(
    cdn: Sandbox, workspace: Path, token: str
) -> None:
    (workspace / "list").write_text("a.css")
    inputs = {"token": token, "api-url": cdn.api_url, "base-url": BASE, "files-from": "list"}
    command = [sys.executable, "-I", str(ENTRYPOINT), "--token", "x", ";"]
    subprocess.run(command, cwd=Path(os.sep), env=step_environ(workspace, inputs), check=True)
    assert sent(cdn) == [("urls", (f"{BASE}a.css",))]


@pytest.mark.parametrize(
    ("inputs", "unused"),
    [
        pytest.param({"dry-run": "true"}, [], id="dry run"),
        pytest.param({"root": "elsewhere", "token": "t"}, ["report.hashed"], id="nothing to purge"),
    ],
)
def test_a_run_without_calls_imports_nothing_that_calls_need(
    workspace: Path, inputs: dict[str, str], unused: list[str]
) -> None:
    unused = [*unused, "cdn.answers", "cdn.choice", "changes.manifest", "edge.verify", "looks", "site.configuration"]
    code = (
        "import os, sys, io; sys.path.insert(0, sys.argv[1])\n"
        "from ztpurge.main import run; from ztpurge.calls.clock import Clock\n"
        "code = run(os.environ, io.StringIO(), Clock())\n"
        "sys.exit(code or ' '.join({*sys.argv[2:]} & sys.modules.keys()) or 0)"
    )
    (workspace / "elsewhere").mkdir()
    environ = step_environ(workspace, {"files": "a.css", "base-url": BASE, **inputs})
    names = ["requests", "yaml", *(f"ztpurge.{name}" for name in unused)]
    command = [sys.executable, "-I", "-c", code, str(ENTRYPOINT.parent), *names]
    subprocess.run(command, cwd=workspace, env=environ, check=True)
