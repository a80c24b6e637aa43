"""GitHub's API tells the same as the checkout, with as few calls as that takes, and says what it lacks."""

from __future__ import annotations

import base64
import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Fault
from sandbox.github import GitHubApi, Release, Run
from tests.conftest import make_scheduler
from tests.standins.repositories import Repository
from ztpurge.calls.redaction import Secrets
from ztpurge.changes.event import Run as EventRun
from ztpurge.changes.git import Git
from ztpurge.changes.github import GitHub
from ztpurge.changes.trees import FOLDER, LINK, SUBMODULE, Entry, Tree, differing_paths, find_files
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import FakeClock
    from ztpurge.calls.clock import Clock

GITHUB_TOKEN = "gh-token-that-nobody-may-see"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def client(api: GitHubApi, clock: Clock, *, token: str = GITHUB_TOKEN, timeout: float = 900) -> GitHub:
    environ = {"GITHUB_API_URL": api.url, "GITHUB_REPOSITORY": "owner/site"}
    return GitHub(environ, token, make_scheduler(clock, seconds=timeout, request_timeout=10), Secrets())


def serve(repository: Repository, **options: object) -> GitHubApi:
    return GitHubApi(repository.folder, token=GITHUB_TOKEN, **options)  # type: ignore[arg-type]


def test_two_calls_tell_what_differs(repository: Repository, clock: FakeClock) -> None:
    base = repository.commit({"kept/a": "1", "edited/b": "1", "gone/c": "1", "old name": "x" * 99})
    head = repository.commit({"edited/b": "2", "gone/c": None, "old name": None, "new/name": "x" * 99, "春/é": "1"})
    with serve(repository) as api:
        paths = client(api, clock).differing_paths(base, head)
    assert set(paths) == {"edited/b", "gone/c", "old name", "new/name", "春/é"} == repository.truth(base, head)
    assert [request.path for request in api.requests] == [
        f"/repos/owner/site/git/trees/{sha}?recursive=1" for sha in (base, head)
    ]


def test_a_new_branch_takes_one_call(repository: Repository, clock: FakeClock) -> None:
    head = repository.commit({"a": "1", "b/c": "1"})
    with serve(repository) as api:
        assert client(api, clock).differing_paths(None, head).keys() == {"a", "b/c"}
    assert len(api.requests) == 1


@pytest.mark.parametrize("flavour", ["github", "gitea"])
def test_large_trees_are_read_level_by_level_where_they_differ(
    repository: Repository, clock: FakeClock, flavour: str
) -> None:
    files: dict[str, str | None] = {
        f"{top}/{low}/{name}": top + low for top in "abc" for low in "xyz" for name in range(4)
    }
    base = repository.commit(files)
    head = repository.commit({"a/x/0": "2", "b/y/1": None})
    limit = {"truncate_at": 10} if flavour == "github" else {"page_size": 10}
    with serve(repository, flavour=flavour, **limit) as api:
        assert client(api, clock).differing_paths(base, head).keys() == {"a/x/0", "b/y/1"}
    if flavour == "github":
        unchanged = {repository.git("rev-parse", f"{base}:{folder}") for folder in ("c", "a/y", "a/z", "b/x", "b/z")}
        assert not [request for request in api.requests if any(sha in request.path for sha in unchanged)]


def test_submodules_and_modes_count(repository: Repository, clock: FakeClock) -> None:
    base = repository.commit({"script": "1"})
    (repository.folder / "script").chmod(0o755)
    (repository.folder / "link").symlink_to("script")
    repository.git("add", "--all")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{base},module")
    repository.git("commit", "--quiet", "--message=modes")
    head = repository.git("rev-parse", "HEAD")
    with serve(repository) as api:
        assert client(api, clock).differing_paths(base, head) == {
            "link": {LINK},
            "module": {SUBMODULE},
            "script": {"100644", "100755"},
        }


