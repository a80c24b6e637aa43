"""A pointer of Git LFS is told from a file byte by byte; only small blobs may be one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.changes.contents import Content, parse_pointer

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
