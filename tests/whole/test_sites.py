"""The page about sites is true: each of its examples is played, with the explanation at a desk and in whole runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Sandbox
from tests.standins.repositories import Repository
from tests.tables import cases
from tests.whole.steps import push_event, run_inside
from tests.whole.workflows import read_yaml
from ztpurge.__main__ import main
from ztpurge.site.configuration import parse_configuration
from ztpurge.site.rules import parse_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.runner import Step
    from ztpurge.site.mapping import Sites

TOP = Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs/sites.md").read_text(encoding="utf-8")
SCHEMA = json.loads((TOP / "ztpurge.schema.json").read_text(encoding="utf-8"))
SUBMODULE = "themes/ananke"  # where the page has one
_EXAMPLE = re.compile(
    r"^```yaml\n(# \.ztpurge\.yml\n[^`]*?)^```\n\n\| changed file \| purged \|\n\|---\|---\|\n((?:\|.*\n)+)",
    re.MULTILINE,
)
_ENTRY = r"(all below )?`(https?://[^` ]+)`"

Entry = tuple[str, str]  # its kind and URL


@dataclass(frozen=True, slots=True)
class Example:
    """A configuration of the page: what is purged for each changed file, and why nothing is for the others."""

    text: str
    purged: Mapping[str, list[Entry]]
    skipped: Mapping[str, str]

    @property
    def sites(self) -> Sites:
        return parse_configuration(self.text.encode(), ".ztpurge.yml")

    def parts(self) -> dict[str, list[str]]:
        """Return the files that purge a whole domain apart from the others, which would be folded into that."""
        parts: dict[str, list[str]] = {}
        for path, entries in self.purged.items():
            is_whole = any(kind == "dirs" and url.count("/") == 3 for kind, url in entries)
            parts.setdefault("domains" if is_whole else "pages", []).append(path)
        return parts


def read_example(text: str, table: str) -> Example:
    purged: dict[str, list[Entry]] = {}
    skipped: dict[str, str] = {}
    for line in table.splitlines():
        row = re.fullmatch(rf"\| `([^`]+)` \| (?:nothing: ([^|`]+)|({_ENTRY}(?:, {_ENTRY})*)) \|", line)
        assert row, line
        path, reason, entries = row.groups()[:3]
        if reason:
            skipped[path] = reason
        else:
            purged[path] = [("dirs" if below else "urls", url) for below, url in re.findall(_ENTRY, entries)]
    return Example(text, purged, skipped)


EXAMPLES = {
    re.findall(r"^#+ (.+)", PAGE[: found.start()], re.MULTILINE)[-1]: read_example(*found.groups())
    for found in _EXAMPLE.finditer(PAGE)
}


def fence_after(words: str) -> str:
    """Return the first text in a fence that follows some words of the page."""
    found = re.search(r"^```\w*\n(.*?)^```", PAGE.partition(words)[2], re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def table_under(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, row by row, less its own head."""
    table = re.search(r"^\|.*\n\|-.*\n((?:\|.*\n)+)", PAGE.partition(f"\n## {heading}\n")[2], re.MULTILINE)
    assert table
    return [re.split(r" *\| *", line)[1:-1] for line in table[1].splitlines()]


def sent(cdn: Sandbox) -> list[Entry]:
    return sorted((call.kind, entry) for call in cdn.purge_calls for entry in call.entries)


def push(site: Repository, files: Mapping[str, str], changed: Iterable[str], events: Path) -> dict[str, str]:
    """Commit files, then some of them changed, and return what the environment says of the push."""
    commits = []
    for text, names in (("1", files.keys()), ("2", {*changed})):
        site.write({name: files[name] + text.strip("1") for name in names if name != SUBMODULE})
        site.git("add", "--all")
        if SUBMODULE in names:
            (site.folder / SUBMODULE).mkdir(parents=True, exist_ok=True)  # empty, as a clone leaves it; else it is gone
            site.git("update-index", "--add", "--cacheinfo", f"160000,{text * 40},{SUBMODULE}")
        site.git("commit", "--quiet", "--message=change")
        commits.append(site.git("rev-parse", "HEAD"))
    return push_event(events, *commits)


