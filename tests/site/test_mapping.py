"""Every changed file has URLs or a reason why it has none, and each URL leads back to the files behind it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.changes.paths import Change
from ztpurge.site.mapping import Candidates, Mapped, Sites, Skip, Target, files_behind, map_changes
from ztpurge.site.patterns import parse_patterns
from ztpurge.site.rules import Rule, parse_match, parse_template
from ztpurge.site.serving import THE_INPUTS, Site

BASE = "https://a.example/"
INDEX = ("index.html", "index.htm")
PLAIN = Site(base_urls=(BASE,))
DIST = replace(PLAIN, root="dist")
INDEXED = replace(PLAIN, index_files=INDEX)
PAGES = replace(PLAIN, clean_urls=True)
CLEAN = replace(INDEXED, clean_urls=True)
DOCS = replace(CLEAN, base_urls=(f"{BASE}docs/",), root="dist")
OVERLAPPING = replace(INDEXED, base_urls=(f"{BASE}x/", BASE, "http://a.example/"))
CSS, MAP, A_CSS = (parse_patterns((pattern,)) for pattern in ("*.css", "*.map", "/a.css"))
BRACKETS = ["a%7Cb/index.html", "a|b/index.html", "a%7Cb/", "a|b/", "a%7Cb/index", "a|b/index", "a%7Cb", "a|b"]


@pytest.mark.parametrize(
    ("site", "path", "urls"),
    [
        pytest.param(PLAIN, "css/a.css", ["css/a.css"], id="as it is"),
        pytest.param(PLAIN, "a b#c/100%.css", ["a%20b%23c/100%25.css"], id="encoded once"),
        pytest.param(PLAIN, "[id].js", ["%5Bid%5D.js", "[id].js"], id="two spellings"),
        pytest.param(CLEAN, "a|b/index.html", BRACKETS, id="two spellings of each path"),
        pytest.param(PLAIN, "index.html", ["index.html"], id="no index files"),
        pytest.param(DIST, "dist/a.css", ["a.css"], id="root"),
        pytest.param(replace(PLAIN, root="a/b"), "a/b/a/b/c.css", ["a/b/c.css"], id="root taken off once"),
        pytest.param(INDEXED, "a/index.htm", ["a/index.htm", "a/"], id="index below"),
        pytest.param(INDEXED, "Index.html", ["Index.html"], id="index by exact name"),
        pytest.param(INDEXED, "a-index.html", ["a-index.html"], id="index by whole name"),
        pytest.param(replace(PLAIN, index_files=("d.php",) * 2), "a/d.php", ["a/d.php", "a/"], id="other, named twice"),
        pytest.param(PAGES, "about.html", ["about.html", "about"], id="clean URL"),
        pytest.param(PAGES, "a/b.htm", ["a/b.htm", "a/b"], id="clean URL below"),
        pytest.param(PAGES, "a.b.html", ["a.b.html", "a.b"], id="one ending only"),
        pytest.param(PAGES, "a.css", ["a.css"], id="no page"),
        pytest.param(PAGES, "a/.html", ["a/.html"], id="no stem"),
        pytest.param(PAGES, "...html", ["...html"], id="a stem that no URL can hold"),
        pytest.param(PAGES, "a.html/b", ["a.html/b"], id="ending of a folder"),
        pytest.param(CLEAN, "a/index.html", ["a/index.html", "a/", "a/index", "a"], id="clean index"),
        pytest.param(CLEAN, "index.html", ["index.html", "", "index"], id="clean index at the top of a host"),
        pytest.param(DOCS, "dist/index.html", ["docs/index.html", "docs/", "docs/index", "docs"], id="clean, below"),
        pytest.param(DOCS, "dist/b.html", ["docs/b.html", "docs/b"], id="clean, below, but no index"),
        pytest.param(replace(INDEXED, base_urls=DOCS.base_urls), "index.htm", ["docs/index.htm", "docs/"], id="below"),
        pytest.param(replace(PLAIN, include=CSS), "a/b.css", ["a/b.css"], id="included"),
        pytest.param(replace(PLAIN, exclude=MAP), "a.css", ["a.css"], id="not excluded"),
        pytest.param(DIST, "dist2/a.css", "outside root dist", id="beside root"),
        pytest.param(DIST, "dist", "outside root dist", id="a file named as root"),
        pytest.param(DIST, "a/dist/b", "outside root dist", id="root further down"),
        pytest.param(replace(PLAIN, include=CSS), "a.js", "not matched by include", id="not included"),
        pytest.param(replace(PLAIN, include=CSS, exclude=A_CSS), "a.css", "matched by exclude", id="in- and excluded"),
        pytest.param(replace(DIST, include=CSS), "a", "outside root dist", id="root first"),
        pytest.param(replace(DIST, exclude=A_CSS), "dist/a.css/b", "matched by exclude", id="excluded folder"),
    ],
)  # fmt: skip
def test_a_file_has_these_urls_or_a_reason(site: Site, path: str, urls: list[str] | str) -> None:
    mapped = map_changes(Sites((site,)), [Change(path)])
    assert mapped.skipped == ((Skip(path, urls),) if isinstance(urls, str) else ())
    assert mapped.targets == (
        () if isinstance(urls, str) else tuple(Target(BASE + url, path, THE_INPUTS) for url in urls)
    )


def test_what_nobody_can_look_into_is_skipped_as_such_if_it_is_served_at_all() -> None:
    changes = [Change("dist/a", unseen="a submodule"), Change("b", unseen="a submodule")]
    skipped = (Skip("dist/a", "a submodule", is_unseen=True), Skip("b", "outside root dist"))
    assert map_changes(Sites((DIST,)), changes) == Mapped(skipped=skipped)


def test_each_file_is_purged_under_each_base_url_and_given_urls_come_last() -> None:
    site = Site(base_urls=(BASE, "http://b.example/x/y/"), root="dist", index_files=INDEX)
    changes = [Change("dist/index.html"), Change("src/a.css"), Change("dist/a.css")]
    given = [f"{BASE}b.css", f"{BASE}a.css"]
    mapped = map_changes(Sites((site,)), changes, given)
    index, css = (("index.html", ""), "dist/index.html"), (("a.css",), "dist/a.css")
    assert mapped.targets == tuple(
        Target(base + name, path, THE_INPUTS)
        for names, path in (index, css)
        for base in site.base_urls
        for name in names
    )
    assert mapped.skipped == (Skip("src/a.css", "outside root dist"),)
    assert list(mapped.urls) == [*(target.url for target in mapped.targets), given[0]]
    behind = files_behind(Sites((site,)), mapped)
    assert behind[given[0]] == Candidates(("dist/b.css",), "given")
    assert behind[given[1]] == Candidates(("dist/a.css",), "file")


@pytest.mark.parametrize(
    ("site", "url", "paths"),
    [
        pytest.param(PLAIN, "a%20b%23%3F/%C3%A9", ["a b#?/\u00e9"], id="encoded"),
        pytest.param(PLAIN, "100%2525", ["100%25"], id="decoded once"),
        pytest.param(PLAIN, "%61[b%5D", ["a[b]"], id="as nobody need spell it"),
        pytest.param(PLAIN, "%FF", ["\udcff"], id="not UTF-8"),
        pytest.param(DIST, "dist/a.css", ["dist/dist/a.css"], id="root put on once"),
        pytest.param(PLAIN, "", [], id="a folder without index files"),
        pytest.param(PAGES, "a/", [], id="a folder that is no page"),
        pytest.param(INDEXED, "", ["index.html", "index.htm"], id="the top"),
        pytest.param(replace(PLAIN, index_files=("2", "1")), "a/", ["a/2", "a/1"], id="in their order"),
        pytest.param(INDEXED, "a", ["a"], id="not clean"),
        pytest.param(CLEAN, "a", ["a", "a.html", "a.htm", "a/index.html", "a/index.htm"], id="clean"),
        pytest.param(CLEAN, "a?", [], id="a query, even an empty one"),
        pytest.param(DOCS, "docs", ["dist/index.html", "dist/index.htm"], id="a clean site below, without its slash"),
        pytest.param(replace(DOCS, clean_urls=False), "docs", [], id="not clean"),
        pytest.param(replace(DOCS, index_files=()), "docs", [], id="no index files"),
        *(pytest.param(DIST, url, [], id=url) for url in (
            *("/etc/passwd", "%2Fetc%2Fpasswd", "%2e%2e%2fx", "..%2f..%2fx", "a%2F..%2F..%2Fx", "a//b", "a%00b"),
            *("%2e%2fa", "a//", "."),
        )),
        # of overlapping base URLs the longest counts
        pytest.param(OVERLAPPING, "x/y", ["y"], id="the longest base"),
        pytest.param(OVERLAPPING, "x/x/y", ["x/y"], id="which is taken off once"),
        pytest.param(OVERLAPPING, "xy", ["xy"], id="the other"),
        pytest.param(OVERLAPPING, "x", ["x"], id="a file of the other that is called as the longest"),
        pytest.param(OVERLAPPING, "x/", ["index.html", "index.htm"], id="the top of the longest"),
        pytest.param(OVERLAPPING, "http://a.example/x/y", ["x/y"], id="another scheme"),
        pytest.param(OVERLAPPING, "https://b.example/x", [], id="another host"),
        pytest.param(OVERLAPPING, "https://a.example.evil/x", [], id="a host that begins alike"),
    ],
)  # fmt: skip
def test_a_given_url_may_serve_these_files(site: Site, url: str, paths: list[str]) -> None:
    url = url if "://" in url else BASE + url
    assert files_behind(Sites((site,)), map_changes(Sites((site,)), [], [url])) == {
        url: Candidates(tuple(paths), "given")
    }


NAMES = ("a", "x", "dist", "index.html", "a.html", "c d.css", "\u00e9", "x\n", "\udcff", "?", "-", "[a|b^]", ".html")
SEGMENTS = st.sampled_from(NAMES)
CHANGES = st.lists(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join).map(Change), unique=True, max_size=10)
PATTERNS = st.none() | st.sampled_from([("*.html",), ("a/",), ("*", "!*.css"), ("/dist/*",)]).map(parse_patterns)
BASES = st.sampled_from(["https://a.example/", "https://a.example/x/", "http://b.example/x/", "http://a.example:8080/"])
SITES = st.builds(
    Site,
    base_urls=st.lists(BASES, min_size=1, max_size=3, unique=True).map(tuple),
    root=st.sampled_from(["", "a", "dist", "a/dist"]),
    include=PATTERNS,
    exclude=PATTERNS,
    index_files=st.sampled_from([(), INDEX]),
    clean_urls=st.booleans(),
)


@given(site=SITES, changes=CHANGES)
def test_every_change_is_purged_or_skipped_never_both(site: Site, changes: list[Change]) -> None:
    mapped = map_changes(Sites((site,)), changes)
    paths = [change.path for change in changes]
    purged = list(dict.fromkeys(target.path for target in mapped.targets))
    skipped = [skip.path for skip in mapped.skipped if skip.reason]
    assert purged == [path for path in paths if path not in skipped]
    assert skipped == [path for path in paths if path not in purged]
    assert len(skipped) == len(mapped.skipped)
    assert len(set(mapped.targets)) == len(mapped.targets)
    assert list(mapped.urls) == list(dict.fromkeys(target.url for target in mapped.targets))
    for path in purged:
        urls = [target.url for target in mapped.targets if target.path == path]
        assert all(f"{url}/".startswith(site.base_urls) for url in urls)
        assert {base for base in site.base_urls if any(url.startswith(base) for url in urls)} == set(site.base_urls)


@given(site=SITES, changes=CHANGES)
def test_files_and_urls_lead_to_each_other(site: Site, changes: list[Change]) -> None:
    mapped = map_changes(Sites((site,)), changes)
    everything = replace(site, include=None, exclude=None)
    for url, behind in files_behind(Sites((site,)), mapped).items():
        for path in behind.paths:
            assert Target(url, path, THE_INPUTS) in map_changes(Sites((everything,)), [Change(path)]).targets
    for url, path in ((target.url, target.path) for target in mapped.targets):
        is_shadowed = sum(f"{url}/".startswith(base) for base in site.base_urls) > 1  # it is the longer base's
        assert path in files_behind(Sites((site,)), mapped)[url].paths or is_shadowed


POSTS = Rule(
    parse_match("posts/{slug}.md"), (parse_template(f"{BASE}p/{{slug}}/", ["slug"], is_directory=False),), (), "1"
)
THEME = Rule(parse_match("themes/**"), (), (parse_template(BASE, [], is_directory=True),), "2")
ALL = Sites(
    (replace(DIST, name="a"), replace(INDEXED, name="b", root="dist/docs", variants=("", "?v=2"))), (POSTS, THEME)
)


@cases("path found reason", {
    "the first site's": ("dist/a", [("a", "urls", "a")], ""),
    "both sites'": ("dist/docs/a", [("docs/a", "urls", "a"), ("a", "urls", "b"), ("a?v=2", "urls", "b")], ""),
    "a page, and its folder, in each variant": (
        "dist/docs/index.htm",
        [("docs/index.htm", "urls", "a"),
         *((url, "urls", "b") for url in ("index.htm", "index.htm?v=2", "", "?v=2"))], ""),
    "a rule's": ("posts/x y.md", [("p/x%20y/", "urls", "1")], ""),
    "a rule's directory": ("themes/a/b.css", [("", "dirs", "2")], ""),
    "nobody's": ("posts/a/b.md", [], "outside root dist, dist/docs and matched by no rule"),
})  # fmt: skip
def test_every_site_and_rule_that_matches_contributes(
    path: str, found: list[tuple[str, str, str]], reason: str
) -> None:
    mapped = map_changes(ALL, [Change(path)])
    assert [(one.url.removeprefix(BASE), one.kind, one.by) for one in mapped.targets] == found
    assert mapped.skipped == ((Skip(path, reason),) if reason else ())
    assert mapped.dirs == tuple(BASE + url for url, kind, _ in found if kind == "dirs")
    assert list(mapped.urls) == [BASE + url for url, kind, _ in found if kind == "urls"]


@cases("sites path reason", {
    "what the site says that holds it": (
        Sites((replace(DIST, exclude=MAP), replace(DIST, root="src"))), "dist/a.map", "matched by exclude"),
    "what both say": (Sites((replace(PLAIN, include=CSS), replace(DIST, exclude=MAP))), "dist/a.map",
        "not matched by include and matched by exclude"),
    "only rules": (Sites((), (POSTS,)), "a", "matched by no rule"),
})  # fmt: skip
def test_a_change_that_nothing_serves_says_why(sites: Sites, path: str, reason: str) -> None:
    assert map_changes(sites, [Change(path)]).skipped == (Skip(path, reason),)


def test_a_submodule_purges_what_a_rule_gives_whatever_is_in_it_and_is_named_where_nobody_can_tell() -> None:
    theme, posts, dist = (Change(path, unseen="a submodule") for path in ("themes/x", "posts", "dist/x"))
    mapped = map_changes(ALL, [theme, posts, dist])
    assert mapped.targets == (Target(BASE, "themes/x", "2", "dirs"),)
    assert mapped.skipped == tuple(Skip(change.path, "a submodule", is_unseen=True) for change in (posts, dist))


@cases("sites url paths", {
    "a variant": (ALL, "a?v=2", ["dist/docs/a"]),
    "a variant that only a shorter base has": (
        Sites((replace(DOCS, root="x"), replace(PLAIN, variants=("?v=2",)))), "docs/a?v=2", ["docs/a"]),
    "two sites of one base": (Sites((DIST, replace(DIST, root="x"))), "a", ["dist/a", "x/a"]),
    "no site": (Sites((), (POSTS,)), "a", []),
    "another query": (ALL, "a?v=3", []),
})  # fmt: skip
def test_a_url_leads_back_to_the_files_of_every_site(sites: Sites, url: str, paths: list[str]) -> None:
    ((found, behind),) = files_behind(sites, map_changes(sites, [], [BASE + url])).items()
    assert (found, sorted(behind.paths)) == (BASE + url, sorted(paths))


@cases("sites roots scope", {
    "one": (Sites((DIST,)), ("dist",), "dist"),
    "beside each other": (Sites((replace(DIST, root="a/b"), replace(DIST, root="a/c"))), ("a/b", "a/c"), "a"),
    "one in the other": (Sites((replace(DIST, root="dist/x"), DIST)), ("dist",), "dist"),
    "alike in name only": (Sites((DIST, replace(DIST, root="dist2"))), ("dist", "dist2"), ""),
    "the top": (Sites((DIST, PLAIN)), ("",), ""),
    "a rule beside": (Sites((DIST,), (POSTS,)), ("dist",), ""),
    "rules alone": (Sites((), (POSTS,)), (), ""),
})  # fmt: skip
def test_the_folders_that_matter(sites: Sites, roots: tuple[str, ...], scope: str) -> None:
    assert (sites.roots, sites.scope) == (roots, scope)


def test_a_project_is_that_of_a_host() -> None:
    site = replace(PLAIN, base_urls=(f"{BASE}x/", "http://b.example:8080/"), project_id="p")
    assert Sites((PLAIN, site)).projects == {"a.example": "p", "b.example": "p"}


@cases("url asked", {
    "a file": ("https://a.example/x.css", "http://192.0.2.1:8080/site/x.css"),
    "the top": ("https://a.example/", "http://192.0.2.1:8080/site/"),
    "a variant": ("https://a.example/x?v=2", "http://192.0.2.1:8080/site/x?v=2"),
    "another host of the site": ("https://b.example/docs/x", "http://192.0.2.1:8080/site/x"),
    "its folder without the slash": ("https://b.example/docs", "http://192.0.2.1:8080/site"),
    "its folder's variant": ("https://b.example/docs?v=2", "http://192.0.2.1:8080/site?v=2"),
    "a name that only begins alike": ("https://b.example/docs2/x", ""),
    "a site without an origin inside of it": ("https://a.example/app/x", ""),
    "another site's origin inside of it": ("https://a.example/other/x", "https://192.0.2.2/x"),
    "another host": ("https://c.example/x", ""),
})  # fmt: skip
def test_a_url_is_asked_for_at_the_origin_of_the_nearest_site(url: str, asked: str) -> None:
    sites = Sites((
        Site(base_urls=("https://a.example/", "https://b.example/docs/"), origin="http://192.0.2.1:8080/site/"),
        Site(base_urls=("https://a.example/app/",)),
        Site(base_urls=("https://a.example/other/",)), Site(base_urls=("https://a.example/other/",), origin="https://192.0.2.2/"),
    ))  # fmt: skip
    assert sites.at_origin([url]) == ({url: asked} if asked else {})
    assert Sites((Site(base_urls=("https://a.example/",)),)).at_origin([url]) == {}
