"""What is under way is waited for until shortly after the end, or a few seconds after the run is to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ztpurge.calls.patience import Patience

if TYPE_CHECKING:
    from tests.conftest import FakeClock


@pytest.mark.parametrize(
    ("stops_at", "over_at"),
    [
        pytest.param(None, 100.5, id="never stopped"),
        pytest.param(0, 4, id="stopped at once"),
        pytest.param(50, 54, id="stopped on the way"),
        pytest.param(98, 100.5, id="stopped near the end"),
        pytest.param(200, 100.5, id="stopped after the end"),
    ],
)
def test_patience_ends(clock: FakeClock, stops_at: float | None, over_at: float) -> None:
    began = clock.now()
    patience = Patience(began + 100, clock)
    while not patience.is_over():
        if stops_at is not None and clock.now() - began >= stops_at:
            clock.stop()
            patience.is_over()  # a look: from here the grace counts
        clock.sleep(0.25)
    assert clock.now() - began == over_at
    assert patience.is_over()


def test_the_grace_after_a_stop_does_not_begin_anew(clock: FakeClock) -> None:
    patience = Patience(clock.now() + 100, clock)
    clock.stop()
    looks = 0
    while not patience.is_over():
        looks += 1
        clock.sleep(1.0)
    assert looks == 4