def test_each_common_setup_has_an_example() -> None:
    setups = {"A static folder", "Several domains", "Hugo", "Hexo", "Vite", "webpack", "Query variants"}
    assert EXAMPLES.keys() > setups
    assert len(EXAMPLES) == PAGE.count("```yaml\n# .ztpurge.yml\n") - 2  # one is wrong on purpose, one has an origin


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_is_explained_as_its_table_says(
    example: Example, workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / ".ztpurge.yml").write_text(example.text)
    monkeypatch.chdir(workspace)
    assert main(["explain", *example.purged, *example.skipped]) == 0
    said = capsys.readouterr().out
    explained: dict[str, list[Entry]] = {}
    for line in said.splitlines():
        if not line.startswith(" "):
            entries = explained.setdefault(line, [])
        elif found := re.fullmatch(r" +-> (\S+)( \(directory\))?", line):
            entries.append(("dirs" if found[2] else "urls", found[1]))
    assert explained == {**example.purged, **{path: [] for path in example.skipped}}
    of_use = set(re.findall(r"^  (.*\)):$", said, re.MULTILINE))
    sites = example.sites
    assert of_use == {*(site.name for site in sites.sites), *(rule.name for rule in sites.rules)}


PLAYS = [
    pytest.param(example, [*paths, *example.skipped], way, id=f"{title}, {what}, {way}")
    for title, example in EXAMPLES.items()
    for what, paths in example.parts().items()
    for way, is_played in (("push", example.sites.roots != ("dist",)), ("manifest", not example.sites.rules))
    if is_played
]


@pytest.mark.parametrize(("example", "changed", "way"), PLAYS)
def test_a_run_purges_what_the_table_of_an_example_says(
    example: Example, changed: list[str], way: str, token: str, tmp_path: Path
) -> None:
    sites, site = example.sites, Repository(tmp_path / "site")
    files = dict.fromkeys((*example.purged, *example.skipped), "1") | {".ztpurge.yml": example.text}
    inputs, environ = {"token": token, "report-file": "report.json"}, push(site, files, changed, tmp_path)
    if way == "manifest":
        inputs["manifest"] = "manifest.json"
        changed = [path for path in changed if any(one.holds(path) for one in sites.sites)]
    purged = {path: example.purged[path] for path in changed if path in example.purged}
    skipped = {path: example.skipped[path] for path in changed if path in example.skipped}
    entries = sorted({entry for listed in purged.values() for entry in listed})
    hosts = {url.split("/")[2] for _, url in entries}
    projects = {host: (project, "another") for host, project in sites.projects.items()}
    with Sandbox(tmp_path, hosts=hosts, projects=projects, token=token) as cdn:
        inputs["api-url"] = cdn.api_url
        dry = run_inside(site.folder, inputs | {"dry-run": "true"}, environ=environ)
        assert (dry.exit_code, cdn.calls) == (0, ())
        real = run_inside(site.folder, inputs, environ=environ)
        assert (real.exit_code, sent(cdn)) == (0, entries), real.log
        assert sorted(json.loads(dry.outputs["planned-urls"])) == sorted(url for _, url in entries)
        assert real.outputs["planned-urls"] == "[]"
        report = json.loads((site.folder / "report.json").read_text())
        found: dict[str, list[Entry]] = {}
        for target in report["targets"]:
            found.setdefault(target["path"], []).append((target["kind"], target["url"]))
        assert found == purged
        assert {skip["path"]: skip["reason"] for skip in report["skipped"]} == skipped
        if way == "push":
            assert "::warning" not in real.log
        else:
            assert run_inside(site.folder, inputs, environ=environ).outputs["result"] == "nothing"


def test_a_host_in_two_projects_takes_its_id(token: str, workspace: Path, tmp_path: Path) -> None:
    text = EXAMPLES["A host in two projects"].text
    projects = {"static.example.com": ("7f3c9a51", "another")}
    steps = []
    with Sandbox(tmp_path, hosts=projects, projects=projects, token=token) as cdn:
        for configuration in (text, re.sub(r".*project-id.*\n", "", text)):
            (workspace / ".ztpurge.yml").write_text(configuration)
            steps.append(run_inside(workspace, {"token": token, "api-url": cdn.api_url, "files": "public/a.css"}))
    purged, refused = steps
    assert (purged.exit_code, refused.exit_code) == (0, 1)
    assert refused.outputs["failed-urls"] == purged.outputs["purged-urls"] == '["https://static.example.com/a.css"]'
    assert "give the right `project-id` in `.ztpurge.yml`" in refused.log


