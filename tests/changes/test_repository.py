"""The checkout is asked first and the API only for what it lacks; both tell the same of a commit."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from tests.changes.conftest import ASKED, KINDS, OID, POINTER, checkout
from tests.conftest import make_scheduler
from tests.standins.github import GitHubApi
from tests.standins.repositories import Repository as RealRepository
from tests.tables import cases
from ztpurge.calls.redaction import Secrets
from ztpurge.changes.contents import Content, Unknown
from ztpurge.changes.github import GitHub
from ztpurge.changes.repository import Repository
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.changes.conftest import Served
    from tests.conftest import FakeClock


def asking(folder: Path, api: GitHubApi, clock: FakeClock) -> Repository:
    environ = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "owner/site"}
    opened = iter([GitHub(environ, "gh-token", make_scheduler(clock, retries=0, request_timeout=10), Secrets())])
    return Repository(checkout(folder), lambda: next(opened))  # which can be called once


def without_api(folder: Path) -> Repository:
    def refuse() -> GitHub:
        raise ZtpurgeError("nobody can be asked", remedy="Give a token", place="since")

    return Repository(checkout(folder), refuse)


def truth(served: Served) -> dict[str, Content | Unknown]:
    blobs = {path: Content(served.sha(path), len(text or ""), is_blob=True) for path, text in KINDS.items()}
    link = Unknown("a symbolic link, which may be served as the file that it points to")
    return {**blobs, "script": Content(served.sha("script"), 1, is_blob=True), "b/link": link}


def known(found: Mapping[str, Content | Unknown]) -> dict[str, tuple[str, int | None]]:
    """Return digest and size of each: contents are equal whatever is not known of their sizes."""
    return {path: (one.digest, one.size) for path, one in found.items() if isinstance(one, Content)}


def of_blob(served: Served, path: str, data: bytes) -> Fault:
    body = json.dumps({"encoding": "base64", "content": base64.encodebytes(data).decode()})
    return Fault("status", status=200, path=f"/repos/owner/site/git/blobs/{served.sha(path)}", times=9, body=body)


def test_a_whole_checkout_tells_all_and_nobody_else_is_asked(served: Served) -> None:
    whole = without_api(served.clone().folder)
    assert whole.resolve("main") == whole.head() == served.head
    assert whole.contents(served.head, ASKED) == truth(served)
    assert whole.differing_paths(served.old, served.old) == ({}, False)
    assert whole.modes(served.head, ["b", "script"]) == {"b": "040000", "script": "100755"}
    assert whole.links(served.head, "b") == {"b/link": "../a"}
    assert [whole.pointer_of(served.sha(path)) for path in ("video.mp4", "a")] == [Content(OID, 12345), None]
    assert whole.contents(served.head, []) == {}


@pytest.mark.parametrize("flavour", ["github", "gitea"])
def test_without_a_checkout_the_api_tells_all(served: Served, tmp_path: Path, clock: FakeClock, flavour: str) -> None:
    faults = (of_blob(served, "video.mp4", POINTER.encode()), of_blob(served, "b/link", b"../a"))
    with GitHubApi(served.source.folder, flavour=flavour, faults=faults) as api:
        remote, whole = asking(tmp_path, api, clock), without_api(served.clone().folder)
        found = remote.contents(served.head, ASKED)
        assert (found, known(found)) == (truth(served), known(truth(served)))
        differing, _ = whole.differing_paths(served.old, served.head)
        assert remote.differing_paths(served.old, served.head) == (differing, True)
        assert remote.modes(served.head, ["b", "none"]) == {"b": "040000"}
        assert len(api.requests) == 2  # one a commit
        assert remote.resolve("main") == served.head
        assert remote.links(served.head, "") == {"b/link": "../a"}
        before = len(api.requests)
        assert [remote.pointer_of(served.sha("video.mp4")) for _ in range(3)] == [Content(OID, 12345)] * 3
        assert len(api.requests) == before + 1  # however often its URL is looked at
    assert (remote.head(), remote.links(served.head, "", may_ask=False)) == (None, {})


def test_a_shallow_checkout_answers_for_its_own_commit_alone(served: Served, clock: FakeClock) -> None:
    with GitHubApi(served.source.folder) as api:
        shallow = asking(served.clone("--depth=1").folder, api, clock)
        assert shallow.contents(served.head, ASKED) == truth(served)
        assert api.requests == ()
        (content,) = shallow.contents(served.old, ["a", "b/c/d"]).values()
    assert content == Content(served.source.git("rev-parse", f"{served.old}:a"), 3, is_blob=True)


def test_the_work_tree_is_not_what_is_compared(repository: RealRepository) -> None:
    head = repository.commit({"edited": "1", "gone": "1"})
    repository.write({"edited": "by a build", "gone": None, "built": "1"})
    found = without_api(repository.folder).contents(head, ["edited", "gone", "built"])
    assert known(found) == {path: (repository.git("rev-parse", f"{head}:{path}"), 1) for path in ("edited", "gone")}


SIZES = {"a": 1, "c d/\u6625.html": 0}
AWAY = Fault("status", status=503, times=9, headers=(("Retry-After", "600"),))


@cases("faults sizes", {
    "the API tells sizes": ((), SIZES),
    "it is away, and not waited for": ((AWAY,), dict.fromkeys(SIZES)),
    "there is no token": (None, dict.fromkeys(SIZES)),
})  # fmt: skip
def test_of_a_clone_without_blobs_the_api_tells_sizes(
    served: Served, clock: FakeClock, faults: tuple[Fault, ...] | None, sizes: dict[str, int | None]
) -> None:
    partial = served.clone("--filter=blob:none", "--bare").folder
    with GitHubApi(served.source.folder, faults=faults or ()) as api:
        repository = without_api(partial) if faults is None else asking(partial, api, clock)
        found = repository.contents(served.head, [*sizes, "b/link"])
        # by its digest alone nothing can be compared that is sent compressed, and is larger than may be kept
        assert known(found) == {path: (served.sha(path), size) for path, size in sizes.items()}
    assert (len(api.requests), sum(clock.slept)) == (faults is not None, 0)


def test_a_repository_of_sha256_has_contents_too(tmp_path: Path) -> None:
    real = RealRepository(tmp_path, init=False)
    real.git("init", "--quiet", "--object-format=sha256")
    (content,) = without_api(tmp_path).contents(real.commit({"a": "12"}), ["a"]).values()
    assert isinstance(content, Content)
    hasher = content.hasher(2)
    hasher.update(b"12")
    assert hasher.hexdigest() == content.digest == real.git("hash-object", "a")


def test_what_nobody_can_tell_is_an_error(served: Served, tmp_path: Path, clock: FakeClock) -> None:
    nobody, lost = without_api(served.clone("--depth=1").folder), "f" * 40
    for ask in (
        nobody.api,
        lambda: nobody.contents(lost, ASKED),
        lambda: nobody.differing_paths(served.old, served.head),
        lambda: nobody.modes(lost, ASKED),
        lambda: nobody.links(lost, ""),
        lambda: nobody.pointer_of(lost),
    ):
        with pytest.raises(ZtpurgeError, match="does not tell what is to be compared, and nobody can be asked"):
            ask()
    with GitHubApi(served.source.folder) as api, pytest.raises(ZtpurgeError, match="answered 404"):
        asking(tmp_path, api, clock).contents(lost, ASKED)


@pytest.mark.parametrize("ref", ["nope", "HEAD", "main~1"])
def test_a_name_that_only_the_api_could_know_is_named(served: Served, ref: str) -> None:
    with pytest.raises(ZtpurgeError) as caught:
        without_api(served.source.folder).resolve(ref)
    words = f"'{ref}' is no commit, tag or branch that the checkout has, and nobody can be asked"
    assert (caught.value.cause, caught.value.remedy, caught.value.place) == (words, "Give a token", "since")


def test_the_api_is_not_asked_for_pointers_without_end(served: Served, tmp_path: Path, clock: FakeClock) -> None:
    pointer = json.dumps({"content": base64.b64encode(POINTER.encode()).decode()})
    answer = Fault("status", status=200, path="/repos/owner/site/git/blobs/", times=10_000, body=pointer)
    shas = [f"{number:040x}" for number in range(10_000)]
    with GitHubApi(served.source.folder, faults=(answer,)) as api:
        repository = asking(tmp_path, api, clock)
        with pytest.raises(ZtpurgeError, match="was asked for 100 files already"):  # None would call files stale
            any(repository.pointer_of(sha) != Content(OID, 12345) for sha in shas)
        assert len(api.requests) == 100
        assert repository.pointer_of(shas[0]) == Content(OID, 12345)


def test_what_the_checkout_has_is_read_without_limit(repository: RealRepository) -> None:
    head = repository.commit({f"{number}.bin": POINTER.replace("12345", str(number)) for number in range(150)})
    found = without_api(repository.folder)
    listed = repository.git("ls-tree", "-r", head).splitlines()
    pointers = [found.pointer_of(line.split()[2]) for line in listed]
    assert {content.size for content in pointers if content} == set(range(150))
