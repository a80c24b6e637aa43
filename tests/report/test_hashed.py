"""Names that builds make of the content are told from those that people write, and the patterns fit just the former."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.report.hashed import Hashed, find_hashed, find_named_by_content
from ztpurge.site.patterns import parse_patterns

HEX64 = "0a3f2a1b9c5d7e8f60a3f2a1b9c5d7e8f60a3f2a1b9c5d7e8f60a3f2a1b9c5d7"
VITE = ("assets/index-DRf8L97S.js", "assets/vendor-BOylP72J.js", "assets/index-C0yx0l-6.css")
PARCEL = ("a.fa0b1c2d.js", "b.8d91cf1c.js", "c.073c9b0a.css")


@cases("paths patterns", {
    "webpack, 20 digits": (
        ("js/main.8d91cf1c073c9b0a11ff.js", "js/1.e601260fd7ae77e49c7d.js", "js/1.e601260fd7ae77e49c7d.js.map"),
        ("js/*.????????????????????.*",)),
    "webpack, the hash alone": (
        ("js/8d91cf1c073c9b0a11ff.js", "js/e601260fd7ae77e49c7d.js", "js/160947053ec484a07409.js"),
        ("js/????????????????????.js",)),
    "Create React App": (
        ("static/js/main.8d91cf1c.js", "static/js/787.5f3f8c1a.chunk.js", "static/css/main.073c9b0a.css",
         "static/js/main.8d91cf1c.js.LICENSE.txt", "static/media/logo.6ce24c58023cc2f8fd88.svg"),
        ("static/js/*.????????.*", "static/css/*.????????.css", "static/media/*.????????????????????.svg")),
    "Vite 5": (VITE, ("assets/*-????????.*",)),
    "Vite 4, a picture and a font with it": (
        ("assets/index-fcf13531.js", "assets/index-a207c28c.css", "assets/logo-37c8f1cd.svg",
         "assets/a-c11f3b38.woff2"), ("assets/*-????????.*",)),
    "Astro": (
        ("_astro/index.DRf8L97S.js", "_astro/hoisted.jw9M8EJW.js", "_astro/x.CuR3mcHu.css"), ("_astro/*.????????.*",)),
    "Nuxt": (("_nuxt/jw9M8EJW.js", "_nuxt/CmX3nl3c.js", "_nuxt/entry.6ryFKTMc.css"),
             ("_nuxt/????????.js", "_nuxt/*.????????.css")),
    "esbuild": (("out/chunk-CQFGD2NG.js", "out/a-X7KPTR4B.js", "out/b-J3QWLMZ5.css", "out/b-J3Q7LMZ5.css.map"),
                ("out/*-????????.*",)),
    "Angular 17": (("main-CQFG2DNG.js", "chunk-X7KP4TRB.js", "styles-J3QW5LMZ.css", "media/logo-AB2DE3FG.svg"),
                   ("/*-????????.*", "media/*-????????.svg")),
    "Angular 15": (("main.8d91cf1c073c9b0a.js", "runtime.e601260fd7ae77e4.js", "styles.160947053ec484a0.css"),
                   ("/*.????????????????.*",)),
    "Parcel": (PARCEL, ("/*.????????.*",)),
    "Next.js": (("_next/static/chunks/4bd1b696-67ee12fb04071d3b.js", "_next/static/css/8fd5a1b2c3d4e5f6.css",
                 "_next/static/AbC_d/_buildManifest.js", "_next/static/chunks/36wnellv-yn9q.js"), ("_next/static/",)),
    "SvelteKit, in a folder": (
        ("docs/_app/immutable/nodes/0.DNW6LhfW.js", "docs/_app/immutable/chunks/BFfIV2Jx.js",
         "docs/_app/immutable/chunks/index.rJzVYUUR.js"), ("docs/_app/immutable/",)),
    "Gatsby": (("webpack-runtime-fc1b25274ecc36ea752b.js", "app-225b3a09599c6d319ea2.js",
                "component---src-pages-index-js-67ef22856d6dbac6f386.js"), ("/*-????????????????????.js",)),
    "Hugo": ((f"css/style.min.{HEX64}.css", f"css/print.min.{HEX64}.css", f"js/main.{HEX64}.js"),
             (f"css/*.{'?' * 64}.css", f"js/*.{'?' * 64}.js")),
    "Sprockets": ((f"assets/application-{HEX64}.css", f"assets/application-{HEX64}.js", f"assets/logo-{HEX64}.png"),
                  (f"assets/*-{'?' * 64}.*",)),
    "Propshaft": (("assets/app-f0ec97e6.js", "assets/app-6e417641.css", "assets/x/y-2f3a1b9c.js"),
                  ("assets/*-????????.*", "assets/x/*-????????.js")),
    "Django": (("static/base.55e7cbb9ba48.css", "static/app.27e20196a850.js", "static/a.d41d8cd98f00.js"),
               ("static/*.????????????.*",)),
    "many folders": (tuple(f"a/{folder}/x-{number}f2a1b9c.js" for number, folder in enumerate("bcde", 1)),
                     ("a/**/*-????????.js",)),
    "many folders from the top one on": (tuple(f"{folder}/x.8d91cf1c.js" for folder in "bcde"), ("*.????????.js",)),
    "compressed beside them": ((*VITE, *(f"{path}.br" for path in VITE)), ("assets/*-????????.*",)),
    "a page beside them": ((*VITE, "assets/index.html"), ("assets/*-????????.*",)),
    "data that `.*` would match": (
        (*VITE, "assets/app-settings.json", "assets/a-language.json"),
        ("assets/*-????????.js", "assets/*-????????.css")),
    "written names beside them are taken back": (
        (*VITE, "assets/main-backpack.js"), ("assets/*-????????.*", "!assets/main-backpack.js")),
    "a written name in the top folder": ((*PARCEL, "a.settings.css"), ("/*.????????.*", "!/a.settings.css")),
    "too many written names": ((*VITE, *(f"assets/{name}-backpack.js" for name in "abc")), ()),
    "too many styles": (("a-3f2a1b9c.js", "b.3f2a1b9c.js", "c_3f2a1b9c.js", "3f2a1b9c.js"), ()),
    "special characters in folders": (
        tuple(f"[a]*/x-{number}f2a1b9c.js" for number in "123"), (r"\[a]\*/*-????????.js",)),
    "a folder like a comment": (tuple(f"#a/x-{number}f2a1b9c.js" for number in "123"), (r"\#a/*-????????.js",)),
    "a folder like an exception": (tuple(f"!a/x-{number}f2a1b9c.js" for number in "123"), (r"\!a/*-????????.js",)),
    "a folder that no list holds": (tuple(f"a\n/x-{number}f2a1b9c.js" for number in "123"), ()),
    "bytes that are not UTF-8": (tuple(f"\udce9/x-{number}f2a1b9c.js" for number in "123"), ()),
})  # fmt: skip
def test_what_builds_name_by_content_has_patterns(paths: tuple[str, ...], patterns: tuple[str, ...]) -> None:
    found = find_hashed(paths, "")
    assert found
    assert found.patterns == patterns
    compiled = parse_patterns(patterns)
    assert compiled is None or found.count == sum(map(compiled.match, paths))


WRITTEN = {
    "versions": ("jquery-3.7.1.min.js", "jquery-ui-1-12-1.js", "bootstrap-5-Beta-2.js", "v20.11.1.css"),
    "versions of eight characters": ("a-1-12-1.js", "x-a-1-12-1.js", "a-1-2-3-45.js", "A-1-B-2C.js"),
    "words of eight letters": ("main-backpack.js", "index-HelloYou.js", "app.settings.css", "a-BACKPACK.js"),
    "words and numbers": ("app-Version2.js", "app-iPhone15.js", "a.Html5App.js", "a-Win64Bit.css", "a-cafe2024.js"),
    "hexadecimal words": ("release-deadbeef.js", "a.facade12.css", "a-decade80.js", "a-12345678.js"),
    "words with dashes": ("my-app-one.js", "web-app-view-page.js", "a-b-c-d-e.css", "a_long_name_of_file.js"),
    "dates": ("report-20261130.js", "a-20240101.css", "a-2026-11-30.js", "20261130.css", "a-12-ab-34.js"),
    "pages and data": ("report-3f2a1b9c.html", "feed.8d91cf1c.xml", "index-DRf8L97S.json", "a-3f2a1b9c.zip"),
    "pictures by an id": ("photo-3f2a1b9c.jpg", "IMG_20240101.jpg", "photo-12345678.jpg", "3f2a1b9c8d91cf1c.png"),
    "pictures by the hash of an upload": tuple(f"{number}3f2a1b9c5d7e8f60a3f2a1b9c5d7e8f.jpg" for number in "123"),
    "videos": ("video-1080p.mp4", "video-1080p60f.mp4", "clip_20240101.webm"),
    "UUIDs": tuple(f"{name}f2a1b9c-1c2d-4abc-8def-1a2b3c4d5e6f.js" for name in ("1", "2", "a-3")),
    "other lengths": ("a-3f2a1b9.js", "a-3f2a1b9c7.js", "a-3f2a1b9c7d8.css", "a-DRf8L97S4.js"),
}  # fmt: skip


@cases("names", {words: (names,) for words, names in WRITTEN.items()})
def test_what_people_name_is_left_alone(names: tuple[str, ...]) -> None:
    assert find_hashed(names, "") is None
    assert [name for name in names if find_hashed([f"{folder}/{name}" for folder in ("a", "a/b", "c")], "")] == []


@cases("paths root", {
    "two": (("a-3f2a1b9c.js", "b-8d91cf1c.js", "index.html"), ""), "one again": (("a-3f2a1b9c.js",) * 4, ""),
    "outside root": ((*VITE, "dist-2/a-3f2a1b9c.js"), "dist"), "nothing": ((), ""),
})  # fmt: skip
def test_few_are_not_worth_a_hint(paths: tuple[str, ...], root: str) -> None:
    assert find_hashed(paths, root) is None


@cases("beside is_counted", {
    "digits alone": ("assets/a-12345678.js", False), "letters alone": ("assets/index-rJzVYUUR.js", True),
    "words": ("assets/index-HelloYou.js", False), "of another length": ("assets/a-DRf8L97S4a.js", False),
    "in another folder": ("lib/index-rJzVYUUR.js", False), "after another mark": ("assets/index.rJzVYUUR.js", False),
    "a picture": ("assets/logo-DRf8L97S.png", True), "a picture below": ("assets/img/logo-DRf8L97S.png", True),
    "a picture elsewhere": ("photos/logo-DRf8L97S.png", False),
    "a picture after another mark": ("assets/a_DRf8L97S.png", False),
})  # fmt: skip
def test_the_hashes_of_a_build_are_alike(beside: str, is_counted: bool) -> None:
    found = find_hashed([*VITE, beside], "")
    assert found
    assert found.count == len(VITE) + is_counted


@cases("word is_counted", {
    "digits": ("12345678", True), "letters, then digits": ("fcf13531", True), "a date": ("20261130", False),
    "a word": ("deadbeef", False), "another letter": ("1234567g", False),
})  # fmt: skip
def test_hexadecimal_hashes_may_be_plain_too(word: str, is_counted: bool) -> None:
    found = find_hashed([*PARCEL, f"d.{word}.js"], "")
    assert found
    assert found.count == len(PARCEL) + is_counted


@cases("size word is_counted", {
    "few": (99, "HelloYou", False), "many": (100, "HelloYou", True), "many, plain": (100, "backpack", False),
})  # fmt: skip
def test_among_many_hashes_some_look_written(size: int, word: str, is_counted: bool) -> None:
    found = find_hashed([*(f"assets/{number}-DRf8L97S.js" for number in range(size)), f"assets/a-{word}.js"], "")
    assert found
    assert found.count == size + is_counted


def test_esbuild_writes_letters_alone_too_but_not_mostly() -> None:
    certain = tuple(f"chunk-CQFG{number}DNG.js" for number in "234")
    alike = tuple(f"chunk-CQFGXDN{letter}.js" for letter in "ABCD")
    counts = [found.count for size in (3, 4) if (found := find_hashed([*certain, *alike[:size]], ""))]
    assert counts == [6, 3]


def test_patterns_are_from_root_on_and_the_example_is_the_repositorys() -> None:
    paths = ("README.md", "src/x-3f2a1b9c.js", *(f"dist/web/{path}" for path in ("index.html", *VITE)))
    assert find_hashed(paths, "dist/web") == Hashed(3, 4, "dist/web/assets/index-DRf8L97S.js", ("assets/*-????????.*",))


def test_the_sentence_says_what_to_do() -> None:
    hint = Hashed(1412, 1430, "assets/\x1bapp.3f2a1b9c.js", ("a/*.????????.js", "!a/b.backpack.js"))
    assert hint.sentence == (
        r"1,412 of 1,430 changed files seem to be named by their content, such as `assets/\x1bapp.3f2a1b9c.js`. What "
        "such a name stands for never changes, so no edge holds an old copy of it, and it needs no purge. To leave "
        "these files out, add to `exclude`: `a/*.????????.js`, `!a/b.backpack.js`. "
        "(A 404 that an edge has stored for such a name then stays until it expires.)"
    )


def test_without_patterns_the_sentence_leaves_exclude_to_the_reader() -> None:
    assert Hashed(3, 3, "a", ()).sentence.endswith(
        "it needs no purge. No short list of patterns fits just these files, so it is left to you what to `exclude`"
    )


FOLDERS = ["", "assets/", "assets/x/", "[a]/", "*/", "!/", "#b/", " c/", "a\n/", "_app/immutable/", "\udce9/"]
STEMS = ["", "a-", "b-", "a-", "a.", "b_", "-", "#-", "!.", "a-b-", "[slug]-", "\t."]
WORDS = st.text("0123456789abcdef", min_size=8, max_size=8) | st.text("aB3-_xY7", min_size=8, max_size=8)
WORDS |= st.sampled_from(["backpack", "HelloYou", "20261130", "CQFGD2NG", "8d91cf1c073c9b0a11ff", HEX64, "index"])
ENDINGS = [".js", ".js", ".css", ".chunk.js", ".js.map", ".png", ".json", ".html", "", " "]


@st.composite
def sites(draw: st.DrawFn) -> list[str]:
    """Draw paths that have few folders, beginnings and endings in common, and some others."""
    folders, stems, endings = (
        st.sampled_from(draw(st.lists(st.sampled_from(some), min_size=1, max_size=2)))
        for some in (FOLDERS, STEMS, ENDINGS)
    )
    alike = st.builds("{}{}{}{}".format, folders, stems, WORDS, endings)
    return draw(st.lists(alike, min_size=3, max_size=30)) + draw(st.lists(st.text(max_size=8) | alike, max_size=3))


@given(sites())
@example([*VITE, "assets/x-backpack.js", "assets/x-backpack.js/y-3f2a1b9c.js"])
def test_patterns_match_all_that_is_counted_and_nothing_else(paths: list[str]) -> None:
    found = find_hashed(paths, "")
    if found:
        assert 3 <= found.count <= found.total == len(set(paths))
        assert len(found.patterns) <= 3
        compiled = parse_patterns(found.patterns)
        assert compiled is None or sum(map(compiled.match, set(paths))) == found.count
        assert found.example in paths
        assert compiled is None or compiled.match(found.example)


@cases("paths named", {
    "one is enough": (["dist/app.3f2a1b9c.js", "dist/index.html"], {"dist/app.3f2a1b9c.js"}),
    "a build's folder": (["dist/_next/static/x/y.js"], {"dist/_next/static/x/y.js"}),
    "another folder": (["app.3f2a1b9c.js"], set()),
    "written by hand": (["dist/backpack.js", "dist/app.js"], set()),
})  # fmt: skip
def test_names_that_are_new_with_their_content_are_found_however_few(paths: list[str], named: set[str]) -> None:
    assert find_named_by_content(paths, "dist") == named


@pytest.mark.parametrize("name", ["a-" * 50_000, "a" * 63 + "_.js", "[0-9" * 20_000, "Aa" * 30_000 + ".js"], ids=len)
def test_no_name_takes_long(name: str) -> None:
    assert find_hashed([name, f"{'a' * 63}_.js"], "") is None