def test_a_variant_must_serve_what_the_plain_url_must_and_of_a_rule_nobody_can_tell(token: str, tmp_path: Path) -> None:
    site = Repository(tmp_path / "site")
    site.write({"public/game.zip": ""})
    with Sandbox(site.folder / "public", hosts=("127.0.0.1",), token=token) as cdn:
        text = "version: 1\nsites:\n  - {root: public, urls: ['BASE'], variants: ['', '?v=2']}\n"
        text += "rules:\n  - {match: 'public/{name}.zip', urls: ['BASE{name}/', 'BASE{name}.zip?v=2']}\n"
        files = {".ztpurge.yml": text.replace("BASE", f"{cdn.edge_url}/"), "public/game.zip": "z"}
        environ = push(site, files, ["public/game.zip"], tmp_path)
        inputs = {"token": token, "api-url": cdn.api_url, "verify": "true"}
        step = run_inside(site.folder, inputs, environ=environ)
        assert sent(cdn) == [("urls", f"{cdn.edge_url}/game{end}") for end in (".zip", ".zip?v=2", "/")]
    assert (step.exit_code, step.outputs["stale-count"], step.outputs["unverified-count"]) == (0, "0", "1"), step.log
    assert "2 seen fresh" in step.log


CHANGED = dict.fromkeys(
    [
        *(f"public/news/{number}.html" for number in range(30)),
        *(f"public/img/{number}.png" for number in range(12)),
        *(f"public/{number}.css" for number in range(3)),
    ],
    "1",
)


def play_with_budget(most: int, token: str, folder: Path, **inputs: str) -> tuple[Sandbox, Step, str]:
    """Push 45 changed files, beside one in `news` and fifty in `img` that did not change, and look at each URL."""
    site = Repository(folder / "site")
    site.write({"public/news/old.html": "o"} | {f"public/img/old-{number}.png": "o" for number in range(50)})
    with Sandbox(folder / "site/public", hosts=("127.0.0.1",), token=token) as cdn:
        base = f"{cdn.edge_url}/"
        configuration = f"version: 1\nsites:\n  - {{root: public, urls: ['{base}']}}\n"
        environ = push(site, {**CHANGED, ".ztpurge.yml": configuration}, CHANGED, folder)
        given = {"token": token, "api-url": cdn.api_url, "max-requests": str(most), "verify": "true"}
        given |= {name: text.format(base=base) for name, text in inputs.items()}
        return cdn, run_inside(site.folder, given, environ=environ), base


@cases("most calls directories along", {
    "no budget": (0, 5, [], ""),
    "enough": (5, 5, [], ""),
    "where the fewest unchanged files go along": (3, 3, ["news/"], "(30 entries, 1 unchanged file along)"),
    "the whole site": (1, 1, [""], "(45 entries, 51 unchanged files along)"),
})  # fmt: skip
def test_a_budget_of_calls_is_kept(
    most: int, calls: int, directories: list[str], along: str, token: str, tmp_path: Path
) -> None:
    cdn, step, base = play_with_budget(most, token, tmp_path)
    assert (step.exit_code, len(cdn.purge_calls)) == (0, calls), step.log
    assert [url for kind, url in sent(cdn) if kind == "dirs"] == [base + directory for directory in directories]
    assert along in step.log
    assert (step.outputs["stale-count"], step.outputs["unverified-count"]) == ("0", str(len(directories)))
    assert (", all seen fresh" in step.log, "45 seen fresh, 1 not verified" in step.log) == (
        not directories,
        bool(directories),
    )
    is_whole = "" in directories
    assert [f"That is the whole of {base}" in step.log, "As a whole: " in step.summary] == [is_whole, is_whole]


@cases("inputs words", {
    "URLs and directories": ({"dirs": "{base}x/"}, "Set it to 2 or more"),
    "too many URLs before they are folded": ({"max-urls": "44"}, "more than the 44 of max-urls"),
})  # fmt: skip
def test_a_budget_that_cannot_do_is_refused(inputs: dict[str, str], words: str, token: str, tmp_path: Path) -> None:
    cdn, step, _ = play_with_budget(1, token, tmp_path, **inputs)
    assert (step.exit_code, cdn.calls) == (2, ())
    assert words in step.log


