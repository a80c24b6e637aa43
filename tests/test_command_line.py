"""At a desk: what would be purged for a path, without git or a runner, in the files of a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.situations import situations
from tests.tables import cases
from ztpurge.__main__ import main
from ztpurge.report.document import render_json
from ztpurge.report.markdown import render_summary

TOP = Path(__file__).resolve().parents[1]
BASE = "https://a.example/"
CONFIGURATION = f"""version: 1
sites:
- root: public
  urls: ["{BASE}"]
  exclude: ["*.map"]
rules:
- match: "posts/{{slug}}.md"
  urls: ["{BASE}posts/{{slug}}/"]
- match: "templates/**"
  dirs: ["{BASE}"]
"""
SITE, POSTS, TEMPLATES = "site 1 (.ztpurge.yml:3)", "rule 1 (.ztpurge.yml:7)", "rule 2 (.ztpurge.yml:9)"
NO_RULE = {
    POSTS: "`posts/{slug}.md` takes `posts/{slug}.md` at the top, and the path has `public/a.map` there",
    TEMPLATES: "`templates/**` takes `templates/**` at the top, and the path has `public/a.map` there",
}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".ztpurge.yml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_site_and_rule_says_what_it_makes_of_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "public/a.map", "posts/x y.md"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "public/a.map",
        f"  {SITE}: nothing, matched by exclude",
        f"  {POSTS}: nothing, {NO_RULE[POSTS]}",
        f"  {TEMPLATES}: nothing, {NO_RULE[TEMPLATES]}",
        "posts/x y.md",
        f"  {SITE}: nothing, outside root public",
        f"  {POSTS}:",
        f"    -> {BASE}posts/x%20y/",
        f"  {TEMPLATES}: nothing, {NO_RULE[TEMPLATES].replace('public/a.map', 'posts/x y.md')}",
    ]


def test_the_inputs_site_is_one_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--base-url", "https://b.example/", "--root", "public", "public/index.html"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1:6] == [
        "  the inputs:",
        "    -> https://b.example/index.html",
        "    -> https://b.example/",
        f"  {SITE}:",
        f"    -> {BASE}index.html",
    ]


def test_a_list_may_come_from_another_program(workspace: Path) -> None:
    command = [sys.executable, "-m", "ztpurge", "explain", "-"]
    environ = {"PYTHONPATH": str(TOP)}
    run = subprocess.run(
        command, input=b"templates/a\xff\n", capture_output=True, check=True, cwd=workspace, env=environ
    )
    assert run.stdout.decode().splitlines()[0] == "templates/a\\xff"
    assert run.stdout.decode().splitlines()[-1] == f"    -> {BASE} (directory)"


@cases("arguments problem", {
    "no site": (["--config", "none", "a.css"], "base-url: it is missing, so the changed files have no URLs"),
    "no path of the repository": (["../a.css"], "files: it holds what is not a path of a file in the repository"),
    "an input": (["--clean-urls", "yes", "a.css"], "clean-urls: 'yes' is not `true` or `false`"),
})  # fmt: skip
def test_what_cannot_be_used_is_said(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(problem)


REPORT = situations()["stale"]


@cases("change", {"as it was written": {}, "with a name that a later version added": {"new": 1, "targets": [
    target | {"new": 1} for target in REPORT["targets"]
]}})  # fmt: skip
def test_a_report_gives_its_summary(
    change: dict[str, object], workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "report.json").write_text(render_json(REPORT | change))
    assert main(["render", "report.json"]) == 0
    assert capsys.readouterr().out == render_summary(REPORT)


@cases("text problem", {
    "no file": (None, "x.json: [Errno 2] No such file or directory"),
    "no JSON": ("{", "x.json: it is not JSON. Give the file that `report-file` names"),
    "another schema": (render_json(REPORT | {"schema": 2}), "x.json: it is no report that can be read here"),
    "no object": ("[]", "x.json: it is no report that can be read here"),
    "by somebody's hand": (render_json(REPORT | {"requests": [1]}), "x.json: it is not as a report is (TypeError"),
    "deep": ("[" * 100_000, "x.json: it is not JSON"),
})  # fmt: skip
def test_what_is_no_report_is_refused(
    text: str | None, problem: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (workspace / "x.json").write_text(text)
    assert main(["render", "x.json"]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.startswith(problem)) == ("", True)
