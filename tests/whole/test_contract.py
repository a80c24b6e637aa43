"""action.yml, the README's tables, the code's table and the contract agree, name by name and default by default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ztpurge import inputs
from ztpurge.changes.lists import FORMATS
from ztpurge.report.outputs import outputs
from ztpurge.report.values import Report

TOP = Path(__file__).resolve().parents[2]
CONTRACT = TOP.parent / "shared" / "interface.md"
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


def test_action_declares_what_the_code_reads_with_its_defaults() -> None:
    declared = {name: row.get("default", "") for name, row in ACTION["inputs"].items()}
    assert declared == inputs.table()
    assert list(declared) == list(inputs.table())


def test_action_declares_the_outputs_that_the_code_sets() -> None:
    assert list(ACTION["outputs"]) == list(outputs(Report()))


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_each_is_described_and_named_as_every_runner_maps_it(kind: str) -> None:
    for name, row in ACTION[kind].items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert 20 <= len(row["description"]) <= 300, name
        assert set(row) <= {"description", "default"}


def test_readme_has_each_input_with_its_default() -> None:
    documented = rows(README, "Inputs")
    assert list(documented) == list(inputs.table())
    assert {name: default_of(cells) for name, cells in documented.items()} == inputs.table()


def test_readme_has_each_output() -> None:
    assert list(rows(README, "Outputs")) == list(ACTION["outputs"])


def test_readme_names_every_list_format() -> None:
    meaning = rows(README, "Inputs")["files-format"][1]
    assert set(re.findall(r"`([a-z-]+)`", meaning)) == set(FORMATS)


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract lies beside the repository, not in it")
def test_the_contract_is_kept() -> None:
    contract = CONTRACT.read_text(encoding="utf-8")
    promised = rows(contract, "Inputs")
    assert inputs.table().keys() <= promised.keys()
    assert {name: default_of(promised[name]) for name in inputs.table()} == inputs.table()
    assert rows(contract, "Outputs").keys() <= ACTION["outputs"].keys()  # names may be added


def test_action_runs_the_dockerfile_and_is_branded() -> None:
    assert ACTION["runs"] == {"using": "docker", "image": "Dockerfile"}
    assert set(ACTION["branding"]) == {"icon", "color"}


def test_the_base_image_is_pinned_by_digest() -> None:
    dockerfile = (TOP / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG PYTHON_IMAGE=\S+@sha256:[0-9a-f]{64}$", dockerfile, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) <= {"${PYTHON_IMAGE}", "scratch"}


def test_dependabot_sees_the_base_image_that_is_built_on() -> None:
    argument = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (TOP / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    seen = re.search(r"^FROM (\S+)$", (TOP / "image/base.Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert argument
    assert seen
    assert argument[1] == seen[1]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_with_hashes_and_name_no_index(name: str) -> None:
    text = (TOP / name).read_text(encoding="utf-8")
    pins = re.findall(r"^[a-zA-Z][^\n]*", text, re.MULTILINE)
    assert pins
    assert [pin for pin in pins if not re.fullmatch(r"\S+==\S+( ; [^\\]+)? \\", pin)] == []
    assert text.count("\n    --hash=sha256:") >= len(pins)
    assert not re.search(r"https?:|--index|--find-links|file:", text)