@cases("config purged", {"with the file": ("", ["a.css", "x"]), "without it": ("none", ["x"])})
def test_a_step_that_names_urls_purges_what_changed_too(
    config: str, purged: list[str], cdn: Sandbox, token: str, tmp_path: Path
) -> None:
    site = Repository(tmp_path / "site")
    files = {".ztpurge.yml": EXAMPLES["A static folder"].text, "public/a.css": ""}
    environ = push(site, files, ["public/a.css"], tmp_path)
    inputs = {"token": token, "api-url": cdn.api_url, "config": config, "urls": "https://static.example.com/x"}
    assert run_inside(site.folder, inputs, environ=environ).exit_code == 0
    assert sent(cdn) == [("urls", f"https://static.example.com/{name}") for name in purged]


@pytest.mark.skipif(not shutil.which("jq"), reason="the example prints with jq")
def test_the_plan_of_a_pull_request_is_printed(cdn: Sandbox, tmp_path: Path) -> None:
    workflow = read_yaml(fence_after("print what the merge would purge."))
    _, ours, printing = workflow["jobs"]["plan"]["steps"]
    site = Repository(tmp_path / "site")
    base = site.commit({".ztpurge.yml": EXAMPLES["A static folder"].text, "public/a.css": "1"})
    head = site.commit({"public/a.css": "2"})
    payload = {"pull_request": {"base": {"sha": base}, "head": {"sha": head}}}
    (tmp_path / "event.json").write_text(json.dumps(payload))
    environ = {"GITHUB_EVENT_NAME": workflow["on"], "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    step = run_inside(site.folder, ours["with"] | {"api-url": cdn.api_url}, environ=environ)
    assert (step.exit_code, cdn.calls) == (0, ())
    command = ["bash", "-e", "-c", printing["run"]]
    environ = {"PATH": os.environ["PATH"], "PLANNED": step.outputs["planned-urls"]}
    assert printing["env"] == {"PLANNED": "${{ steps.plan.outputs.planned-urls }}"}
    printed = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
    assert printed == "https://static.example.com/a.css\n"


def test_the_command_at_a_desk_answers_as_shown(workspace: Path) -> None:
    (workspace / ".ztpurge.yml").write_text(next(iter(EXAMPLES.values())).text)
    (workspace.parent / "ztpurge").symlink_to(TOP)
    (command,) = re.findall(r"^    (PYTHONPATH=.*)", PAGE, re.MULTILINE)
    environ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["bash", "-c", command], cwd=workspace, env=environ, check=True, capture_output=True, text=True
    )
    assert ran.stdout == fence_after("it answers:")


def test_a_wrong_file_says_what_is_shown(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / ".ztpurge.yml").write_text(fence_after("nothing is called:"))
    monkeypatch.chdir(workspace)
    assert main(["explain", "public/a.css"]) == 2
    assert capsys.readouterr().err == fence_after('{slgu}/"]\n```')


@pytest.mark.parametrize(("pattern", "path", "told"), table_under("How `match` reads paths"))
def test_a_pattern_takes_of_a_path_what_is_shown(pattern: str, path: str, told: str) -> None:
    taken = parse_match(pattern.strip("`")).captures_of(path.strip("`"))
    shown = "no" if taken is None else ", ".join(f"`{name}={text}`" for name, text in taken.items()) or "it matches"
    assert shown == told


def test_the_table_has_all_keys_with_their_defaults() -> None:
    parts = {"the file": SCHEMA, "a site": SCHEMA["definitions"]["site"], "a rule": SCHEMA["definitions"]["rule"]}
    known = {
        (f"`{key}`", of): ", ".join(f"`{one}`" for one in shown_default(schema)) for of, part in parts.items()
        for key, schema in part["properties"].items()
    }  # fmt: skip
    assert {(key, of): default.strip() for key, of, default, _ in table_under("All keys")} == known


def shown_default(schema: Mapping[str, Any]) -> list[str]:
    """Return the entries of a default as YAML has them."""
    default = schema.get("default", [])
    return [json.dumps(one).strip('"') or '""' for one in (default if isinstance(default, list) else [default])]
