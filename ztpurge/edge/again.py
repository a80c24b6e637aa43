"""Stale URLs -> what is purged once more for them, as far as the budgets allow. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.cdn.plan import Plan, make_plan
from ztpurge.changes.contents import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.cdn.plan import Batch
    from ztpurge.edge.expected import Expected


def plan_again(
    stale: tuple[str, ...],
    plan: Plan,
    expected: Mapping[str, Expected],
    *,
    most_entries: int,
    most_calls: int | None,
) -> tuple[Plan, int]:
    """Plan the second purge of URLs that a plan purged in vain; also return how many entries the budgets leave out.

    A call whose URLs stay stale may not have been carried out, or only by some servers. So what it held that nobody can
    compare goes with them: URLs that must serve nobody knows what, and directories. Without `most_calls` any number is
    allowed.
    """
    known = frozenset(stale)
    told = known | {one.directory for one in plan.folded if one.url in known}
    calls = [batch for batch in plan.batches if not told.isdisjoint(batch.entries)]
    purged = [url for call in calls if call.kind == "urls" for url in call.entries]
    beside = [url for url in purged if url not in known and isinstance(expected.get(url), Unknown)]
    dirs = [url for call in calls if call.kind == "dirs" for url in call.entries]
    projects = {batch.host: batch.project_id for batch in plan.batches}
    whole = make_plan((*stale, *beside), dirs, projects=projects)
    kept: list[Batch] = []
    for batch in whole.batches if most_calls is None else whole.batches[: max(most_calls, 0)]:
        if entries := batch.entries[: max(most_entries, 0)]:
            kept.append(replace(batch, entries=entries))
            most_entries -= len(entries)
    again = Plan(tuple(kept), whole.folded)
    sent = {entry for batch in again.batches for entry in batch.entries}
    sent |= {one.url for one in again.folded if one.directory in sent}
    return again, sum(entry not in sent for entry in (*stale, *beside, *dirs))
