"""What a run did, and what follows from it, found out once: the run in one word and in one sentence.

Pure. What became of each entry stands in `fates.py`, what of a run that ended early in `endings.py`. Outputs, log,
annotations and summary are made of these values elsewhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from ztpurge.cdn.plan import Plan
from ztpurge.errors import Failure
from ztpurge.report.fates import MAYBE_STALE, PURGED, trace
from ztpurge.report.seen import late_headline, verdict_counts
from ztpurge.report.sentences import NOUNS, count, duration, things
from ztpurge.site.mapping import Mapped, Sites

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ztpurge.cdn.plan import Kind
    from ztpurge.cdn.purge import Outcome
    from ztpurge.edge.judge import Freshness, Verdict
    from ztpurge.errors import ZtpurgeError
    from ztpurge.report.browsers import InBrowsers
    from ztpurge.report.fates import Fate
    from ztpurge.report.hashed import Hashed

Result = Literal["purged", "nothing", "partial", "failed", "dry-run", "done", "pending"]
WORDS = MappingProxyType({"planned": "dry-run", "accepted": "purged", "done": "purged"})  # for states that differ


@dataclass(frozen=True, slots=True)
class Compared:
    """What the changes come from: the event, the commits that were compared, and the repository as `owner/name`."""

    event: str
    bases: tuple[str, ...]
    head: str
    repository: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a run, and when it began and ended, in seconds since the run began."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)  # no slots: what follows from it is found out once
class Report:
    """A run: how files are served, what the changes were mapped to, the plan, and what became of its calls.

    `verdicts`: what the edges served then. `late`: what the origin did not serve yet, so that nothing was purged.
    `again`: the calls that purged once more what was stale. `unreachable`: addresses of edges, by host, that nobody
    could look at from here. `waited`: each reqId was asked after until it was done.
    `stale_is_fine`: stale URLs are only to be reported. `refusal`: why the run ended before the first call.
    `has_bug`: it broke off, and what is missing counts as failed. `options`: inputs that differ from their defaults.
    `cautions`: what was warned of before the first call.
    """

    words: ClassVar[Mapping[str, str]] = WORDS
    ways: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"failed": "not purged", "partial": "not purged", "pending": "not confirmed"}
    )  # in which a call went wrong, for annotations

    sites: Sites = Sites()
    mapped: Mapped = Mapped()
    plan: Plan = Plan()
    outcomes: tuple[Outcome, ...] = ()
    seconds: float = 0.0
    waited: bool = False
    prefetched: tuple[Outcome, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    late: tuple[Verdict, ...] = ()
    again: tuple[Outcome, ...] = ()
    unreachable: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    stale_is_fine: bool = False
    refusal: ZtpurgeError | None = None
    has_bug: bool = False
    compared: Compared | None = None
    options: tuple[tuple[str, str], ...] = ()
    stages: tuple[Stage, ...] = ()
    cautions: tuple[str, ...] = ()

    @cached_property
    def fates(self) -> tuple[Fate, ...]:
        """What became of each entry, and of what was folded."""
        return trace(self.plan, self.outcomes, self.late or self.verdicts)

    @cached_property
    def hashed(self) -> Mapping[str, Hashed]:
        """The sites, by name, of whose changed files many are named by their content."""
        if not self.mapped.targets:
            return {}
        from ztpurge.report.hashed import find_hashed  # noqa: PLC0415 - 3 ms, which a run need not wait for at its start

        found = {
            site.name: find_hashed((target.path for target in self.mapped.targets if target.by == site.name), site.root)
            for site in self.sites.sites
        }
        return {name: hashed for name, hashed in found.items() if hashed}

    @cached_property
    def in_browsers(self) -> InBrowsers:
        """How long browsers may show old copies of what was purged and looked at."""
        from ztpurge.report.browsers import find_in_browsers  # noqa: PLC0415 - see `hashed`

        return find_in_browsers(self.verdicts, self.sites, self.mapped)

    @property
    def whole_sites(self) -> tuple[str, ...]:
        """The directories to purge that hold all of a host, or all that a site serves."""
        bases = {base for site in self.sites.sites for base in site.base_urls}
        entries = (entry for batch in self.plan.batches if batch.kind == "dirs" for entry in batch.entries)
        return tuple(
            entry
            for entry in entries
            if (entry.count("/") == 3 and entry.endswith("/")) or any(base.startswith(entry) for base in bases)
        )

    @property
    def result(self) -> Result:
        """The run in one word."""
        if not self.outcomes:
            return "failed" if self.is_red else "nothing"
        if all(outcome.state == "planned" for outcome in self.outcomes):
            return "dry-run"
        if not self.is_red:
            return "purged"
        return "partial" if self._entries(PURGED if self.stale_is_fine else PURGED - {"stale"}) else "failed"

    @property
    def headline(self) -> str:
        """The run in one sentence, all of it our own words."""
        what = things(self.plan)
        if self.refusal:
            return f"Nothing was purged{f'; {what} may be stale' if what else ''}"
        if self.late:
            return f"{self.why_held_back}; {what} may be stale"
        if self.result == "nothing":
            skipped = f"{count(len(self.mapped.skipped), 'changed file')} skipped" if self.mapped.skipped else ""
            return f"Nothing to purge: {skipped or 'no file changed, and no urls or dirs were given'}"
        hosts = tuple(dict.fromkeys(batch.host for batch in self.plan.batches))
        where = hosts[0] if len(hosts) == 1 else count(len(hosts), "host")
        calls = count(len(self.plan.batches), "call")
        if self.result == "dry-run":
            is_pull = self.compared is not None and self.compared.event in {"pull_request", "pull_request_target"}
            when = "Merging this would purge" if is_pull else "This would purge"
            return f"Dry run, nothing was sent. {when} {what} on {where}, in {calls}"
        seen = f"; {verdict_counts(self.verdicts)}" if self.verdicts else ""
        if not self.failures:
            if self.verdicts and all(verdict.state == "fresh" for verdict in self.verdicts):
                edges = {len(verdict.sights) for verdict in self.verdicts}
                where_seen = f" at {edges.pop()} edges" if len(edges) == 1 and any(edges) else ""
                seen = f", all seen fresh{where_seen}"
            done = " and reported done" if self.waited and not self.unreported else ""
            return f"{what} on {where} purged{done} in {duration(self.seconds)}{seen}"
        kinds = {batch.kind for batch in self.plan.batches}
        size = count(self.plan.size, NOUNS[kinds.pop()] if len(kinds) == 1 else "entry")
        is_open = all(outcome.state == "pending" or outcome.is_doubtful for outcome in self.failures)
        way = "NOT confirmed as purged" if is_open else "NOT purged"
        return f"{len(self._entries(MAYBE_STALE)):,} of {size} on {where} {way} and maybe stale{seen}"

    @property
    def why_held_back(self) -> str:
        """Why nothing was purged, where the origin was not seen to be new."""
        return late_headline(self.late, sum(fate.kind == "urls" for fate in self.fates))

    @property
    def success_rate(self) -> float:
        """Percent of the entries that were purged; 100 if there were none."""
        return 100.0 * len(self._entries(PURGED)) / self.plan.size if self.plan.size else 100.0

    @property
    def is_red(self) -> bool:
        """Whether something that was asked for did not happen."""
        return bool(self.refusal or self.has_bug or self.failures or (not self.stale_is_fine and self.seen("stale")))

    @property
    def is_amiss(self) -> bool:
        """Whether it is red, or would be if stale URLs were not only to be reported."""
        return self.is_red or bool(self.seen("stale"))

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The calls that did not bring what was asked for; to learn that a reqId is still under way may be that."""
        return tuple(outcome for outcome in self.outcomes if outcome.error and outcome.state in MAYBE_STALE)

    @property
    def unreported(self) -> tuple[Outcome, ...]:
        """The calls that the CDN did not report done, but whose every URL was seen to be fresh."""
        return tuple(outcome for outcome in self.outcomes if outcome.error and outcome.state == "done")

    def purged(self, kind: Kind) -> tuple[str, ...]:
        """Return the entries of a kind that the CDN accepted, and is done with or seen fresh if that was waited for."""
        return tuple(fate.url for fate in self._entries(PURGED) if fate.kind == kind)

    @property
    def purged_again(self) -> frozenset[str]:
        """The URLs whose second purge was accepted."""
        return frozenset(entry for outcome in self.again if outcome.req_id for entry in outcome.entries)

    @property
    def maybe_stale(self) -> tuple[Fate, ...]:
        """What may be stale, not purged or not for certain; what was not prefetched is none the staler for that."""
        return tuple(fate for fate in self.fates if fate.state in MAYBE_STALE and fate.kind != "prefetch")

    def seen(self, state: Freshness) -> tuple[Verdict, ...]:
        """Return the verdicts of a kind on what was purged, those on directories last."""
        found = (fate for fate in self.fates if fate.state == state)
        return tuple(fate.verdict for fate in sorted(found, key=lambda fate: fate.kind == "dirs") if fate.verdict)

    @property
    def purged_paths(self) -> tuple[str, ...]:
        """The changed files whose every URL was purged and, if that was looked at, not seen to be stale."""
        bad = {(fate.url, fate.kind) for fate in self.fates if fate.state in MAYBE_STALE or fate.state == "stale"}
        amiss = {target.path for target in self.mapped.targets if (target.url, target.kind) in bad}
        return tuple(dict.fromkeys(target.path for target in self.mapped.targets if target.path not in amiss))

    def _entries(self, states: Collection[str]) -> Sequence[Fate]:
        found = (fate for fate in self.fates if fate.state in states)
        return [fate for fate in found if not fate.is_folded and fate.kind != "prefetch"]


