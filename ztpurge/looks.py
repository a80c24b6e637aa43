"""What a run looks at: the origin before the purge, every edge after it; each stage tells the log how far it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ztpurge.changes.contents import Unknown
from ztpurge.edge.expected import expect
from ztpurge.edge.judge import Verdict
from ztpurge.edge.looking import Terms
from ztpurge.edge.verify import Verification
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences
from ztpurge.report.progress import Progress
from ztpurge.report.seen import verdict_counts, verdict_line
from ztpurge.site.mapping import files_behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.changes.contents import Content
    from ztpurge.edge.expected import Expected
    from ztpurge.edge.fetch import Edges
    from ztpurge.edge.servers import Servers
    from ztpurge.runner import Runner
    from ztpurge.site.mapping import Mapped, Sites
    from ztpurge.sources.source import Source

_SETTLE = 0.5  # seconds between the last first look and the second ones
_MOST_OF_IT = 0.8  # of the time, for first looks: the rest is left for second ones
_LEAST = 1.0  # seconds that are worth another round
_A_DIRECTORY = "a whole directory: which URLs lie below it is not known"


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks at URLs; `pointer_of` is as in `Terms`."""

    edges: Edges
    pointer_of: Callable[[str], Content | None]
    runner: Runner

    def wait_for_origin(
        self,
        expected: Mapping[str, Expected],
        *,
        asked_at: Callable[[str], Mapping[str, str]],
        scheduler: Scheduler,
    ) -> tuple[Verdict, ...]:
        """Look at the origin until it serves what each URL must serve; return the verdicts on those that it does not.

        `asked_at` tells by which URL each of its servers is asked for one. What cannot be compared is not waited for.
        """
        if untold := _untold(expected):
            return untold
        clock, began = scheduler.clock, scheduler.clock.now()
        terms = Terms(pointer_of=self.pointer_of, purged_at=lambda _url: began, asked_at=asked_at, is_origin=True)
        verification = Verification(expected, self.edges, scheduler, terms)
        what = sentences.count(len(expected), "URL")
        with self.runner.group(f"Look at the origin for {what}, {max(scheduler.end - began, 0):.0f} s at most"):
            verification.run(scheduler, **self._telling(len(expected), scheduler))
        verdicts = verification.verdicts
        self.runner.say(sentences.stage_line("Origin", verdict_counts(verdicts), clock.now() - began))
        stale = (verdict for verdict in verdicts if verdict.state == "stale")
        # what `Age` tells of an edge it does not tell of the origin
        late = (verdict if verdict.blame == "address" else replace(verdict, blame="") for verdict in stale)
        return tuple(replace(one, reason=f"at the origin, {one.at or one.url}: {one.reason}") for one in late)

    def verify(  # noqa: PLR0913 - what is looked at, where, for how long, and what to do about it
        self,
        purged: Mapping[str, Expected],
        directories: Iterable[str],
        *,
        purged_at: Callable[[str], float],
        servers: Servers,
        scheduler: Scheduler,
        purge_again: Callable[[tuple[str, ...]], None],
    ) -> tuple[Verdict, ...]:
        """Look whether each purged URL is fresh on each of its servers; of a directory nobody can tell.

        What is stale after half of the time, or serves the old content again at a second look, is purged once more. A
        second look is taken whatever else is stale. If what the URLs must serve could not be found out, none of them
        was seen to be fresh.
        """
        of_directories = tuple(Verdict(url, "unverified", _A_DIRECTORY) for url in directories)
        if (untold := _untold(purged)) or not purged:
            return (*untold, *of_directories)
        clock, began = scheduler.clock, scheduler.clock.now()
        terms = Terms(pointer_of=self.pointer_of, purged_at=purged_at, asked_at=servers.asked_at)
        verification = Verification(purged, self.edges, scheduler, terms)
        self._look(verification, f"Verify {sentences.count(len(purged), 'URL')}", scheduler, part=1 / 2)
        twice = set[str]()
        while (stale := verification.stale) and scheduler.end - clock.now() > _LEAST and not scheduler.why_over():
            # what was not seen, or answers with an error, no purge helps
            if worth := tuple(one.url for one in stale if one.served and one.url not in twice):
                twice.update(worth)
                purge_again(worth)
            title = f"Verify again, {sentences.count(len(stale), 'URL')} not fresh yet"
            self._look(verification, title, scheduler, part=_MOST_OF_IT)
        verdicts = verification.verdicts
        self.runner.say(sentences.stage_line("Verify", verdict_counts(verdicts), clock.now() - began))
        if once := verification.seen_once:
            self.runner.say(f"For a second look at {sentences.count(once, 'fresh URL')} no time was left")
        return verdicts + of_directories

    def _look(self, verification: Verification, title: str, scheduler: Scheduler, *, part: float) -> None:
        """Look for a part of the time that is left, longer for first looks, then a second time at what is fresh."""
        clock = scheduler.clock
        seconds = max(scheduler.end - clock.now(), 0) * part
        telling = self._telling(len(verification.stale), scheduler)
        with self.runner.group(f"{title}, {seconds:.0f} s at most"):
            verification.run(scheduler.within(seconds, "the time for first looks"), **telling)
            if verification.has_unlooked:
                left = (scheduler.end - clock.now()) * _MOST_OF_IT
                verification.run(scheduler.within(left, "the time for first looks"), **telling)
            if scheduler.why_over():
                return
            clock.sleep(min(_SETTLE, (scheduler.end - clock.now()) / 2))
            left = scheduler.end - clock.now()
            time = scheduler.within(left / 2, "the time for second looks") if verification.stale else scheduler
            for verdict in verification.look_back(time):
                self.runner.say(f"  {verdict_line(verdict)}")

    def _telling(self, number: int, scheduler: Scheduler) -> dict[str, Any]:
        """Return what tells the log of URLs that are settled, and how many are left after a round."""
        clock, began = scheduler.clock, scheduler.clock.now()
        progress = Progress(number, "URL", self.runner, clock)

        told = ""

        def tell(verdict: Verdict) -> None:
            progress.tell(verdict.url, f"{verdict.state:10}  {verdict_line(verdict)}", is_wrong=False)

        def tell_rest(left: int) -> None:
            nonlocal told
            rest = f"  {left:,} not fresh yet after {clock.now() - began:.0f} s"
            if rest != told:
                self.runner.say(rest)
            told = rest

        return {"on_verdict": tell, "on_round": tell_rest}


def find_expected(sites: Sites, mapped: Mapped, source: Source) -> dict[str, Expected]:
    """Tell what each URL must serve; nobody may be able to tell."""
    candidates = files_behind(sites, mapped)
    try:
        files = source.contents(frozenset(path for behind in candidates.values() for path in behind.paths))
    except ZtpurgeError as error:
        return dict.fromkeys(candidates, Unknown(f"what it must serve is not known: {error}", is_failure=True))
    return expect(candidates, files)


def _untold(expected: Mapping[str, Expected]) -> tuple[Verdict, ...]:
    """Return the verdicts on URLs of which it could not be found out what they must serve."""
    return tuple(
        Verdict(url, "stale", what.reason, is_seen=False)
        for url, what in expected.items()
        if isinstance(what, Unknown) and what.is_failure
    )
