"""Every changed file has URLs or a reason why it has none, and a URL leads back to the files it may serve."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ztpurge.changes.paths import Change
from ztpurge.site.mapping import Mapped, Site, Skip, Target, map_changes, sources_of
from ztpurge.site.patterns import parse_patterns

BASE = "https://a.example/"
INDEX = ("index.html", "index.htm")


@pytest.mark.parametrize(
    ("site", "path", "urls"),
    [
        pytest.param(Site(base_urls=(BASE,)), "css/a.css", ["css/a.css"], id="as it is"),
        pytest.param(Site(base_urls=(BASE,)), "a b#c/\u00e9.css", ["a%20b%23c/%C3%A9.css"], id="encoded"),
        pytest.param(Site(base_urls=(BASE,)), "100%.css", ["100%25.css"], id="encoded once"),
        pytest.param(Site(base_urls=(BASE,)), "[id].js", ["%5Bid%5D.js", "[id].js"], id="two spellings"),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX, clean_urls=True),
            "a|b/index.html",
            [
                *("a%7Cb/index.html", "a|b/index.html", "a%7Cb/", "a|b/", "a%7Cb", "a|b"),
                *("a%7Cb/index", "a|b/index"),
            ],
            id="two spellings of each path",
        ),
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


DOCS = Site(base_urls=("https://a.example/docs/",), root="dist", index_files=INDEX, clean_urls=True)


def test_a_site_below_the_top_of_its_host_has_a_clean_url_itself() -> None:
    urls = [
        target.url.removeprefix("https://a.example/")
        for target in map_changes(DOCS, [Change("dist/index.html")]).targets
    ]
    assert urls == ["docs/index.html", "docs/", "docs/index", "docs"]
    assert sources_of(DOCS, "https://a.example/docs") == ("dist/index.html", "dist/index.htm")


@pytest.mark.parametrize(
    "site",
    [
        pytest.param(replace(DOCS, clean_urls=False), id="not clean"),
        pytest.param(replace(DOCS, index_files=()), id="no index files"),
        pytest.param(replace(DOCS, base_urls=("https://a.example/", "http://b.example:8080/")), id="the top of a host"),
    ],
)
def test_other_sites_have_no_url_without_a_slash(site: Site) -> None:
    urls = [target.url for target in map_changes(site, [Change("dist/index.html")]).targets]
    assert all(url.startswith(site.base_urls) for url in urls)
    assert sources_of(site, "https://a.example/docs")[:1] != ("dist/index.html",)


def test_only_the_index_at_the_top_is_served_under_the_bare_address() -> None:
    changes = [Change("dist/a/index.html"), Change("dist/b.html")]
    assert "https://a.example/docs" not in {target.url for target in map_changes(DOCS, changes).targets}


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


SEGMENTS = st.sampled_from(
    ["a", "dist", "index.html", "b.html", "c d.css", "\u00e9", "x\n", "\udcff", "?", "-", "[a|b^]"]
)
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
        assert all(f"{url}/".startswith(site.base_urls) for url in urls)
        assert {base for base in site.base_urls if any(url.startswith(base) for url in urls)} == set(site.base_urls)


CLEAN = Site(base_urls=(BASE,), index_files=INDEX, clean_urls=True)
OVERLAPPING = Site(base_urls=("https://a.example/x/", BASE, "http://a.example/"), index_files=INDEX)


@pytest.mark.parametrize(
    ("site", "url", "sources"),
    [
        pytest.param(Site(base_urls=(BASE,)), "css/a.css", ["css/a.css"], id="as it is"),
        pytest.param(Site(base_urls=(BASE,)), "a%20b%23c/%C3%A9.css", ["a b#c/\u00e9.css"], id="encoded"),
        pytest.param(Site(base_urls=(BASE,)), "100%2525", ["100%25"], id="decoded once"),
        pytest.param(Site(base_urls=(BASE,)), "%5Ba%7Cb%5E%5D", ["[a|b^]"], id="as RFC 3986 spells it"),
        pytest.param(Site(base_urls=(BASE,)), "[a|b^]", ["[a|b^]"], id="as browsers may spell it"),
        pytest.param(Site(base_urls=(BASE,)), "%FF", ["\udcff"], id="not UTF-8"),
        pytest.param(Site(base_urls=(BASE,), root="dist"), "a.css", ["dist/a.css"], id="root"),
        pytest.param(Site(base_urls=(BASE,), root="dist"), "dist/a.css", ["dist/dist/a.css"], id="root put on once"),
        pytest.param(Site(base_urls=(BASE,)), "", [], id="a folder without index files"),
        pytest.param(Site(base_urls=(BASE,), index_files=INDEX), "", ["index.html", "index.htm"], id="the top"),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX, root="dist"),
            "",
            ["dist/index.html", "dist/index.htm"],
            id="the top of root",
        ),
        pytest.param(
            Site(base_urls=(BASE,), index_files=INDEX[::-1]), "a/", ["a/index.htm", "a/index.html"], id="in their order"
        ),
        pytest.param(Site(base_urls=(BASE,), index_files=INDEX), "a", ["a"], id="not clean"),
        pytest.param(CLEAN, "a/", ["a/index.html", "a/index.htm"], id="a clean folder"),
        pytest.param(CLEAN, "a", ["a", "a.html", "a.htm", "a/index.html", "a/index.htm"], id="clean"),
        pytest.param(CLEAN, "a?b", [], id="a query"),
        pytest.param(CLEAN, "a?", [], id="an empty query"),
        pytest.param(CLEAN, "a%3Fb/", ["a?b/index.html", "a?b/index.htm"], id="no query"),
    ],
)
def test_a_url_may_serve_these_files(site: Site, url: str, sources: list[str]) -> None:
    assert sources_of(site, BASE + url) == tuple(sources)


@pytest.mark.parametrize(
    ("url", "sources"),
    [
        pytest.param("https://a.example/x/y", ["y"], id="the longest base"),
        pytest.param("https://a.example/x/x/y", ["x/y"], id="which is taken off once"),
        pytest.param("https://a.example/xy", ["xy"], id="the other"),
        pytest.param("http://a.example/x/y", ["x/y"], id="another scheme"),
        pytest.param("https://a.example/x/", ["index.html", "index.htm"], id="the top of the longest"),
        pytest.param("https://b.example/x", [], id="another host"),
        pytest.param("https://a.example.evil/x", [], id="a host that begins alike"),
    ],
)
def test_of_overlapping_base_urls_the_longest_counts(url: str, sources: list[str]) -> None:
    assert sources_of(OVERLAPPING, url) == tuple(sources)


@pytest.mark.parametrize(
    "url",
    ["/etc/passwd", "%2Fetc%2Fpasswd", "%2e%2e%2fx", "..%2f..%2fx", "a%2F..%2F..%2Fx", "a//b", "a%00b", "%2e%2fa"],
)
def test_a_url_that_no_file_can_have_leads_to_none(url: str) -> None:
    assert sources_of(Site(base_urls=(BASE,), root="dist"), BASE + url) == ()


APART = SITES.filter(lambda site: len({base.split("/")[2] for base in site.base_urls}) == len(site.base_urls))


@given(site=APART, changes=CHANGES)
def test_every_url_leads_back_to_its_file(site: Site, changes: list[Change]) -> None:
    for target in map_changes(site, changes).targets:
        assert target.path in sources_of(site, target.url)


@given(site=SITES, changes=CHANGES)
def test_a_file_under_root_is_the_only_kind_of_source(site: Site, changes: list[Change]) -> None:
    for target in map_changes(site, changes).targets:
        assert all(path.startswith(f"{site.root}/") for path in sources_of(site, target.url) if site.root)
