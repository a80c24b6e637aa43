"""A build's output is every file that a server would hand out, each read once, whatever else lies in the folder."""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.changes.contents import MOST_BYTES, Content
from ztpurge.changes.output import Hashed, hash_files, hash_output, list_files
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 300 * 1024
_opened: list[list[tuple[str, int]]] = []  # what is opened while somebody listens: path and thread


def hash_all(folder: Path, *, workspace: Path | None = None, ignored: tuple[Path, ...] = ()) -> Hashed:
    return hash_output(folder, workspace=workspace or folder.parent, ignored=frozenset(ignored), why_over=lambda: "")


hash_some = functools.partial(hash_files, why_over=lambda: "")


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _opened and isinstance(arguments[0], (str, bytes)):
        _opened[-1].append((os.fsdecode(arguments[0]), threading.get_ident()))


@functools.cache  # a hook stays for good, and no test needs two
def _listen() -> None:
    sys.addaudithook(_note)


@contextmanager
def noting_what_is_opened() -> Iterator[list[tuple[str, int]]]:
    _listen()
    _opened.append([])
    try:
        yield _opened[-1]
    finally:
        _opened.pop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dist"
    made.mkdir()
    return made


def write(folder: Path, files: dict[str, bytes], **links: str) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name, target in links.items():
        (folder / name).symlink_to(target)


def content(data: bytes) -> Content:
    return Content(hashlib.sha256(data).hexdigest(), len(data))


def test_every_file_has_its_sha256_and_size_in_the_order_of_the_paths(folder: Path) -> None:
    files = {
        ".well-known/x": b"1", "a.b": b"<p>", "a/b.js": b"\0\xff" * 1000, "a/b/c/d.css": b"", "a/z": b"z", "b": b"b",
        f"{'d/' * 200}f": b"deep",
    }  # fmt: skip
    assert hash_all(folder).files == {}
    write(folder, dict(reversed(files.items())))
    (folder / "empty/folder").mkdir(parents=True)
    found = hash_all(folder).files
    assert found == {name: content(data) for name, data in files.items()}
    assert list(found) == list(files)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("none", "file"):
        with pytest.raises(ZtpurgeError, match="there is no such folder") as caught:
            hash_all(tmp_path / name)
        assert "Build" in caught.value.remedy


def test_a_folder_that_leads_out_of_the_workspace_is_not_read(folder: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "dist").symlink_to(folder)
    with pytest.raises(ZtpurgeError, match="it leads out of the workspace"):
        hash_all(workspace / "dist")
    with pytest.raises(ZtpurgeError, match="it leads out of the workspace"):
        next(list_files(workspace / "dist", workspace=workspace, why_over=lambda: ""))
    found = list_files(folder, workspace=tmp_path, why_over=lambda: "")
    assert sorted(found) == [*hash_all(folder, workspace=tmp_path).files]


def test_links_are_followed_as_a_server_does(folder: Path, tmp_path: Path) -> None:
    links = {"link": "a", "linked": "sub", "link-to-link": "link", "to/to": "../fro", "fro/fro": "../to"}
    write(tmp_path, {"outside/c": b"C"})
    files = {"a": b"A", "sub/b": b"B", "to/y": b"Y", "fro/x": b"X"}
    write(folder, files, abroad=str(tmp_path / "outside"), **links)
    assert hash_all(folder).files == {
        **dict.fromkeys(["a", "link", "link-to-link"], content(b"A")),
        **dict.fromkeys(["sub/b", "linked/b"], content(b"B")), **dict.fromkeys(["to/y", "fro/fro/y"], content(b"Y")),
        **dict.fromkeys(["fro/x", "to/to/x"], content(b"X")), "abroad/c": content(b"C"),
    }  # fmt: skip


@pytest.mark.parametrize("target", [".", "..", "../..", "../../../dist"], ids=["itself", "above", "root", "its name"])
def test_a_link_to_a_folder_above_itself_ends_there(folder: Path, target: str) -> None:
    write(folder, {"a": b"A", "sub/low/b": b"B"})
    (folder / "sub/low/up").symlink_to(target)
    found = hash_all(folder)
    assert found.files.keys() == {"a", "sub/low/b"}
    assert found.unseen == {"sub/low/up": "a link to a folder above itself"}


