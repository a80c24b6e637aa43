"""Each recipe of docs/changes.md takes what its producer really writes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sandbox.runner import run_step
from tests.producers import output_of
from tests.repositories import ENVIRON, Repository

if TYPE_CHECKING:
    from sandbox import Sandbox

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "changes.md").read_text(encoding="utf-8")
FENCES = re.findall(r"```yaml\n(- .*?)```", PAGE, re.DOTALL)
RECIPES: list[list[dict[str, Any]]] = [yaml.load(fence, Loader=yaml.BaseLoader) for fence in FENCES]  # noqa: S506 - text
ODD = ["a b.html", "caf\u00e9.html", "a(1)&$x.html", "[slug].html", "css/site.css"]


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe[0].get("uses", "git").partition("@")[0] for recipe in RECIPES])
def test_a_recipe_purges_what_its_producer_lists(
    recipe: list[dict[str, Any]], cdn: Sandbox, token: str, tmp_path: Path
) -> None:
    names = ODD if recipe[0].get("with") or "run" in recipe[0] else ODD[1:]  # the default of tj cannot tell "a b"
    site = Repository(tmp_path / "site")
    base = site.commit(dict.fromkeys(names, "1") | {"same": "1"})
    head = site.commit(dict.fromkeys(names, "2"))
    producer, step = recipe
    given = dict(step["with"])
    if "run" in producer:
        environ = ENVIRON | {"FROM": base, "TO": head}
        subprocess.run(["bash", "-e", "-c", producer["run"]], cwd=site.folder, env=environ, check=True)
    else:
        assert given["files"] == f"${{{{ steps.{producer['id']}.outputs.{given['files'].rpartition('.')[2]}"
        given["files"] = output_of(producer["uses"], producer.get("with", {}), names)
    finished = run_step(site.folder, given | {"token": token, "api-url": cdn.api_url})
    assert finished.exit_code == 0, finished.log
    purged = sorted(entry for call in cdn.purge_calls for entry in call.entries)
    expected = sorted(
        f"https://static.example.com/{name}"
        for name in ("a%20b.html", "caf%C3%A9.html", "a(1)&$x.html", "%5Bslug%5D.html", "css/site.css")[
            len(ODD) - len(names) :
        ]
    )
    assert purged == expected


def test_the_page_has_recipes() -> None:
    assert len(RECIPES) == 4
