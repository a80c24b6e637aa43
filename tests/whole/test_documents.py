"""The documents hold together: each link leads somewhere, and each path that contributors are sent to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGES = [page for folder in (".", "docs", "examples", "sandbox") for page in sorted((TOP / folder).glob("*.md"))]
LINKS = [
    pytest.param(page, target, id=f"{page.relative_to(TOP)}: {target}")
    for page in PAGES
    for target in re.findall(r'(?:\]\(|(?:src|srcset)=")([^()"]+)[)"]', page.read_text(encoding="utf-8"))
    if not target.startswith(("https://", "../../"))  # another site, or a page that GitHub makes
]


def anchors_of(page: Path) -> set[str]:
    """Return what GitHub calls the headings of a page: letters, digits, hyphens, and hyphens for blanks."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "target"), LINKS)
def test_a_link_leads_to_a_file_and_a_heading(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    leads_to = page.parent / name if name else page
    assert leads_to.is_file()
    assert not anchor or anchor in anchors_of(leads_to)


def test_each_path_that_contributors_are_sent_to_is_there() -> None:
    page = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\.?[\w./-]+(?:/|\.(?:py|md|yml))|\.ci/run)`", page)
    named += re.findall(r"^ {4} *([\w./]+(?:/|\.py))(?:[ ,]|$)", page, re.MULTILINE)  # the tree
    named += re.findall(r"pytest (\S+)", page)
    assert len(named) > 40
    folders = (TOP, TOP / "ztpurge", TOP / "tests")  # within the house, and for tests, the short name will do
    assert [name for name in named if not any((folder / name).exists() for folder in folders)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_of_ours_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:benchmarks|docs|examples|image|tests|ztpurge)/[\w./-]+)`", text)
    assert [name for name in named if not (TOP / name).exists()] == []
