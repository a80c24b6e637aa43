"""A report -> the document that `report-file` holds: every fact that a summary, a chat or a dashboard is made of. Pure.

Its form is described in `docs/report.schema.json`; a name may be added, none may change its meaning under one `schema`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from ztpurge import __version__
from ztpurge.edge.judge import Sight, Verdict
from ztpurge.errors import ZtpurgeError
from ztpurge.report.blocks import code
from ztpurge.report.explain import explain_idle
from ztpurge.report.sentences import DOUBTFUL, problem_message
from ztpurge.report.values import Report, StatusReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ztpurge.cdn.purge import Outcome

T = TypeVar("T")
SCHEMA = 1
Document = dict[str, Any]


def describe(report: Report, *, report_file: str = "") -> Document:
    """Return the whole report as values of JSON, to be kept in `report_file`; bytes that are not UTF-8 as escapes."""
    compared = report.compared
    return {
        "schema": SCHEMA,
        "ztpurge": __version__,
        "command": "status" if isinstance(report, StatusReport) else "purge",
        "result": report.result,
        "is_red": report.is_red,
        "headline": report.headline,
        "seconds": round(report.seconds, 3),
        "success_rate": report.success_rate,
        "refusals": [problem_message(report.refusal)] if report.refusal else [],
        "has_bug": report.has_bug,
        "cautions": [*map(_text, report.cautions)],
        "compared": _facts(compared) if compared else None,
        "options": {name: _text(value) for name, value in report.options},
        "report_file": report_file,
        "stages": [{"name": one.name, "start": round(one.start, 3), "end": round(one.end, 3)} for one in report.stages],
        "requests": [_call(report, outcome) | {"purge": outcome.entries} for outcome in report.outcomes],
        "failed_urls": [fate.url for fate in report.maybe_stale],
        "stale_urls": [verdict.url for verdict in report.seen("stale")],
        "unverified_urls": [verdict.url for verdict in report.seen("unverified")],
        "stale_is_fine": report.stale_is_fine,
        "late": [*map(_verdict, report.late)],
        "verified": [*map(_verdict, report.verdicts)],
        "again": [_call(report, outcome) | {"purge": outcome.entries} for outcome in report.again],
        "unreachable": dict(report.unreachable),
        "browsers": _facts(report.in_browsers),
        "prefetch": [_call(report, outcome) | {"urls": outcome.entries} for outcome in report.prefetched],
        "targets": [
            {"url": target.url, "path": _text(target.path), "by": target.by, "kind": target.kind}
            for target in report.mapped.targets
        ],
        "skipped": [_facts(skip) | {"path": _text(skip.path)} for skip in report.mapped.skipped],
        "folds": [_facts(one) for one in report.plan.folds],
        "folded": [_facts(folded) for folded in report.plan.folded],
        "whole_sites": report.whole_sites,
        "sites_and_rules": [*(site.name for site in report.sites.sites), *(rule.name for rule in report.sites.rules)],
        "idle": [*map(_text, explain_idle(report.sites, report.mapped))] if report.result == "dry-run" else [],
        "hashed": [
            {"by": name} | _facts(hashed) | {"example": _text(hashed.example)} for name, hashed in report.hashed.items()
        ],
    }


def describe_refusal(messages: Sequence[str]) -> Document:
    """Return the document of a run that called nobody because it could not be understood."""
    return describe(Report()) | {
        "result": "failed",
        "is_red": True,
        "headline": "Nothing was purged",
        "refusals": list(messages),
    }


def rest_of(document: Document) -> str:
    """Return where to find what is cut, in HTML, to be put behind a number."""
    file = document["report_file"]
    return f"; {code(file)} has them all" if file else "; with <code>report-file</code> a file has them all"


def render_json(document: Document) -> str:
    """Return a document as JSON, in ASCII."""
    return json.dumps(document, indent=1) + "\n"


def pick(kind: Callable[..., T], row: Document) -> T:
    """Return the value that a row describes; names that a later version added are left out."""
    return kind(**{name: row[name] for name in kind.__slots__ if name in row})  # type: ignore[attr-defined]


def read_document(data: bytes) -> Document:
    """Read what `render_json` wrote; raise ZtpurgeError for what is no report of this version."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ZtpurgeError("it is not JSON", remedy="Give the file that `report-file` names") from error
    known = describe(Report())
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or known.keys() - document.keys():
        remedy = f"Give the file that `report-file` names, written by a ztpurge whose reports have the schema {SCHEMA}"
        raise ZtpurgeError("it is no report that can be read here", remedy=remedy)
    return document


def _call(report: Report, outcome: Outcome) -> Document:
    return {
        "number": outcome.number,
        "kind": outcome.kind,
        "host": outcome.host,
        "entries": len(outcome.entries),
        "reqId": outcome.req_id,
        "attempts": outcome.attempts,
        "seconds": round(outcome.seconds, 3),
        "done_after": None if outcome.done_after is None else round(outcome.done_after, 3),
        "state": outcome.state,
        "status": report.words.get(outcome.state, outcome.state),
        "way": DOUBTFUL if outcome.is_doubtful else report.ways.get(outcome.state, ""),
        "is_cut": outcome.is_cut,
        "error": str(outcome.error) if outcome.error else None,
        "cause": outcome.error.cause if outcome.error else None,
        "remedy": outcome.error.remedy if outcome.error else None,
        "late": outcome.late,
    }


def _verdict(verdict: Verdict) -> Document:
    sights = [_facts(sight) | {"said": dict(sight.said)} for sight in verdict.sights]
    return _facts(verdict) | {"said": dict(verdict.said), "sights": sights}


def read_verdict(row: Document) -> Verdict:
    """Return the verdict that a row describes."""
    sights = (pick(Sight, sight | {"said": tuple(sight["said"].items())}) for sight in row["sights"])
    return pick(Verdict, row | {"said": tuple(row["said"].items()), "sights": tuple(sights)})


def _facts(value: Any) -> Document:  # noqa: ANN401 - any of our values
    """Return a value's fields by name; `dataclasses.asdict` copies deeply, which takes four times as long."""
    return {name: getattr(value, name) for name in value.__slots__}


def _text(path: str) -> str:
    return path if path.isascii() else path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
