"""One thing at a time in words: a call, a reqId, a URL, what is compared. Pure.

What is said of URLs that were looked at stands in `seen.py`; what is said of a whole run is put together elsewhere.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ztpurge.calls.transport import Exchange
    from ztpurge.cdn.fold import Fold
    from ztpurge.cdn.plan import Batch, Plan, Wave
    from ztpurge.cdn.purge import Outcome
    from ztpurge.changes.since import Found
    from ztpurge.errors import ApiError, ZtpurgeError
    from ztpurge.site.mapping import Mapped

NO_SITE = "there is no base-url and no configuration, so changed files are not looked at"
SPLIT_AT_BLANKS = (
    "the list separates names by blanks, so a name that holds a blank was read as several, and its URL stays stale; "
    "if such names may come, have the list written as JSON or one name a line"
)
_NOT_KNOWN = (
    "what was deployed meanwhile and is deleted now is not known: if there is any, purge its folder once with `dirs`"
)
NO_MANIFEST = f"there is no manifest yet, so all files count as changed; {_NOT_KNOWN}"
OTHER_SITE = "files do not get their URLs as they did at the last purge, so all files count as changed"
MANIFEST_OF_NO_RUN = f"the manifest was written outside a workflow's run, so all files count as changed; {_NOT_KNOWN}"
ONE_WAVE = "max-requests leaves no call for a second wave, so pages do not wait until what they refer to is done"
_MOST_SHOWN_OF_BODY = 1000  # characters
DOUBTFUL = "may have been purged, but that was not confirmed"
NOUNS = {"urls": "URL", "dirs": "directory", "prefetch": "URL"}


def count(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`, `3 directories`."""
    plural = f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def duration(seconds: float) -> str:
    """Return `0.4 s`, `6.2 s`, `45 s`, `2 min 5 s`, `2 h`, `1 day 3 h`."""
    for name, size, smaller, part in (("day", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            first = f"{whole:,} {name}{'s' if name == 'day' and whole > 1 else ''}"
            return f"{first} {rest // part} {smaller}" if rest >= part else first
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def range_line(event: str, found: Found) -> str:
    """Return which commits were compared, and where."""
    if found.range is None:
        return f"{event}: the branch or tag was deleted"
    head = found.range.head[:12]
    bases = ", ".join(base[:12] for base in found.range.bases)
    compared = f"from {bases} to {head}" if bases else f"to {head}"
    if found.range.has_all_files:
        compared = f"all files of {head}" + (f", and what is gone since {bases}" if bases else "")
    return f"{event}: {compared}, by {found.place}"


def plan_line(mapped: Mapped, plan: Plan, changes: int) -> str:
    """Return what a run is about to do, in one sentence."""
    skipped = f", {len(mapped.skipped):,} skipped" if mapped.skipped else ""
    waves = f" in {len(plan.waves)} waves" if len(plan.waves) > 1 else ""
    planned = f"{things(plan) or 'nothing'} to purge in {count(len(plan.batches), 'call')}{waves}"
    folded = f", {len(plan.folded):,} folded into a directory above" if plan.folded else ""
    return f"{count(changes, 'changed file')}{skipped}; {planned}{folded}"


def of_wave(wave: Wave) -> str:
    """Return which of several waves a stage belongs to, nothing if there is one."""
    return f", wave {wave.number} of {wave.total}" if wave.total > 1 else ""


def stage_line(stage: str, what: str, seconds: float) -> str:
    """Return what came of a stage of the run, and its time."""
    return f"{stage}: {what} ({seconds:.2f} s)"


def last_line(headline: str, *, summary: str) -> str:
    """Return the last line of the log: what the run did and, if there is one, the address of its summary."""
    return f"{headline}; summary: {summary}" if summary else headline


def folds_line(folds: Sequence[Fold]) -> str:
    """Return which directories stand for how many entries, to keep within the budget, and what they take along."""
    entries = sum(one.entries for one in folds)
    known = sum(one.unchanged or 0 for one in folds)
    unknown = sum(one.unchanged is None for one in folds)
    along = []
    if known or not unknown:
        along.append(f"{count(known, 'unchanged file') if known else 'no unchanged file'} along with them")
    if unknown:
        along.append(f"of {count(unknown, 'directory')} it is not known what else is below")
    what = f"{count(len(folds), 'directory')} in the place of {count(entries, 'entry')}"
    return f"{what}, to keep within max-requests; {'; '.join(along)}"


def fold_line(fold: Fold) -> str:
    """Return a directory that is purged in the place of what is below it, with what that is."""
    along = "what else it holds is not known"
    if fold.unchanged is not None:
        along = f"{count(fold.unchanged, 'unchanged file')} along" if fold.unchanged else "no other file"
    return f"{url_line(fold.directory)}  ({count(fold.entries, 'entry')}, {along})"


def not_counted(error: ZtpurgeError) -> str:
    """Return what to warn of where nobody can tell how many unchanged files a directory holds."""
    return (
        f"max-requests: which files there are is not known ({error.cause}), so as few and as deep directories as "
        "possible are purged, whatever else they hold"
    )


def manifest_line(folders: str, *, files: int, changed: int, gone: int) -> str:
    """Return what the build output was compared with."""
    left = f", {count(gone, 'file')} gone" if gone else ""
    return f"manifest: {count(files, 'file')} in {folders}, {changed:,} not as last purged{left}"


def lost_runs(numbers: Sequence[int], *, are_known: bool) -> str:
    """Return why a manifest that some runs did not write is not trusted; `are_known`: they were runs of this branch.

    Without numbers it is a re-run, before which any later run may have deployed.
    """
    shown = "" if not numbers else f" ({numbers[0]})" if len(numbers) == 1 else f" ({numbers[0]} to {numbers[-1]})"
    which = count(len(numbers), "run") if numbers else "runs that came after the one that is run again here, if any,"
    runs = f"{which} of this workflow{shown} left no manifest and may have deployed"
    remedy = "" if are_known else " Give the job the permission `actions: read`, to tell runs of other branches apart."
    return f"{runs}, so all files count as changed; {_NOT_KNOWN}.{remedy}"


def below_root(root: str, path: str) -> str:
    """Return what to warn of where a list's names seem to begin at `root`."""
    there = for_log(f"{root}/{path}", limit=300)
    return (
        f"nothing in the list is below `root`, so it purges nothing; but {there} is there. Do the names begin at "
        "`root`? A list has paths from the repository's top folder on"
    )


def outcome_lines(plan: Plan) -> Callable[[Outcome], str]:
    """Return what makes the log line of a call that ended, aligned with those of the other calls of the plan."""
    total = len(plan.batches)
    digits = len(str(total))
    width = max((len(batch.host) for batch in plan.batches), default=0)

    def line(outcome: Outcome) -> str:
        start = f"[{outcome.number:{digits}}/{total}] {outcome.host:{width}}  {size_of(outcome):>7}"
        if outcome.state == "planned":
            return f"{start}  dry run: not sent"
        if outcome.error and outcome.attempts == 0 and not outcome.is_doubtful:
            return f"{start}  NOT SENT  {outcome.error}"
        done = "PREFETCHED" if outcome.kind == "prefetch" else "PURGED"
        if outcome.req_id:
            what = f"PARTIAL  reqId {outcome.req_id}" if outcome.error else f"reqId {outcome.req_id}"
        else:
            what = f"{'MAY HAVE BEEN' if outcome.is_doubtful else 'NOT'} {done}"
        tries = f"  {count(outcome.attempts, 'try')}" if outcome.attempts > 1 else ""
        error = f"  {outcome.error}" if outcome.error else ""
        return f"{start}  {what}{tries}  {outcome.seconds:.2f} s{error}"

    return line


def exchange_line(exchange: Exchange) -> str:
    """Return what was asked of a server and what it answered, for those who debug."""
    asked = f"{exchange.method} {exchange.url} {for_log(exchange.sent, limit=_MOST_SHOWN_OF_BODY)}".rstrip()
    answer = "no answer" if exchange.status is None else str(exchange.status)
    headers = ", ".join(f"{name}: {value}" for name, value in exchange.headers)
    said = for_log(exchange.said, limit=_MOST_SHOWN_OF_BODY)
    told = "  ".join(filter(None, (for_log(headers, limit=_MOST_SHOWN_OF_BODY), said, for_log(exchange.error))))
    return f"{asked} -> {answer} in {exchange.seconds:.2f} s  {told}".rstrip()


def not_again(number: int) -> str:
    """Return how many stale URLs, and entries of their calls, a budget keeps from being purged once more."""
    which = count(number, "stale entry")
    return f"{which} cannot be purged again within `max-urls` and `max-requests`. Raise that, or run the job again"


def away_line(error: ApiError | None) -> str:
    """Return what to say when the API takes no connection any more and, without an error, when it does again."""
    return f"The API is away ({error.cause}); all calls wait until it is back" if error else "The API is back"


def progress_line(outcome: Outcome) -> str:
    """Return the log line of a reqId that has ended, or was asked after once."""
    more = " (the service lists no more)" if outcome.is_cut else ""
    what = f"  {outcome.host}  {size_of(outcome)}{more}" if outcome.entries else ""
    why = str(outcome.error or ", ".join(outcome.late))
    state = outcome.state.upper() if outcome.error else outcome.state
    return f"{state:6}  reqId {outcome.req_id}{what}{f'  {why}' if why else ''}"


def path_of(url: str) -> str:
    """Return a URL's path as people write it, nothing if that is how it is spelled."""
    path = url.partition("://")[2].partition("/")[2]
    name = unquote(path, errors="surrogateescape")
    return "" if name == path else name


def url_line(url: str) -> str:
    """Return a URL, and its path as people write it where that differs."""
    return "  ".join(filter(None, (url, for_log(path_of(url)))))


def entry_counts(outcomes: Iterable[Outcome], *, is_waited_for: bool = False) -> str:
    """Return `7 accepted, 2 NOT CONFIRMED`: what became of the entries of calls, in capitals what is wrong.

    `is_waited_for`: they were accepted before, and asked after.
    """
    words = {
        "failed": "NOT ACCEPTED",
        "doubtful": "NOT CONFIRMED",
        "partial": "NOT ACCEPTED BY ALL PROVIDERS",
        "pending": "STILL UNDER WAY",
        "accepted": "accepted",
        "done": "done",
    }
    if is_waited_for:
        words |= {"failed": "FAILED", "accepted": "still under way, to be asked after again"}
    found = Counter[str]()
    for outcome in outcomes:
        state = "doubtful" if outcome.is_doubtful else outcome.state
        found[state] += len(outcome.entries)
    return ", ".join(f"{found[state]:,} {word}" for state, word in words.items() if found[state])


def size_of(batch: Batch | Outcome) -> str:
    """Return `10 urls` or `1 dir`."""
    word = "urls" if batch.kind == "prefetch" else batch.kind
    return f"{len(batch.entries)} {word if len(batch.entries) != 1 else word[:-1]}"


def maybe_stale_title(outcomes: Iterable[Outcome]) -> str:
    """Return the heading of the list of URLs that may be stale."""
    is_open = any(outcome.state == "pending" or outcome.is_doubtful for outcome in outcomes)
    return "Not purged or not confirmed, maybe stale" if is_open else "Not purged, maybe stale"


def cut_message(outcomes: Iterable[Outcome]) -> str:
    """Return what to note where the service lists less than was sent, nothing if it lists all."""
    cut = [outcome for outcome in outcomes if outcome.is_cut]
    if not cut:
        return ""
    listed = sum(len(outcome.entries) for outcome in cut)
    some = f"only the first {listed:,} of what was sent" if listed else "nothing of what was sent in full"
    lists = f"of {count(len(cut), 'reqId')} the service lists {some}"
    return f"The lists of URLs are not whole: {lists}; the step that purged has them all in its outputs"


def problem_message(problem: ZtpurgeError) -> str:
    """Return what ended a run before the first call, after the place where it shows."""
    return f"{problem.place}: {problem}" if problem.place else str(problem)


def skip_counts(mapped: Mapped) -> str:
    """Return how many files were skipped for which reason, the most frequent first."""
    reasons = Counter(skip.reason for skip in mapped.skipped)
    return ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common())


def things(plan: Plan) -> str:
    """Return what is sent: `3 URLs and 1 directory`, nothing if that is nothing."""
    sizes = {kind: sum(len(batch.entries) for batch in plan.batches if batch.kind == kind) for kind in NOUNS}
    return " and ".join(count(size, NOUNS[kind]) for kind, size in sizes.items() if size)
