"""Each URL has what it must serve: a content, nothing any more, or a reason why nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.changes.contents import Content, Unknown, parse_pointer
from ztpurge.changes.paths import Change
from ztpurge.edge.expected import Gone, expect
from ztpurge.site.mapping import Site, files_behind, map_changes

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
    mapped = map_changes(site, [Change(f"dist/{path}") for path in changed.split()], [BASE + url])
    found = expect(files_behind(site, mapped), {f"dist/{path}": what for path, what in there.items()})
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
    mapped = map_changes(site, [Change(f"dist/{path}") for path in changed], [BASE + path for path in asked])
    files: dict[str, Content | Unknown] = {f"dist/{path}": Content(path, 5) for path in there}
    found = expect(files_behind(site, mapped), files)
    assert found.keys() == {target.url for target in mapped.targets} | {BASE + path for path in asked}
    for url, what in found.items():
        first = next((path for path in tried(site, url.removeprefix(BASE)) if path in there), None)
        if first is not None:
            assert what == Content(first, 5)
        else:
            assert isinstance(what, Gone) is any(target.url == url for target in mapped.targets)


OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
VERSION = "version https://git-lfs.github.com/spec/v1\n"
POINTER = f"{VERSION}oid sha256:{OID}\nsize 12345\n"
EXTENSION = f"ext-0-foo sha256:{OID}\n"
LONGEST = POINTER.replace("oid", f"ext-0 {'x' * (1016 - len(POINTER))}\noid", 1)  # 1023 bytes
POINTERS = {POINTER.replace("12345", str(size)): size for size in (0, 12345, 10**18 - 1)}
POINTERS |= dict.fromkeys((LONGEST, *(POINTER.replace("oid", f"{EXTENSION * n}oid") for n in (1, 2))), 12345)


@pytest.mark.parametrize(("text", "size"), POINTERS.items())
def test_a_pointer_tells_what_is_served_in_its_place(text: str, size: int) -> None:
    assert parse_pointer(text.encode()) == Content(OID, size)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(("\n", "\r\n"), (VERSION, ""), ("v1", "v2"), (f"oid sha256:{OID}\n", ""), ("sha256", "sha1")),
        *((OID, OID.upper()), (OID, OID[1:]), ("size 12345\n", ""), ("12345", "-1"), ("12345", "\u0661")),
        *(("12345", "1" * 19), (POINTER, f"\ufeff{POINTER}"), (POINTER, f"\n{POINTER}"), (POINTER, f"{POINTER}\n")),
        *((POINTER, f"{POINTER}more"), (POINTER, ""), (POINTER, LONGEST.replace("xx", "xxx", 1))),
        (POINTER, f"{VERSION}size 12345\noid sha256:{OID}\n"),
    ],
)
def test_what_only_looks_like_a_pointer_is_a_file(old: str, new: str) -> None:
    assert parse_pointer(POINTER.replace(old, new).encode()) is None


@given(st.binary(max_size=2000))
def test_no_bytes_are_too_odd_to_be_no_pointer(data: bytes) -> None:
    assert parse_pointer(data) is None


@pytest.mark.parametrize(("size", "may_be"), [(130, True), (1023, True), (1024, False), (None, True)], ids=str)
def test_only_small_blobs_may_be_pointers(size: int | None, may_be: bool) -> None:
    assert [Content("a" * length, size, is_blob=True).may_be_pointer for length in (40, 64)] == [may_be] * 2
    assert not Content("a" * 64, size).may_be_pointer  # a build's file
