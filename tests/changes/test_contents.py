"""What a commit holds is told without its files: from the checkout's objects, else through the API, both the same."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from sandbox.github import GitHubApi
from tests.conftest import make_scheduler
from tests.standins.repositories import Repository
from ztpurge.calls.redaction import Secrets
from ztpurge.changes.contents import Content, Pointers, Unknown, find_contents
from ztpurge.changes.git import Git
from ztpurge.changes.github import GitHub
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.conftest import FakeClock
    from ztpurge.changes.trees import Entry

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n"
FILES: dict[str, str | None] = {"a.css": "a{}", "b/index.html": "<p>", "empty": "", "video.mp4": POINTER}
PATHS = [*FILES, "b", "link", "none", "module"]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def commit(repository: Repository) -> str:
    repository.write(FILES)
    (repository.folder / "link").symlink_to("a.css")
    repository.git("add", "--all")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repository.git("commit", "--quiet", "--message=all kinds")
    return repository.git("rev-parse", "HEAD")


def github(api: GitHubApi, clock: FakeClock) -> GitHub:
    environ = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "owner/site"}
    return GitHub(environ, "gh-token", make_scheduler(clock, retries=0, request_timeout=10), Secrets())


def checkout(folder: Path) -> Git:
    return Git(folder, os.environ)


def no_api() -> GitHub:
    raise AssertionError


def refuse() -> GitHub:
    raise ZtpurgeError("there is no `github-token`")


def truth(repository: Repository, head: str) -> dict[str, Content | Unknown]:
    found: dict[str, Content | Unknown] = {
        path: Content(repository.git("rev-parse", f"{head}:{path}"), len(text or ""), is_blob=True)
        for path, text in FILES.items()
    }
    return found | {"link": Unknown("a symbolic link, which may be served as the file that it points to")}


def test_the_checkout_tells_what_a_commit_holds_without_the_api(repository: Repository) -> None:
    head = commit(repository)
    found = find_contents(head, PATHS, checkout=checkout(repository.folder), api=no_api)
    assert found == truth(repository, head)


def test_the_work_tree_is_not_what_is_compared(repository: Repository) -> None:
    head = commit(repository)
    expected = truth(repository, head)
    repository.write({"a.css": "edited by a build", "b/index.html": None, "none": "built"})
    assert find_contents(head, PATHS, checkout=checkout(repository.folder), api=no_api) == expected


@pytest.mark.parametrize("flavour", ["github", "gitea"])
def test_without_a_checkout_the_api_tells_the_same_in_one_call(
    repository: Repository, tmp_path: Path, clock: FakeClock, flavour: str
) -> None:
    head = commit(repository)
    with GitHubApi(repository.folder, flavour=flavour) as api:  # type: ignore[arg-type]
        found = find_contents(head, iter(PATHS), checkout=checkout(tmp_path), api=lambda: github(api, clock))
    assert found == truth(repository, head)
    assert {path: entry.size for path, entry in found.items() if isinstance(entry, Content)} == {
        path: len(text or "") for path, text in FILES.items()
    }
    assert len(api.requests) == 1


def test_a_shallow_checkout_of_another_commit_does_not_answer_for_it(
    repository: Repository, tmp_path: Path, clock: FakeClock
) -> None:
    old = repository.commit({"a.css": "old"})
    head = commit(repository)
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.folder}", str(tmp_path / "shallow"))
    shallow = checkout(tmp_path / "shallow")
    assert find_contents(head, PATHS, checkout=shallow, api=no_api) == truth(repository, head)
    with GitHubApi(repository.folder) as api:
        found = find_contents(old, PATHS, checkout=shallow, api=lambda: github(api, clock))
    assert found == {"a.css": Content(repository.git("rev-parse", f"{old}:a.css"), 3, is_blob=True)}


def partial_clone(repository: Repository, clone: Path) -> Git:
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("clone", "--quiet", "--bare", "--filter=blob:none", f"file://{repository.folder}", str(clone))
    return checkout(clone)


@pytest.mark.parametrize("is_told", [True, False], ids=["the API tells sizes", "there is no token"])
def test_a_clone_without_blobs_knows_the_ids_and_the_api_their_sizes(
    repository: Repository, tmp_path: Path, clock: FakeClock, is_told: bool
) -> None:
    head = commit(repository)
    partial = partial_clone(repository, tmp_path / "partial")
    with GitHubApi(repository.folder) as api:
        paths = ["a.css", "empty", "link"]
        found = find_contents(head, paths, checkout=partial, api=(lambda: github(api, clock)) if is_told else refuse)
    contents = {path: entry for path, entry in found.items() if isinstance(entry, Content)}
    assert {path: entry.digest for path, entry in contents.items()} == {
        path: repository.git("rev-parse", f"{head}:{path}") for path in ("a.css", "empty")
    }
    sizes = {"a.css": 3, "empty": 0} if is_told else {"a.css": None, "empty": None}
    assert {path: entry.size for path, entry in contents.items()} == sizes
    assert len(api.requests) == is_told


def test_an_api_that_is_away_is_not_waited_for_to_tell_sizes(
    repository: Repository, tmp_path: Path, clock: FakeClock
) -> None:
    head = commit(repository)
    partial = partial_clone(repository, tmp_path / "partial")
    away = Fault("status", status=503, times=9, headers=(("Retry-After", "600"),))
    with GitHubApi(repository.folder, faults=(away,)) as api:
        found = find_contents(head, ["a.css"], checkout=partial, api=lambda: github(api, clock))
    assert isinstance(found["a.css"], Content)
    assert (len(api.requests), sum(clock.slept)) == (1, 0)


def test_a_repository_of_sha256_has_contents_too(tmp_path: Path) -> None:
    repository = Repository(tmp_path, init=False)
    repository.git("init", "--quiet", "--object-format=sha256")
    head = repository.commit({"a": "12"})
    (content,) = find_contents(head, ["a"], checkout=checkout(tmp_path), api=no_api).values()
    assert isinstance(content, Content)
    hasher = content.hasher(2)
    hasher.update(b"12")
    assert hasher.hexdigest() == content.digest == repository.git("hash-object", "a")


def test_a_commit_that_nobody_can_read_is_an_error(repository: Repository, tmp_path: Path, clock: FakeClock) -> None:
    commit(repository)
    with pytest.raises(ZtpurgeError, match="no `github-token`"):
        find_contents("f" * 40, PATHS, checkout=checkout(tmp_path), api=refuse)
    with GitHubApi(repository.folder) as api, pytest.raises(ZtpurgeError, match="answered 404"):
        find_contents("f" * 40, PATHS, checkout=checkout(tmp_path), api=lambda: github(api, clock))


def test_no_paths_have_no_contents(repository: Repository) -> None:
    assert find_contents(commit(repository), [], checkout=checkout(repository.folder), api=no_api) == {}


@pytest.mark.parametrize(
    ("path", "pointer"), [("video.mp4", Content(OID, 12345)), ("a.css", None), ("empty", None)], ids=str
)
def test_a_pointer_is_read_through_both_doors(
    repository: Repository, tmp_path: Path, clock: FakeClock, path: str, pointer: Content | None
) -> None:
    head = commit(repository)
    sha = repository.git("rev-parse", f"{head}:{path}")
    assert Pointers(checkout(repository.folder), no_api).find(sha) == pointer
    data = base64.encodebytes((FILES[path] or "").encode()).decode()
    answer = Fault(
        "status",
        status=200,
        path=f"/repos/owner/site/git/blobs/{sha}",
        body=json.dumps({"sha": sha, "encoding": "base64", "content": data}),
    )
    with GitHubApi(repository.folder, faults=(answer,)) as api:
        pointers = Pointers(checkout(tmp_path), lambda: github(api, clock))
        assert [pointers.find(sha) for _ in range(3)] == [pointer] * 3
    assert len(api.requests) == 1  # however often its URL is looked at


def test_a_blob_that_nobody_can_read_is_an_error(repository: Repository) -> None:
    commit(repository)
    with pytest.raises(ZtpurgeError, match="no `github-token`"):
        Pointers(checkout(repository.folder), refuse).find("f" * 40)


class Counting:
    """An API that has a pointer for every id."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def files(self, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
        raise NotImplementedError

    def sizes(self, commit: str, paths: Iterable[str]) -> dict[str, int | None]:
        raise NotImplementedError

    def blob(self, sha: str) -> bytes:
        self.asked.append(sha)
        return POINTER.encode()


def test_the_api_is_not_asked_without_end_and_what_is_not_known_is_not_taken_for_no_pointer(tmp_path: Path) -> None:
    api = Counting()
    pointers = Pointers(checkout(tmp_path), lambda: api)
    shas = [f"{number:040x}" for number in range(10_000)]
    with pytest.raises(ZtpurgeError):  # None would call files stale that are served as they must be
        any(pointers.find(sha) != Content(OID, 12345) for sha in shas)
    assert 10 < len(api.asked) < 1000
    assert pointers.find(shas[0]) == Content(OID, 12345)


def test_what_the_checkout_has_is_read_without_limit(repository: Repository) -> None:
    files = {f"{number}.bin": POINTER.replace("12345", str(number)) for number in range(150)}
    head = repository.commit({**files})
    pointers = Pointers(checkout(repository.folder), no_api)
    listed = repository.git("ls-tree", "-r", head).splitlines()
    found = [pointers.find(line.split()[2]) for line in listed]
    assert {content.size for content in found if content} == set(range(150))
