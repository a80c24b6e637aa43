"""Each workflow that is shown purges after the deployment; each recipe takes what its producer really writes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.standins.producers import output_of
from tests.standins.repositories import ENVIRON, Repository
from tests.whole.steps import run_inside as run_step
from tests.whole.workflows import PAGES, SHOWN, is_ours, needs_of
from ztpurge.site.urls import spell_path

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

RECIPES = [steps for name, steps in SHOWN.items() if name.startswith("changes.md") and isinstance(steps, list)]
ODD = ["a b.html", "caf\u00e9.html", "a(1)&$x.html", "[slug].html", "css/site.css"]


def with_token(step: dict[str, Any], token: str) -> dict[str, str]:
    """Return the inputs of a step, with a token instead of the secrets that it names."""
    given = {name: value for name, value in step["with"].items() if not value.startswith("${{ secrets.")}
    return given | {"token": token}


@pytest.mark.parametrize("document", SHOWN.values(), ids=SHOWN)
def test_an_example_purges_after_the_deployment_and_with_secrets(document: Any) -> None:  # noqa: ANN401 - YAML's
    jobs = {"": {"steps": document}} if isinstance(document, list) else document["jobs"]
    assert any(is_ours(step) for job in jobs.values() for step in job["steps"])
    for job in jobs.values():
        steps = [step for name in needs_of(job) for step in jobs[name]["steps"]] + job["steps"]
        purging = [step for step in steps if is_ours(step) and step["with"].get("dry-run") != "true"]
        if purging and (isinstance(document, list) or "push" in document["on"]):
            assert any("./deploy" in step.get("run", "") for step in steps[: steps.index(purging[0])])
        for step in purging:
            given = {name: value for name, value in step["with"].items() if name in {"token", "username", "password"}}
            assert all(value == f"${{{{ secrets.ZT_CDN_{name.upper()} }}}}" for name, value in given.items())
            assert given.keys() in ({"token"}, {"username", "password"})


def test_the_example_with_a_token_and_the_error_say_how_long_it_lasts(cdn: Sandbox, workspace: Path) -> None:
    (line,) = [line for line in PAGES["credentials.md"].splitlines() if "secrets.ZT_CDN_TOKEN" in line]
    given = {"token": "a-token-of-yesterday", "base-url": "https://static.example.com/", "files": "a"}
    finished = run_step(workspace, given | {"api-url": cdn.api_url})
    assert finished.exit_code == 1
    for text in (line.partition("#")[2], finished.log):
        assert "ends within a day or so" in text
        assert "`username` and `password` in its place do not" in text


def test_the_page_has_recipes() -> None:
    assert len(RECIPES) == 4


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