class StatusReport(Report):
    """What became of the reqIds of another step: nothing was purged, and their entries are what the service lists."""

    words: ClassVar[Mapping[str, str]] = MappingProxyType({})
    ways: ClassVar[Mapping[str, str]] = MappingProxyType({"failed": "not done", "pending": "not known to be done"})

    @property
    def result(self) -> Result:
        """The worst of what became of the reqIds."""
        states = {outcome.state for outcome in self.outcomes}
        return "failed" if "failed" in states else "pending" if "pending" in states else "done"

    @property
    def headline(self) -> str:
        """How many reqIds are how far, in one sentence."""
        if not self.outcomes:
            return "No reqIds to ask after"
        states = Counter[str](
            "refused" if outcome.error and outcome.error.failure is Failure.AUTH else outcome.state
            for outcome in self.outcomes
        )
        words = {"failed": "FAILED", "refused": "NOT TOLD", "pending": "still under way", "done": "done"}
        found = ", ".join(f"{states[state]:,} {word}" for state, word in words.items() if states[state])
        return f"{count(len(self.outcomes), 'reqId')} asked after: {found}"

    @property
    def success_rate(self) -> float:
        """Percent of the reqIds that are done; 100 if there were none."""
        done = sum(outcome.state == "done" for outcome in self.outcomes)
        return 100.0 * done / len(self.outcomes) if self.outcomes else 100.0
