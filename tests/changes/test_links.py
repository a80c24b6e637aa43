"""A link that leads to what changed serves it under another name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.changes.links import links_to


@pytest.mark.parametrize(
    ("changed", "links", "found"),
    [
        pytest.param(["v2/a"], {"latest": "v2"}, {"latest": False}, id="a folder"),
        pytest.param(["v2/b/a"], {"latest": "v2/"}, {"latest": False}, id="a folder above"),
        pytest.param(["src/a.css"], {"p/a.css": "../src/a.css"}, {"p/a.css": True}, id="a file"),
        pytest.param(["v1/a"], {"latest": "v2", "file": "v1/b"}, {}, id="something else"),
        pytest.param(["v20/a"], {"latest": "v2"}, {}, id="a name that only begins so"),
        pytest.param(
            ["v2/a"], {"latest": "v2", "now": "latest"}, {"latest": False, "now": True}, id="a link to a link"
        ),
        pytest.param(
            ["v2/d/a"], {"latest": "v2", "docs": "latest/d"}, {"latest": False, "docs": False}, id="through a link"
        ),
        pytest.param(["a/x"], {"a/self": ".", "a/up": ".."}, {"a/self": False, "a/up": False}, id="above itself"),
        pytest.param(["a"], {"one": "two", "two": "one"}, {}, id="a circle"),
        pytest.param(["a"], {"out": "../../etc", "abs": "/etc/a"}, {}, id="out of the repository"),
        pytest.param(["a"], {"link": None}, {"link": False}, id="nobody knows where to"),
    ],
)
def test_links_that_lead_to_a_change(changed: list[str], links: dict[str, str | None], found: dict[str, bool]) -> None:
    assert dict(links_to(changed, links)) == found


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.lists(NAMES | st.just(".."), min_size=1, max_size=3).map("/".join)


@given(st.sets(PATHS, min_size=1, max_size=4), st.dictionaries(PATHS, TARGETS, max_size=4))
@settings(max_examples=150)
def test_no_link_is_missed_that_the_file_system_follows(
    tmp_path_factory: pytest.TempPathFactory, files: set[str], links: dict[str, str]
) -> None:
    top = tmp_path_factory.mktemp("links") / "x/y/z"
    made_files, made_links = set(), {}
    for path in files:
        try:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).touch()
            made_files.add(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
    for path, target in links.items():
        if not any(Path(path) in Path(other).parents for other in links):  # what is made through a link lies elsewhere
            try:
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).symlink_to(target)
                made_links[path] = target
            except (FileExistsError, NotADirectoryError, FileNotFoundError):
                continue
    made_files = {path for path in made_files if (top / path).is_file() and not (top / path).is_symlink()}
    for changed in made_files:
        found = dict(links_to([changed], made_links))
        real = os.path.realpath(top / changed)
        for path in made_links:
            leads_to = os.path.realpath(top / path)
            is_inside = f"{leads_to}/".startswith(f"{os.path.realpath(top)}/")  # elsewhere nothing is the commit's
            if is_inside and (top / path).exists() and (real == leads_to or real.startswith(f"{leads_to}/")):
                assert path in found, (changed, made_links)
