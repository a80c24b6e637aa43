"""What may leave something stale is warned of, by name and with what to do; what is well is not."""

from __future__ import annotations

import fnmatch
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.cdn.plan import make_plan
from ztpurge.changes.paths import Change
from ztpurge.inputs import parse
from ztpurge.report.cautions import Circumstances, find_cautions
from ztpurge.site.mapping import Sites, map_changes
from ztpurge.site.patterns import parse_patterns, patterns_that_repeat

BASE = "https://a.example/"
PUSH = Circumstances(event="push")
AGAIN = replace(PUSH, attempt=2)
PULL = Circumstances(event="pull_request")
STARRED = "was taken for a file's name"


def cautions(paths: list[str], around: Circumstances = PUSH, **values: str) -> tuple[str, ...]:
    """Return the cautions for changed files under inputs, given by their field names."""
    given = {"token": "t", "base_url": BASE, **values}
    inputs = parse({f"INPUT_{name.replace('_', '-').upper()}": text for name, text in given.items()})
    sites = Sites((inputs.site,) if inputs.site else ())
    mapped = map_changes(sites, map(Change, paths) if sites else ())
    plan = make_plan([*(target.url for target in mapped.targets), *inputs.urls], inputs.dirs)
    return find_cautions(inputs, sites, mapped, plan, around)


def test_what_is_well_is_not_warned_of() -> None:
    found = {
        "a push": cautions(["a.css", "b/index.html", "caf\u00e9.html"]),
        "nothing changed": cautions([]),
        "the edge decides": cautions(["a,b.css", "c&d.css"], verify="true"),
        "the edge decides, to be warned": cautions(["a,b.css", "c&d.css"], verify="warn"),
        "its folder is purged": cautions(["x/a,b.css"], dirs=f"{BASE}x/"),
        "sources that are excluded": cautions(["_config.yml"], exclude="_*"),
        "sources outside root": cautions(["_config.yml"], root="public"),
        "names like those of sources": cautions(["package.json", "a/next.config.css"]),
        "pages like sources": cautions(["posts/_posts.html", "hugo.html"]),
        "a build's output": cautions(["_posts/x.md"], manifest="m.json"),
        "no sources beside": cautions(["about.md"], replace(PUSH, top_files=("about.md", "package-lock.json"))),
        "sources beside that are not purged": cautions(
            ["a.md"], replace(PUSH, top_files=("hugo.toml",)), include="*.md"
        ),
        "a star that git names": cautions(["a*.css"]),
        "a star that is named as one": cautions(["a*.css"], files="x", files_format="lines"),
        "a backslash that git names": cautions(["a\\b"]),
        "a backslash below a folder": cautions(["a\\b/c"], files='["x"]'),
        "a backslash from git": cautions(["a\\b"], files="x", files_format="nul"),
        "a folder named as root": cautions(["p/p/a"], root="p", include="p/*"),
        "root as a pattern that matches": cautions(["p/p/a"], root="p", include="p/"),
        "root as a pattern, and nothing below it": cautions(["x/a"], root="p", include="p/"),
        "last-success again": cautions(["a.css"], AGAIN, since="last-success"),
        "a tag again": cautions(["a.css"], AGAIN, since="v1"),
        "a manifest again": cautions(["a.css"], AGAIN, manifest="m.json"),
        "a list again": cautions(["a.css"], AGAIN, files="[]"),
        "no files again": cautions(["a.css"], AGAIN, base_url="", urls="[]"),
        "a release again": cautions(["a.css"], replace(AGAIN, event="release")),
        "a pull request that was merged": cautions(["a.css"], replace(PULL, is_merged=True)),
        "a dry run": cautions(["a.css"], PULL, dry_run="true"),
        "a pull request with nothing to purge": cautions(["a.css"], PULL, root="x"),
        "another event": cautions(["a.css"], replace(PULL, event="merge_group")),
    }
    assert found == dict.fromkeys(found, ())


