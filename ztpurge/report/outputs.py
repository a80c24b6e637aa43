"""A report for later steps: the exit code and the step outputs. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.cdn.purge import Outcome
    from ztpurge.report.values import Report

MAX_OUTPUT = 256 * 1024  # bytes; GitHub allows 1 MB for all outputs of a job, in UTF-16
_LONG = 32 * 1024  # characters; Forgejo loses a line over 64 KiB


def exit_code(report: Report, *, fail_on_error: bool) -> int:
    """Return 0 if everything asked for happened or failures are to be borne, 2 if nobody was called, else 1."""
    if report.refusal:
        return 2
    return 1 if report.is_red and fail_on_error else 0


def outputs(report: Report) -> dict[str, str]:
    """Return every output of the step by name, the file of the report as not written yet; lists as JSON."""
    calls = (*report.outcomes, *report.again)
    urls, dirs, failed, stale = report.purged("urls"), report.purged("dirs"), report.maybe_stale, report.seen("stale")
    return {
        "req-ids": _json(outcome.req_id for outcome in calls if outcome.req_id),
        "result": report.result,
        "requests": _json(_request(report, outcome) for outcome in calls),
        "purged-urls": _json(urls),
        "purged-dirs": _json(dirs),
        "failed-urls": _json(fate.url for fate in failed),
        "stale-urls": _json(verdict.url for verdict in stale),
        "planned-urls": _json(fate.url for fate in report.fates if fate.state == "planned" and not fate.is_folded),
        "prefetch-req-ids": _json(outcome.req_id for outcome in report.prefetched if outcome.req_id),
        "url-count": str(len(urls)),
        "dir-count": str(len(dirs)),
        "failed-count": str(sum(not fate.is_folded for fate in failed)),
        "stale-count": str(len(stale)),
        "unverified-count": str(len(report.seen("unverified"))),
        "skipped-count": str(len(report.mapped.skipped)),
        "request-count": str(len(report.plan.batches or report.outcomes)),
        # rounded down: never 100.0 while something is missing
        "success-rate": f"{int(report.success_rate * 10) / 10:.1f}",
        "report-file": "",
    }


def fit(values: dict[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Empty each list that GitHub would not take; return the outputs, and the names of those that were emptied."""
    too_long = tuple(name for name in values if values[name].startswith("[") and len(values[name]) > MAX_OUTPUT)
    return values | dict.fromkeys(too_long, "[]"), too_long


def _request(report: Report, outcome: Outcome) -> dict[str, object]:
    return {
        "kind": outcome.kind,
        "host": outcome.host,
        "entries": len(outcome.entries),
        "reqId": outcome.req_id,
        "attempts": outcome.attempts,
        "status": report.words.get(outcome.state, outcome.state),
        "error": str(outcome.error) if outcome.error else None,
    }


def _json(items: Iterable[object]) -> str:
    values = list(items)
    text = json.dumps(values, separators=(",", ":"))
    # one that `fit` empties need not be cut into lines, which takes ten times as long
    return text if len(text) < _LONG or len(text) > MAX_OUTPUT else json.dumps(values, indent=0, separators=(",", ":"))
