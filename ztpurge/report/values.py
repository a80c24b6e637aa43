"""What a run did -> its result, step outputs, exit code and the whole report as JSON.

Pure. How it is told to people is the business of `messages.py` and `summary.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ztpurge import __version__
from ztpurge.cdn.plan import Plan
from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import Verdict
from ztpurge.errors import BUG, ApiError, Failure
from ztpurge.site.mapping import Mapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ztpurge.cdn.plan import Kind
    from ztpurge.edge.judge import Freshness
    from ztpurge.errors import ZtpurgeError

Result = Literal["purged", "nothing", "partial", "failed", "dry-run", "done", "pending"]
WORDS = {"planned": "dry-run", "accepted": "purged", "done": "purged"}  # of outputs and summary, for states
MAX_OUTPUT = 256 * 1024  # bytes; GitHub allows 1 MB for all outputs of a job, in UTF-16
_LONG = 32 * 1024  # characters; Forgejo loses a line over 64 KiB
_EMPTY = {"req-ids", "requests", "purged-urls", "purged-dirs", "failed-urls", "stale-urls", "prefetch-req-ids"}


@dataclass(frozen=True, slots=True)
class Report:
    """A run: what the changes were mapped to, the plan, what became of its calls, and what the edges served then.

    `waited`: each reqId was asked after until it was done. `stale_is_fine`: stale URLs are only to be reported.
    `is_status`: nothing was purged, the outcomes are those of another step's reqIds. `refusal`: why the run ended
    before the first call. `has_bug`: it broke off, and what is missing counts as failed.
    """

    mapped: Mapped = Mapped()
    plan: Plan = Plan()
    outcomes: tuple[Outcome, ...] = ()
    seconds: float = 0.0
    waited: bool = False
    prefetched: tuple[Outcome, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    stale_is_fine: bool = False
    is_status: bool = False
    refusal: ZtpurgeError | None = None
    has_bug: bool = False

    @property
    def result(self) -> Result:
        """The run in one word."""
        statuses = {outcome.state for outcome in self.outcomes}
        if self.is_status:
            return "failed" if "failed" in statuses else "pending" if "pending" in statuses else "done"
        if not self.outcomes:
            return "failed" if self.is_red else "nothing"
        if statuses == {"planned"}:
            return "dry-run"
        if not self.is_red:
            return "purged"
        bad = set[str]() if self.stale_is_fine else {*self.stale}
        return "partial" if {*self.purged("urls"), *self.purged("dirs")} - bad else "failed"

    def word_of(self, outcome: Outcome) -> str:
        """Return the word for what became of a call."""
        return outcome.state if self.is_status else WORDS.get(outcome.state, outcome.state)

    @property
    def is_red(self) -> bool:
        """Whether something that was asked for did not happen."""
        return bool(self.refusal or self.has_bug or self.failures or (self.stale and not self.stale_is_fine))

    @property
    def unconfirmed(self) -> tuple[Outcome, ...]:
        """The calls after which URLs may be stale."""
        return tuple(outcome for outcome in self.outcomes if outcome.state in {"failed", "partial", "pending"})

    @property
    def unreported(self) -> tuple[Outcome, ...]:
        """The calls that the CDN did not report done, but whose every URL was seen to be fresh."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == "done" and outcome.error)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The calls that did not bring what was asked for; to learn that a reqId is still under way may be that."""
        return tuple(outcome for outcome in self.unconfirmed if outcome.error)

    def purged(self, kind: Kind) -> tuple[str, ...]:
        """Return the entries of a kind that the CDN accepted, and is done with or seen fresh if that was waited for."""
        fresh = self.fresh
        return tuple(
            entry
            for outcome in self.outcomes
            for entry in outcome.entries
            if outcome.kind == kind
            and (outcome.state in {"accepted", "done"} or (outcome.state == "pending" and entry in fresh))
        )

    @property
    def failed_entries(self) -> tuple[str, ...]:
        """The entries that were not purged, or not for certain; what was not prefetched is none the staler for that."""
        fresh = self.fresh
        entries = _entries(outcome for outcome in self.unconfirmed if outcome.kind != "prefetch")
        return tuple(entry for entry in entries if entry not in fresh)

    @property
    def maybe_stale(self) -> tuple[str, ...]:
        """Every URL that may be stale: entries not purged, and what was folded into directories among them."""
        failed = self.failed_entries
        among, fresh = frozenset(failed), self.fresh
        folded = (folded.url for folded in self.plan.folded if folded.directory in among)
        return failed + tuple(url for url in folded if url not in fresh)

    @property
    def stale(self) -> tuple[str, ...]:
        """The URLs that were purged, but not seen to be fresh."""
        return tuple(verdict.url for verdict in self.seen("stale"))

    def seen(self, state: Freshness) -> tuple[Verdict, ...]:
        """Return the verdicts of a kind on what was purged; what is named as not purged for certain is not among it."""
        named = frozenset(self.maybe_stale)
        return tuple(verdict for verdict in self.verdicts if verdict.state == state and verdict.url not in named)

    @property
    def fresh(self) -> frozenset[str]:
        """The URLs that were seen to be fresh."""
        return frozenset(verdict.url for verdict in self.verdicts if verdict.state == "fresh")

    @property
    def purged_paths(self) -> tuple[str, ...]:
        """The changed files whose every URL was purged and, if that was looked at, not seen to be stale."""
        bad = {*self.maybe_stale, *self.stale}
        amiss = {target.path for target in self.mapped.targets if target.url in bad}
        return tuple(dict.fromkeys(target.path for target in self.mapped.targets if target.path not in amiss))

    @property
    def success_rate(self) -> float:
        """Percent of the entries that were purged; 100 if there were none. Of a status, percent of the reqIds done."""
        if self.is_status:
            done = sum(outcome.state == "done" for outcome in self.outcomes)
            return 100.0 * done / len(self.outcomes) if self.outcomes else 100.0
        if not self.plan.size:
            return 100.0
        return 100.0 * (len(self.purged("urls")) + len(self.purged("dirs"))) / self.plan.size


