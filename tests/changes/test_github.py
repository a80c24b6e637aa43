"""GitHub's API tells the same as the checkout, with as few calls as that takes, and says what it lacks."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Fault
from tests.changes.conftest import ASKED, checkout
from tests.conftest import FakeClock, make_scheduler
from tests.standins.github import GitHubApi, Release, Run
from tests.standins.repositories import Repository
from tests.tables import cases
from ztpurge.calls.clock import Clock
from ztpurge.calls.redaction import Secrets
from ztpurge.changes.event import Run as EventRun
from ztpurge.changes.github import GitHub
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.changes.conftest import Served

    Asking = Callable[[GitHub], object]

GITHUB_TOKEN = "gh-token-that-nobody-may-see"
BLOBS = "/repos/owner/site/git/blobs/"
MAIN = EventRun("purge.yml", "main", "")


def client(api: GitHubApi, clock: Clock, *, token: str = GITHUB_TOKEN, timeout: float = 900) -> GitHub:
    environ = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "owner/site"}
    return GitHub(environ, token, make_scheduler(clock, seconds=timeout, request_timeout=10), Secrets())


def serve(repository: Repository, **options: Any) -> GitHubApi:  # noqa: ANN401 - as GitHubApi has them
    return GitHubApi(repository.folder, token=GITHUB_TOKEN, **options)


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


RUNS = (
    Run("1" * 40, conclusion="failure"), Run("2" * 40, branch="topic"), Run("3" * 40, workflow="test.yml"),
    Run("4" * 40, head_repository="fork/site"), Run("5" * 40, event="pull_request"),
    Run("6" * 40, conclusion="cancelled"), Run("7" * 40, event="schedule"), Run("8" * 40),
)  # fmt: skip
FAILED = (Run("2" * 40, run_id=2, status="in_progress", conclusion=None), Run("1" * 40, run_id=1, conclusion="failure"))
OF_FORKS = (*(Run(f"{number:040x}", head_repository="fork/site") for number in range(230)), Run("a" * 40))


@cases("runs run found", {
    "our own, and what ran since": (RUNS, MAIN, ("7", "6", "1")),
    "another branch": (RUNS, replace(MAIN, branch="topic"), ("2",)),
    "no run": (RUNS, replace(MAIN, branch="other/branch"), ()),
    "for a tag: its event": (RUNS, replace(MAIN, branch="", event="schedule"), ("7",)),
    "no success, this run aside": (FAILED, replace(MAIN, id=2), (None, "1")),
    "no success": (FAILED, MAIN, (None, "1", "2")), "behind pages of other runs": (OF_FORKS, MAIN, ("a",)),
})  # fmt: skip
def test_what_ran_since_the_last_success_is_found(
    served: Served, clock: FakeClock, runs: tuple[Run, ...], run: EventRun, found: tuple[str | None, ...]
) -> None:
    with serve(served.source, runs=runs) as api:
        assert client(api, clock).since_last_success(run) == tuple(digit and digit * 40 for digit in found)
    assert len(api.requests) == (3 if runs is OF_FORKS else 1)


def test_of_pushed_tags_only_runs_for_tags_that_are_still_there_count(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    repository.git("tag", "v1")
    runs = [Run(digit * 40, branch=ref) for digit, ref in (("4", "main"), ("3", "v1"), ("2", "gone"), ("1", "v1"))]
    with serve(repository, runs=runs) as api:
        assert client(api, clock).since_last_success(EventRun("purge.yml", "", "", "push")) == ("3" * 40,)
    many = [Run("1" * 40, branch=f"b{number}") for number in range(101)]
    with serve(repository, runs=many) as api, pytest.raises(ZtpurgeError, match="more than 100 branches and tags"):
        client(api, clock).since_last_success(EventRun("purge.yml", "", "", "push"))


@pytest.mark.parametrize("days", [pytest.param(20, id="20 days"), pytest.param(40, id="40 days: too old")])
def test_a_run_that_was_run_again_is_seen_on_a_later_page(served: Served, clock: FakeClock, days: int) -> None:
    today = datetime(2026, 3, 1, tzinfo=UTC)

    def at(ago: float) -> str:
        return (today - timedelta(days=ago)).isoformat().replace("+00:00", "Z")

    newest = [Run(f"{number:040x}", created_at=at(number / 10), run_id=900 - number) for number in range(150)]
    old = Run("a" * 40, conclusion="failure", attempt=2, run_id=1, created_at=at(days), started_at=at(-1))
    others = [Run(f"{number:040x}", created_at=at(days), run_id=700 - number) for number in range(60)]
    with serve(served.source, runs=[*newest, *others, old]) as api:
        found = client(api, clock).since_last_success(MAIN)
    # 40 days ago nobody may run it again any more: the second page shows that, and the third is not asked for
    assert (found, len(api.requests)) == ((("a" * 40, "0" * 40), 3) if days == 20 else (("0" * 40,), 2))


def began(number: int, hour: int, *, attempt: int = 1, branch: str = "main") -> Run:
    started = f"2026-01-01T{hour:02}:00:00Z"
    return Run(f"{number:040x}", run_id=number, attempt=attempt, branch=branch, started_at=started)


@cases("runs lost", {
    "a later run": ([began(10, 10), began(8, 8), began(7, 7), began(6, 6)], (10,)),
    "an older run, run again since": ([began(8, 8), began(7, 7), began(5, 9, attempt=2)], (5,)),
    "an older run, run again before": ([began(8, 8), began(7, 7), began(5, 6, attempt=2)], ()),
    "a run of another branch": ([began(8, 8), began(9, 9, branch="dev"), began(7, 7)], ()),
    "a run that waits": ([replace(began(9, 9), status="pending"), began(8, 8), began(7, 7)], ()),
})  # fmt: skip
def test_runs_begun_since_are_told(served: Served, clock: FakeClock, runs: list[Run], lost: tuple[int, ...]) -> None:
    with serve(served.source, runs=runs) as api:
        github = client(api, clock)
        assert github.lost_runs(MAIN, since=(7, 1), this=(8, 1)) == lost
        with pytest.raises(ZtpurgeError, match="does not list the runs"):
            github.lost_runs(replace(MAIN, branch="12/merge"), since=(7, 1), this=(8, 1))


def test_runs_are_not_waited_for_long(served: Served, clock: FakeClock) -> None:
    faults = (Fault("status", status=503, headers=(("Retry-After", "600"),), times=9),)
    with serve(served.source, runs=[began(8, 8)], faults=faults) as api, pytest.raises(ZtpurgeError, match="503"):
        client(api, clock).lost_runs(MAIN, since=(7, 1), this=(8, 1))
    assert sum(clock.slept) <= 30


def release(tag: str, published: str | None, *, made: str = "2025", prerelease: bool = False) -> Release:
    return Release(tag, draft=published is None, prerelease=prerelease, created_at=made, published_at=published)


RELEASES = (
    release("v3", None),
    release("v2.1-rc", "2026-03-01T00:00:00Z", prerelease=True),
    release("v1.9.1", "2026-02-20T00:00:00Z", made="2026-02-19T00:00:00Z"),
    release("v2", "2026-02-25T00:00:00Z", made="2026-02-01T00:00:00Z"),  # its commit is older than the one before
    release("v2-rc", "2026-02-22T00:00:00Z", prerelease=True),
    release("v1", "2026-01-01T00:00:00Z"),
)


def test_the_previous_release_is_the_one_published_before(served: Served, clock: FakeClock) -> None:
    previous = {"v2": "v1.9.1", "v2.1-rc": "v2", "v2-rc": "v1.9.1", "v1.9.1": "v1", "v1": None}
    with serve(served.source, releases=RELEASES) as api:
        github = client(api, clock)
        assert {tag: github.previous_release(tag) for tag in previous} == previous
        with pytest.raises(ZtpurgeError, match="lists no release 'v9'"):
            github.previous_release("v9")


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
