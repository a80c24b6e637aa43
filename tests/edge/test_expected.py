"""Each URL has what it must serve: a content, nothing any more, or a reason why nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.changes.contents import Content, Unknown
from ztpurge.changes.paths import Change
from ztpurge.edge.expected import Gone, expect
from ztpurge.site.mapping import Sites, files_behind, map_changes
from ztpurge.site.serving import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ztpurge.edge.expected import Expected

BASE = "https://a.example/"
INDEXES = ("index.html", "index.htm")
SITE = Site(base_urls=(BASE,), root="dist", index_files=INDEXES)
CLEAN = replace(SITE, clean_urls=True)
DOCS = replace(CLEAN, base_urls=(f"{BASE}docs/",))
PAGE, INDEX = (Content(letter * 40, 5, is_blob=True) for letter in "ab")
LINK = Unknown("a symbolic link")
NOBODY_KNOWS = Unknown("no file is known behind it")
FOLDER = Gone(is_folder=True)


@pytest.mark.parametrize(
    ("site", "changed", "there", "url", "expected"),
    [
        pytest.param(SITE, "a.css", {"a.css": PAGE}, "a.css", PAGE, id="the file"),
        pytest.param(SITE, "a.css", {}, "a.css", Gone(), id="deleted"),
        pytest.param(SITE, "index.html", {"index.html": INDEX}, "", INDEX, id="the index of the top"),
        pytest.param(SITE, "index.html", {}, "", FOLDER, id="the deleted index of the top"),
        pytest.param(SITE, "a/index.html", {}, "a/", FOLDER, id="a deleted index"),
        pytest.param(SITE, "a/index.html", {}, "a/index.html", Gone(), id="a deleted index by its name"),
        # `a` redirects to `a/`, or is served as it is, and that may answer 403 as `a/` does
        pytest.param(CLEAN, "a/index.html", {}, "a", FOLDER, id="a deleted index by its folder's clean URL"),
        pytest.param(CLEAN, "v1.0/index.html", {}, "v1.0", FOLDER, id="a folder that seems to have an ending"),
        pytest.param(DOCS, "index.html", {}, "docs", FOLDER, id="a deleted index by its site's bare address"),
        pytest.param(DOCS, "index.html", {"index.html": INDEX}, "docs", INDEX, id="the bare address of a site"),
        pytest.param(CLEAN, "a.html", {"a.html": LINK, "a/index.html": INDEX}, "a", LINK, id="a link goes first too"),
        pytest.param(CLEAN, "a.html", {}, "a.html", Gone(), id="a deleted page"),
        pytest.param(CLEAN, "a.html", {}, "a", FOLDER, id="a deleted page, maybe beside a folder"),
        pytest.param(CLEAN, "a a.html", {}, "a", FOLDER, id="a deleted file and page"),
        pytest.param(CLEAN, "a.html a", {}, "a", FOLDER, id="a deleted page and file"),
        pytest.param(CLEAN, "LICENSE", {}, "LICENSE", Gone(), id="a deleted file without an ending"),
        pytest.param(CLEAN, "b", {"a.html": PAGE}, "a", PAGE, id="given: a file's"),
        pytest.param(CLEAN, "b", {}, "%61.css", NOBODY_KNOWS, id="given: a file's that is not there"),
        pytest.param(SITE, "b", {}, "api/users", NOBODY_KNOWS, id="given: no file's"),
        pytest.param(SITE, "a.css", {"a.css": PAGE}, "a.css?v=1", NOBODY_KNOWS, id="given: with a query"),
        pytest.param(Site(base_urls=()), "a.css", {"a.css": PAGE}, "a.css", NOBODY_KNOWS, id="given: of no site"),
    ],
)  # fmt: skip
def test_a_url_must_serve(
    site: Site, changed: str, there: dict[str, Content | Unknown], url: str, expected: Expected
) -> None:
    mapped = map_changes(Sites((site,)), [Change(f"dist/{path}") for path in changed.split()], [BASE + url])
    found = expect(files_behind(Sites((site,)), mapped), {f"dist/{path}": what for path, what in there.items()})
    assert found[BASE + url] == expected


NAMES = st.sampled_from([*("a", "a.html", "a.htm", "b", "b.css"), *INDEXES, "index"])
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), unique=True)
REQUESTS = st.lists(NAMES, max_size=3).map("/".join)


def tried(site: Site, request: str) -> Iterator[str]:
    """Yield the files that a server tries, as nginx does with `try_files $uri $uri.html $uri.htm $uri/`."""
    if request.endswith("/") or not request:
        yield from (f"{request}{name}" for name in site.index_files)
        return
    yield request
    if site.clean_urls:
        yield from (f"{request}.html", f"{request}.htm")
        yield from (f"{request}/{name}" for name in site.index_files)


@given(
    site=st.sampled_from([SITE, CLEAN, replace(CLEAN, index_files=()), replace(SITE, index_files=INDEXES[::-1])]),
    changed=PATHS,
    there=PATHS,
    asked=st.lists(REQUESTS | REQUESTS.map("{}/".format).filter("/".__ne__)),
)
def test_a_url_must_serve_what_takes_precedence_and_a_change_s_url_is_known(
    site: Site, changed: list[str], there: list[str], asked: list[str]
) -> None:
    mapped = map_changes(Sites((site,)), [Change(f"dist/{path}") for path in changed], [BASE + path for path in asked])
    files: dict[str, Content | Unknown] = {f"dist/{path}": Content(path, 5) for path in there}
    found = expect(files_behind(Sites((site,)), mapped), files)
    assert found.keys() == {target.url for target in mapped.targets} | {BASE + path for path in asked}
    for url, what in found.items():
        first = next((path for path in tried(site, url.removeprefix(BASE)) if path in there), None)
        if first is not None:
            assert what == Content(first, 5)
        else:
            assert isinstance(what, Gone) is any(target.url == url for target in mapped.targets)