def test_of_what_is_no_file_it_is_told_what_it_is_and_nothing_read(folder: Path) -> None:
    links = {"link-to-pipe": "sub/pipe", "through-a-file": "a/b"}
    links |= {"device": "/dev/zero", "dangling": "none", "itself": "itself", "one": "other", "other": "one", "ok": "a"}
    write(folder, {"a": b"A", "sub/b": b"B"}, **links)
    os.mkfifo(folder / "sub/pipe")
    with socket.socket(socket.AF_UNIX) as server:
        home = Path.cwd()
        os.chdir(folder)  # a socket's path is short
        try:
            server.bind("socket")
        finally:
            os.chdir(home)
        with noting_what_is_opened() as opened:
            found = hash_all(folder, workspace=Path("/"))
            assert hash_some(folder, ["a", "sub/pipe", "device", "socket"]) == {"a": content(b"A")}
    assert {Path(path).name for path, _ in opened} == {"a", "b"}
    assert found.files.keys() == {"a", "ok", "sub/b"}
    assert found.unseen == {
        **dict.fromkeys(["dangling", "itself", "one", "other", "through-a-file"], "a link to nothing"),
        **dict.fromkeys(["sub/pipe", "link-to-pipe"], "a named pipe"), "device": "a device", "socket": "a socket",
    }  # fmt: skip


def test_what_git_keeps_is_left_out(folder: Path) -> None:
    write(folder, {".git/config": b"secret", "sub/.git/HEAD": b"x", ".gitignore": b"y", "x.git/a": b"z"})
    write(folder, {"module/.git": b"gitdir: ../../.git/modules/module\n", "module/a": b"A"})
    assert hash_all(folder).files.keys() == {".gitignore", "x.git/a", "module/a"}


def test_each_file_is_read_once_whatever_its_names(folder: Path) -> None:
    write(folder, {"small": b"x", "large": bytes(LARGE), "sub/other": b"y"})
    for name in ("small", "large"):
        (folder / f"{name}-hard").hardlink_to(folder / name)
        (folder / f"{name}-link").symlink_to(name)
    (folder / "linked").symlink_to("sub")
    with noting_what_is_opened() as opened:
        assert len(hash_all(folder).files) == 8
    read = Counter(os.stat(path).st_ino for path, _ in opened if path.startswith(str(folder)))  # noqa: PTH116
    assert (set(read.values()), len(read)) == ({1}, 3)


@pytest.mark.parametrize("name", ["report.json", "sub/manifest.json"])
def test_files_that_are_no_part_of_the_output_are_ignored(folder: Path, tmp_path: Path, name: str) -> None:
    write(folder, {name: b"{}", "a": b"A", "sub/report.json": b"a page"})
    (tmp_path / "root").symlink_to("dist")
    for root in (folder, tmp_path / "root"):  # the runner resolves the names of its own files, and `root` may be a link
        with noting_what_is_opened() as opened:
            assert hash_all(root, ignored=(folder / name,)).files.keys() == {"a", "sub/report.json"}
        assert str(folder / name) not in dict(opened)
    assert hash_all(folder, ignored=(folder / "not-there",)).files.keys() == {name, "a", "sub/report.json"}


@pytest.mark.skipif(not Path("/proc/sys/vm/compact_memory").exists(), reason="takes a file that nobody may read")
@pytest.mark.parametrize("beside", [b"", bytes(LARGE)], ids=["alone", "beside a large file"])
def test_a_file_that_cannot_be_read_is_named(folder: Path, beside: bytes) -> None:
    write(folder, {"other": beside})
    (folder / "line\nbreak").symlink_to("/proc/sys/vm/compact_memory")  # even root
    with pytest.raises(ZtpurgeError) as caught:
        hash_all(folder, workspace=Path("/"))
    assert "dist/line\\nbreak cannot be read (Permission denied)" in caught.value.cause


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads all folders")
def test_a_folder_that_cannot_be_read_is_named(folder: Path) -> None:
    write(folder, {"closed/a": b"A"})
    (folder / "closed").chmod(0)
    try:
        with pytest.raises(ZtpurgeError, match=r"dist/closed cannot be read \(Permission denied\)"):
            hash_all(folder)
    finally:
        (folder / "closed").chmod(0o755)


