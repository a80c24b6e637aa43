"""Each purged URL has what it must serve: a content, nothing any more, or a reason why nobody can tell."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.changes.contents import Content, Unknown, parse_pointer
from ztpurge.changes.paths import Change
from ztpurge.edge.expected import Gone, expect, paths_behind
from ztpurge.site.mapping import Site, map_changes

if TYPE_CHECKING:
    from pathlib import Path

    from ztpurge.edge.expected import Expected

BASE = "https://a.example/"
SITE = Site(base_urls=(BASE,), root="dist", index_files=("index.html", "index.htm"))
CLEAN = Site(base_urls=(BASE,), root="dist", index_files=("index.html", "index.htm"), clean_urls=True)
PAGE, INDEX, OTHER = (Content(letter * 40, 5, is_blob=True) for letter in "abc")
LINK = Unknown("a symbolic link")
NOBODY_KNOWS = Unknown("no file is known behind it")


@pytest.mark.parametrize(
    ("site", "files", "url", "expected"),
    [
        pytest.param(SITE, {"dist/a.css": PAGE}, "a.css", PAGE, id="the file"),
        pytest.param(SITE, {"a.css": PAGE}, "a.css", Gone(), id="a file outside root"),
        pytest.param(SITE, {}, "a.css", Gone(), id="deleted"),
        pytest.param(SITE, {"dist/index.html": INDEX}, "index.html", INDEX, id="the index by its name"),
        pytest.param(SITE, {"dist/index.html": INDEX}, "", INDEX, id="the index of the top"),
        pytest.param(SITE, {"dist/a/index.htm": INDEX}, "a/", INDEX, id="the second index"),
        pytest.param(
            SITE, {"dist/a/index.htm": OTHER, "dist/a/index.html": INDEX}, "a/", INDEX, id="the first index goes first"
        ),
        pytest.param(SITE, {}, "a/", Gone(is_folder=True), id="a deleted index"),
        pytest.param(SITE, {}, "", Gone(is_folder=True), id="the deleted index of the top"),
        pytest.param(SITE, {}, "a/index.html", Gone(), id="a deleted index by its name"),
        pytest.param(SITE, {"dist/link": LINK}, "link", LINK, id="what cannot be told"),
        pytest.param(CLEAN, {"dist/a.html": PAGE}, "a", PAGE, id="clean URL"),
        pytest.param(CLEAN, {"dist/a.html": PAGE, "dist/a": OTHER}, "a", OTHER, id="the very name goes first"),
        pytest.param(CLEAN, {"dist/a.html": PAGE, "dist/a/index.html": INDEX}, "a", PAGE, id="a page before a folder"),
        pytest.param(CLEAN, {"dist/a/index.html": INDEX}, "a", INDEX, id="clean URL of a folder"),
        pytest.param(CLEAN, {}, "a.html", Gone(), id="a deleted page"),
        pytest.param(CLEAN, {"dist/a.html": LINK, "dist/a/index.html": INDEX}, "a", LINK, id="a link goes first too"),
    ],
)
def test_a_purged_url_must_serve(site: Site, files: dict[str, Content | Unknown], url: str, expected: Expected) -> None:
    assert expect([BASE + url], frozenset(), site, files) == {BASE + url: expected}


def test_the_clean_url_of_a_deleted_index_was_a_folder_s_too() -> None:
    # `a` redirects to `a/`, or is served as it is, and that may answer 403 as `a/` does
    changes = [Change("dist/a/index.html")]
    urls = [target.url for target in map_changes(CLEAN, changes).targets]
    assert urls == [f"{BASE}{end}" for end in ("a/index.html", "a/", "a", "a/index")]
    found = expect(urls, frozenset(), CLEAN, {})
    assert found[f"{BASE}a/"] == found[f"{BASE}a"] == Gone(is_folder=True)
    assert found[f"{BASE}a/index.html"] == Gone()
    below = replace(CLEAN, base_urls=(f"{BASE}docs/",))
    bare = f"{BASE}docs"
    assert expect([bare], frozenset(), below, {}) == {bare: Gone(is_folder=True)}
    assert expect([bare], frozenset(), below, {"dist/index.html": INDEX}) == {bare: INDEX}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(f"{BASE}a.css", PAGE, id="a file's"),
        pytest.param(f"{BASE}", INDEX, id="an index's"),
        pytest.param(f"{BASE}api/users", NOBODY_KNOWS, id="no file's"),
        pytest.param(f"{BASE}a.css?v=1", NOBODY_KNOWS, id="with a query"),
        pytest.param("https://b.example/a.css", NOBODY_KNOWS, id="of another host"),
        pytest.param("http://a.example/a.css", NOBODY_KNOWS, id="of another scheme"),
    ],
)
def test_a_given_url_is_compared_only_if_a_file_is_behind_it(url: str, expected: Expected) -> None:
    files = {"dist/a.css": PAGE, "dist/index.html": INDEX}
    assert expect([url], frozenset([url]), SITE, files) == {url: expected}


def test_a_url_of_no_file_is_never_taken_for_deleted() -> None:
    bare = Site(base_urls=(BASE,))
    assert expect([BASE], frozenset(), bare, {}) == {BASE: NOBODY_KNOWS}
    assert expect([BASE], frozenset(), Site(base_urls=()), {}) == {BASE: NOBODY_KNOWS}


def test_the_order_is_that_of_the_urls() -> None:
    urls = [f"{BASE}{name}" for name in ("c", "a", "b")]
    assert list(expect(urls, frozenset(), SITE, {})) == urls


def test_the_paths_behind_urls_are_those_of_all_candidates() -> None:
    assert paths_behind([f"{BASE}a.css", f"{BASE}b/", "https://b.example/"], SITE) == {
        "dist/a.css",
        "dist/b/index.html",
        "dist/b/index.htm",
    }


@given(st.lists(st.sampled_from(["a", "a.html", "a/index.html", "index.html", "b.css"]), unique=True), st.booleans())
def test_no_more_than_the_paths_behind_the_urls_is_needed(names: list[str], clean: bool) -> None:
    site = CLEAN if clean else SITE
    files: dict[str, Content | Unknown] = {
        f"dist/{name}": Content(f"{number:040x}", 5, is_blob=True) for number, name in enumerate(names)
    }
    urls = [f"{BASE}{name}" for name in ("", "a", "a/", "a.html", "b.css", "index.html", "index")]
    needed = {path: files[path] for path in paths_behind(urls, site) if path in files}
    assert expect(urls, frozenset(), site, needed) == expect(urls, frozenset(), site, files)


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
        pytest.param(POINTER.replace("12345", "999999999999999999"), 999999999999999999, id="of a huge file"),
        pytest.param(f"{VERSION}{EXTENSION}oid sha256:{OID}\nsize 1\n", 1, id="with an extension"),
        pytest.param(f"{VERSION}{EXTENSION}{EXTENSION}oid sha256:{OID}\nsize 1\n", 1, id="with two"),
        pytest.param(padded(1023), 1, id="of 1023 bytes"),
    ],
)
def test_a_pointer_tells_what_is_served_in_its_place(text: str, size: int) -> None:
    assert len(text) < 1024
    assert parse_pointer(text.encode()) == Content(OID, size)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(POINTER.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(POINTER + "\n", id="an empty line after it"),
        pytest.param(POINTER + "more", id="text after it"),
        pytest.param("\ufeff" + POINTER, id="a byte order mark"),
        pytest.param("\n" + POINTER, id="an empty line before it"),
        pytest.param(f"{VERSION}size 12345\noid sha256:{OID}\n", id="keys in another order"),
        pytest.param(f"{VERSION}oid sha256:{OID}\n", id="no size"),
        pytest.param(f"{VERSION}size 1\n", id="no oid"),
        pytest.param(f"oid sha256:{OID}\nsize 1\n", id="no version"),
        pytest.param(POINTER.replace("v1", "v2"), id="another version"),
        pytest.param(POINTER.replace("sha256", "sha1"), id="another hash"),
        pytest.param(POINTER.replace(OID, OID.upper()), id="upper case"),
        pytest.param(POINTER.replace(OID, OID[1:]), id="a short oid"),
        pytest.param(POINTER.replace("12345", "-1"), id="a negative size"),
        pytest.param(POINTER.replace("12345", "\u0661"), id="a digit of another script"),
        pytest.param(POINTER.replace("12345", "1" * 19), id="a size that no file has"),
        pytest.param(padded(1024), id="1024 bytes"),
        pytest.param("<!doctype html>", id="a page"),
    ],
)
def test_what_only_looks_like_a_pointer_is_a_file(text: str) -> None:
    assert parse_pointer(text.encode()) is None


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
    for content in (
        Content(
            hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest(), len(body), is_blob=True
        ),
        Content(hashlib.sha256(b"blob %d\0" % len(body) + body).hexdigest(), len(body), is_blob=True),
        Content(hashlib.sha256(body).hexdigest(), len(body)),
    ):
        hasher = content.hasher(len(body))
        for byte in body:
            hasher.update(bytes((byte,)))
        assert hasher.hexdigest() == content.digest


def test_git_gives_the_same_id(tmp_path: Path) -> None:
    body = "caf\u00e9\n".encode()
    sha = subprocess.run(
        ["git", "hash-object", "--stdin"], cwd=tmp_path, input=body, check=True, capture_output=True
    ).stdout.decode()
    hasher = Content(sha.strip(), len(body), is_blob=True).hasher(len(body))
    hasher.update(body)
    assert hasher.hexdigest() == sha.strip()