COMMAS = [f"{n},.css" for n in range(59)]
# fmt: off
WARNED = {
    "a comma": (cautions(["a,b.css"]), f"1 entry with * with `dirs`*: {BASE}a,b.css"),
    "an ampersand": (cautions(["a&b.css"]), f"*: {BASE}a&b.css"),
    "queries": (cautions(["x"], urls=f"{BASE}?a=1&b=2\n{BASE}?a=1,2\n{BASE}?a=1"), "2 entries*?a=1&b=2, *?a=1,2"),
    "a folder, which nobody looks at": (cautions(["x"], dirs=f"{BASE}a,b/", verify="true"), f"*: {BASE}a,b/"),
    "many": (cautions(COMMAS), f"59 entries*{BASE}49,.css and 9 more"),
    "Jekyll's posts": (cautions(["_posts/x.md"]), "_posts/x.md: sources *`manifest`"),
    "settings": (cautions(["docs/_config.yml", "hugo.toml"]), "docs/_config.yml, hugo.toml: sources*"),
    "several": (cautions(["hugo.toml", "mkdocs.yml"]), "hugo.toml, mkdocs.yml: *"),
    "more": (cautions(["astro.config.mjs", ".eleventy.js", "next.config.ts"]), "astro.config.mjs, .eleventy.js, next*"),
    "sources beside": (cautions(["about.md"], replace(PUSH, top_files=("about.md", "hugo.toml"))), "hugo.toml: *"),
    "a star": (cautions(["p/*.css"], files="x", files_format="space"), f"p/?.css {STARRED}*"),
    "a star in JSON": (cautions(["p/*.css"], files='["x"]'), f"p/?.css {STARRED}*"),
    "backslashes": (cautions(["p\\a"], files='["x"]'), "p\\a: a backslash is part of a file's name*"),
    "root as a pattern": (cautions(["p/a"], root="p", include="/p/"), "include: /p/ is `root` itself*"),
    "root repeated": (cautions(["p/a"], root="p", include="*.css\n/p/x"), "include: /p/x is about p/p/, since*"),
    "root repeated in exclude": (cautions(["p/a"], root="p", exclude="p/x"), "exclude: p/x is about p/p/, since*"),
    "a push again": (cautions(["a.css"], AGAIN), "attempt 2 *`since: last-success`*"),
    "a pull request": (cautions(["a.css"], PULL), "pull_request: *`dry-run: true`*"),
    "a fork's": (cautions(["a.css"], replace(PULL, event="pull_request_target")), "pull_request_target: *"),
}
# fmt: on


@pytest.mark.parametrize(("found", "like"), WARNED.values(), ids=WARNED)
def test_what_may_leave_something_stale_is_warned_of(found: tuple[str, ...], like: str) -> None:
    (caution,) = found
    assert fnmatch.fnmatchcase(caution, like)


@pytest.mark.parametrize(
    ("root", "lines", "repeating"),
    [
        ("p", "*.css p/*.css /p/** !p/x p/ p */p/x **/p/x px/y", ("p/*.css", "/p/**", "!p/x")),
        ("a/b", "a/b/c b/c", ("a/b/c",)),
        ("", "p/x", ()),
    ],
)
def test_a_pattern_repeats_root_if_it_begins_with_it(root: str, lines: str, repeating: tuple[str, ...]) -> None:
    assert patterns_that_repeat(root, parse_patterns(tuple(lines.split()))) == repeating
    assert patterns_that_repeat(root, None) == ()


TEXTS = st.text(st.characters(exclude_categories=())).map(lambda text: text.replace("\0", "")).filter(bool)


@given(paths=st.lists(TEXTS | st.sampled_from(["_config.yml", "a,b", "*"])), top=st.lists(TEXTS))
def test_cautions_are_printable_whatever_the_names(paths: list[str], top: list[str]) -> None:
    around = replace(PULL, top_files=tuple(top))
    decoded = [path.encode("utf-8", "replace").decode() for path in paths]
    for caution in cautions(decoded, around, files="x", files_format="space"):
        assert "\n" not in caution
        assert caution.encode()