def test_large_files_are_hashed_beside_each_other_and_small_ones_take_no_thread(folder: Path) -> None:
    files = {f"{number:02}": os.urandom(LARGE + number) for number in range(12)}
    files |= {f"small/{number}": os.urandom(number) for number in range(50)}
    files["edge"], files["below"] = os.urandom(256 * 1024), os.urandom(256 * 1024 - 1)
    write(folder, files)
    before = threading.active_count()
    with noting_what_is_opened() as opened:
        assert hash_all(folder).files == {name: content(data) for name, data in files.items()}
    assert threading.active_count() == before
    own = {Path(path).name for path, thread in opened if thread == threading.get_ident()}
    assert own == {"below", *map(str, range(50))}


NAMES = st.sampled_from(["a", "c d", "\u00e9", "caf\udce9", "\udcff\udcfe", "a\nb", "tab\t", "-rf", "a\\b", " "])


@given(files=st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=20), max_size=8))
@settings(max_examples=30)
def test_any_tree_of_files_is_told_as_it_is(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("any")
    there: dict[str, Content] = {}
    for name, data in files.items():
        try:
            write(folder, {name: data})
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            continue
        there[name] = content(data)
    assert hash_all(folder).files == there == hash_some(folder, files)


def test_of_paths_only_those_with_a_file_in_the_folder_are_hashed(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, {"secret": b"S", "dist/a": b"A", "dist/sub/b": b"B"})
    (folder / "link").symlink_to("a")
    (folder / "huge").touch()
    os.truncate(folder / "huge", MOST_BYTES + 1)
    odd = ["sub", "none", "a/x", "\0", "x" * 5000, "", "../secret", "sub/../../secret", f"{tmp_path}/secret"]
    with noting_what_is_opened() as opened:
        found = hash_some(folder, ["a", "sub/b", "link", "huge", "./../secret", *odd])
    assert found == {**dict.fromkeys(["a", "link"], content(b"A")), "sub/b": content(b"B")} | {
        "huge": Content("", MOST_BYTES + 1)  # too large to be compared
    }
    assert {Path(path).name for path, _ in opened} == {"a", "link", "b"}


def test_a_link_out_of_the_workspace_leads_nowhere(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    for folder in (workspace / "dist", workspace / "shared", tmp_path / "elsewhere"):
        write(folder, {"file": b"data"})
    links = {"in": "../shared", "out": "../../elsewhere", "etc": "/etc", "self": "/proc/self"}
    write(workspace / "dist", {}, one="../../elsewhere/file", **links)
    found = hash_all(workspace / "dist")
    assert found.files.keys() == {"file", "in/file"}
    assert found.unseen == dict.fromkeys(["etc", "one", "out", "self"], "a link out of the workspace")


def test_links_of_links_are_refused_before_they_are_endless(tmp_path: Path) -> None:
    write(tmp_path, {"dist/low/file": b"", "dist/mid/file": b"", "dist/top/file": b""})
    for here, there in (("mid", "low"), ("top", "mid")):
        for number in range(100):
            (tmp_path / "dist" / here / f"{number}").symlink_to(f"../{there}")
    with pytest.raises(ZtpurgeError, match=r"more than 10,000 paths lead to the folder") as caught:
        hash_all(tmp_path / "dist")
    assert "`root`" in caught.value.remedy


@cases("is_all size looks", {
    "before a folder": (True, 0, 0), "before a file": (True, 0, 1), "within a file": (True, 5 << 20, 2),
    "before one of some": (False, 0, 0), "within one of some": (False, 5 << 20, 1),
})  # fmt: skip
def test_hashing_ends_when_the_time_is_over(folder: Path, is_all: bool, size: int, looks: int) -> None:
    write(folder, {"file": b"x" * size})
    left = iter([""] * looks)
    whole = functools.partial(hash_output, folder, workspace=folder, ignored=frozenset())
    hash_it = whole if is_all else functools.partial(hash_files, folder, ["file"])
    with pytest.raises(ZtpurgeError, match="not all files were hashed: the run was cancelled"):
        hash_it(why_over=lambda: next(left, "the run was cancelled"))
