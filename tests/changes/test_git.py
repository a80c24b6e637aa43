"""The checkout's objects say exactly what differs, whoever owns the workspace and whatever its configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standins.repositories import ENVIRON, Repository
from ztpurge.changes.git import Git
from ztpurge.changes.trees import FOLDER, LINK, SUBMODULE, Entry
from ztpurge.errors import ZtpurgeError


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def checkout(folder: Path) -> Git:
    return Git(folder, os.environ)


def differing(folder: Path, base: str | None, head: str) -> tuple[str, ...] | None:
    """Return the paths of the files alone."""
    found = checkout(folder).differing_paths(base, head)
    return None if found is None else tuple(path for path, modes in found.items() if modes != {SUBMODULE})


ODD_NAMES = [
    "a b",
    "tab\there",
    "line\nbreak",
    'quo"te',
    "back\\slash",
    "caf\udce9",
    "春.html",
    "-rf",
    "[slug].html",
    ":(glob)*",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_comes_as_it_is(repository: Repository, name: str) -> None:
    base = repository.commit({"same": "1"})
    head = repository.commit({f"{name}/{name}": "1"})
    assert differing(repository.folder, base, head) == (f"{name}/{name}",)
    assert differing(repository.folder, head, base) == (f"{name}/{name}",)
    assert set(differing(repository.folder, None, head) or ()) == {"same", f"{name}/{name}"}


def test_edits_deletions_and_both_names_of_a_rename(repository: Repository) -> None:
    base = repository.commit({"edited": "1", "deleted": "2", "old": "3" * 100, "kept": "4"})
    head = repository.commit({"edited": "9", "deleted": None, "old": None, "new": "3" * 100})
    assert differing(repository.folder, base, head) == ("deleted", "edited", "new", "old")


def test_modes_links_and_submodules_count(repository: Repository) -> None:
    base = repository.commit({"script": "1", "was-module": "x", "target": "1"})
    (repository.folder / "script").chmod(0o755)
    (repository.folder / "link").symlink_to("target")
    (repository.folder / "was-module").unlink()
    repository.git("add", "--all")
    for name in ("module", "was-module"):
        repository.git("update-index", "--add", "--cacheinfo", f"160000,{base},{name}")
    repository.git("commit", "--quiet", "--message=modes")
    head = repository.git("rev-parse", "HEAD")
    assert differing(repository.folder, base, head) == ("link", "script", "was-module")
    assert dict(checkout(repository.folder).differing_paths(base, head) or {}) == {
        "link": {LINK},
        "module": {SUBMODULE},
        "script": {"100644", "100755"},
        "was-module": {"100644", SUBMODULE},
    }
    assert differing(repository.folder, None, head) == ("link", "script", "target")
    assert set(differing(repository.folder, base, head) or ()) == repository.truth(base, head)


def test_a_force_push_compares_what_was_served_with_what_is(repository: Repository) -> None:
    repository.commit({"a": "1"})
    undone = repository.commit({"undone": "1", "a": "2"})
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    head = repository.commit({"b": "1"})
    assert differing(repository.folder, undone, head) == ("a", "b", "undone")


def test_a_merge_compares_its_tree(repository: Repository) -> None:
    base = repository.commit({"a": "1"})
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.commit({"t": "1"})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"m": "1"})
    repository.git("merge", "--quiet", "--no-ff", "--message=merge", "topic")
    assert differing(repository.folder, base, repository.git("rev-parse", "HEAD")) == ("m", "t")


def test_what_a_shallow_clone_lacks_is_none(repository: Repository, tmp_path: Path) -> None:
    base = repository.commit({"a": "1"})
    head = repository.commit({"a": "2"})
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(tmp_path / "shallow"))
    shallow = checkout(tmp_path / "shallow")
    assert shallow.differing_paths(base, head) is None
    assert tuple(shallow.differing_paths(None, head) or ()) == ("a",)
    assert shallow.resolve(base) is None


@pytest.mark.parametrize(("filtered", "paths"), [("blob:none", ("a/b",)), ("tree:0", None)])
def test_partial_clones_never_fetch(
    repository: Repository, tmp_path: Path, filtered: str, paths: tuple[str, ...] | None
) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    base = repository.commit({"a/b": "1"})
    head = repository.commit({"a/b": "2"})
    clone = tmp_path / "partial"
    repository.git(
        "clone", "--quiet", "--no-checkout", f"--filter={filtered}", f"file://{repository.folder}", str(clone)
    )
    before = sorted(path.name for path in (clone / ".git/objects").rglob("*"))
    assert differing(clone, base, head) == paths
    assert sorted(path.name for path in (clone / ".git/objects").rglob("*")) == before


def test_where_there_is_no_repository_nothing_is_known(tmp_path: Path) -> None:
    assert checkout(tmp_path).differing_paths(None, "a" * 40) is None
    assert checkout(tmp_path).resolve("main") is None


def test_without_git_nothing_is_known(repository: Repository, tmp_path: Path) -> None:
    head = repository.commit({"a": "1"})
    assert Git(repository.folder, {"PATH": str(tmp_path)}).differing_paths(None, head) is None


def test_git_that_cannot_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ZtpurgeError, match="git rev-parse could not be run"):
        checkout(tmp_path / "file").resolve("main")


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        pytest.param("main", True, id="branch"),
        pytest.param("v1", True, id="annotated tag"),
        pytest.param("HEAD", False, id="HEAD"),
        pytest.param("main@{1.week.ago}", False, id="reflog, which begins with the checkout"),
        pytest.param("main~1", False, id="an ancestor"),
        pytest.param("v1^{}", False, id="peeled"),
        pytest.param("only-there", True, id="branch of the remote"),
        pytest.param("none", False, id="not there"),
        pytest.param("--all", False, id="an option"),
        pytest.param("main..HEAD", False, id="a range"),
        pytest.param("", False, id="empty"),
    ],
)
def test_names_become_commits(repository: Repository, ref: str, found: bool) -> None:
    head = repository.commit({"a": "1"})
    repository.git("tag", "--annotate", "--message=v1", "v1")
    repository.git("update-ref", "refs/remotes/origin/only-there", head)
    assert checkout(repository.folder).resolve(ref) == (head if found else None)


def test_an_id_may_be_short(repository: Repository) -> None:
    head = repository.commit({"a": "1"})
    assert [checkout(repository.folder).resolve(head[:length]) for length in (7, 40)] == [head, head]


def test_a_name_of_a_tag_and_a_branch_is_refused(repository: Repository) -> None:
    repository.commit({"a": "1"})
    repository.git("tag", "twice")
    head = repository.commit({"a": "2"})
    repository.git("branch", "twice")
    with pytest.raises(ZtpurgeError, match="is a tag and a branch"):
        checkout(repository.folder).resolve("twice")
    repository.git("tag", "--force", "twice", head)
    assert checkout(repository.folder).resolve("twice") == head


def test_git_may_take_no_longer_than_the_run(repository: Repository) -> None:
    head = repository.commit({"a": "1"})
    with pytest.raises(ZtpurgeError, match="the run was cancelled"):
        Git(repository.folder, os.environ, why_over=lambda: "the run was cancelled").differing_paths(None, head)


def test_git_that_waits_for_what_never_comes_is_left(repository: Repository) -> None:
    head = repository.commit({"a": "1"})
    os.mkfifo(repository.folder / ".git/packed-refs")  # which git opens, and nobody writes to
    looks = iter(["", "", ""])
    with pytest.raises(ZtpurgeError, match="git was stopped before it had read the checkout: no time"):
        Git(repository.folder, os.environ, why_over=lambda: next(looks, "no time")).resolve("main")
    assert next(looks, None) is None
    (repository.folder / ".git/packed-refs").unlink()
    assert checkout(repository.folder).resolve("main") == head


def test_a_git_that_is_slow_to_take_names_is_waited_for(repository: Repository, tmp_path: Path) -> None:
    head = repository.commit({"a": "1"})
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

    slow = Git(repository.folder, {"PATH": str(tmp_path)}, why_over=let_through_at_the_next_look)
    assert {path: file.size for path, file in (slow.files(head, ["a"]) or {}).items()} == {"a": 1}


@pytest.mark.parametrize(
    "path",
    ["", ":", ".", "bin", "{folder}", "{folder}/bin", ":{folder}", "{outside}", "./bin:{folder}/../{name}/bin"],
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
    assert Git(repository.folder, {"PATH": spelled}).resolve(head) is None
    assert Git(repository.folder, {"PATH": f"{spelled}:{os.environ['PATH']}"}).resolve(head) == head
    assert not witness.exists()


@pytest.mark.parametrize("value", ["--output={}", "-O{}", "--upload-pack={}"])
def test_no_id_is_taken_for_an_option(repository: Repository, tmp_path: Path, value: str) -> None:
    head = repository.commit({"a": "1"})
    evil = value.format(tmp_path / "witness")
    git = checkout(repository.folder)
    assert (git.differing_paths(evil, head), git.differing_paths(None, evil)) == (None, None)
    assert (git.differing_paths(head, evil), git.files(evil, ["a"])) == (None, None)
    assert (git.blob(evil), git.resolve(evil), git.modes(evil, ["a"])) == (None, None, None)
    assert not (tmp_path / "witness").exists()


def test_a_name_that_looks_like_a_short_id_is_a_tag_or_a_branch_first(repository: Repository) -> None:
    head = repository.commit({"a": "1"})
    other = repository.commit({"a": "2"})
    repository.git("tag", other[:7], head)
    assert checkout(repository.folder).resolve(other[:7]) == head
    repository.git("branch", other[:7], other)
    with pytest.raises(ZtpurgeError, match="is a tag and a branch"):
        checkout(repository.folder).resolve(other[:7])


def test_modes_tell_what_is_at_a_path(repository: Repository) -> None:
    head = repository.commit({"a/b/c": "1", ":(top)x": "1"})
    (repository.folder / "link").symlink_to("a")
    repository.git("add", "--all")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{head},a/module")
    repository.git("commit", "--quiet", "--message=kinds")
    found = checkout(repository.folder).modes("HEAD", ["a", "a/b", "a/b/c", "link", "a/module", "none", ":(top)x"])
    assert found == {
        "a": FOLDER, "a/b": FOLDER, "a/b/c": "100644", "link": LINK, "a/module": SUBMODULE, ":(top)x": "100644"
    }  # fmt: skip


def test_programs_that_a_repository_configures_are_not_run(repository: Repository, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {witness}\n")
    script.chmod(0o755)
    base = repository.commit({"a.txt": "1", ".gitattributes": "*.txt diff=evil filter=evil"})
    for setting in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "filter.evil.smudge", "core.sshCommand"):
        repository.git("config", setting, str(script))
    head = repository.commit({"b": "1"})
    witness.unlink(missing_ok=True)
    assert differing(repository.folder, base, head) == ("b",)
    assert not witness.exists()


def test_git_s_variables_of_a_workflow_change_nothing(repository: Repository, tmp_path: Path) -> None:
    base = repository.commit({"a": "1"})
    head = repository.commit({"a": "2"})
    environ = {
        "PATH": os.environ["PATH"],
        "GIT_DIR": str(tmp_path),
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_EXTERNAL_DIFF": "x",
    }
    assert tuple(Git(repository.folder, environ).differing_paths(base, head) or ()) == ("a",)
    assert not (tmp_path / "trace").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files to another user takes root")
def test_a_workspace_of_another_user_is_read_and_its_configuration_left_alone(repository: Repository) -> None:
    base = repository.commit({"a": "1"})
    head = repository.commit({"a": "2"})
    configuration = (repository.folder / ".git/config").read_bytes()
    subprocess.run(["chown", "-R", "1001:1001", repository.folder], check=True)
    refused = subprocess.run(
        ["git", "log"], cwd=repository.folder, env=ENVIRON, check=False, capture_output=True, text=True
    )
    assert "dubious ownership" in refused.stderr
    assert differing(repository.folder, base, head) == ("a",)
    assert (repository.folder / ".git/config").read_bytes() == configuration


def entry(repository: Repository, commit: str, path: str, mode: str = "100644") -> Entry:
    return Entry(mode, repository.git("rev-parse", f"{commit}:{path}"))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_of_any_name_is_found(repository: Repository, name: str) -> None:
    head = repository.commit({f"{name}/{name}": "12345", "other": "1"})
    found = checkout(repository.folder).files(head, [f"{name}/{name}", "none"])
    assert found == {f"{name}/{name}": entry(repository, head, f"{name}/{name}")}
    assert found[f"{name}/{name}"].size == 5


def test_only_files_are_found_and_those_of_that_commit(repository: Repository) -> None:
    before = repository.commit({"gone": "1", "was-file": "1", "edited": "1", "was-folder/a": "1", "empty": ""})
    repository.write({"gone": None, "was-file": None, "was-folder/a": None, "edited": "22", "was-file/a": "1"})
    (repository.folder / "was-folder").rmdir()
    (repository.folder / "was-folder").write_text("1")
    (repository.folder / "link").symlink_to("edited")
    (repository.folder / "script").write_text("1")
    (repository.folder / "script").chmod(0o755)
    repository.git("add", "--all")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{before},module")
    repository.git("commit", "--quiet", "--message=all kinds")
    head = repository.git("rev-parse", "HEAD")
    paths = ["gone", "was-file", "was-file/a", "edited", "was-folder", "was-folder/a", "link", "script", "module", ""]
    found = checkout(repository.folder).files(head, [*paths, "empty", "/edited", "./edited", "module/x"])
    assert found == {
        "was-file/a": entry(repository, head, "was-file/a"),
        "edited": entry(repository, head, "edited"),
        "was-folder": entry(repository, head, "was-folder"),
        "link": entry(repository, head, "link", LINK),
        "script": entry(repository, head, "script", "100755"),
        "empty": entry(repository, head, "empty"),
    }
    sizes = {path: file.size for path, file in found.items()}
    assert sizes == {"was-file/a": 1, "edited": 2, "was-folder": 1, "link": 6, "script": 1, "empty": 0}
    assert checkout(repository.folder).files(before, paths) == {
        path: entry(repository, before, path) for path in ("gone", "was-file", "edited", "was-folder/a")
    }


def test_no_paths_have_no_files(repository: Repository) -> None:
    assert checkout(repository.folder).files(repository.commit({"a": "1"}), []) == {}


def test_a_repository_of_sha256_has_its_own_ids(tmp_path: Path) -> None:
    repository = Repository(tmp_path, init=False)
    repository.git("init", "--quiet", "--object-format=sha256")
    head = repository.commit({"a": "12"})
    found = checkout(tmp_path).files(head, ["a"]) or {}
    assert (len(found["a"].sha), found["a"].size) == (64, 2)
    assert found["a"].sha == repository.git("hash-object", "a")
    assert checkout(tmp_path).blob(found["a"].sha) == b"12"


def test_links_say_what_they_lead_to(repository: Repository) -> None:
    targets = {"a": "x", "b": "two\nlines blob 3\n", "d/c": "x", "d/raw": "\udcff"}
    (repository.folder / "d").mkdir()
    for name, target in targets.items():
        os.symlink(os.fsencode(target), os.fsencode(repository.folder / name))  # noqa: PTH211 - names are bytes
    head = repository.commit({"file": "1"})
    assert checkout(repository.folder).links(head, "") == targets
    assert checkout(repository.folder).links(head, "d") == {"d/c": "x", "d/raw": "\udcff"}
    sha = repository.git("rev-parse", f"{head}:a")
    (repository.folder / ".git/objects" / sha[:2] / sha[2:]).unlink()  # as a partial clone may lack it
    assert checkout(repository.folder).links(head, "") == targets | {"a": None, "d/c": None}


def test_of_a_commit_that_the_checkout_lacks_no_file_is_known(repository: Repository, tmp_path: Path) -> None:
    base = repository.commit({"a": "1"})
    old = repository.git("rev-parse", f"{base}:a")
    head = repository.commit({"a": "2"})
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(tmp_path / "shallow"))
    shallow = checkout(tmp_path / "shallow")
    assert shallow.files(base, ["a"]) is None
    assert shallow.blob(old) is None
    assert (shallow.modes(base, ["a"]), shallow.modes(head, ["a", "b"])) == (None, {"a": "100644"})
    assert shallow.files(head, ["a"]) == {"a": entry(repository, head, "a")}
    assert checkout(tmp_path).files(head, ["a"]) is None
    assert checkout(tmp_path).blob(old) is None


def test_the_size_of_a_file_is_known_where_its_content_is(repository: Repository, tmp_path: Path) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    head = repository.commit({"a": "1", "here": "22", "z": "333"})
    clone = Repository(tmp_path / "partial", init=False)
    repository.git(
        "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{repository.folder}", str(clone.folder)
    )
    clone.git("checkout", "main", "--", "here")  # as a sparse checkout has some
    found = checkout(clone.folder).files(head, ["a", "here", "z"])
    assert found == {path: entry(repository, head, path) for path in ("a", "here", "z")}
    assert {path: file.size for path, file in found.items()} == {"a": None, "here": 2, "z": None}
    assert checkout(clone.folder).blob(found["here"].sha) == b"22"
    assert checkout(clone.folder).blob(found["a"].sha) is None
    assert "?" in clone.git("rev-list", "--objects", "--missing=print", "main")  # nothing was fetched meanwhile


def test_a_blob_comes_byte_by_byte(repository: Repository) -> None:
    repository.commit({"a": "1\r\n\ufeff\0", ".gitattributes": "a filter=lfs diff=lfs merge=lfs -text"})
    sha = repository.git("rev-parse", "HEAD:a")
    assert checkout(repository.folder).blob(sha) == "1\r\n\ufeff\0".encode()
    assert checkout(repository.folder).blob("f" * 40) is None
    assert checkout(repository.folder).blob(repository.git("rev-parse", "HEAD^{tree}")) is None


def test_the_same_content_under_many_names_has_one_size(repository: Repository) -> None:
    names = [f"d{number}/f" for number in range(50)]
    head = repository.commit(dict.fromkeys(names, "same"))
    assert {file.size for file in (checkout(repository.folder).files(head, names) or {}).values()} == {4}


def test_the_module_needs_no_http_client() -> None:
    code = "import sys, ztpurge.changes.git; sys.exit('requests' in sys.modules)"
    top = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=top, check=False).returncode == 0
