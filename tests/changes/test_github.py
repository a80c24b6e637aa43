"""GitHub's API tells the same of commits as the checkout, with as few calls as that takes, and says what it lacks."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Fault
from tests.changes.conftest import ASKED, GITHUB_TOKEN, checkout, client, serve
from tests.conftest import FakeClock
from tests.standins.repositories import Repository
from tests.tables import cases
from ztpurge.calls.clock import Clock
from ztpurge.changes.event import Run as EventRun
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.changes.conftest import Served
    from ztpurge.changes.github import GitHub

    Asking = Callable[[GitHub], object]

BLOBS = "/repos/owner/site/git/blobs/"
MAIN = EventRun("purge.yml", "main", "")


def cut(flavour: str, limit: int) -> dict[str, object]:
    """Have trees of more entries cut or paged."""
    return {"flavour": flavour, ("truncate_at" if flavour == "github" else "page_size"): limit}


def test_each_commit_takes_one_call_however_often_it_is_asked_of(repository: Repository, clock: FakeClock) -> None:
    bases = [repository.commit({"a": str(number), "b/f": "1"}) for number in range(3)]
    head = repository.commit({"a": "9"})
    with serve(repository) as api:
        github = client(api, clock)
        assert github.differing_paths(None, head).keys() == {"a", "b/f"}
        assert all(github.differing_paths(base, head).keys() == {"a"} for base in bases)
        assert github.files(head, ["a", "b/none"]).keys() == {"a"}
        assert github.modes(head, ["b"]) == {"b": "040000"}
    assert [request.path for request in api.requests] == [
        f"/repos/owner/site/git/trees/{sha}?recursive=1" for sha in (head, *bases)
    ]


@pytest.mark.parametrize("flavour", ["github", "gitea"])
def test_of_large_trees_only_needed_folders_are_read(repository: Repository, clock: FakeClock, flavour: str) -> None:
    names = {f"{top}/{low}/{name}": top + low for top in "abc" for low in "xyz" for name in range(3)}
    base = repository.commit({**names})
    head = repository.commit({"a/x/0": "2", "b/y/1": None})
    with serve(repository, **cut(flavour, 10)) as api:
        assert client(api, clock).differing_paths(base, head).keys() == {"a/x/0", "b/y/1"}
    compared = api.requests
    with serve(repository, **cut(flavour, 10)) as api:
        asked = ["a/x/0", "a/x/2", "b/none", "none/x"]
        assert client(api, clock).files(head, asked).keys() == {"a/x/0", "a/x/2"}
    if flavour == "github":
        assert len(api.requests) <= 7  # the top, a and b twice each, a/x
        unasked = {repository.git("rev-parse", f"{head}:{folder}") for folder in ("c", "a/y", "a/z", "b/x", "b/z")}
        assert not [request for request in compared + api.requests if any(sha in request.path for sha in unasked)]


@pytest.mark.parametrize(("flavour", "limit"), [("github", 12), ("github", 1000), ("gitea", 4), ("gitea", 1000)])
def test_it_tells_what_the_checkout_tells(served: Served, clock: FakeClock, flavour: str, limit: int) -> None:
    git = checkout(served.source.folder)
    truth = git.files(served.head, ASKED) or {}
    with serve(served.source, **cut(flavour, limit)) as api:
        github = client(api, clock)
        for base, head in ((served.old, served.head), (None, served.head), (served.head, served.old)):
            assert github.differing_paths(base, head) == git.differing_paths(base, head)
        found = github.files(served.head, [*ASKED, "", "b/"])
        assert github.modes(served.head, ASKED) == git.modes(served.head, ASKED)
    assert found == truth
    assert {path: file.size for path, file in found.items()} == {path: file.size for path, file in truth.items()}


FOLDERS = st.sampled_from(["", "a/", "a/b/", "c d/", "é/"])
PATHS = st.builds(str.__add__, FOLDERS, st.sampled_from(["1", "2", "3.html", "x y", "[z]"]))
COMMITS = st.lists(st.dictionaries(PATHS, st.sampled_from(["1", "2", None]), max_size=6), min_size=2, max_size=5)


@given(COMMITS, st.booleans(), st.sampled_from([8, 1000]), st.sampled_from([4, 50]), st.lists(PATHS, max_size=5))
@settings(max_examples=8)
def test_checkout_api_and_git_agree_on_random_histories(
    tmp_path_factory: pytest.TempPathFactory,
    commits: list[dict[str, str | None]],
    orphan: bool,
    truncate_at: int,
    page_size: int,
    paths: list[str],
) -> None:
    repository = Repository(tmp_path_factory.mktemp("history"))
    made = []
    for index, files in enumerate(commits):
        if orphan and index == len(commits) - 1:
            repository.git("checkout", "--quiet", "--orphan", "forced")  # a force push to an unrelated history
        there = set(repository.git("ls-files", "-z").split("\0"))
        made.append(repository.commit({path: text for path, text in files.items() if text or path in there}))
    git, clock = checkout(repository.folder), FakeClock()
    with (
        serve(repository, truncate_at=truncate_at) as github,
        serve(repository, flavour="gitea", page_size=page_size) as gitea,
    ):
        for base, head in ((made[0], made[-1]), (made[-1], made[0]), (None, made[-1]), (made[-2], made[-1])):
            truth = repository.truth(base, head)
            assert set(git.differing_paths(base, head) or ()) == truth
            for api in (github, gitea):
                assert set(client(api, clock).differing_paths(base, head)) == truth
                assert client(api, clock).files(head, paths) == git.files(head, paths)


def test_what_the_api_cannot_list_or_spell_is_refused(repository: Repository, clock: FakeClock) -> None:
    head = repository.commit({f"big/{number}": "1" for number in range(9)} | {"a": "1"})
    with serve(repository, truncate_at=8) as api:
        github = client(api, clock)
        assert github.files(head, ["a", "none"]).keys() == {"a"}
        assert github.links(head, "") == {}
        for ask in (lambda: github.differing_paths(None, head), lambda: github.files(head, ["big/1"])):
            with pytest.raises(ZtpurgeError, match="cannot list all of big/"):
                ask()
    odd = repository.commit({"caf\udce9.html": "1"})
    head = repository.commit({"a": "2"})  # whose names are another's business, but two alike might hide a change
    with serve(repository) as api, pytest.raises(ZtpurgeError, match="cannot spell the name of caf") as caught:
        client(api, clock).differing_paths(odd, head)
    assert "fetch-depth: 0" in caught.value.remedy


def of_blobs(data: bytes) -> Fault:
    sent = {"encoding": "base64", "content": base64.encodebytes(data).decode()}
    return Fault("status", status=200, path=BLOBS, body=json.dumps(sent))


def test_a_blob_comes_byte_by_byte_and_a_link_leads_where_its_own_says(served: Served, clock: FakeClock) -> None:
    for data in (b"", b"\0\xff\r\n" * 200):
        with serve(served.source, faults=(of_blobs(data),)) as api:
            assert client(api, clock).blob("a" * 40) == data
    for fault, said in ((of_blobs(b"../a"), "../a"), (Fault("status", status=500, path=BLOBS, times=9), None)):
        with serve(served.source, faults=(fault,)) as api:
            github = client(api, clock)
            assert (github.links(served.head, "b"), github.links(served.head, "c d")) == ({"b/link": said}, {})


@pytest.mark.parametrize("flavour", ["github", "gitea"])
def test_names_become_commits_unless_two_share_one(repository: Repository, clock: FakeClock, flavour: str) -> None:
    old, head = repository.commit({"a": "1"}), repository.commit({"a": "2"})
    repository.git("branch", "topic/x")
    for name, options in (("v1", ()), ("x/twice", ()), ("x/annotated", ("--annotate", "--message=v1"))):
        repository.git("tag", *options, name, old)
    for name in ("x/twice", "x/annotated"):
        repository.git("branch", name)
    with serve(repository, flavour=flavour) as api:
        github = client(api, clock)
        names = (head, "v1", "topic/x", "main", "no such", "../../../user")
        assert [github.resolve(ref) for ref in names] == [head, old, head, head, None, None]
        for name in ("x/twice", "x/annotated"):
            with pytest.raises(ZtpurgeError, match=f"'{name}' is a tag and a branch") as caught:
                github.resolve(name)
            assert caught.value.remedy == "Give the commit's id"
            repository.git("branch", "--delete", "--force", name)
            assert github.resolve(name) == old


def test_what_is_no_name_is_not_asked_for(served: Served, clock: FakeClock) -> None:
    with serve(served.source) as api:
        names = ("..", ".", "a/..", "../../user", "-x", "a\n", "x?y=1", "")
        assert {client(api, clock).resolve(name) for name in names} == {None}
    assert api.requests == ()


def all_of(head: str) -> Asking:
    return lambda github: github.differing_paths(None, head)


def runs_since(github: GitHub) -> object:
    return github.since_last_success(MAIN)


ECHO = Fault("status", status=401, body=json.dumps({"message": f"bad {GITHUB_TOKEN}"}))


@cases("options token ask words", {
    "bad token": ({}, "wrong", None, ["answered 401", "Check `github-token`"]),
    "a token that is echoed": ({"faults": (ECHO,)}, GITHUB_TOKEN, None, ["answered 401: bad ***"]),
    "no permission": ({"permissions": ()}, GITHUB_TOKEN, None, ["answered 403", "contents: read"]),
    "not found": ({"name": "owner/other"}, GITHUB_TOKEN, None, ["answered 404", "contents: read"]),
    "runs": ({"permissions": ("contents",)}, GITHUB_TOKEN, runs_since, ["403", "actions: read"]),
    "no runs": ({"faults": (Fault("status", status=404),)}, GITHUB_TOKEN, runs_since, ["404", "actions: read"]),
    "no such commit": ({}, GITHUB_TOKEN, all_of("f" * 40), ["answered 404", "contents: read"]),
    "no such blob": ({}, GITHUB_TOKEN, lambda github: github.blob("f" * 40), ["answered 404"]),
})  # fmt: skip
def test_refusals_say_what_to_do(
    served: Served, clock: FakeClock, options: dict[str, object], token: str, ask: Asking | None, words: list[str]
) -> None:
    with serve(served.source, **options) as api, pytest.raises(ZtpurgeError) as caught:
        (ask or all_of(served.head))(client(api, clock, token=token))
    assert [word for word in words if word not in str(caught.value)] == []
    assert token not in str(caught.value)
    assert ("fetch-depth" in str(caught.value)) == (ask is not runs_since and "401" not in words[0])
    assert len(api.requests) == 1


@cases("fault", {
    "502 twice": Fault("status", status=502, times=2), "reset": Fault("reset"), "cut off": Fault("truncated"),
    "HTML": Fault("html"), "429": Fault("status", status=429, headers=(("Retry-After", "7"),)),
})  # fmt: skip
def test_hiccups_are_survived(served: Served, clock: FakeClock, fault: Fault) -> None:
    with serve(served.source, faults=(fault,)) as api:
        assert client(api, clock).modes(served.head, ["a"]) == {"a": "100644"}
    assert len(api.requests) == fault.times + 1


RESET = (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1120"))


@cases("status headers said pause", {
    "until it is reset": (403, RESET, "API rate limit exceeded", 120),
    "secondary": (403, (), "You have exceeded a secondary rate limit", 60),
    "not told how long": (429, (), "slow down", 60),
})  # fmt: skip
def test_a_rate_limit_is_waited_for_if_it_ends_in_time(
    served: Served, clock: FakeClock, status: int, headers: tuple[tuple[str, str], ...], said: str, pause: float
) -> None:
    limited = Fault("status", status=status, headers=headers, body=json.dumps({"message": said}))
    with serve(served.source, faults=(limited,)) as api:
        assert client(api, clock).modes(served.head, ["a"]) == {"a": "100644"}
    assert pause <= clock.now() - 1000 <= pause * 1.5
    with serve(served.source, faults=(limited,)) as api, pytest.raises(ZtpurgeError, match=said):
        client(api, FakeClock(), timeout=30).modes(served.head, ["a"])


def test_a_call_that_hangs_is_left_when_the_run_is_to_stop(served: Served) -> None:
    clock = Clock()
    with serve(served.source, faults=(Fault("hang", seconds=60),)) as api:
        threading.Timer(0.2, clock.stop).start()
        start = clock.now()
        with pytest.raises(ZtpurgeError, match=r"git/trees/.*: no answer, and the run was cancelled"):
            client(api, clock).differing_paths(None, served.head)
        assert clock.now() - start < 3


def test_a_redirect_does_not_take_the_token_along(served: Served, clock: FakeClock) -> None:
    with serve(served.source) as elsewhere:
        redirect = Fault("redirect", location=f"{elsewhere.url}/repos/owner/site")
        with serve(served.source, faults=(redirect,)) as api, pytest.raises(ZtpurgeError, match="answered 30"):
            client(api, clock).differing_paths(None, served.head)
        assert elsewhere.requests == ()
