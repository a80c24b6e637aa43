"""The CDN of a history, drawn at random: its edges, what they and the origin do that they should not, and so which ways
to purge there are in which ztpurge promises to see that.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from sandbox import Fault

if TYPE_CHECKING:
    import random

_ADDRESSES = ("127.0.0.1", "127.0.0.2")
_PROPAGATIONS = (0.0, 0.2, 0.7)
_FOR_GOOD = 99
# the first not with rules: of what they give nobody can tell by sight whether it is fresh
_WAYS = ("verify", "wait", "wait verify", "wait verify prefetch")


@dataclass(frozen=True, slots=True)
class World:
    """The addresses of the edges, and how long a purge takes to each; `has_origin`: ztpurge is told where that is.

    `lags`: the origin may be behind what is deployed. `forgets`: edges lose purges, and bring back what was purged.
    """

    edges: tuple[str, ...]
    propagation: tuple[float, ...]
    has_origin: bool
    lags: bool
    forgets: bool

    @property
    def plain(self) -> World:
        """The same with one edge that does what it should, before an origin that nobody need look at."""
        return World(self.edges[:1], self.propagation[:1], has_origin=False, lags=False, forgets=False)

    @property
    def told_edges(self) -> tuple[str, ...]:
        """What a site must say of its edges: of one it need say nothing."""
        return self.edges if len(self.edges) > 1 else ()

    @property
    def needs_sight(self) -> bool:
        """Whether only what can be looked at is fresh for certain after a purge that was done."""
        return self.lags or self.forgets

    def ways(self, *, has_rules: bool) -> tuple[str, ...]:
        """Return the ways to purge after which green means fresh, as the inputs that are true."""
        if self.lags and not self.has_origin:
            # a copy from before the purge may be the right one, until the purge is there and the old file comes
            return tuple(way for way in _WAYS if way.startswith("wait verify"))
        if self.needs_sight:
            return tuple(way for way in _WAYS if "verify" in way)
        return _WAYS[1:] if has_rules else _WAYS

    def draw_lag(self, dice: random.Random) -> float:
        """Draw for how many seconds the origin stays behind a deployment; for ever is until its run is over."""
        kind = dice.random() if self.lags else 1.0
        return inf if kind < 0.3 else dice.uniform(0.3, 1.5) if kind < 0.7 else 0.0

    def draw_faults(self, dice: random.Random) -> tuple[Fault, ...]:
        """Draw what goes wrong at the edges during a run."""
        if not self.forgets or dice.random() < 0.4:
            return ()
        edge = dice.choice(self.edges)
        return dice.choice(
            (
                (Fault("lost", edge=edge),),
                (Fault("lost", edge=edge, times=_FOR_GOOD),),
                (Fault("comes-back", answers=dice.randrange(2), match=dice.choice(("", "html", "a"))),),
                (Fault("comes-back", edge=edge, answers=dice.randrange(2), times=2),),
                (
                    Fault("comes-back", edge=edge, answers=dice.randrange(2)),
                    Fault("lost", edge=dice.choice(self.edges)),
                ),
            )
        )


def draw_world(dice: random.Random) -> World:
    """Draw a world; every fourth is one edge that does what it should, before an origin that nobody need look at."""
    is_plain = dice.random() < 0.25
    edges = _ADDRESSES if not is_plain and dice.random() < 0.6 else _ADDRESSES[:1]
    return World(
        edges=edges,
        propagation=tuple(dice.choice(_PROPAGATIONS) for _ in edges),
        has_origin=not is_plain and dice.random() < 0.5,
        lags=not is_plain and dice.random() < 0.5,
        forgets=not is_plain and dice.random() < 0.5,
    )
