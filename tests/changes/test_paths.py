"""A change is a file of the repository: what is none is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.changes.paths import Change, changes_of
from ztpurge.errors import ZtpurgeError


@cases("paths tidy", {
    "none": ([], []), "order kept": (["b", "a", "c/d"], ["b", "a", "c/d"]),
    "each once": (["b", "a", "b", "./a"], ["b", "a"]), "tidied": (["./a//b", "a/./c"], ["a/b", "a/c"]),
    "blanks and a dash": ([" a", "a ", "-a"], [" a", "a ", "-a"]),
    "dots in names": (["..a", "a..", "...", ".a"], ["..a", "a..", "...", ".a"]),
    "any byte": (["a\nb", "caf\udce9", "\\"], ["a\nb", "caf\udce9", "\\"]), "case kept": (["A", "a"], ["A", "a"]),
})  # fmt: skip
def test_changes_are_tidy(paths: list[str], tidy: list[str]) -> None:
    assert changes_of(paths) == tuple(map(Change, tidy))


@cases("told is_deleted", {
    "gone": ([Change("a", is_deleted=True)], True), "there": ([Change("a")], False), "not told": (["a"], False),
    "gone twice": ([Change("a", is_deleted=True), Change("./a", is_deleted=True)], True),
    "gone, and there again": ([Change("a", is_deleted=True), Change("a")], False),
    "there, then gone": (["a", Change("a", is_deleted=True)], False),
})  # fmt: skip
def test_a_file_is_deleted_if_it_is_each_time_that_it_is_told_of(told: list[str | Change], is_deleted: bool) -> None:
    assert changes_of(told) == (Change("a", is_deleted=is_deleted),)


@cases("path named", {
    "absolute": ("/etc/passwd", "/etc/passwd (absolute)"), "climbs": ("../a", "../a (climbs with `..`)"),
    "climbs inside": ("a/../b", "a/../b (climbs with `..`)"), "climbs at the end": ("a/..", "a/.. (climbs with `..`)"),
    "folder": ("a/", "a/ (a folder, not a file)"), "folder by a dot": ("a/.", "a/. (a folder, not a file)"),
    "top folder": (".", ". (a folder, not a file)"), "empty": ("", " (a folder, not a file)"),
    "NUL": ("a\0b", r"a\x00b (holds a NUL)"),
    "over-long": ("x" * 4097, f"{'x' * 200}... (4097 characters) (longer than 4096 bytes)"),
    "over-long in bytes": ("\u4e2d" * 1366, "(longer than 4096 bytes)"),
    "hostile": ("/##[error]\n", r"/#\#[error]\n (absolute)"),
})  # fmt: skip
def test_what_is_no_file_of_the_repository_is_refused_by_name(path: str, named: str) -> None:
    with pytest.raises(ZtpurgeError) as raised:
        changes_of(["good.html", path])
    assert named in raised.value.cause
    assert "good.html" not in raised.value.cause
    assert raised.value.remedy == "List paths as git does: relative to the repository's top folder"


def test_the_longest_path_is_taken() -> None:
    assert changes_of(["x" * 4096]) == (Change("x" * 4096),)


def test_length_counts_the_bytes_of_the_name() -> None:
    path = "/".join([b"\xd6\xd0".decode("utf-8", "surrogateescape") * 100] * 10)  # GBK: 10 folders of 200 bytes
    assert changes_of([path]) == (Change(path),)


@pytest.mark.parametrize(
    ("number", "ending"),
    [(1, "/0 (absolute)"), (10, "/9 (absolute)"), (11, "/9 (absolute) and 1 more"), (99, "/9 (absolute) and 89 more")],
)
def test_ten_refused_paths_are_named(number: int, ending: str) -> None:
    with pytest.raises(ZtpurgeError) as raised:
        changes_of(f"/{index}" for index in range(number))
    assert raised.value.cause.endswith(ending)
    assert raised.value.cause.count("(absolute)") == min(number, 10)


FOLDERS = st.lists(st.sampled_from(["a/", "./", "c\n//"]), max_size=4).map("".join)


@given(st.lists(st.builds("{}{}".format, FOLDERS, st.sampled_from(["a", ".b", "c\n"]))))
@settings(deadline=None)
def test_tidy_paths_stay_as_they_are(paths: list[str]) -> None:
    changes = changes_of(paths)
    assert changes_of(change.path for change in changes) == changes
    assert len(set(changes)) == len(changes)
    assert all({"", "."}.isdisjoint(change.path.split("/")) for change in changes)
