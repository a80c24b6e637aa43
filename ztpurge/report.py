"""What a run did -> its result, step outputs, exit code and the whole report as JSON.

Pure. How it is told to people is the business of `messages.py` and `summary.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ztpurge import __version__
from ztpurge.mapping import Mapped
from ztpurge.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.plan import Kind
    from ztpurge.purge import Outcome

Result = Literal["purged", "nothing", "partial", "failed", "dry-run"]
MAX_OUTPUT = 256 * 1024  # bytes; GitHub allows 1 MB for all outputs of a job, in UTF-16
_LONG = 32 * 1024  # characters; Forgejo loses a line over 64 KiB
_EMPTY = {"req-ids", "requests", "purged-urls", "purged-dirs", "failed-urls", "stale-urls"}


@dataclass(frozen=True, slots=True)
class Report:
    """A run: what the changes were mapped to, the plan, and what became of its calls."""

    mapped: Mapped = Mapped()
    plan: Plan = Plan()
    outcomes: tuple[Outcome, ...] = ()
    seconds: float = 0.0

    @property
    def result(self) -> Result:
        """The run in one word."""
        if not self.outcomes:
            return "nothing"
        statuses = {outcome.status for outcome in self.outcomes}
        if statuses == {"dry-run"}:
            return "dry-run"
        if statuses == {"purged"}:
            return "purged"
        return "partial" if "purged" in statuses else "failed"

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The calls after which URLs may be stale."""
        return tuple(outcome for outcome in self.outcomes if outcome.status in {"failed", "partial"})

    def purged(self, kind: Kind) -> tuple[str, ...]:
        """Return the entries of a kind that the CDN accepted."""
        return _entries(
            outcome for outcome in self.outcomes if outcome.status == "purged" and outcome.batch.kind == kind
        )

    @property
    def failed_entries(self) -> tuple[str, ...]:
        """The entries that were not purged."""
        return _entries(self.failures)

    @property
    def maybe_stale(self) -> tuple[str, ...]:
        """Every URL that may be stale: entries not purged, and what was folded into directories among them."""
        failed = self.failed_entries
        among = frozenset(failed)
        return failed + tuple(folded.url for folded in self.plan.folded if folded.directory in among)

    @property
    def success_rate(self) -> float:
        """Percent of the entries that were purged; 100 if there were none."""
        if not self.plan.size:
            return 100.0
        return 100.0 * (len(self.purged("urls")) + len(self.purged("dirs"))) / self.plan.size


def exit_code(report: Report, *, fail_on_error: bool) -> int:
    """Return 0 if everything asked for happened or failures are to be borne, else 1."""
    return 1 if report.failures and fail_on_error else 0


def outputs(report: Report, *, report_file: str = "") -> dict[str, str]:
    """Return every output of the step by name; lists as JSON."""
    return {
        "req-ids": _json(outcome.req_id for outcome in report.outcomes if outcome.req_id),
        "result": report.result,
        "requests": _json(map(_request, report.outcomes)),
        "purged-urls": _json(report.purged("urls")),
        "purged-dirs": _json(report.purged("dirs")),
        "failed-urls": _json(report.maybe_stale),
        "stale-urls": "[]",
        "url-count": str(len(report.purged("urls"))),
        "dir-count": str(len(report.purged("dirs"))),
        "failed-count": str(len(report.failed_entries)),
        "skipped-count": str(len(report.mapped.skipped)),
        "request-count": str(len(report.plan.batches)),
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
            _request(outcome) | {"seconds": round(outcome.seconds, 3), "purge": outcome.batch.entries}
            for outcome in report.outcomes
        ],
        "failed_urls": report.maybe_stale,
        "targets": [{"url": target.url, "path": _text(target.path)} for target in report.mapped.targets],
        "folded": [{"url": folded.url, "directory": folded.directory} for folded in report.plan.folded],
        "skipped": [{"path": _text(skip.path), "reason": skip.reason} for skip in report.mapped.skipped],
    }
    return json.dumps(document, indent=1) + "\n"


def _entries(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    return tuple(entry for outcome in outcomes for entry in outcome.batch.entries)


def _request(outcome: Outcome) -> dict[str, object]:
    return {
        "kind": outcome.batch.kind,
        "host": outcome.batch.host,
        "entries": len(outcome.batch.entries),
        "reqId": outcome.req_id,
        "attempts": outcome.attempts,
        "status": outcome.status,
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
