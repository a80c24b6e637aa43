"""What a directory's purge takes along is counted in files, by the URLs that they have."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.changes.paths import Change
from ztpurge.site.extent import count_unchanged
from ztpurge.site.mapping import Sites, map_changes
from ztpurge.site.patterns import parse_patterns
from ztpurge.site.serving import Site

BASE = "https://a.example/"
PUBLIC = Site(base_urls=(BASE,), root="public")
PACKAGES = Site(base_urls=(f"{BASE}pkg/", "https://b.example/"), root="packages")
FILES = ["public/a.css", "public/css/b.css", "public/css/x/c.css", "public/\u00e9 [1]/d.css", "packages/p/e.zip", "f"]


@cases("directory unchanged", {
    "the whole site, and one below it": (BASE, 4),
    "a folder and what is below it": (f"{BASE}css/", 1),
    "a folder whose files all changed": (f"{BASE}css/x/", 0),
    "a folder that is not there": (f"{BASE}new/", 0),
    "a folder in a spelling": (f"{BASE}%C3%A9%20%5B1%5D/", 1),
    "that folder in another": (f"{BASE}%C3%A9%20[1]/", 1),
    "a site below": (f"{BASE}pkg/", 1),
    "a folder of that": ("https://b.example/p/", 1),
    "above every site": ("https://c.example/", None),
    "a name that begins alike": ("https://a.example.evil/", None),
})  # fmt: skip
def test_unchanged_files_are_counted_where_they_are_served(directory: str, unchanged: int | None) -> None:
    count = count_unchanged(Sites((PUBLIC, PACKAGES)), FILES, changed={"public/css/x/c.css"})
    assert count(directory) == unchanged
    assert count_unchanged(Sites((PUBLIC,)), None, changed=())(directory) is None


def test_what_lies_above_a_site_is_not_known_though_the_site_is() -> None:
    assert count_unchanged(Sites((PACKAGES,)), FILES, changed=())(BASE) is None


def test_files_that_a_site_leaves_out_are_served_and_count() -> None:
    site = replace(PUBLIC, include=parse_patterns(("*.html",)), exclude=parse_patterns(("css/",)))
    assert count_unchanged(Sites((site,)), FILES, changed=())(f"{BASE}css/") == 2


def test_what_is_purged_anyway_costs_nothing() -> None:
    count = count_unchanged(
        Sites((PUBLIC, PACKAGES)), FILES, changed=(), dirs=[f"{BASE}css/", f"{BASE}pkg/", "http://x/"]
    )
    assert (count(BASE), count(f"{BASE}css/x/")) == (2, 1)


PATHS = st.lists(st.sampled_from(["a", "b c", "[x]", "p"]), min_size=1, max_size=4).map("/".join)


@given(files=st.sets(PATHS, max_size=12), changed=st.sets(PATHS, max_size=4), root=st.sampled_from(["", "a", "p/a"]))
def test_a_directory_holds_the_files_whose_urls_begin_with_it(files: set[str], changed: set[str], root: str) -> None:
    sites = Sites((Site(base_urls=(BASE,), root=root), Site(base_urls=(f"{BASE}p/",), root=root)))
    count = count_unchanged(sites, files, changed=changed)
    for site in sites.sites:
        served = map_changes(Sites((site,)), map(Change, sorted(files - changed)))
        for url in served.urls:
            directory = url[: url.rindex("/") + 1]
            below = {target.path for target in served.targets if target.url.startswith(directory)}
            assert (count(directory) or 0) >= len(below)
            if site is sites.sites[0] and not directory.startswith(f"{BASE}p/") and directory != BASE:
                assert count(directory) == len(below)
