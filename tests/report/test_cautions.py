"""What may leave something stale is warned of, by name and with what to do; what is well is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.cdn.plan import make_plan
from ztpurge.changes.paths import Change
from ztpurge.inputs import parse
from ztpurge.report.cautions import Surroundings, find_cautions, patterns_that_repeat
from ztpurge.site.mapping import Site, map_changes
from ztpurge.site.patterns import parse_patterns

BASE = "https://a.example/"
PUSH = Surroundings(event="push")
AGAIN = replace(PUSH, attempt=2)
PULL = Surroundings(event="pull_request")


def cautions(paths: list[str], values: dict[str, str], around: Surroundings = PUSH) -> tuple[str, ...]:
    """Return the cautions for changed files under inputs, given by their field names."""
    given = {"token": "t", "base_url": BASE, **values}
    inputs = parse({f"INPUT_{name.replace('_', '-').upper()}": text for name, text in given.items()})
    site = Site(
        base_urls=inputs.base_url,
        root=inputs.root,
        include=inputs.include,
        exclude=inputs.exclude,
        index_files=inputs.index_files,
    )
    mapped = map_changes(site, map(Change, paths) if inputs.base_url else ())
    plan = make_plan([*(target.url for target in mapped.targets), *inputs.urls], inputs.dirs)
    return find_cautions(inputs, site, mapped, plan, around)


@pytest.mark.parametrize(
    ("paths", "values"),
    [
        pytest.param(["a.css", "b/index.html", "caf\u00e9.html"], {}, id="a push"),
        pytest.param([], {}, id="nothing changed"),
        pytest.param(["a,b.css", "c&d.css"], {"verify": "true"}, id="the edge decides"),
        pytest.param(["a,b.css", "c&d.css"], {"verify": "warn"}, id="the edge decides, to be warned"),
        pytest.param(["x/a,b.css"], {"dirs": f"{BASE}x/"}, id="its folder is purged"),
        pytest.param(["_config.yml"], {"exclude": "_*"}, id="sources that are excluded"),
        pytest.param(["_config.yml"], {"root": "public"}, id="sources outside root"),
        pytest.param(["package.json", "a/next.config.css"], {}, id="names like those of sources"),
        pytest.param(["posts/_posts.html", "hugo.html"], {}, id="pages like sources"),
        pytest.param(["_posts/x.md"], {"manifest": "m.json"}, id="a build's output"),
        pytest.param(["a*.css"], {}, id="a star that git names"),
        pytest.param(["a*.css"], {"files": "x", "files_format": "lines"}, id="a star that is named as one"),
        pytest.param(["p/p/a"], {"root": "p", "include": "p/*"}, id="a folder named as root"),
        pytest.param(["p/p/a"], {"root": "p", "include": "p/"}, id="root as a pattern that matches"),
        pytest.param(["x/a"], {"root": "p", "include": "p/"}, id="root as a pattern, and nothing below it"),
        pytest.param(["a\\b"], {}, id="a backslash that git names"),
        pytest.param(["a\\b"], {"files": "x", "files_format": "nul"}, id="a backslash from git"),
    ],
)
def test_what_is_well_is_not_warned_of(paths: list[str], values: dict[str, str]) -> None:
    assert cautions(paths, values) == ()


@pytest.mark.parametrize(
    ("paths", "values", "words"),
    [
        pytest.param(["a,b.css"], {}, ["1 entry with", f": {BASE}a,b.css", "with `dirs`"], id="a comma"),
        pytest.param(["a&b.css"], {}, [f": {BASE}a&b.css"], id="an ampersand"),
        pytest.param(
            ["x"], {"urls": f"{BASE}?a=1&b=2\n{BASE}?a=1,2\n{BASE}?a=1"}, ["2 entries", "?a=1,2"], id="queries"
        ),
        pytest.param(
            ["x"], {"dirs": f"{BASE}a,b/", "verify": "true"}, [f"{BASE}a,b/"], id="a folder, which nobody looks at"
        ),
        pytest.param([f"{n},.css" for n in range(59)], {}, ["59 entries", f"{BASE}49,.css and 9 more"], id="many"),
        pytest.param(["_posts/x.md"], {}, ["_posts/x.md: sources", "`manifest`"], id="Jekyll's posts"),
        pytest.param(["docs/_config.yml", "hugo.toml"], {}, ["docs/_config.yml, hugo.toml: sources"], id="settings"),
        pytest.param(["hugo.toml", "mkdocs.yml"], {}, ["hugo.toml, mkdocs.yml:"], id="several"),
        pytest.param(["astro.config.mjs", ".eleventy.js", "next.config.ts"], {}, ["astro.config.mjs, .ele"], id="more"),
        pytest.param(
            ["p/*.css"], {"files": "x", "files_format": "space"}, ["p/*.css was taken for a file's name"], id="a star"
        ),
        pytest.param(["p/*.css"], {"files": '["x"]'}, ["p/*.css was taken for a file's name"], id="a star in JSON"),
        pytest.param(["p\\a"], {"files": '["x"]'}, ["p\\a: a backslash is part of a file's name"], id="backslashes"),
        pytest.param(
            ["p/a"], {"root": "p", "include": "/p/"}, ["include: /p/ is `root` itself"], id="root as a pattern"
        ),
        pytest.param(
            ["p/a"],
            {"root": "p", "include": "*.css\n/p/x", "exclude": ""},
            ["include: /p/x is about p/p/, since"],
            id="root repeated",
        ),
    ],
)
def test_what_may_leave_something_stale_is_warned_of(
    paths: list[str], values: dict[str, str], words: list[str]
) -> None:
    (caution,) = cautions(paths, values)
    assert [word for word in words if word not in caution] == []


@pytest.mark.parametrize(
    ("values", "around", "warned"),
    [
        pytest.param({}, AGAIN, True, id="a push again"),
        pytest.param({}, PUSH, False, id="a push"),
        pytest.param({"since": "last-success"}, AGAIN, False, id="last-success"),
        pytest.param({"since": "v1"}, AGAIN, False, id="a tag"),
        pytest.param({"manifest": "m.json"}, AGAIN, False, id="a manifest"),
        pytest.param({"files": "[]"}, AGAIN, False, id="a list"),
        pytest.param({"base_url": "", "urls": "[]"}, AGAIN, False, id="no files"),
        pytest.param({}, replace(AGAIN, event="release"), False, id="a release again"),
    ],
)
def test_a_push_that_is_run_again_may_be_an_older_one(
    values: dict[str, str], around: Surroundings, warned: bool
) -> None:
    found = cautions(["a.css"], values, around)
    assert [("attempt 2 " in caution, "`since: last-success`" in caution) for caution in found] == [
        (True, True)
    ] * warned


@pytest.mark.parametrize(
    ("values", "around", "warned"),
    [
        pytest.param({}, PULL, True, id="a pull request"),
        pytest.param({}, replace(PULL, event="pull_request_target"), True, id="a fork's"),
        pytest.param({}, replace(PULL, is_merged=True), False, id="merged"),
        pytest.param({"dry_run": "true"}, PULL, False, id="a dry run"),
        pytest.param({"root": "x"}, PULL, False, id="nothing to purge"),
        pytest.param({}, replace(PULL, event="merge_group"), False, id="another event"),
    ],
)
def test_a_pull_request_that_purges_is_warned_of(values: dict[str, str], around: Surroundings, warned: bool) -> None:
    found = cautions(["a.css"], values, around)
    assert ["`dry-run: true`" in caution for caution in found] == [True] * warned


@pytest.mark.parametrize(
    ("top", "values", "warned"),
    [
        pytest.param(("about.md", "hugo.toml"), {}, True, id="beside what changed"),
        pytest.param(("about.md", "package-lock.json"), {}, False, id="no sources"),
        pytest.param(("hugo.toml",), {"include": "*.md"}, False, id="which are not purged"),
    ],
)
def test_sources_beside_what_changed_count_too(top: tuple[str, ...], values: dict[str, str], warned: bool) -> None:
    changed = "public/about.md" if values.get("root") else "about.md"
    assert bool(cautions([changed], values, replace(PUSH, top_files=top))) == warned


@pytest.mark.parametrize(
    ("root", "line", "repeats"),
    [
        ("p", "p/*.css", True),
        ("p", "/p/**", True),
        ("p", "!p/x", True),
        ("a/b", "a/b/c", True),
        ("p", "p/", False),
        ("p", "p", False),
        ("p", "*/p/x", False),
        ("p", "**/p/x", False),
        ("p", "px/y", False),
        ("a/b", "b/c", False),
        ("", "p/x", False),
    ],
)
def test_a_pattern_repeats_root_if_it_begins_with_it(root: str, line: str, repeats: bool) -> None:
    assert patterns_that_repeat(root, parse_patterns(("*.css", line))) == ((line,) if repeats else ())
    assert patterns_that_repeat(root, None) == ()


TEXTS = st.text(st.characters(exclude_categories=())).map(lambda text: text.replace("\0", "")).filter(bool)


@given(paths=st.lists(TEXTS | st.sampled_from(["_config.yml", "a,b", "*"])), top=st.lists(TEXTS))
def test_cautions_are_printable_whatever_the_names(paths: list[str], top: list[str]) -> None:
    around = replace(PULL, top_files=tuple(top))
    decoded = [path.encode("utf-8", "replace").decode() for path in paths]
    for caution in cautions(decoded, {"files": "x", "files_format": "space"}, around):
        assert "\n" not in caution
        assert caution.encode()
