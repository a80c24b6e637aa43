"""Each example of the pages purges after the deployment; each recipe takes what its producer really writes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import Sandbox
from tests.standins.producers import output_of
from tests.standins.repositories import ENVIRON, Repository
from tests.whole.steps import run_inside as run_step
from ztpurge.site.urls import spell_path

TOP = Path(__file__).resolve().parents[2]
PAGES = {file.name: file.read_text(encoding="utf-8") for file in (TOP / "README.md", *sorted(TOP.glob("docs/*.md")))}
EXAMPLES = {  # all values are text, and `on` stays a word
    f"{name}-{number}": yaml.load(fence, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but text
    for name, page in PAGES.items()
    for number, fence in enumerate(re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE), start=1)
    if not fence.startswith("# .ztpurge.yml\n")  # `test_sites.py` plays these
}


def steps_of(page: str) -> list[list[dict[str, Any]]]:
    """Return the examples of a page that are steps alone."""
    return [steps for name, steps in EXAMPLES.items() if name.startswith(page) and isinstance(steps, list)]


RECIPES = steps_of("changes.md")
BUILT = [steps for steps in steps_of("README.md") if any("manifest" in step.get("with", {}) for step in steps)]
ODD = ["a b.html", "caf\u00e9.html", "a(1)&$x.html", "[slug].html", "css/site.css"]


def with_token(step: dict[str, Any], token: str) -> dict[str, str]:
    """Return the inputs of a step, with a token instead of the secrets that it names."""
    given = {name: value for name, value in step["with"].items() if not value.startswith("${{ secrets.")}
    return given | {"token": token}


def is_ours(step: dict[str, Any]) -> bool:
    return str(step.get("uses")).startswith("OWNER/ztpurge@")


@pytest.mark.parametrize("document", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_purges_after_the_deployment_and_with_secrets(document: Any) -> None:  # noqa: ANN401 - YAML's
    jobs = {"": {"steps": document}} if isinstance(document, list) else document["jobs"]
    (job,) = [job for job in jobs.values() if any(map(is_ours, job["steps"]))]
    steps = jobs.get(job.get("needs"), {"steps": []})["steps"] + job["steps"]
    first = [is_ours(step) for step in steps].index(True)
    is_told = isinstance(document, dict) and list(document["on"]) == ["repository_dispatch"]
    purging = [step for step in filter(is_ours, steps) if step["with"].get("dry-run") != "true"]
    assert not purging or is_told or any("./deploy" in step.get("run", "") for step in steps[:first])
    for step in purging:
        credentials = {name: value for name, value in step["with"].items() if name in {"token", "username", "password"}}
        assert all(value == f"${{{{ secrets.ZT_CDN_{name.upper()} }}}}" for name, value in credentials.items())
        assert credentials.keys() in ({"token"}, {"username", "password"})


def test_the_main_example_and_the_error_say_how_long_a_token_lasts(cdn: Sandbox, workspace: Path) -> None:
    (line,) = [line for line in PAGES["README.md"].splitlines() if "secrets.ZT_CDN_TOKEN" in line]
    given = {"token": "a-token-of-yesterday", "base-url": "https://static.example.com/", "files": "a"}
    finished = run_step(workspace, given | {"api-url": cdn.api_url})
    assert finished.exit_code == 1
    for text in (line.partition("#")[2], finished.log):
        assert "ends within a day or so" in text
        assert "`username` and `password` in its place do not" in text


def test_the_pages_have_recipes_and_both_ways_to_keep_a_manifest() -> None:
    used = [[step.get("uses", "gh").partition("@")[0] for step in recipe] for recipe in BUILT]
    ways = [("actions/cache/restore", "actions/cache/save"), ("gh", "actions/upload-artifact")]
    assert (len(RECIPES), [(uses[0], uses[-1]) for uses in used]) == (4, ways)


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe[0].get("uses", "git").partition("@")[0] for recipe in RECIPES])
def test_a_recipe_purges_what_its_producer_lists(
    recipe: list[dict[str, Any]], cdn: Sandbox, token: str, tmp_path: Path
) -> None:
    names = ODD if recipe[0].get("with") or "run" in recipe[0] else ODD[1:]  # the default of tj cannot tell "a b"
    site = Repository(tmp_path / "site")
    base = site.commit(dict.fromkeys(names, "1") | {"same": "1"})
    head = site.commit(dict.fromkeys(names, "2"))
    producer, _, step = recipe
    assert is_ours(step)
    given = with_token(step, token)
    if "run" in producer:
        environ = ENVIRON | {"FROM": base, "TO": head}
        subprocess.run(["bash", "-e", "-c", producer["run"]], cwd=site.folder, env=environ, check=True)
    else:
        assert given["files"] == f"${{{{ steps.{producer['id']}.outputs.{given['files'].rpartition('.')[2]}"
        given["files"] = output_of(producer["uses"], producer.get("with", {}), names)
    finished = run_step(site.folder, given | {"api-url": cdn.api_url})
    assert finished.exit_code == 0, finished.log
    purged = sorted(entry for call in cdn.purge_calls for entry in call.entries)
    assert purged == sorted(f"https://static.example.com/{path}" for name in names for path in spell_path(name))


FAKE_GH = """#!/bin/sh
case "$1 $2" in
  "api "*artifacts?name=ztpurge-manifest*) [ ! -e "$KEPT" ] || echo 7 ;;
  "run download") [ "$3 $4 $5 $6" = "7 --name ztpurge-manifest --dir" ] && mkdir -p "$7" && cp "$KEPT" "$7/" ;;
esac
"""


@pytest.mark.parametrize("recipe", BUILT, ids=["cache", "artifact"])
def test_a_built_site_keeps_its_manifest_from_run_to_run(
    recipe: list[dict[str, Any]], token: str, tmp_path: Path
) -> None:
    first, _, step, last = recipe
    name = step["with"]["manifest"]
    assert (last["if"], last["with"]["path"]) == ("always()", name)
    kept, served = tmp_path / "kept" / name, tmp_path / "served"
    for folder in (tmp_path / "bin", kept.parent, served):
        folder.mkdir(parents=True)
    (tmp_path / "bin/gh").write_text(FAKE_GH)
    (tmp_path / "bin/gh").chmod(0o755)
    results = []
    with Sandbox(served, hosts=("127.0.0.1",), token=token) as cdn:
        for number, text in enumerate("122", start=1):
            workspace = tmp_path / f"workspace-{number}"
            for folder in (workspace / step["with"]["root"], served):
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "a").write_text(text)
                (folder / "b").write_text("1")
            if "run" in first:
                environ = ENVIRON | {"KEPT": str(kept), "RUNNER_TEMP": str(tmp_path / f"temp-{number}")}
                environ |= {"PATH": f"{tmp_path / 'bin'}:{ENVIRON['PATH']}", "GITHUB_REPOSITORY": "o/r"}
                subprocess.run(["bash", "-e", "-c", first["run"]], cwd=workspace, env=environ, check=True)
            elif kept.exists():
                assert first["with"]["path"] == name
                shutil.copy(kept, workspace / name)
            given = with_token(step, token) | {"api-url": cdn.api_url, "base-url": f"{cdn.edge_url}/"}
            finished = run_step(workspace, given, environ={"GITHUB_RUN_NUMBER": str(number)})
            results.append((finished.exit_code, finished.outputs["url-count"]))
            shutil.copy(workspace / name, kept)
    assert results == [(0, "2"), (0, "1"), (0, "0")]
