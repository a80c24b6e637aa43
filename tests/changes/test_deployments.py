"""No success hides a deployment of its environment that may have come after it, in whatever order things end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables import cases
from ztpurge.changes.deployments import (
    DAY,
    MOST_READ,
    Deployment,
    Status,
    commits_since_success,
    newer_success,
    was_purged,
)
from ztpurge.changes.event import Deployed, Run
from ztpurge.changes.runs import Listed

THIS = Run("purge.yml", "", "", "deployment_status", id=99)
PRESENT = Deployed("production", "deploy", 9900)

Made = tuple[Deployment, tuple[Status, ...]]


def made(commit: str, created: float, said: str = "", *, task: str = "deploy") -> Made:
    """Make a deployment of what was said of it and when, as in `11 in_progress 15 success`."""
    words = said.split()
    pairs = [(float(told), state) for told, state in zip(words[::2], words[1::2], strict=True)]
    statuses = tuple(Status(round(told * 100), state, told) for told, state in pairs)
    updated = max((told for told, _ in pairs), default=created)
    return Deployment(round(created * 100), commit, task, created, updated), statuses


NEW = made("new", 98, "99 success")
A, B = made("a", 1, "2 in_progress 3 success 7 inactive"), made("b", 5, "7 success 99 inactive")


@cases("history commits", {
    "nothing is listed": ([], [None]), "the first one": ([NEW], [None, "new"]),
    "the one before": ([A, B, NEW], ["b", "new"]),
    "a failure since": ([A, B, made("c", 8, "9 failure"), NEW], ["b", "c", "new"]),
    "one that is under way": ([A, B, made("c", 8, "9 in_progress"), NEW], ["b", "c", "new"]),
    "one of which nothing was said yet": ([A, B, made("c", 4), NEW], ["b", "c", "new"]),
    "one that fell silent a day before": ([A, B, made("c", 4 - DAY, "4 in_progress"), NEW], ["b", "c", "new"]),
    "one that fell silent earlier": ([A, B, made("c", 1 - DAY, f"{4.9 - DAY} in_progress"), NEW], ["b", "new"]),
    "a slow old one succeeds after a newer one": ([made("a", 1, "9 success"), B, NEW], ["a", "b", "new"]),
    "a slow old one fails after a newer one": ([made("a", 1, "9 error"), B, NEW], ["b", "a", "new"]),
    "an old one ends while a newer one is under way": ([made("a", 1, "6 failure"), B, NEW], ["b", "a", "new"]),
    "an old one ends in the very second": ([made("a", 1, "5 failure"), B, NEW], ["b", "a", "new"]),
    "an old one ended before": ([made("a", 1, "4 failure"), B, NEW], ["b", "new"]),
    # what is deployed by it is not known, so all counts since it was there for the first time
    "an old one again, as a roll-back": ([made("a", 1, "3 success 7 inactive 9 success"), B, NEW], ["a", "b", "new"]),
    "back to what there was": ([made("new", 1, "3 success 7 inactive 99 success"), B], ["b", "new"]),
    "the same is told twice": ([B, made("new", 97, "98 success 99 success")], ["new"]),
    "the same commit once more": ([A, made("b", 5, "7 success"), made("b", 8, "9 success"), NEW], ["b", "new"]),
    # GitHub adds `inactive` at a success to what was a success; people, to what they cancel
    "inactive tells nothing of a success": ([A, made("c", 4, "4.5 success 99 inactive"), B, NEW], ["b", "new"]),
    "inactive ends what was under way": ([made("c", 4, "4.5 in_progress 6 inactive"), B, NEW], ["b", "c", "new"]),
    "what succeeds and begins again": ([made("c", 4, "4.5 success 4.7 queued"), B, NEW], ["b", "c", "new"]),
    "a later success, since this run waited": ([A, B, NEW, made("c", 100, "101 success")], ["b", "new", "c"]),
    "another task may have brought files, or none": ([A, made("m", 8, "9 success", task="migrate"), NEW],
     ["a", "m", "new"]),
    "a status for elsewhere": ([A, B, made("c", 8, "9 elsewhere"), NEW], ["b", "c", "new"]),
})  # fmt: skip
def test_what_may_have_been_served_since_the_last_success_counts(
    history: list[Made], commits: list[str | None]
) -> None:
    said = dict(history)
    for listed in (list(said), list(said)[::-1]):
        found = commits_since_success(listed, PRESENT, said.__getitem__, lambda _, success: success.id < PRESENT.status)
        assert found == tuple(commits)


@cases("history newer", {
    "nothing is listed": ([], None), "the present one is the last": ([A, B, NEW], None),
    "a later one": ([A, B, NEW, made("c", 100, "101 success")], "c"),
    "the last of several": ([A, NEW, made("c", 100, "101 success 104 inactive"), made("d", 102, "104 success")], "d"),
    "an old one once more": ([made("a", 1, "3 success 7 inactive 101 success"), B, NEW], "a"),
    "one that failed or is under way": ([A, B, NEW, made("c", 100, "101 failure"), made("d", 100, "101 queued")], None),
    "another task": ([A, B, NEW, made("m", 100, "101 success", task="migrate")], None),
})  # fmt: skip
def test_a_later_success_tells_what_is_served(history: list[Made], newer: str | None) -> None:
    said = dict(history)
    assert newer_success(list(said), PRESENT, said.__getitem__) == newer


def ran(number: float, how: str = "success", *, head: str = "b", again: float = 0) -> Listed:
    """Make a run that was created at its number."""
    return Listed(
        id=int(number * 10), number=int(number * 10), attempt=2 if again else 1, head=head, is_over=how != "running",
        is_success=how == "success", created=number, started=again or number, updated=again or number,
        is_skipped=how == "skipped",
    )  # fmt: skip


@cases("runs is_purged", {
    "it purged": ([ran(7.1)], True), "in the very second": ([ran(7)], True), "no run": ([], False),
    "it failed": ([ran(7.1, "failure")], False), "it was cancelled before it began": ([ran(7.1, "cancelled")], False),
    "it waits or is under way": ([ran(7.1, "running")], False), "it was skipped": ([ran(7.1, "skipped")], False),
    "others were skipped, for other states and environments": ([ran(7.1), ran(7.2, "skipped")], True),
    "it was for an earlier status": ([ran(6.9)], False), "it was for another commit": ([ran(7.1, head="a")], False),
    # two environments: which of the two purged here is not told
    "the same commit elsewhere before": ([ran(6.9), ran(7.1, "failure")], False),
    "the same commit elsewhere failed": ([ran(7.1), ran(7.3, "failure")], False),
    "the same commit elsewhere is under way": ([ran(7.1), ran(7.3, "running")], False),
    "a failed run, run again": ([ran(7.1, again=8)], True),
    "an old run, run again just now": ([ran(7.1), ran(3, "running", again=9)], True),
    "it is run again just now": ([ran(7.1, "running", again=9)], False), "the present run": ([ran(9.9)], False),
    "the present run beside it": ([ran(7.1), ran(9.9, "running")], True),
})  # fmt: skip
def test_a_purge_is_known_to_have_gone_well(runs: list[Listed], is_purged: bool) -> None:
    deployment, said = B
    assert was_purged(deployment, said[0], runs, THIS) is is_purged


@cases("runs start commits", {
    "the last was purged": ([ran(7.1)], 0, ["b", "new"]),
    "the one before was": ([ran(7.1, "failure"), ran(3.1, head="a")], 0, ["a", "b", "new"]),
    "none was": ([ran(7.1, "failure")], 0, [None, "a", "b", "new"]),
    "none was, and the one before was there at the start": ([ran(7.1, "failure")], 7.1, [None, "b", "new"]),
})  # fmt: skip
def test_a_success_counts_once_it_was_purged(runs: list[Listed], start: float, commits: list[str | None]) -> None:
    said = dict([A, B, NEW])
    found = commits_since_success(
        said, PRESENT, said.__getitem__,
        lambda deployment, success: was_purged(deployment, success, runs, THIS), start=start,
    )  # fmt: skip
    assert found == tuple(commits)


@pytest.mark.parametrize(("count", "purged", "reads"), [(9, 8, 3), (900, 899, 3), (900, 850, 52), (900, 3, MOST_READ)])
def test_no_more_is_read_than_it_takes(count: int, purged: int, reads: int) -> None:
    """Each is deployed an hour after the one before, and inactive with the next success."""
    hours = [3600.0 * number for number in range(count)]
    said = dict(
        made(f"c{number}", hour, f"{hour + 60} success {hour + 3660} inactive") for number, hour in enumerate(hours)
    )
    read: list[Deployment] = []

    def count_and_read(deployment: Deployment) -> tuple[Status, ...]:
        read.append(deployment)
        return said[deployment]

    found = commits_since_success(
        said, PRESENT, count_and_read, lambda deployment, _: deployment.commit == f"c{purged}"
    )
    assert len(set(read)) <= reads + 25  # those of the day before may be silent
    is_found = purged >= count - MOST_READ
    assert found == (*(() if is_found else (None,)), *(f"c{number}" for number in range(purged * is_found, count)))


@dataclass
class Site:
    """What an environment's origin may serve, what its edges may, and its deployments with what was said of each."""

    origin: set[str] = field(default_factory=set)
    edge: set[str] = field(default_factory=set)
    deployments: list[Deployment] = field(default_factory=list)
    said: dict[int, list[Status]] = field(default_factory=dict)

    def state(self, deployment: Deployment) -> str:
        return self.said[deployment.id][-1].state

    def under_way(self) -> list[Deployment]:
        return [one for one in self.deployments if self.state(one) == "in_progress"]

    def serve(self, *commits: str) -> None:
        """Serve this, and bits of what is under way; visitors take it to the edges."""
        self.origin = {*commits, *(one.commit for one in self.under_way())}
        self.edge |= self.origin