def test_a_name_that_the_api_cannot_spell_is_refused(repository: Repository, clock: FakeClock) -> None:
    base = repository.commit({"caf\udce9.html": "1"})
    head = repository.commit({"a": "1"})  # whose names are another's business, but two alike might hide a change
    with serve(repository) as api, pytest.raises(ZtpurgeError, match="cannot spell the name of caf") as caught:
        client(api, clock).differing_paths(base, head)
    assert "fetch-depth: 0" in caught.value.remedy


FOLDERS = st.sampled_from(["", "a/", "a/b/", "c d/", "é/"])
PATHS = st.builds(str.__add__, FOLDERS, st.sampled_from(["1", "2", "3.html", "x y", "[z]"]))
COMMITS = st.lists(st.dictionaries(PATHS, st.sampled_from(["1", "2", None]), max_size=6), min_size=2, max_size=5)


@given(COMMITS, st.booleans(), st.sampled_from([8, 1000]), st.sampled_from([4, 50]))
@settings(max_examples=12)
def test_checkout_api_and_git_agree_on_random_histories(
    tmp_path_factory: pytest.TempPathFactory,
    commits: list[dict[str, str | None]],
    orphan: bool,
    truncate_at: int,
    page_size: int,
) -> None:
    from tests.conftest import FakeClock  # noqa: PLC0415 - only a type above

    repository = Repository(tmp_path_factory.mktemp("history"))
    made = []
    for index, files in enumerate(commits):
        if orphan and index == len(commits) - 1:
            repository.git("checkout", "--quiet", "--orphan", "forced")  # a force push to an unrelated history
        there = set(repository.git("ls-files", "-z").split("\0"))
        made.append(repository.commit({path: text for path, text in files.items() if text or path in there}))
    clock = FakeClock()
    with (
        serve(repository, truncate_at=truncate_at) as github,
        serve(repository, flavour="gitea", page_size=page_size) as gitea,
    ):
        for base, head in ((made[0], made[-1]), (made[-1], made[0]), (None, made[-1]), (made[-2], made[-1])):
            truth = repository.truth(base, head)
            assert set(Git(repository.folder, os.environ).differing_paths(base, head) or ()) == truth
            assert set(client(github, clock).differing_paths(base, head)) == truth
            assert set(client(gitea, clock).differing_paths(base, head)) == truth


@pytest.mark.parametrize("flavour", ["github", "gitea"])
def test_names_become_commits(repository: Repository, clock: FakeClock, flavour: str) -> None:
    head = repository.commit({"a": "1"})
    repository.git("tag", "--annotate", "--message=v1", "v1")
    repository.git("branch", "topic/x")
    with serve(repository, flavour=flavour) as api:
        github = client(api, clock)
        assert [github.resolve(ref) for ref in (head, "v1", "topic/x", "main", "no such", "../../../user")] == [
            *[head] * 4,
            None,
            None,
        ]


def test_the_last_success_is_our_own_and_runs_since_count(repository: Repository, clock: FakeClock) -> None:
    runs = (
        Run("1" * 40, conclusion="failure"),
        Run("2" * 40, branch="topic"),
        Run("3" * 40, workflow="test.yml"),
        Run("4" * 40, head_repository="fork/site"),
        Run("5" * 40, event="pull_request"),
        Run("6" * 40, conclusion="cancelled"),
        Run("7" * 40, event="schedule"),
        Run("8" * 40),
    )
    repository.commit({"a": "1"})
    with serve(repository, runs=runs) as api:
        github = client(api, clock)
        found = [
            github.since_last_success(EventRun("purge.yml", branch, "", event))
            for branch, event in (("main", "push"), ("topic", "push"), ("other/branch", "push"), ("", "schedule"))
        ]
    assert found == [("7" * 40, "6" * 40, "1" * 40), ("2" * 40,), (), ("7" * 40,)]


