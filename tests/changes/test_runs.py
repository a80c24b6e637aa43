"""No success hides a run that may have deployed after it, in whatever order runs are run again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.tables import cases
from ztpurge.changes.event import Run
from ztpurge.changes.runs import (
    MOST_SECONDS_TO_RUN_AGAIN,
    Listed,
    commits_since_last_success,
    is_far_enough,
    last_success,
    lost_runs,
)

THIS = Run("purge.yml", "main", "", id=1009, number=9)
INFINITE = float("inf")


def listed(number: int, how: str = "ok", *, again: float = 0, attempt: int = 1, over: float = 0) -> Listed:
    """Make a run that was created at its number, and run again at `again`; `over`: when it was."""
    return Listed(
        id=1000 + number, number=number, attempt=2 if again else attempt, head=f"c{number}", is_over=how != "running",
        is_success=how == "ok", created=float(number), started=again or float(number),
        updated=over or again or float(number),
    )  # fmt: skip


FAILED = listed(8, "failed")


@cases("runs commits", {
    "no run": ([], ()), "this run alone": ([listed(9, "running")], ()),
    "this run alone, whose first attempt succeeded": ([listed(9, "ok")], ()), "no success": ([FAILED], (None, "c8")),
    "the run before succeeded": ([listed(9, "running"), listed(8)], ("c8",)),
    "a failure since": ([listed(9, "running"), FAILED, listed(7)], ("c7", "c8")),
    "a run that is under way": ([listed(8, "running"), listed(7)], ("c7", "c8")),
    # failed jobs of an older run succeed: the failures in between stay
    "older jobs succeed": ([FAILED, listed(7, "failed"), listed(6, again=8.5)], ("c6", "c7", "c8")),
    # an older run fails, or deploys its old commit, again after the success
    "older, failed again": ([listed(8), listed(7, "failed"), listed(6, "failed", again=8.5)], ("c6", "c8")),
    "an older run succeeds again": ([listed(8), listed(6, again=8.5)], ("c6", "c8")),
    "an older run again before the success": ([listed(8), listed(6, "failed", again=7.5)], ("c8",)),
    # the success is a re-run of jobs that may not have purged
    "an older one before the re-run": ([listed(8, again=8.9), listed(6, "failed", again=8.5)], ("c6", "c8")),
    "a slow older run ends after it": ([listed(8), listed(7, "failed", over=8.5)], ("c7", "c8")),
    "an older run that is run again just now": ([listed(8), listed(2, "running")], ("c2", "c8")),
    "what is before the last success is done with": ([listed(8), listed(7), listed(6)], ("c8",)),
    "a newer run than this, which is run again": ([listed(10, "failed"), listed(8)], ("c8", "c10")),
    "a newer run than this succeeded": ([listed(10), listed(8)], ("c10",)),
    "a time not told is late": ([listed(8), replace(listed(3), updated=INFINITE)], ("c3", "c8")),
})  # fmt: skip
def test_what_may_have_deployed_since_the_last_success_counts(runs: list[Listed], commits: tuple[str, ...]) -> None:
    assert commits_since_last_success(runs, THIS) == commits


@cases("run commits", {
    "by its id": (replace(THIS, id=1008), ("c7", "c9")),
    "by its number where there is no id": (replace(THIS, id=0), ("c7", "c8")),
    "not at all": (replace(THIS, id=0, number=0), ("c7", "c8", "c9")),
})  # fmt: skip
def test_this_run_is_told_from_the_others(run: Run, commits: tuple[str, ...]) -> None:
    assert commits_since_last_success([listed(9, "running"), listed(8, "failed"), listed(7)], run) == commits


DAY = 86_400.0


@pytest.mark.parametrize(
    ("days", "is_enough"),
    [(0, False), (29, False), (31.5, True), (INFINITE, True)],
    ids=["today", "29", "31", "unknown"],
)
def test_pages_are_read_until_no_run_can_have_been_run_again(days: float, is_enough: bool) -> None:
    success = replace(listed(8), created=100 * DAY)
    oldest = replace(listed(2, "failed"), created=(100 - days) * DAY)
    assert last_success([success, oldest], THIS) == success
    assert is_far_enough([success, oldest], success) is is_enough
    assert not is_far_enough([success, oldest], None)
    assert MOST_SECONDS_TO_RUN_AGAIN >= 30 * DAY


@cases("runs since this lost", {
    "the next run": ([listed(9), listed(7)], (7, 1), (9, 1), ()),
    "a run in between": ([listed(9), listed(8, "failed"), listed(7)], (7, 1), (9, 1), (8,)),
    "an older run": ([listed(9), listed(7), listed(5)], (7, 1), (9, 1), ()),
    "older, run again since": ([listed(9), listed(7), listed(5, again=8)], (7, 1), (9, 1), (5,)),
    "older, run again before": ([listed(9), listed(7), listed(5, again=6)], (7, 1), (9, 1), ()),
    "the run itself, run again since": ([listed(9), listed(7, again=8)], (7, 1), (9, 1), (7,)),
    "a slow older one failed": ([listed(9), listed(7), listed(6, "failed", over=7.5)], (7, 1), (9, 1), (6,)),
    "it left its manifest": ([listed(9), listed(7), listed(6, over=7.5)], (7, 1), (9, 1), ()),
    "the run that wrote it is not listed": ([listed(9), listed(5, again=6)], (7, 1), (9, 1), (5,)),
    "this run is not listed": ([listed(7)], (7, 1), (9, 1), None),
    "the list of another workflow": ([listed(9)], (500, 1), (9, 1), None),
    "an earlier attempt of this run": ([listed(9), listed(7)], (7, 1), (9, 2), (9,)),
    "the attempt before wrote the manifest": ([listed(9), listed(7)], (9, 1), (9, 2), ()),
    "older, run again between the attempts": ([listed(9, again=9.9), listed(5, again=9.5)], (9, 1), (9, 2), (5,)),
    "the attempt before did not": ([listed(9), listed(7)], (9, 1), (9, 3), (9,)),
})  # fmt: skip
def test_runs_that_may_have_deployed_since_a_manifest(
    runs: list[Listed], since: tuple[int, int], this: tuple[int, int], lost: tuple[int, ...] | None
) -> None:
    assert lost_runs(runs, since=since, this=this) == lost


@dataclass
class World:
    """The commits that were deployed and not seen to be purged, and the runs as they are listed."""

    now: float = 0.0
    runs: dict[int, Listed] = field(default_factory=dict)
    maybe: set[int] = field(default_factory=set)

    def run(self, number: int, *, purges: bool, succeeds: bool) -> None:
        """Deploy a commit; a run whose purge works looks at the list first, as it is while it is under way."""
        self.now += 1
        before = self.runs.get(number)
        attempt = before.attempt + 1 if before else 1
        created = before.created if before else self.now
        run = Listed(
            id=number, number=number, attempt=attempt, head=str(number), is_over=False, is_success=False,
            created=created, started=self.now, updated=self.now,
        )  # fmt: skip
        self.runs[number] = run
        self.maybe.add(number)
        if purges:
            compared = commits_since_last_success(self.runs.values(), Run("", "", "", id=number, number=number))
            self.check(compared, number)
            self.maybe = {number}
        self.now += 1
        self.runs[number] = replace(run, is_over=True, is_success=purges and succeeds, updated=self.now)

    def run_other_jobs_again(self, number: int) -> None:
        """Run failed jobs again, none of which deploys or purges; the run is a success then."""
        self.now += 1
        before = self.runs[number]
        self.runs[number] = replace(
            before, attempt=before.attempt + 1, is_success=True, started=self.now, updated=self.now
        )

    def check(self, compared: tuple[str | None, ...], number: int) -> None:
        known = {int(commit) for commit in compared if commit}
        assert self.maybe - {number} <= known, (self.maybe, compared)


class Histories(RuleBasedStateMachine):
    """Pushes, failures and re-runs in any order: each commit that may be at the edges is compared with."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.purged: set[int] = set()

    @rule(purges=st.booleans(), succeeds=st.booleans())
    def push(self, purges: bool, succeeds: bool) -> None:
        number = len(self.world.runs) + 1
        self.world.run(number, purges=purges, succeeds=succeeds)
        if purges:
            self.purged.add(number)

    @rule(which=st.integers(0, 3), purges=st.booleans(), succeeds=st.booleans())
    def run_again(self, which: int, purges: bool, succeeds: bool) -> None:
        number = len(self.world.runs) - which
        if number > 0:
            self.world.run(number, purges=purges, succeeds=succeeds)
            (self.purged.add if purges else self.purged.discard)(number)

    @rule(which=st.integers(0, 3))
    def run_other_jobs_again(self, which: int) -> None:
        number = len(self.world.runs) - which
        if number in self.purged:
            self.world.run_other_jobs_again(number)

    @invariant()
    def the_next_run_compares_with_all_that_may_be_there(self) -> None:
        if self.world.runs:
            present = len(self.world.runs) + 1
            compared = commits_since_last_success(self.world.runs.values(), Run("", "", "", id=present, number=present))
            self.world.check(compared, present)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=15)


@given(st.permutations([listed(8, "failed"), listed(7), listed(6, "failed", again=8.5), listed(5)]))
def test_the_order_of_the_list_is_no_matter(runs: list[Listed]) -> None:
    assert commits_since_last_success(runs, THIS) == ("c6", "c7", "c8")
