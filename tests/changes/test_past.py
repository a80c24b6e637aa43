"""What GitHub lists of the past is read page by page, as far as it takes to know what may be at the edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from tests.changes.conftest import client, serve
from tests.standins.github import Deployment, Release, Run
from tests.tables import cases
from ztpurge.changes.event import Deployed
from ztpurge.changes.event import Run as EventRun
from ztpurge.errors import ZtpurgeError

if TYPE_CHECKING:
    from tests.changes.conftest import Served
    from tests.conftest import FakeClock
    from tests.standins.repositories import Repository

MAIN = EventRun("purge.yml", "main", "")
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


def at(minute: float) -> str:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")


def deployed(number: int, said: str = "success", *, where: str = "production") -> Deployment:
    """Deploy a commit within the ten minutes of its number, and what was there before is inactive then."""
    minute, key = 10 * number, 10_000 + number
    after = "in_progress " + said + (" inactive" if said == "success" else "")
    told = [(10 * key + ago, state, at(minute + ago)) for ago, state in zip((1, 5, 15), after.split(), strict=False)]
    return Deployment(key, f"{key:040}", where, at(minute), tuple(told))


def purged(number: int, how: str | None = "success", *, late: float = 5.5, status: str = "completed") -> Run:
    """Run for a success, half a minute later."""
    return Run(
        f"{10_000 + number:040}", branch="", event="deployment_status", conclusion=how, status=status,
        run_id=10 * (10_000 + number) + round(late - 5), created_at=at(10 * number + late),
    )  # fmt: skip


PRESENT, THIS = (
    Deployed("production", "deploy", 100_095),
    EventRun("purge.yml", "", "", "deployment_status", id=100_090),
)
NOW = purged(9, None, status="in_progress", late=5)
SKIPPED = [purged(number, "skipped", late=1) for number in range(8, 4, -1)]
# the one before last of production failed, and staging has commits of its own
FIVE = [deployed(9), deployed(8), deployed(7, "failure"), deployed(6), deployed(5), deployed(4, where="staging")]
# a week of one every hour
MANY = [deployed(number) for number in range(9, -1000, -6)]


@cases("deployments runs only_purged found calls", {
    "the last success, and since": (FIVE, [], False, (8, 9), 6),
    "the last that was purged for": (FIVE, [NOW, purged(8, "failure"), purged(6)], True, (6, 7, 8, 9), 7),
    "the last was": (FIVE, [NOW, purged(8), *SKIPPED], True, (8, 9), 7),
    "the last is being purged for": (FIVE, [NOW, purged(8, None, status="queued"), purged(6)], True, (6, 7, 8, 9), 7),
    "this is the first run": (FIVE, [NOW], True, (8, 9), 7),
    "this is the first run that is not skipped": (FIVE, [NOW, *SKIPPED], True, (8, 9), 7),
    "no run went well": (FIVE, [NOW, purged(8, "failure")], True, (None, 5, 6, 7, 8, 9), 7),
    "only one of another commit": (FIVE, [NOW, purged(4), purged(8, "failure")], True, (None, 5, 6, 7, 8, 9), 7),
    "none was there before": ([deployed(9), deployed(4, where="staging")], [], False, (None, 9), 2),
    # two pages of deployments, what was said of those of a day, and the runs
    "many": (MANY, [NOW, purged(3)], True, (3, 9), 2 + 26 + 1),
    "runs for many: those of a commit are asked for": (
        MANY, [NOW, *[purged(4)] * 99, purged(3, "failure"), purged(-3)], True, (-3, 3, 9), 2 + 27 + 3),
    "many, and the workflow began yesterday": (
        MANY, [NOW, *(purged(number, "failure") for number in (3, -3))], True, (None, *range(-147, 10, 6)), 2 + 51 + 1),
})  # fmt: skip
def test_what_was_deployed_since_the_last_success_is_found(
    served: Served,
    clock: FakeClock,
    deployments: list[Deployment],
    runs: list[Run],
    only_purged: bool,
    found: tuple[int | None, ...],
    calls: int,
) -> None:
    with serve(served.source, deployments=deployments, runs=runs) as api:
        told, newer = client(api, clock).since_deployment(PRESENT, THIS, only_purged=only_purged)
    assert told == tuple(number if number is None else f"{10_000 + number:040}" for number in found)
    assert (len(api.requests), newer) == (calls, None)


def test_what_was_deployed_after_the_present_status_is_what_is_served(served: Served, clock: FakeClock) -> None:
    later = replace(deployed(9), said=tuple((number + 10_000, state, told) for number, state, told in deployed(9).said))
    later = replace(later, id=77, sha="d" * 40)
    with serve(served.source, deployments=[later, *FIVE], runs=[]) as api:
        told, newer = client(api, clock).since_deployment(PRESENT, THIS, only_purged=False)
    assert (newer, told[-1] in {"d" * 40, f"{10_009:040}"}) == ("d" * 40, True)


@pytest.mark.parametrize(("permissions", "lacking"), [(("contents",), "deployments"), (("deployments",), "actions")])
def test_the_permission_that_is_lacking_is_named(
    served: Served, clock: FakeClock, permissions: tuple[str, ...], lacking: str
) -> None:
    with serve(served.source, permissions=permissions, runs=[NOW]) as api, pytest.raises(ZtpurgeError) as caught:
        client(api, clock).since_deployment(PRESENT, THIS, only_purged=True)
    assert f"Give the job the permission `{lacking}: read`, or name with `since` the commit" in caught.value.remedy
