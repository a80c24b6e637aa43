"""The checkout's objects say exactly what differs, whoever owns the workspace and whatever its configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.changes.conftest import ASKED, KINDS, checkout
from tests.standins.repositories import ENVIRON, Repository
from tests.tables import cases
from ztpurge.changes.git import Git
from ztpurge.changes.trees import ABSENT, FOLDER, LINK, SUBMODULE, Entry
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from tests.changes.conftest import Served

ODD_NAMES = ("a b", "tab\there", "line\nbreak", 'quo"te', "back\\slash", "caf\udce9", "春.html", "-rf", "[slug].html")
FILE = frozenset({"100644"})


def test_any_name_comes_as_it_is(repository: Repository) -> None:
    odd = {f"{name}/{name}": str(number) * number for number, name in enumerate((*ODD_NAMES, ":(glob)*"))}
    base = repository.commit({"same": "1"})
    head = repository.commit(odd)
    git = checkout(repository.folder)
    assert git.differing_paths(base, head) == dict.fromkeys(odd, FILE)
    assert git.differing_paths(head, base) == dict.fromkeys(odd, FILE | {ABSENT})
    assert git.differing_paths(None, head) == dict.fromkeys(["same", *odd], FILE)
    found = git.files(head, [*odd, "none"]) or {}
    assert found == {path: Entry("100644", repository.git("rev-parse", f"{head}:{path}")) for path in odd}
    assert {path: file.size for path, file in found.items()} == {path: len(text) for path, text in odd.items()}
    assert git.modes(head, [*odd, "none", ":(top)same"]) == dict.fromkeys(odd, "100644")


def test_files_links_submodules_and_modes_count(served: Served) -> None:
    git = checkout(served.source.folder)
    now = dict.fromkeys(KINDS, "100644") | {"script": "100755", "b/link": LINK}
    modules = dict.fromkeys(["module", "was-module"], SUBMODULE)
    changed = {*now, *modules, "gone", "was-file", "was-folder/a"} - {"b/f"}
    expected = {path: frozenset({(now | modules).get(path, "100644")}) for path in changed}
    expected |= {"script": frozenset({"100644", "100755"}), "was-module": frozenset({"100644", SUBMODULE})}
    expected |= dict.fromkeys(["gone", "was-file", "was-folder/a"], FILE | {ABSENT})
    assert git.differing_paths(served.old, served.head) == expected
    assert git.differing_paths(None, served.head) == {path: frozenset([mode]) for path, mode in (now | modules).items()}
    odd = ("", "/a", "./a", "module/x", "a/x", "b")
    found = git.files(served.head, [*changed, "b/f", *odd])
    assert found == {path: Entry(mode, served.sha(path)) for path, mode in now.items()}
    assert found["b/link"].size == 4
    assert (git.files(served.old, ["gone", "was-file", "was-folder", "module"]) or {}).keys() == {"gone", "was-file"}
    assert git.files(served.head, []) == {}
    folders = {"b": FOLDER, "b/c": FOLDER}
    assert git.modes(served.head, [*ASKED, "was-module"]) == now | modules | folders


def test_what_a_shallow_clone_lacks_is_none(served: Served) -> None:
    shallow = checkout(served.clone("--depth=1").folder)
    assert shallow.differing_paths(served.old, served.head) is None
    assert set(KINDS) < set(shallow.differing_paths(None, served.head) or ())
    assert [ask(served.old, "a") for ask in (shallow.files, shallow.modes, shallow.links)] == [None] * 3
    sha = served.source.git("rev-parse", f"{served.old}:a")
    assert (shallow.resolve(served.old), shallow.blob(sha)) == (None, None)
    assert (shallow.files(served.head, ["a"]) or {}).keys() == {"a"}
    assert shallow.modes(served.head, ["a", "none"]) == {"a": "100644"}


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_partial_clones_never_fetch(served: Served, filtered: str) -> None:
    clone = served.clone(f"--filter={filtered}")
    git = checkout(clone.folder)
    before = sorted(path.name for path in (clone.folder / ".git/objects").rglob("*"))
    found = git.differing_paths(served.old, served.head)
    assert (found is None) == (filtered == "tree:0")
    assert {git.blob(served.sha("a")), (git.links(served.head, "b") or {"b/link": None})["b/link"]} == {None}
    assert {file.size for file in (git.files(served.head, KINDS) or {}).values()} <= {None}
    assert sorted(path.name for path in (clone.folder / ".git/objects").rglob("*")) == before


def test_the_size_of_a_file_is_known_where_its_content_is(served: Served) -> None:
    clone = served.clone("--filter=blob:none", "--single-branch")
    clone.git("checkout", "main", "--", "b/f")  # as a sparse checkout has some
    found = checkout(clone.folder).files(served.head, ["a", "b/f", "b/c/d"]) or {}
    assert {path: (file.sha, file.size) for path, file in found.items()} == {
        path: (served.sha(path), size) for path, size in (("a", None), ("b/f", 3), ("b/c/d", None))
    }
    assert checkout(clone.folder).blob(found["b/f"].sha) == b"333"
    assert "?" in clone.git("rev-list", "--objects", "--missing=print", "main")  # nothing was fetched meanwhile


def test_without_a_repository_or_git_nothing_is_known(served: Served, tmp_path: Path) -> None:
    for git in (checkout(tmp_path), Git(served.source.folder, {"PATH": str(tmp_path)}, why_over=lambda: "")):
        assert (git.head(), git.resolve("main"), git.differing_paths(None, served.head)) == (None, None, None)
        assert (git.files(served.head, ["a"]), git.blob(served.sha("a"))) == (None, None)
    (tmp_path / "file").touch()
    with pytest.raises(ZtpurgeError, match="git rev-parse could not be run"):
        checkout(tmp_path / "file").resolve("main")


@cases("ref found", {
    "branch": ("main", True), "annotated tag": ("v1", True), "HEAD": ("HEAD", False),
    "reflog, which begins with the checkout": ("main@{1.week.ago}", False), "an ancestor": ("main~1", False),
    "peeled": ("v1^{}", False), "branch of the remote": ("only-there", True), "short id": ("{head:.7}", True),
    "id": ("{head}", True), "not there": ("none", False), "an option": ("--all", False),
    "a range": ("main..HEAD", False), "empty": ("", False),
})  # fmt: skip
def test_names_become_commits(served: Served, ref: str, found: bool) -> None:
    served.source.git("tag", "--force", "--annotate", "--message=v1", "v1")
    served.source.git("update-ref", "refs/remotes/origin/only-there", served.head)
    name = ref.replace("{head:.7}", served.head[:7]).replace("{head}", served.head)
    assert checkout(served.source.folder).resolve(name) == (served.head if found else None)


def test_a_name_of_a_tag_and_a_branch_is_refused_though_it_looks_like_a_short_id(repository: Repository) -> None:
    head, other = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    repository.git("tag", other[:7], head)
    assert checkout(repository.folder).resolve(other[:7]) == head
    repository.git("branch", other[:7], other)
    with pytest.raises(ZtpurgeError, match="is a tag and a branch"):
        checkout(repository.folder).resolve(other[:7])
    repository.git("tag", "--force", other[:7], other)
    assert checkout(repository.folder).resolve(other[:7]) == other


def test_git_that_waits_for_what_never_comes_is_left(repository: Repository) -> None:
    head = repository.commit({"a": "1"})
    os.mkfifo(repository.folder / ".git/packed-refs")  # which git opens, and nobody writes to
    looks = iter(["", "", ""])
    with pytest.raises(ZtpurgeError, match="git was stopped before it had read the checkout: no time"):
        Git(repository.folder, os.environ, why_over=lambda: next(looks, "no time")).resolve("main")
    assert next(looks, None) is None
    (repository.folder / ".git/packed-refs").unlink()
    assert checkout(repository.folder).resolve("main") == head


def test_a_git_that_is_slow_to_take_names_is_waited_for(served: Served, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    wait = f'case "$*" in *--batch-check*) {shutil.which("timeout")} 5 {shutil.which("cat")} {gate};; esac'
    (tmp_path / "git").write_text(f'#!/bin/sh\n{wait}\nexec {shutil.which("git")} "$@"\n')
    (tmp_path / "git").chmod(0o755)
    held: list[int] = []

    def let_through_at_the_next_look() -> str:
        if held:
            os.close(held.pop())
        else:
            with contextlib.suppress(OSError):  # it does not wait there yet, or is through
                held.append(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        return ""

    slow = Git(served.source.folder, {"PATH": str(tmp_path)}, why_over=let_through_at_the_next_look)
    assert {path: file.size for path, file in (slow.files(served.head, ["a"]) or {}).items()} == {"a": 1}


@pytest.mark.parametrize(
    "path", ["", ":", ".", "bin", "{folder}", "{folder}/bin", ":{folder}", "{outside}", "./bin:{folder}/../{name}/bin"]
)
def test_git_of_the_workspace_is_not_run(repository: Repository, tmp_path: Path, path: str) -> None:
    head = repository.commit({"a": "1"})
    witness = tmp_path / "witness"
    for place in ("git", "bin/git"):
        repository.write({place: f"#!/bin/sh\n: > {witness}\n"})
        (repository.folder / place).chmod(0o755)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/git").symlink_to(repository.folder / "git")
    spelled = path.format(folder=repository.folder, outside=tmp_path / "outside", name=repository.folder.name)
    subprocess.run(["git", "--version"], env={"PATH": f"{repository.folder}"}, check=True)
    assert witness.exists()  # the trap works
    witness.unlink()
    for whole, found in ((spelled, None), (f"{spelled}:{os.environ['PATH']}", head)):
        assert Git(repository.folder, {"PATH": whole}, why_over=lambda: "").resolve(head) == found
    assert not witness.exists()


@pytest.mark.parametrize("value", ["--output={}", "-O{}", "--upload-pack={}"])
def test_no_id_is_taken_for_an_option(served: Served, tmp_path: Path, value: str) -> None:
    evil, head = value.format(tmp_path / "witness"), served.head
    git = checkout(served.source.folder)
    assert [git.differing_paths(*ids) for ids in ((evil, head), (None, evil), (head, evil))] == [None] * 3
    assert (git.files(evil, ["a"]), git.modes(evil, ["a"]), git.links(evil, "")) == (None, None, None)
    assert (git.blob(evil), git.resolve(evil)) == (None, None)
    assert not (tmp_path / "witness").exists()


def test_programs_and_variables_change_nothing(repository: Repository, tmp_path: Path) -> None:
    witness, script = tmp_path / "witness", tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {witness}\n")
    script.chmod(0o755)
    base = repository.commit({"a.txt": "1", ".gitattributes": "*.txt diff=evil filter=evil"})
    for setting in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "filter.evil.smudge", "core.sshCommand"):
        repository.git("config", setting, str(script))
    head = repository.commit({"b": "1"})
    witness.unlink(missing_ok=True)
    hostile = {"GIT_DIR": str(tmp_path), "GIT_TRACE": str(tmp_path / "trace"), "GIT_EXTERNAL_DIFF": str(script)}
    git = Git(repository.folder, {"PATH": os.environ["PATH"], **hostile}, why_over=lambda: "")
    assert git.differing_paths(base, head) == {"b": FILE}
    assert not witness.exists()
    assert not (tmp_path / "trace").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files to another user takes root")
def test_a_workspace_of_another_user_is_read_and_its_configuration_left_alone(repository: Repository) -> None:
    head = repository.commit({"a": "1"})
    configuration = (repository.folder / ".git/config").read_bytes()
    subprocess.run(["chown", "-R", "1001:1001", repository.folder], check=True)
    refused = subprocess.run(["git", "log"], cwd=repository.folder, env=ENVIRON, check=False, capture_output=True)
    assert b"dubious ownership" in refused.stderr
    assert checkout(repository.folder).differing_paths(None, head) == {"a": FILE}
    assert (repository.folder / ".git/config").read_bytes() == configuration


def test_links_say_what_they_lead_to(repository: Repository) -> None:
    targets = {"a": "x", "b": "two\nlines blob 3\n", "d/c": "x", "d/raw": "\udcff"}
    (repository.folder / "d").mkdir()
    for name, target in targets.items():
        os.symlink(os.fsencode(target), os.fsencode(repository.folder / name))  # noqa: PTH211 - names are bytes
    head = repository.commit({"file": "1"})
    git = checkout(repository.folder)
    assert git.links(head, "") == targets
    assert git.links(head, "d") == {"d/c": "x", "d/raw": "\udcff"}
    sha = repository.git("rev-parse", f"{head}:a")
    (repository.folder / ".git/objects" / sha[:2] / sha[2:]).unlink()  # as a partial clone may lack it
    assert git.links(head, "") == targets | {"a": None, "d/c": None}


def test_a_blob_comes_byte_by_byte(repository: Repository) -> None:
    repository.commit({"a": "1\r\n\ufeff\0", ".gitattributes": "a filter=lfs diff=lfs merge=lfs -text"})
    blobs = [repository.git("rev-parse", name) for name in ("HEAD:a", "HEAD^{tree}")]
    read = checkout(repository.folder).blob
    assert [read(sha) for sha in (*blobs, "f" * 40)] == ["1\r\n\ufeff\0".encode(), None, None]


def test_the_module_needs_no_http_client() -> None:
    code = "import sys, ztpurge.changes.git; sys.exit('requests' in sys.modules)"
    top = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=top, check=False).returncode == 0
