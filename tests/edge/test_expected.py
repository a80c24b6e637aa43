"""Each URL has what it must serve: a content, nothing any more, or a reason why nobody can tell."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.changes.contents import Content, Unknown, parse_pointer
from ztpurge.changes.paths import Change
from ztpurge.edge.expected import Gone, expect
from ztpurge.site.mapping import Site, map_changes

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
        pytest.param(SITE, "link", {"link": LINK}, "link", LINK, id="what cannot be told"),
        pytest.param(SITE, "index.html", {"index.html": INDEX}, "index.html", INDEX, id="the index by its name"),
        pytest.param(SITE, "index.html", {"index.html": INDEX}, "", INDEX, id="the index of the top"),
        pytest.param(SITE, "a/index.html", {"a/index.htm": INDEX}, "a/", INDEX, id="the second index"),
        pytest.param(SITE, "index.html", {}, "", FOLDER, id="the deleted index of the top"),
        pytest.param(SITE, "a/index.html", {}, "a/", FOLDER, id="a deleted index"),
        pytest.param(SITE, "a/index.html", {}, "a/index.html", Gone(), id="a deleted index by its name"),
        # `a` redirects to `a/`, or is served as it is, and that may answer 403 as `a/` does
        pytest.param(CLEAN, "a/index.html", {}, "a", FOLDER, id="a deleted index by its folder's clean URL"),
        pytest.param(CLEAN, "v1.0/index.html", {}, "v1.0", FOLDER, id="a folder that seems to have an ending"),
        pytest.param(CLEAN, "a/index.html", {"a/index.html": INDEX}, "a", INDEX, id="clean URL of a folder"),
        pytest.param(DOCS, "index.html", {}, "docs", FOLDER, id="a deleted index by its site's bare address"),
        pytest.param(DOCS, "index.html", {"index.html": INDEX}, "docs", INDEX, id="the bare address of a site"),
        pytest.param(CLEAN, "a.html", {"a.html": PAGE}, "a", PAGE, id="clean URL"),
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
        pytest.param(SITE, "a.css", {}, "a.css", Gone(), id="given, and a deleted file's"),
        pytest.param(Site(base_urls=()), "a.css", {"a.css": PAGE}, "a.css", NOBODY_KNOWS, id="given: of no site"),
    ],
)  # fmt: skip
def test_a_url_must_serve(
    site: Site, changed: str, there: dict[str, Content | Unknown], url: str, expected: Expected
) -> None:
    mapped = map_changes(site, [Change(f"dist/{path}") for path in changed.split()], [BASE + url])
    assert expect(mapped.candidates, {f"dist/{path}": what for path, what in there.items()})[BASE + url] == expected


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
    found = expect(mapped.candidates, files)
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


def padded(length: int) -> str:
    fixed = f"{VERSION}ext-0 \noid sha256:{OID}\nsize 1\n"
    return fixed.replace("ext-0 ", f"ext-0 {'x' * (length - len(fixed))}")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param(POINTER, 12345, id="as the specification shows it"),
        pytest.param(POINTER.replace("12345", "0"), 0, id="of an empty file"),
        pytest.param(POINTER.replace("12345", "9" * 18), 10**18 - 1, id="of a huge file"),
        pytest.param(POINTER.replace("oid", f"{EXTENSION}oid"), 12345, id="with an extension"),
        pytest.param(POINTER.replace("oid", f"{EXTENSION * 2}oid"), 12345, id="with two"),
        pytest.param(padded(1023), 1, id="of 1023 bytes"),
        # what only looks like a pointer is a file
        pytest.param("", None, id="empty"),
        pytest.param(POINTER.replace("\n", "\r\n"), None, id="CRLF"),
        pytest.param(POINTER + "\n", None, id="an empty line after it"),
        pytest.param(POINTER + "more", None, id="text after it"),
        pytest.param("\ufeff" + POINTER, None, id="a byte order mark"),
        pytest.param("\n" + POINTER, None, id="an empty line before it"),
        pytest.param(f"{VERSION}size 12345\noid sha256:{OID}\n", None, id="keys in another order"),
        pytest.param(f"{VERSION}oid sha256:{OID}\n", None, id="no size"),
        pytest.param(f"{VERSION}size 1\n", None, id="no oid"),
        pytest.param(f"oid sha256:{OID}\nsize 1\n", None, id="no version"),
        pytest.param(POINTER.replace("v1", "v2"), None, id="another version"),
        pytest.param(POINTER.replace("sha256", "sha1"), None, id="another hash"),
        pytest.param(POINTER.replace(OID, OID.upper()), None, id="upper case"),
        pytest.param(POINTER.replace(OID, OID[1:]), None, id="a short oid"),
        pytest.param(POINTER.replace("12345", "-1"), None, id="a negative size"),
        pytest.param(POINTER.replace("12345", "\u0661"), None, id="a digit of another script"),
        pytest.param(POINTER.replace("12345", "1" * 19), None, id="a size that no file has"),
        pytest.param(padded(1024), None, id="1024 bytes"),
    ],
)
def test_a_pointer_tells_what_is_served_in_its_place(text: str, size: int | None) -> None:
    assert parse_pointer(text.encode()) == (None if size is None else Content(OID, size))


@given(st.binary(max_size=2000))
def test_no_bytes_are_too_odd_to_be_no_pointer(data: bytes) -> None:
    assert parse_pointer(data) is None


@pytest.mark.parametrize(
    ("content", "may_be"),
    [
        pytest.param(Content("a" * 40, 130, is_blob=True), True, id="a small blob"),
        pytest.param(Content("a" * 40, 1023, is_blob=True), True, id="a blob just small enough"),
        pytest.param(Content("a" * 40, 1024, is_blob=True), False, id="a blob too large"),
        pytest.param(Content("a" * 40, None, is_blob=True), True, id="a blob of unknown size"),
        pytest.param(Content("a" * 64, 130, is_blob=True), True, id="a blob of a SHA-256 repository"),
        pytest.param(Content("a" * 64, 130), False, id="a build's file"),
    ],
)
def test_only_small_blobs_may_be_pointers(content: Content, may_be: bool) -> None:
    assert content.may_be_pointer is may_be


@given(st.binary(max_size=300))
def test_a_body_is_hashed_in_pieces_as_in_one(body: bytes) -> None:
    blob = b"blob %d\0" % len(body) + body
    for content in (
        Content(hashlib.sha1(blob, usedforsecurity=False).hexdigest(), len(body), is_blob=True),
        Content(hashlib.sha256(blob).hexdigest(), len(body), is_blob=True),
        Content(hashlib.sha256(body).hexdigest(), len(body)),
    ):
        hasher = content.hasher(len(body))
        for byte in body:
            hasher.update(bytes((byte,)))
        assert hasher.hexdigest() == content.digest
