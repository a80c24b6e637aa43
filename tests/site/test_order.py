"""What pages refer to comes before the pages, and what is deleted comes last."""

from __future__ import annotations

from dataclasses import replace

from tests.tables import cases
from ztpurge.changes.paths import Change
from ztpurge.site.mapping import Sites, map_changes
from ztpurge.site.order import Rank, rank_urls
from ztpurge.site.rules import Rule, parse_match, parse_template
from ztpurge.site.serving import Site

BASE = "https://a.example/"
SITE = Site(base_urls=(BASE,), root="p", index_files=("index.html",), variants=("", "?v=2"))
CLEAN = replace(SITE, clean_urls=True, variants=("",))
BUNDLE = Rule(
    parse_match("src/**"),
    tuple(parse_template(BASE + url, [], is_directory=False) for url in ("app.css", "news/")),
    (),
    "rules[0]",
)
ALL = Sites((SITE,), (BUNDLE,))
ASSET, PAGE, DELETED = Rank


@cases("name rank", {
    **{name: (name, ASSET) for name in (
        "a.css", "js/a.min.js", "a.woff2", "feed.xml", "a.html.map", "a.CSS", "v1.2/a.b", "404.html.gz", "a.json",
    )},
    **{name: (name, PAGE) for name in (
        "a.html", "a.HTM", "a.xhtml", "a.php", "CNAME", ".well-known/x", "v1.2/about", "a.b/c", "q?x=1.html",
    )},
})  # fmt: skip
def test_a_file_ranks_by_its_ending_in_each_variant(name: str, rank: Rank) -> None:
    change = Change(f"p/{name}")
    assert {*rank_urls(map_changes(Sites((SITE,)), [change]), [change]).values()} == {rank}


@cases("sites changed deleted ranks", {
    "an index and its folder": (ALL, "p/x.b/index.html", "", {"x.b/": PAGE, "x.b/index.html": PAGE}),
    "a page without its ending": (Sites((CLEAN,)), "p/v1.2.html", "", {"v1.2.html": PAGE, "v1.2": PAGE}),
    "deleted": (ALL, "p/a.css", "p/x.html p/b.js", {"a.css": ASSET, "x.html": DELETED, "b.js": DELETED}),
    "a deleted index": (ALL, "", "p/index.html", {"": DELETED, "index.html": DELETED}),
    "one of two files of a URL deleted": (
        Sites((CLEAN,)), "p/a.html", "p/a", {"a": PAGE, "a.html": PAGE}),
    "the file of one of two sites deleted": (
        Sites((SITE, replace(SITE, root="q"))), "q/a.css", "p/a.css", {"a.css": ASSET}),
    "what a rule makes of a deleted file": (ALL, "", "src/a.ts", {"app.css": ASSET, "news/": PAGE}),
    "a deleted file that a rule makes anew": (ALL, "src/a.ts", "p/app.css", {"app.css": ASSET, "news/": PAGE}),
})  # fmt: skip
def test_a_url_is_deleted_if_each_changed_file_behind_it_is(
    sites: Sites, changed: str, deleted: str, ranks: dict[str, Rank]
) -> None:
    changes = [*map(Change, changed.split()), *(Change(path, is_deleted=True) for path in deleted.split())]
    found = rank_urls(map_changes(sites, changes), changes)
    assert {url.removeprefix(BASE): rank for url, rank in found.items() if "?" not in url} == ranks


def test_a_url_that_was_given_ranks_by_its_path() -> None:
    given = ["http://a.example", "http://a.example?x.css", f"{BASE}a.css?v=3.html", f"{BASE}x/"]
    assert [*rank_urls(map_changes(Sites(), [], given), []).values()] == [PAGE, PAGE, ASSET, PAGE]
