"""action.yml, the README's tables and the code's agree, name by name and default by default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.test_inputs import GIVEN
from ztpurge import inputs
from ztpurge.changes.lists import FORMATS
from ztpurge.report.outputs import outputs
from ztpurge.report.values import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

TOP = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((TOP / "action.yml").read_text(encoding="utf-8"))
README = (TOP / "README.md").read_text(encoding="utf-8")


def rows(markdown: str, heading: str) -> dict[str, list[str]]:
    """Return the cells behind each name of the first table under a heading; a row may name several."""
    section = re.split(r"^## ", markdown.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]
    found: dict[str, list[str]] = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found |= dict.fromkeys(re.findall(r"`([a-z-]+)`", cells[0]), cells[1:])
    return found


def default_of(cells: list[str]) -> str:
    return "\n".join(re.findall(r"`([^`]*)`", cells[0]))


def different(code: Mapping[str, str], told: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Say of each place where it lacks a name of the code's, has one more, or tells another default."""
    return [
        f"{place}: {name} is {found.get(name, 'missing')!r}, in the code {code.get(name, 'missing')!r}"
        for place, found in told.items()
        for name in {**code, **found}
        if found.get(name) != code.get(name)
    ]


def test_each_input_stands_in_each_place_with_its_default() -> None:
    """The one test that a new input turns red; it names each place that lacks it."""
    code = inputs.table()
    action = {name: row.get("default", "") for name, row in ACTION["inputs"].items()}
    readme = {name: default_of(cells) for name, cells in rows(README, "Inputs").items()}
    tried = [str(row.values[0]).replace("_", "-") for row in GIVEN]
    tests = {name: code.get(name, "") for name in tried}
    told = {"action.yml": action, "README.md": readme, "GIVEN in tests/test_inputs.py": tests}
    assert not different(code, told), "\n".join(different(code, told))
    assert list(code) == list(action) == list(readme)


def test_each_output_stands_in_each_place() -> None:
    """The one test that a new output turns red; it names each place that lacks it."""
    code, readme = dict.fromkeys(outputs(Report()), ""), dict.fromkeys(rows(README, "Outputs"), "")
    action = dict.fromkeys(ACTION["outputs"], "")
    told = {"action.yml": action, "README.md": readme}
    assert not different(code, told), "\n".join(different(code, told))
    assert list(code) == list(action) == list(readme)


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_each_is_described_and_named_as_every_runner_maps_it(kind: str) -> None:
    for name, row in ACTION[kind].items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert 20 <= len(row["description"]) <= 300, name
        assert set(row) <= {"description", "default"}


def test_readme_names_every_list_format() -> None:
    meaning = rows(README, "Inputs")["files-format"][1]
    assert set(re.findall(r"`([a-z-]+)`", meaning)) == set(FORMATS)


def test_action_runs_the_dockerfile_and_is_branded() -> None:
    assert ACTION["runs"] == {"using": "docker", "image": "Dockerfile"}
    assert set(ACTION["branding"]) == {"icon", "color"}