@dataclass(frozen=True)
class Purge:
    """A run that is there for a success."""

    site: Site
    commit: str
    status: int


class History:
    """Two environments: deployments that overlap, promotions, roll-backs, runs that wait, fail and are run again."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - the same history each time
        self.now, self.last_id = 0.0, 0
        self.sites = (Site(), Site())
        self.runs: dict[int, Listed] = {}
        self.purges: dict[int, Purge] = {}

    def play(self, steps: int) -> None:
        for _ in range(steps):
            self.now += self.dice.choice((0, 0, 1))
            site = self.dice.choice(self.sites)
            old = [one for one in site.deployments if site.state(one) == "inactive"]
            under_way = site.under_way()
            match self.dice.randrange(9):
                case 0 | 1:
                    self.deploy(site, self.dice.choice("abcde"))
                case 2 | 3 if under_way:
                    self.end(site, self.dice.choice(under_way), self.dice.choice(("success", "failure", "inactive")))
                case 4 if old:
                    self.succeed(site, self.dice.choice(old))
                case _ if self.runs:
                    self.purge(self.dice.choice([*self.runs][-4:]), self.dice.choice(("success", "purged", "failure")))

    def say(self, site: Site, deployment: Deployment, state: str) -> Deployment:
        self.last_id += 1
        site.said.setdefault(deployment.id, []).append(Status(self.last_id, state, self.now))
        site.deployments = [one for one in site.deployments if one.id != deployment.id]
        site.deployments.append(replace(deployment, updated=self.now))
        return site.deployments[-1]

    def deploy(self, site: Site, commit: str) -> None:
        self.last_id += 1
        begun = self.say(site, Deployment(self.last_id, commit, "deploy", self.now, self.now), "in_progress")
        site.serve(*site.origin)
        if self.dice.random() < 0.5:
            self.succeed(site, begun)

    def end(self, site: Site, deployment: Deployment, how: str) -> None:
        if how == "success":
            self.succeed(site, deployment)
        else:
            self.say(site, deployment, how)

    def succeed(self, site: Site, deployment: Deployment) -> None:
        for other in [one for one in site.deployments if one.id != deployment.id and site.state(one) == "success"]:
            self.say(site, other, "inactive")
        if not self.runs:
            for one in self.sites:  # nobody purged before, and somebody has to begin
                one.edge = set(one.origin)
        # what came while it was under way, and is still there, may have come after it brought its own files
        meanwhile = {
            one.commit
            for one in (site.deployments if deployment in site.under_way() else ())
            if any(status.told >= deployment.created for status in site.said[one.id] if status.state != "inactive")
        }
        self.say(site, deployment, "success")
        site.serve(deployment.commit, *(meanwhile & site.origin))
        number = len(self.runs) + 1
        self.runs[number] = replace(
            ran(self.now + self.dice.random(), "running", head=deployment.commit), id=number, number=number
        )
        self.purges[number] = Purge(site, deployment.commit, site.said[deployment.id][-1].id)

    def purge(self, number: int, how: str) -> None:
        """Let a run run, for the first time or once more; it may purge all and fail for another reason."""
        purge = self.purges[number]
        if how != "failure":
            compared = self.compare(number, purge)
            assert purge.site.edge <= {*compared, purge.commit}, compared
            purge.site.edge = set(purge.site.origin)
        self.runs[number] = replace(self.runs[number], is_over=True, is_success=how == "success")

    def compare(self, number: int, purge: Purge) -> tuple[str | None, ...]:
        run, site = replace(THIS, id=number), purge.site
        others = [run for run in self.runs.values() if run.id != number]
        return commits_since_success(
            site.deployments,
            Deployed("", "deploy", purge.status),
            lambda deployment: site.said[deployment.id],
            lambda deployment, success: (
                was_purged(deployment, success, others, run) if others else success.id < purge.status
            ),
            start=min((other.created for other in others), default=0.0) - DAY,
        )


@given(st.integers(0, 2**32))
@settings(max_examples=400)
def test_each_purge_compares_with_all_that_may_be_at_the_edges(seed: int) -> None:
    History(seed).play(40)
