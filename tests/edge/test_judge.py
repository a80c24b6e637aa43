"""What was seen of URLs confirms a call that is under way, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tables import cases
from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import Verdict, confirm_by_sight
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from ztpurge.cdn.plan import Kind
    from ztpurge.cdn.purge import State

A, OOPS = "http://a.example", ApiError(Failure.SERVER, "the service reports `failure` for it")


@cases("kind before fresh state", {
    "all seen fresh": ("urls", "pending", "1", "done"),
    "not all": ("urls", "pending", "2", "pending"),
    "a failure stays one": ("urls", "failed", "1", "failed"),
    "so does a part": ("urls", "partial", "1", "partial"),
    "a directory for its page": ("dirs", "pending", "1", "pending"),
})  # fmt: skip
def test_what_is_seen_confirms_only_urls_under_way(kind: Kind, before: State, fresh: str, state: State) -> None:
    call = Outcome(1, kind, "a.example", (f"{A}/1",), before, "x", 1, 0.5, OOPS)
    (after,) = confirm_by_sight([call], [Verdict(f"{A}/{fresh}", "fresh"), Verdict(f"{A}/3", "stale")])
    seen = ", but each of its URLs was seen fresh" if state == "done" else ""
    assert (after.state, after.error and after.error.cause) == (state, f"{OOPS.cause}{seen}")
    assert confirm_by_sight([call], [Verdict(f"{A}/1", "unverified")]) == (call,)