def accepted_urls(plan: Plan, outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Return every URL whose purge was accepted, done or not: entries, and those folded into a directory among them."""
    outcomes = tuple(outcomes)
    directories = frozenset(accepted_directories(outcomes))
    entries = _entries(_accepted("urls", outcomes))
    return entries + tuple(
        folded.url for folded in plan.folded if folded.kind == "urls" and folded.directory in directories
    )


def accepted_directories(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Return every directory whose purge was accepted, done or not."""
    return _entries(_accepted("dirs", outcomes))


def refused(report: Report, why: ZtpurgeError) -> Report:
    """Return the report of a run that ended before the first call: nothing that was planned is purged."""
    return replace(report, refusal=why, outcomes=_not_purged(report.plan, (), str(why)))


def broken_off(report: Report, heard: Sequence[Outcome], *, wait: bool, verify: bool) -> Report:
    """Return the report of a run that a bug ended: what was still to be done counts as failed.

    `heard`: the outcomes so far, in case the report does not have them yet. `wait`, `verify`: what was to follow.
    """
    outcomes = report.outcomes or tuple(sorted(heard, key=lambda outcome: outcome.number))
    outcomes += _not_purged(report.plan, outcomes, BUG)
    told = {verdict.url for verdict in report.verdicts}
    unseen = [url for url in accepted_urls(report.plan, outcomes) if verify and url not in told]
    verdicts = tuple(Verdict(url, "stale", f"not looked at: {BUG}", is_seen=False) for url in unseen)
    if wait and not report.waited:
        error = ApiError(Failure.NOT_SENT, f"not asked after: {BUG}")
        outcomes = tuple(
            replace(outcome, state="pending", error=error) if outcome.state == "accepted" else outcome
            for outcome in outcomes
        )
    return replace(report, outcomes=outcomes, verdicts=report.verdicts + verdicts, has_bug=True)


def _not_purged(plan: Plan, outcomes: Iterable[Outcome], why: str) -> tuple[Outcome, ...]:
    told = {outcome.number for outcome in outcomes}
    error = ApiError(Failure.NOT_SENT, why)
    return tuple(
        Outcome.of(number, batch, "failed", error=error)
        for number, batch in enumerate(plan.batches, start=1)
        if number not in told
    )


def exit_code(report: Report, *, fail_on_error: bool) -> int:
    """Return 0 if everything asked for happened or failures are to be borne, 2 if nobody was called, else 1."""
    if report.refusal:
        return 2
    return 1 if report.is_red and fail_on_error else 0


def outputs(report: Report, *, report_file: str = "") -> dict[str, str]:
    """Return every output of the step by name; lists as JSON."""
    return {
        "req-ids": _json(outcome.req_id for outcome in report.outcomes if outcome.req_id),
        "result": report.result,
        "requests": _json(_request(outcome, report.word_of(outcome)) for outcome in report.outcomes),
        "purged-urls": _json(report.purged("urls")),
        "purged-dirs": _json(report.purged("dirs")),
        "failed-urls": _json(report.maybe_stale),
        "stale-urls": _json(report.stale),
        "prefetch-req-ids": _json(outcome.req_id for outcome in report.prefetched if outcome.req_id),
        "url-count": str(len(report.purged("urls"))),
        "dir-count": str(len(report.purged("dirs"))),
        "failed-count": str(len(report.failed_entries)),
        "stale-count": str(len(report.stale)),
        "unverified-count": str(len(report.seen("unverified"))),
        "skipped-count": str(len(report.mapped.skipped)),
        "request-count": str(len(report.plan.batches or report.outcomes)),
        "success-rate": f"{_floor(report.success_rate):.1f}",
        "report-file": report_file,
    }


def refused_outputs() -> dict[str, str]:
    """Return the outputs of a run that called nobody because it could not be understood."""
    return outputs(Report()) | {"result": "failed", "success-rate": "0.0"}


def fit(values: dict[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Empty each list that GitHub would not take; return the outputs, and the names of those that were emptied."""
    too_long = tuple(name for name in values if name in _EMPTY and len(values[name]) > MAX_OUTPUT)
    return values | dict.fromkeys(too_long, "[]"), too_long


def render_json(report: Report) -> str:
    """Return the whole report as JSON, in ASCII; bytes of names that are not UTF-8 as escapes."""
    document = {
        "schema": 1,
        "ztpurge": __version__,
        "result": report.result,
        "seconds": round(report.seconds, 3),
        "success_rate": report.success_rate,
        "requests": [
            _request(outcome, report.word_of(outcome))
            | {"seconds": round(outcome.seconds, 3), "purge": outcome.entries}
            for outcome in report.outcomes
        ],
        "failed_urls": report.maybe_stale,
        "stale_urls": report.stale,
        "verified": [
            {
                "url": verdict.url,
                "state": verdict.state,
                "reason": verdict.reason,
                "said": dict(verdict.said),
                "looks": verdict.looks,
                "blame": verdict.blame,
            }
            for verdict in report.verdicts
        ],
        "prefetch": [
            _request(outcome, report.word_of(outcome)) | {"urls": outcome.entries} for outcome in report.prefetched
        ],
        "targets": [{"url": target.url, "path": _text(target.path)} for target in report.mapped.targets],
        "folded": [{"url": folded.url, "directory": folded.directory} for folded in report.plan.folded],
        "skipped": [{"path": _text(skip.path), "reason": skip.reason} for skip in report.mapped.skipped],
    }
    return json.dumps(document, indent=1) + "\n"


def _accepted(kind: Kind, outcomes: Iterable[Outcome]) -> Iterable[Outcome]:
    return (
        outcome for outcome in outcomes if outcome.state in {"accepted", "done", "pending"} and outcome.kind == kind
    )


def _entries(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    return tuple(entry for outcome in outcomes for entry in outcome.entries)


def _request(outcome: Outcome, word: str) -> dict[str, object]:
    return {
        "kind": outcome.kind,
        "host": outcome.host,
        "entries": len(outcome.entries),
        "reqId": outcome.req_id,
        "attempts": outcome.attempts,
        "status": word,
        "error": str(outcome.error) if outcome.error else None,
    }


def _json(items: Iterable[object]) -> str:
    values = list(items)
    text = json.dumps(values, separators=(",", ":"))
    return text if len(text) < _LONG else json.dumps(values, indent=0, separators=(",", ":"))


def _floor(rate: float) -> float:
    return int(rate * 10) / 10  # never 100.0 while something is missing


def _text(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