def test_runs_of_which_none_succeeded_are_told_apart_from_no_runs(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    runs = (Run("2" * 40, conclusion="failure"), Run("1" * 40, conclusion="cancelled"))
    with serve(repository, runs=runs) as api:
        found = [client(api, clock).since_last_success(EventRun("purge.yml", name, "")) for name in ("main", "dev")]
    assert found == [(None, "1" * 40, "2" * 40), ()]


def test_the_last_success_is_found_behind_pages_of_other_runs(repository: Repository, clock: FakeClock) -> None:
    runs = (*(Run(f"{number:040x}", head_repository="fork/site") for number in range(230)), Run("a" * 40))
    repository.commit({"a": "1"})
    with serve(repository, runs=runs) as api:
        assert client(api, clock).since_last_success(EventRun("purge.yml", "main", "")) == ("a" * 40,)
    assert len(api.requests) == 3


@pytest.mark.parametrize("days", [pytest.param(20, id="20 days"), pytest.param(40, id="40 days: too old")])
def test_a_run_that_was_run_again_is_seen_on_a_later_page(repository: Repository, clock: FakeClock, days: int) -> None:
    repository.commit({"a": "1"})
    today = datetime(2026, 3, 1, tzinfo=UTC)

    def at(ago: float) -> str:
        return (today - timedelta(days=ago)).isoformat().replace("+00:00", "Z")

    newest = [Run(f"{number:040x}", created_at=at(number / 10), run_id=900 - number) for number in range(150)]
    old = Run("a" * 40, conclusion="failure", attempt=2, run_id=1, created_at=at(days), started_at=at(-1))
    others = [Run(f"{number:040x}", created_at=at(days), run_id=700 - number) for number in range(60)]
    with serve(repository, runs=[*newest, *others, old]) as api:
        found = client(api, clock).since_last_success(EventRun("purge.yml", "main", ""))
    # 40 days ago nobody may run it again any more: the second page shows that, and the third is not asked for
    assert (found, len(api.requests)) == ((("a" * 40, "0" * 40), 3) if days == 20 else (("0" * 40,), 2))


def test_this_run_does_not_count(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    runs = (
        Run("2" * 40, run_id=2, status="in_progress", conclusion=None),
        Run("1" * 40, run_id=1, conclusion="failure"),
    )
    with serve(repository, runs=runs) as api:
        github = client(api, clock)
        found = [github.since_last_success(EventRun("purge.yml", "main", "", id=number)) for number in (2, 0)]
    assert found == [(None, "1" * 40), (None, "1" * 40, "2" * 40)]


@pytest.mark.parametrize("flavour", ["github", "gitea"])
@pytest.mark.parametrize("is_annotated", [True, False], ids=["annotated", "lightweight"])
def test_a_name_of_a_tag_and_a_branch_is_refused(
    repository: Repository, clock: FakeClock, flavour: str, is_annotated: bool
) -> None:
    repository.commit({"a": "1"})
    repository.git("tag", *(("--annotate", "--message=v1") if is_annotated else ()), "x/twice")
    head = repository.commit({"a": "2"})
    repository.git("branch", "x/twice")
    with serve(repository, flavour=flavour) as api:
        with pytest.raises(ZtpurgeError, match="'x/twice' is a tag and a branch") as caught:
            client(api, clock).resolve("x/twice")
        assert caught.value.remedy == "Give the commit's id"
        assert client(api, clock).resolve("main") == head
        repository.git("branch", "--delete", "--force", "x/twice")
        assert client(api, clock).resolve("x/twice") == repository.git("rev-parse", "x/twice^{commit}")


@pytest.mark.parametrize("name", ["..", ".", "a/..", "../../user", "-x", "a\n", "x?y=1", ""])
def test_what_is_no_name_is_not_asked_for(repository: Repository, clock: FakeClock, name: str) -> None:
    repository.commit({"a": "1"})
    with serve(repository) as api:
        assert client(api, clock).resolve(name) is None
    assert api.requests == ()


def test_runs_that_may_not_be_read_name_the_permission_first(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    run = EventRun("purge.yml", "main", "")
    with serve(repository, permissions=("contents",)) as api, pytest.raises(ZtpurgeError) as caught:
        client(api, clock).since_last_success(run)
    assert caught.value.remedy.startswith("Give the job the permission `actions: read`")
    assert "fetch-depth" not in str(caught.value)  # which does not help here
    with serve(repository, faults=(Fault("status", status=404),)) as api, pytest.raises(ZtpurgeError) as caught:
        client(api, clock).since_last_success(run)
    assert "`actions: read`" in caught.value.remedy


def test_a_call_that_hangs_is_left_when_the_run_is_to_stop(repository: Repository) -> None:
    from ztpurge.calls.clock import Clock as RealClock  # noqa: PLC0415 - only a type above

    head = repository.commit({"a": "1"})
    clock = RealClock()
    with serve(repository, faults=(Fault("hang", seconds=60),)) as api:
        threading.Timer(0.2, clock.stop).start()
        began = clock.now()
        with pytest.raises(ZtpurgeError, match=r"git/trees/.*: no answer, and the run was cancelled"):
            client(api, clock).differing_paths(None, head)
        assert clock.now() - began < 3


EVIL = "--output=/tmp/never"


@pytest.mark.parametrize("sha", [EVIL, "a" * 39, "A" * 40, "a" * 40 + "\n", "", 1, None, ["a" * 40]], ids=ascii)
def test_an_id_that_is_none_goes_no_further(repository: Repository, clock: FakeClock, sha: object) -> None:
    repository.commit({"a": "1"})
    run = {"id": 1, "run_number": 1, "status": "completed", "conclusion": "success", "event": "push", "head_sha": sha}
    run |= {"head_repository": {"full_name": "owner/site"}, "created_at": "2026-01-01T00:00:00Z"}
    ref = {"ref": "refs/tags/v1", "object": {"sha": sha}}
    tree = {"tree": [{"path": "a", "mode": "100644", "sha": sha}], "truncated": False}
    calls: tuple[tuple[str, object, Callable[[GitHub], object]], ...] = (
        ("actions", {"workflow_runs": [run]}, lambda api: api.since_last_success(EventRun("purge.yml", "main", ""))),
        ("commits", {"sha": sha}, lambda api: api.resolve("a" * 40)),
        ("git/ref", ref, lambda api: api.resolve("v1")),
        ("git/trees", tree, lambda api: api.files("a" * 40, ["a"])),
    )
    for path, answer, ask in calls:
        odd = Fault("status", status=200, path=f"/repos/owner/site/{path}", body=json.dumps(answer))
        with serve(repository, faults=(odd,)) as served, pytest.raises(ZtpurgeError, match="it answered no "):
            ask(client(served, clock))


def test_a_token_that_the_api_echoes_is_blotted_out(repository: Repository, clock: FakeClock) -> None:
    head = repository.commit({"a": "1"})
    fault = Fault("status", status=401, body=json.dumps({"message": f"bad {GITHUB_TOKEN}"}))
    with serve(repository, faults=(fault,)) as api, pytest.raises(ZtpurgeError, match=r"answered 401: bad \*\*\*"):
        client(api, clock).differing_paths(None, head)


def began(number: int, hour: int, *, attempt: int = 1, branch: str = "main") -> Run:
    started = f"2026-01-01T{hour:02}:00:00Z"
    return Run(f"{number:040x}", run_id=number, attempt=attempt, branch=branch, started_at=started)


@pytest.mark.parametrize(
    ("runs", "lost"),
    [
        pytest.param([began(8, 8), began(7, 7)], (), id="the next run"),
        pytest.param([began(10, 10), began(8, 8), began(7, 7)], (10,), id="a later run"),
        pytest.param([began(8, 8), began(7, 7), began(5, 7)], (), id="an older run"),
        pytest.param([began(8, 8), began(7, 7), began(5, 9, attempt=2)], (5,), id="an older run, run again since"),
        pytest.param([began(8, 8), began(7, 7), began(5, 6, attempt=2)], (), id="an older run, run again before"),
        pytest.param([began(8, 8), began(7, 9, attempt=2)], (7,), id="the run itself, run again since"),
        pytest.param([began(8, 8), began(9, 9, branch="dev"), began(7, 7)], (), id="a run of another branch"),
        pytest.param([began(8, 8), began(7, 7), began(6, 6)], (), id="a run before"),
        pytest.param([replace(began(9, 9), status="pending"), began(8, 8), began(7, 7)], (), id="a run that waits"),
    ],
)
def test_runs_that_began_since_are_told(
    repository: Repository, clock: FakeClock, runs: list[Run], lost: tuple[int, ...]
) -> None:
    repository.commit({"a": "1"})
    with serve(repository, runs=runs) as api:
        assert client(api, clock).lost_runs(EventRun("purge.yml", "main", ""), since=(7, 1), this=(8, 1)) == lost


@pytest.mark.parametrize(
    ("since", "this", "lost"),
    [
        pytest.param((7, 1), (8, 2), (8,), id="an earlier attempt of this run"),
        pytest.param((8, 1), (8, 2), (), id="the attempt before wrote the manifest"),
        pytest.param((8, 1), (8, 3), (8,), id="the attempt before did not"),
    ],
)
def test_earlier_attempts_of_this_run_count(
    repository: Repository, clock: FakeClock, since: tuple[int, int], this: tuple[int, int], lost: tuple[int, ...]
) -> None:
    repository.commit({"a": "1"})
    with serve(repository, runs=[began(8, 8, attempt=this[1]), began(7, 7)]) as api:
        assert client(api, clock).lost_runs(EventRun("purge.yml", "main", ""), since=since, this=this) == lost


@pytest.mark.parametrize(
    ("branch", "since"),
    [pytest.param("12/merge", (7, 1), id="another branch"), pytest.param("main", (500, 1), id="another workflow's")],
)
def test_a_list_without_the_runs_tells_nothing(
    repository: Repository, clock: FakeClock, branch: str, since: tuple[int, int]
) -> None:
    repository.commit({"a": "1"})
    with (
        serve(repository, runs=[began(8, 8), began(7, 7)]) as api,
        pytest.raises(ZtpurgeError, match="does not list the runs"),
    ):
        client(api, clock).lost_runs(EventRun("purge.yml", branch, ""), since=since, this=(8, 1))


def test_runs_are_not_waited_for_long(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    faults = (Fault("status", status=503, headers=(("Retry-After", "600"),), times=9),)
    with serve(repository, runs=[began(8, 8)], faults=faults) as api, pytest.raises(ZtpurgeError, match="answered 503"):
        client(api, clock).lost_runs(EventRun("purge.yml", "main", ""), since=(7, 1), this=(8, 1))
    assert sum(clock.slept) <= 30


def release(
    tag: str, published: str | None, *, made: str = "2025-01-01T00:00:00Z", prerelease: bool = False
) -> Release:
    return Release(tag, draft=published is None, prerelease=prerelease, created_at=made, published_at=published)


RELEASES = (
    release("v3", None),
    release("v2.1-rc", "2026-03-01T00:00:00Z", prerelease=True),
    release("v1.9.1", "2026-02-20T00:00:00Z", made="2026-02-19T00:00:00Z"),
    release("v2", "2026-02-25T00:00:00Z", made="2026-02-01T00:00:00Z"),  # its commit is older than the one before
    release("v2-rc", "2026-02-22T00:00:00Z", prerelease=True),
    release("v1", "2026-01-01T00:00:00Z"),
)


@pytest.mark.parametrize(
    ("tag", "previous"),
    [("v2", "v1.9.1"), ("v2.1-rc", "v2"), ("v2-rc", "v1.9.1"), ("v1.9.1", "v1"), ("v1", None)],
)
def test_the_previous_release_is_the_one_published_before(
    repository: Repository, clock: FakeClock, tag: str, previous: str | None
) -> None:
    repository.commit({"a": "1"})
    with serve(repository, releases=RELEASES) as api:
        assert client(api, clock).previous_release(tag) == previous


def test_a_release_that_is_not_listed_is_refused(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    with serve(repository, releases=RELEASES) as api, pytest.raises(ZtpurgeError, match="lists no release 'v9'"):
        client(api, clock).previous_release("v9")


@pytest.mark.parametrize(
    ("options", "token", "words"),
    [
        pytest.param({}, "wrong", ["answered 401", "`github-token`"], id="bad token"),
        pytest.param({"permissions": ()}, GITHUB_TOKEN, ["answered 403", "contents: read"], id="no permission"),
        pytest.param({"name": "owner/other"}, GITHUB_TOKEN, ["answered 404", "contents: read"], id="not found"),
    ],
)
def test_refusals_say_what_to_do(
    repository: Repository, clock: FakeClock, options: dict[str, object], token: str, words: list[str]
) -> None:
    head = repository.commit({"a": "1"})
    with serve(repository, **options) as api, pytest.raises(ZtpurgeError) as caught:
        client(api, clock, token=token).differing_paths(None, head)
    assert [word for word in words if word not in str(caught.value)] == []
    assert token not in str(caught.value)
    assert len(api.requests) == 1


def test_runs_take_a_permission_of_their_own(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    with serve(repository, permissions=("contents",)) as api, pytest.raises(ZtpurgeError, match="actions: read"):
        client(api, clock).since_last_success(EventRun("purge.yml", "main", ""))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault("status", status=502, times=2), id="502 twice"),
        pytest.param(Fault("reset"), id="reset"),
        pytest.param(Fault("truncated"), id="cut off"),
        pytest.param(Fault("html"), id="HTML"),
        pytest.param(Fault("status", status=429, headers=(("Retry-After", "7"),)), id="429"),
    ],
)
def test_hiccups_are_survived(repository: Repository, clock: FakeClock, fault: Fault) -> None:
    head = repository.commit({"a": "1"})
    with serve(repository, faults=(fault,)) as api:
        assert client(api, clock).differing_paths(None, head).keys() == {"a"}
    assert len(api.requests) == fault.times + 1


def test_a_rate_limit_is_waited_for_if_it_ends_in_time(repository: Repository, clock: FakeClock) -> None:
    head = repository.commit({"a": "1"})
    limited = Fault(
        "status",
        status=403,
        headers=(("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1120")),
        body='{"message": "API rate limit exceeded"}',
    )
    with serve(repository, faults=(limited,)) as api:
        assert client(api, clock).differing_paths(None, head).keys() == {"a"}
    assert clock.now() >= 1120
    with serve(repository, faults=(limited,)) as api, pytest.raises(ZtpurgeError, match="rate limit exceeded"):
        client(api, type(clock)(), timeout=60).differing_paths(None, head)


def test_a_redirect_does_not_take_the_token_along(repository: Repository, clock: FakeClock) -> None:
    head = repository.commit({"a": "1"})
    with serve(repository) as elsewhere:
        redirect = Fault("redirect", location=f"{elsewhere.url}/repos/owner/site")
        with serve(repository, faults=(redirect,)) as api, pytest.raises(ZtpurgeError, match="answered 30"):
            client(api, clock).differing_paths(None, head)
        assert elsewhere.requests == ()


@pytest.mark.parametrize("answer", ["{}", "[]", '{"tree": 1}', '{"tree": [1]}', '{"tree": [{"path": "a"}]}', "null"])
def test_answers_of_another_form_are_refused(repository: Repository, clock: FakeClock, answer: str) -> None:
    odd = Fault("status", status=200, body=answer)
    with serve(repository, faults=(odd,)) as api, pytest.raises(ZtpurgeError, match="no tree"):
        client(api, clock).differing_paths(None, "a" * 40)


TREES = {
    ("base", True): Tree({"a": Entry("040000", "t1")}, truncated=True),
    ("head", True): Tree({"a": Entry("040000", "t2")}),
    ("base", False): Tree({"a": Entry("040000", "t1"), "f": Entry("100644", "x"), "now-folder": Entry("100644", "y")}),
    ("head", False): Tree({"a": Entry("040000", "t2"), "f": Entry("100644", "x"), "now-folder": Entry("040000", "t3")}),
    ("t1", True): Tree({"b": Entry("100644", "1")}),
    ("t2", True): Tree({"b": Entry("100755", "1"), "m": Entry("160000", "2")}),
    ("t3", True): Tree({"c": Entry("100644", "3")}),
}


def test_a_folder_that_the_api_cannot_list_is_refused(repository: Repository, clock: FakeClock) -> None:
    head = repository.commit({f"big/{number}": "1" for number in range(9)})
    with serve(repository, truncate_at=8) as api, pytest.raises(ZtpurgeError, match="cannot list all of big/"):
        client(api, clock).differing_paths(None, head)


def test_a_file_that_becomes_a_folder_is_gone_and_its_files_are_new() -> None:
    paths = differing_paths("base", "head", lambda sha, recursive: TREES[sha, recursive])
    assert dict(paths) == {
        "a/b": {"100644", "100755"},
        "a/m": {SUBMODULE},
        "now-folder": {"100644"},
        "now-folder/c": {"100644"},
    }


KINDS: dict[str, str | None] = {
    "a": "1",
    "b/c/d": "22",
    "b/c/e": "22",
    "b/f": "333",
    "c d/\u6625.html": "",
    'q"uo\n\tte': "4",
    "[z]": "5",
}


def make_kinds(repository: Repository) -> str:
    repository.write(KINDS)
    (repository.folder / "b/link").symlink_to("../a")
    (repository.folder / "script").write_text("1")
    (repository.folder / "script").chmod(0o755)
    repository.git("add", "--all")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repository.git("commit", "--quiet", "--message=all kinds")
    return repository.git("rev-parse", "HEAD")


ASKED = [
    *KINDS,
    "b/link",
    "script",
    "module",
    "b",
    "b/c",
    "b/c/d/x",
    "a/x",
    "none",
    "none/at/all",
    "",
    "b/",
    "module/x",
]


@pytest.mark.parametrize("flavour", ["github", "gitea"])
@pytest.mark.parametrize("limit", [7, 9, 1000])
def test_files_are_those_that_the_checkout_has(
    repository: Repository, clock: FakeClock, flavour: str, limit: int
) -> None:
    head = make_kinds(repository)
    truth = Git(repository.folder, os.environ).files(head, ASKED)
    options = {"truncate_at": limit} if flavour == "github" else {"page_size": limit}
    with serve(repository, flavour=flavour, **options) as api:
        found = client(api, clock).files(head, ASKED)
    assert found == truth
    assert found.keys() == {*KINDS, "b/link", "script"}
    assert found["b/link"].mode == LINK
    assert {path: file.size for path, file in found.items()} == {
        path: file.size for path, file in (truth or {}).items()
    }


@pytest.mark.parametrize("flavour", ["github", "gitea"])
@pytest.mark.parametrize("limit", [7, 9, 1000])
def test_modes_are_those_that_the_checkout_has(
    repository: Repository, clock: FakeClock, flavour: str, limit: int
) -> None:
    head = make_kinds(repository)
    asked = [path for path in ASKED if path and not path.endswith("/")]
    checkout = Git(repository.folder, os.environ)
    options = {"truncate_at": limit} if flavour == "github" else {"page_size": limit}
    with serve(repository, flavour=flavour, **options) as api:
        found = client(api, clock).modes(head, asked)
    assert found == checkout.modes(head, asked)
    assert {path: mode for path, mode in found.items() if mode in {FOLDER, LINK, SUBMODULE}} == {
        "b": FOLDER,
        "b/c": FOLDER,
        "b/link": LINK,
        "module": SUBMODULE,
    }


def test_looking_files_up_takes_one_call(repository: Repository, clock: FakeClock) -> None:
    head = make_kinds(repository)
    with serve(repository) as api:
        client(api, clock).files(head, ASKED)
    assert [request.path for request in api.requests] == [f"/repos/owner/site/git/trees/{head}?recursive=1"]


def test_a_commit_that_was_compared_is_not_read_again(repository: Repository, clock: FakeClock) -> None:
    bases = [repository.commit({"a": str(number)}) for number in range(3)]
    head = make_kinds(repository)
    with serve(repository) as api:
        github = client(api, clock)
        for base in bases:
            github.differing_paths(base, head)
        assert github.files(head, ["a", "none"]).keys() == {"a"}
        assert github.files(head, ["b/f"]).keys() == {"b/f"}
    assert len(api.requests) == 4


def test_of_a_large_tree_only_the_folders_that_are_asked_for_are_read(repository: Repository, clock: FakeClock) -> None:
    files: dict[str, str | None] = {
        f"{top}/{low}/{name}": top + low for top in "abc" for low in "xyz" for name in "123"
    }
    head = repository.commit(files)
    with serve(repository, truncate_at=12) as api:
        assert client(api, clock).files(head, ["a/x/1", "a/x/2", "b/none", "none/x"]).keys() == {"a/x/1", "a/x/2"}
    assert len(api.requests) <= 4  # the top twice, a, b
    unasked = {repository.git("rev-parse", f"{head}:{folder}") for folder in ("c", "a/x", "a/y", "b/x")}
    assert not [request for request in api.requests if any(sha in request.path for sha in unasked)]


def test_files_of_a_folder_that_the_api_cannot_list_are_refused(repository: Repository, clock: FakeClock) -> None:
    head = repository.commit({f"big/{number}": "1" for number in range(9)} | {"a": "1"})
    with serve(repository, truncate_at=8) as api, pytest.raises(ZtpurgeError, match="cannot list all of big"):
        client(api, clock).files(head, ["big/1"])
    with serve(repository, truncate_at=8) as api:
        assert client(api, clock).files(head, ["a", "none"]).keys() == {"a"}


def test_files_of_a_commit_that_is_not_there_are_refused(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    with serve(repository) as api, pytest.raises(ZtpurgeError, match="answered 404"):
        client(api, clock).files("f" * 40, ["a"])


@given(COMMITS.map(lambda commits: commits[0]), st.lists(PATHS, max_size=5), st.sampled_from([8, 1000]))
@settings(max_examples=10)
def test_checkout_and_api_find_the_same_files(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str | None], paths: list[str], truncate_at: int
) -> None:
    from tests.conftest import FakeClock  # noqa: PLC0415 - only a type above

    repository = Repository(tmp_path_factory.mktemp("files"))
    head = repository.commit({path: text for path, text in files.items() if text})
    truth = Git(repository.folder, os.environ).files(head, paths)
    with serve(repository, truncate_at=truncate_at) as github, serve(repository, flavour="gitea", page_size=4) as gitea:
        assert client(github, FakeClock()).files(head, paths) == truth
        assert client(gitea, FakeClock()).files(head, paths) == truth


def test_a_size_that_is_none_is_not_known() -> None:
    def read(_sha: str, _recursive: bool) -> Tree:
        return Tree({"a": Entry("100644", "1", None), "b": Entry("100644", "1", 7)})

    found = find_files("head", ["a", "b"], read)
    assert [found[path].size for path in ("a", "b")] == [None, 7]


def blob_answer(content: object, sha: str = "a" * 40) -> Fault:
    return Fault("status", status=200, path=f"/repos/owner/site/git/blobs/{sha}", body=json.dumps(content))


@pytest.mark.parametrize("data", [b"", b"\0\xff\r\n" * 200], ids=["empty", "binary"])
def test_a_blob_comes_byte_by_byte(repository: Repository, clock: FakeClock, data: bytes) -> None:
    repository.commit({"a": "1"})
    sent = {"sha": "a" * 40, "size": len(data), "encoding": "base64", "content": base64.encodebytes(data).decode()}
    with serve(repository, faults=(blob_answer(sent),)) as api:
        assert client(api, clock).blob("a" * 40) == data


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="empty"),
        pytest.param([], id="a list"),
        pytest.param(None, id="null"),
        pytest.param({"content": None}, id="no content"),
        pytest.param({"content": 1}, id="a number"),
        pytest.param({"content": "a"}, id="half a byte"),
        pytest.param({"content": "\u00e9"}, id="not ASCII"),
    ],
)
def test_a_blob_of_another_form_is_refused(repository: Repository, clock: FakeClock, answer: object) -> None:
    repository.commit({"a": "1"})
    with serve(repository, faults=(blob_answer(answer),)) as api, pytest.raises(ZtpurgeError, match="no file"):
        client(api, clock).blob("a" * 40)


def test_a_blob_that_is_not_there_is_refused(repository: Repository, clock: FakeClock) -> None:
    repository.commit({"a": "1"})
    with serve(repository) as api, pytest.raises(ZtpurgeError, match="answered 404"):
        client(api, clock).blob("f" * 40)
