"""Every changed file has URLs or a reason why it has none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.changes import Change
from ztpurge.mapping import Mapped, Site, Skip, Target, map_changes
from ztpurge.patterns import parse_patterns

BASE = "https://a.example/"
INDEX = ("index.html", "index.htm")


@pytest.mark.parametrize(
    ("site", "path", "urls"),
    [
        pytest.param(Site(base_urls=(BASE,)), "css/a.css", ["css/a.css"], id="as it is"),
        pytest.param(Site(base_urls=(BASE,)), "a b#c/\u00e9.css", ["a%20b%23c/%C3%A9.css"], id="encoded"),
        pytest.param(Site(base_urls=(BASE,)), "100%.css", ["100%25.css"], id="encoded once"),
        pytest.param(Site(base_urls=(BASE,)), "index.html", ["index.html"], id="no index files"),
        pytest.param(Site(base_urls=(BASE,), root="dist"), "dist/a.css", ["a.css"], id="root"),
        pytest.param(Site(base_urls=(BASE,), root="a/b"), "a/b/a/b/c.css", ["a/b/c.css"], id="root taken off once"),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX), "index.html", ["index.html", ""], id="index at the top"
        ),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX), "a/index.htm", ["a/index.htm", "a/"], id="index below"
        ),
        pytest.param(
            Site(base_urls=(BASE,), root="dist", index_files=INDEX),
            "dist/index.html",
            ["index.html", ""],
            id="index at the top of root",
        ),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX),
            "a b/index.html",
            ["a%20b/index.html", "a%20b/"],
            id="encoded index",
        ),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX), "Index.html", ["Index.html"], id="index by exact name"
        ),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX), "a-index.html", ["a-index.html"], id="index by whole name"
        ),
        pytest.param(
            Site(base_urls=(BASE,), index_files=("default.php",)),
            "a/default.php",
            ["a/default.php", "a/"],
            id="other index",
        ),
        pytest.param(Site(base_urls=(BASE,), clean_urls=True), "about.html", ["about.html", "about"], id="clean URL"),
        pytest.param(Site(base_urls=(BASE,), clean_urls=True), "a/b.htm", ["a/b.htm", "a/b"], id="clean URL below"),
        pytest.param(Site(base_urls=(BASE,), clean_urls=True), "a.b.html", ["a.b.html", "a.b"], id="one ending only"),
        pytest.param(Site(base_urls=(BASE,), clean_urls=True), "a.css", ["a.css"], id="no page"),
        pytest.param(Site(base_urls=(BASE,), clean_urls=True), "a/.html", ["a/.html"], id="no stem"),
        pytest.param(Site(base_urls=(BASE,), clean_urls=True), "a.html/b", ["a.html/b"], id="ending of a folder"),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX, clean_urls=True),
            "a/index.html",
            ["a/index.html", "a/", "a", "a/index"],
            id="clean index",
        ),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX, clean_urls=True),
            "index.html",
            ["index.html", "", "index"],
            id="clean index at the top",
        ),
        pytest.param(
            Site(base_urls=(BASE,), include=parse_patterns(("*.css",))), "a/b.css", ["a/b.css"], id="included"
        ),
        pytest.param(
            Site(base_urls=(BASE,), exclude=parse_patterns(("*.map",))), "a.css", ["a.css"], id="not excluded"
        ),
        pytest.param(
            Site(base_urls=(BASE,), root="dist", include=parse_patterns(("/a.css",))),
            "dist/a.css",
            ["a.css"],
            id="patterns over the path under root",
        ),
    ],
)
def test_a_file_has_these_urls(site: Site, path: str, urls: list[str]) -> None:
    assert map_changes(site, [Change(path)]) == Mapped(tuple(Target(BASE + url, path) for url in urls))


@pytest.mark.parametrize(
    ("site", "path", "reason"),
    [
        pytest.param(Site(base_urls=(BASE,), root="dist"), "src/a.css", "outside root dist", id="outside root"),
        pytest.param(Site(base_urls=(BASE,), root="dist"), "dist2/a.css", "outside root dist", id="beside root"),
        pytest.param(Site(base_urls=(BASE,), root="dist"), "dist", "outside root dist", id="a file named as root"),
        pytest.param(Site(base_urls=(BASE,), root="dist"), "a/dist/b", "outside root dist", id="root further down"),
        pytest.param(
            Site(base_urls=(BASE,), include=parse_patterns(("*.css",))),
            "a.js",
            "not matched by include",
            id="not included",
        ),
        pytest.param(
            Site(base_urls=(BASE,), exclude=parse_patterns(("*.map",))), "a.map", "matched by exclude", id="excluded"
        ),
        pytest.param(
            Site(base_urls=(BASE,), include=parse_patterns(("*.css",)), exclude=parse_patterns(("a.*",))),
            "a.css",
            "matched by exclude",
            id="included and excluded",
        ),
        pytest.param(
            Site(base_urls=(BASE,), root="dist", include=parse_patterns(("*",))),
            "a",
            "outside root dist",
            id="root first",
        ),
        pytest.param(
            Site(base_urls=(BASE,), root="dist", exclude=parse_patterns(("/a/",))),
            "dist/a/b.css",
            "matched by exclude",
            id="excluded folder under root",
        ),
    ],
)
def test_a_file_is_skipped_with_a_reason(site: Site, path: str, reason: str) -> None:
    assert map_changes(site, [Change(path)]) == Mapped(skipped=(Skip(path, reason),))


def test_each_file_is_purged_under_each_base_url() -> None:
    site = Site(base_urls=("https://a.example/", "http://b.example/x/y/"), root="dist", index_files=INDEX)
    changes = [Change("dist/index.html"), Change("src/a.css"), Change("dist/a.css")]
    assert map_changes(site, changes) == Mapped(
        (
            Target("https://a.example/index.html", "dist/index.html"),
            Target("https://a.example/", "dist/index.html"),
            Target("http://b.example/x/y/index.html", "dist/index.html"),
            Target("http://b.example/x/y/", "dist/index.html"),
            Target("https://a.example/a.css", "dist/a.css"),
            Target("http://b.example/x/y/a.css", "dist/a.css"),
        ),
        (Skip("src/a.css", "outside root dist"),),
    )


def test_no_change_has_no_url() -> None:
    assert map_changes(Site(base_urls=(BASE,)), []) == Mapped((), ())


SEGMENTS = st.sampled_from(["a", "dist", "index.html", "b.html", "c d.css", "\u00e9", "x\n", "\udcff", "?", "-"])
CHANGES = st.lists(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join).map(Change), unique=True, max_size=10)
PATTERNS = st.none() | st.sampled_from([("*.html",), ("a/",), ("*", "!*.css"), ("/dist/*",)]).map(parse_patterns)
SITES = st.builds(
    Site,
    base_urls=st.lists(
        st.sampled_from(["https://a.example/", "http://b.example/x/", "http://a.example:8080/"]),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple),
    root=st.sampled_from(["", "a", "dist", "a/dist"]),
    include=PATTERNS,
    exclude=PATTERNS,
    index_files=st.sampled_from([(), INDEX]),
    clean_urls=st.booleans(),
)


@given(site=SITES, changes=CHANGES)
@settings(deadline=None)
def test_every_change_is_purged_or_skipped_never_both(site: Site, changes: list[Change]) -> None:
    mapped = map_changes(site, changes)
    purged = list(dict.fromkeys(target.path for target in mapped.targets))
    skipped = [skip.path for skip in mapped.skipped]
    assert set(purged).isdisjoint(skipped)
    assert sorted(purged + skipped) == sorted(change.path for change in changes)
    order = [change.path for change in changes]
    assert purged == [path for path in order if path in set(purged)]
    assert skipped == [path for path in order if path in set(skipped)]
    assert all(skip.reason for skip in mapped.skipped)
    assert len(set(mapped.targets)) == len(mapped.targets)
    for path in purged:
        urls = [target.url for target in mapped.targets if target.path == path]
        assert all(url.startswith(site.base_urls) for url in urls)
        assert {base for base in site.base_urls if any(url.startswith(base) for url in urls)} == set(site.base_urls)
