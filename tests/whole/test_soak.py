"""Random histories with a fixed seed: green means fresh, red means named or made up for; `make soak` plays longer."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.whole.mutations import MUTATIONS, TOP, Mutation
from tests.whole.soak import edges, play_side_by_side

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_the_line_that_a_mutation_changes_is_there(tmp_path: Path, mutation: Mutation) -> None:
    shutil.copytree(TOP / "ztpurge", tmp_path / "ztpurge")
    mutation.make_in(tmp_path)


def test_pushes_leave_nothing_stale_that_is_not_named_or_made_up_for() -> None:
    """Each way to know what changed, in front of each edge."""
    tally = play_side_by_side(seed=14, edges=edges(), histories=6, pushes=12)
    assert tally.violations == []
    assert tally.counts["pushes"] + tally.counts["runs: again"] == 72
    happened = ["green", "red", "stale URLs after red runs", "force pushes", "deletes", "renames", "links changed"]
    happened += [f"runs: {how}" for how in ("cancelled", "faults", "never began", "within a budget")]
    happened += [f"deployments: {how}" for how in ("promoted", "back", "back by a status", "slow", "failed")]
    happened += ["histories: sites of a file", "histories: rules", "directories purged"]
    happened += ["histories: two edges", "runs: edges: lost", "runs: edges: comes-back", "runs: purged something again"]
    happened += ["deployments: the origin lags", "runs: held back, as the origin was late"]
    assert [what for what in happened if not tally.counts[what]] == []
