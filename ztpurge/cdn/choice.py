"""A budget of calls -> which directories of a forest to purge whole, so that they cost the least.

Pure; `fold.py` says what a directory costs. It is a knapsack on trees: the search for the best choice needs a bound on
what the rest costs at least, and a good choice to begin with.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ztpurge.cdn.forest import BATCH_SIZE, count_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ztpurge.cdn.forest import Choice, Forest, Host

_STEPS = 400_000  # of a search that need not be exact: about half a second

# What was chosen on the way here: the last step, and the trail before it
_Trail = tuple[Any, "_Trail"] | None
# The cost of a choice and how it came about, by the calls that it takes
_Found = dict[int, tuple[int, _Trail]]
# How far above the bound a way has come and what it chose, by the URLs and the directories that it sends so far
_Ways = dict[tuple[int, int], tuple[int, _Trail]]


@dataclass(frozen=True, slots=True)
class Task:
    """The directories, what each costs (more than nothing, and no less than one below it), and the budget of calls."""

    forest: Forest
    costs: tuple[int, ...]
    most: int

    def cost(self, chosen: Iterable[int]) -> int:
        """Return what a choice costs."""
        return sum(self.costs[number] for number in chosen)


@dataclass(frozen=True, slots=True)
class _Relaxed:
    """The task without its budget: entries have a price instead.

    `least` is what the directories from each number on cost at least, with the entries that are sent for them.
    """

    task: Task
    price: int
    least: tuple[int, ...]

    def pick(self, start: int, end: int) -> Choice:
        """Return the choice between two numbers that costs the least."""
        forest = self.task.forest
        chosen: list[int] = []
        number = start
        while number < end:
            held = forest.entries[number + 1] - forest.entries[number]
            if self.least[number] < self.least[number + 1] + held * self.price:
                chosen.append(number)
                number = forest.ends[number]
            else:
                number += 1
        return tuple(chosen)


def choose(task: Task, *, exactly: bool) -> Choice:
    """Return the choice that costs the least within the budget, or one near it if not `exactly`.

    The budget must be enough for the directories on top, and not for sending all entries by themselves.
    """
    relaxed, over, within = _relax(task)
    drafts = [_unfold(relaxed, draft) for draft in (within, _fill(task, over)) if draft]
    return _search(relaxed, min(drafts, key=task.cost), width=None if exactly else 1 + _STEPS // len(task.costs))


def _price(task: Task, price: int) -> _Relaxed:
    entries, ends, costs = task.forest.entries, task.forest.ends, task.costs
    least = [0] * (len(costs) + 1)
    for number in range(len(costs) - 1, -1, -1):
        sent = (entries[number + 1] - entries[number]) * price + least[number + 1]
        folded = costs[number] + price + least[ends[number]]
        least[number] = min(sent, folded)
    return _Relaxed(task, price, tuple(least))


def _relax(task: Task) -> tuple[_Relaxed, Choice, Choice]:
    """Find the price at which the cheapest choice crosses the budget; return it with the choices on either side.

    What is cheapest at a price is found at once, and nothing that sends as few entries is cheaper (Lagrange). The price
    at which two choices cost the same is tried next, until no third one is cheaper there.
    """
    over: Choice = ()
    within = task.forest.tops()
    relaxed = _price(task, 0)
    while True:
        cost_over, cost_within = task.cost(over), task.cost(within)
        sent_over, sent_within = (sum(map(sum, task.forest.left(chosen))) for chosen in (over, within))
        if sent_over <= sent_within:
            return relaxed, over, within
        relaxed = _price(task, (cost_within - cost_over) // (sent_over - sent_within))
        if relaxed.least[0] >= cost_over + sent_over * relaxed.price:
            return relaxed, over, within
        between = relaxed.pick(0, len(task.costs))
        if task.forest.calls(between) <= task.most:
            within = between
        else:
            over = between


class _Draft:
    """A choice in the making, with the calls that it takes."""

    def __init__(self, forest: Forest, chosen: Choice) -> None:
        self._forest = forest
        self._left = forest.left(chosen)
        self._ends = [host.end for host in forest.hosts]
        self.chosen = list(chosen)
        self.calls = forest.calls(chosen)

    def below(self, number: int) -> Choice:
        """Return what is chosen of a directory and those below it."""
        start, end = (bisect_left(self.chosen, one) for one in (number, self._forest.ends[number]))
        return tuple(self.chosen[start:end])

    def is_below(self, number: int) -> bool:
        """Whether a directory above this one is chosen."""
        place = bisect_left(self.chosen, number)
        return place > 0 and self._forest.ends[self.chosen[place - 1]] > number

    def swap(self, old: Choice, new: Choice, *, calls: range) -> bool:
        """Choose `new` in the place of `old`, all of one host, if that brings the calls into a range; say whether."""
        forest = self._forest
        host = bisect_right(self._ends, (old or new)[0])
        urls, dirs = self._left[host]
        for sign, numbers in ((1, old), (-1, new)):
            for number in numbers:
                held = forest.entries[forest.ends[number]] - forest.entries[number]
                held_dirs = forest.dirs[forest.ends[number]] - forest.dirs[number]
                urls += sign * (held - held_dirs)
                dirs += sign * (held_dirs - 1)
        after = self.calls + count_calls(urls, dirs) - count_calls(*self._left[host])
        if after not in calls:
            return False
        self.calls = after
        self._left[host] = urls, dirs
        for number in old:
            self.chosen.pop(bisect_left(self.chosen, number))
        for number in new:
            insort(self.chosen, number)
        return True


def _fill(task: Task, over: Choice) -> Choice | None:
    """Fold more until the budget is kept: the cheapest for its entries first, if not too large; None if that fails.

    The relaxation may leap from few folds to a whole site, where a large directory is the better bargain.
    """
    draft = _Draft(task.forest, over)
    entries, ends = task.forest.entries, task.forest.ends
    spared = {number: entries[end] - entries[number] - 1 for number, end in enumerate(ends)}
    worth = [number for number in spared if spared[number]]
    for number in sorted(worth, key=lambda number: task.costs[number] // spared[number]):
        if draft.calls > task.most and not draft.below(number) and not draft.is_below(number):
            draft.swap((), (number,), calls=range(task.most, draft.calls + 1))
    if draft.calls <= task.most:
        return tuple(draft.chosen)
    instead = {number: draft.below(number) for number in spared if not draft.is_below(number)}
    for number in sorted(instead, key=lambda number: task.costs[number] - task.cost(instead[number])):
        if draft.swap(instead[number], (number,), calls=range(task.most + 1)):
            return tuple(draft.chosen)
    return None


def _unfold(relaxed: _Relaxed, chosen: Choice) -> Choice:
    """Take back what the budget does not need, first where that saves the most."""
    task = relaxed.task
    draft = _Draft(task.forest, chosen)
    queue: list[tuple[int, int, Choice]] = []
    offered = chosen
    while True:
        for number in offered:
            instead = relaxed.pick(number + 1, task.forest.ends[number])
            saved = task.costs[number] - task.cost(instead)
            if saved > 0:
                heapq.heappush(queue, (-saved, number, instead))
        if not queue:
            return tuple(draft.chosen)
        _, number, instead = heapq.heappop(queue)
        offered = instead if draft.swap((number,), instead, calls=range(task.most + 1)) else ()


def _search(relaxed: _Relaxed, chosen: Choice, *, width: int | None) -> Choice:
    """Return the cheapest choice within the budget, which is `chosen` if none is cheaper; of many ways, follow `width`.

    Each host is searched by itself: of its choices, only the cheapest for so many calls can be part of the answer.
    """
    task, hosts = relaxed.task, relaxed.task.forest.hosts
    call = relaxed.price * BATCH_SIZE
    # what a choice may cost above the bound and still be cheaper than `chosen`
    slack = task.cost(chosen) + call * task.most - relaxed.least[0]
    spare = task.most - sum(count_calls(0, host.trees) for host in hosts)
    low = 0
    found: _Found = {0: (0, None)}
    # the small ones first: that their bounds are too low is soon seen, and leaves the large ones less slack
    for host in sorted(hosts, key=lambda host: host.end - host.start):
        of_host = _search_host(relaxed, host, slack, most=spare + count_calls(0, host.trees), width=width)
        if not of_host:
            return chosen
        exact = min(cost + call * calls for calls, (cost, _) in of_host.items())
        slack -= exact - (relaxed.least[host.start] - relaxed.least[host.end])
        low += exact
        together: _Found = {}
        for calls, (cost, trail) in found.items():
            for added, (more, numbers) in of_host.items():
                total, taken = cost + more, calls + added
                if total + call * taken < slack + low and (taken not in together or total < together[taken][0]):
                    together[taken] = total, (numbers, trail)
        found = dict(sorted(together.items(), key=lambda way: way[1][0] + call * way[0])[:width])
    best = min((way for calls, way in found.items() if calls <= task.most), default=None, key=lambda way: way[0])
    if best is None or best[0] >= task.cost(chosen):
        return chosen
    return tuple(sorted(number for numbers in _unwind(best[1]) for number in _unwind(numbers)))


def _search_host(relaxed: _Relaxed, host: Host, slack: int, *, most: int, width: int | None) -> _Found:
    """Return the cheapest choices of one host by the calls they take, those less than `slack` above the bound.

    Goes from directory to directory, and either folds one and leaps over what is below it, or sends what it holds.
    """
    forest, price, least = relaxed.task.forest, relaxed.price, relaxed.least
    ways: list[_Ways] = [{} for _ in range(host.start, host.end + 1)]
    ways[0][0, 0] = (0, None)
    for number in range(host.start, host.end):
        here, ways[number - host.start] = ways[number - host.start], {}
        dirs_held = forest.dirs[number + 1] - forest.dirs[number]
        urls_held = forest.entries[number + 1] - forest.entries[number] - dirs_held
        sending = (urls_held + dirs_held) * price + least[number + 1] - least[number]
        folding = relaxed.task.costs[number] + price + least[forest.ends[number]] - least[number]
        sent = ways[number + 1 - host.start]
        folded = ways[forest.ends[number] - host.start]
        for urls, dirs, excess, trail in _worth_following(here, price, width):
            for to, after, above, how in (
                (sent, (urls + urls_held, dirs + dirs_held), excess + sending, trail),
                (folded, (urls, dirs + 1), excess + folding, (number, trail)),
            ):
                if above < slack and count_calls(*after) <= most and (after not in to or above < to[after][0]):
                    to[after] = above, how
    found: _Found = {}
    for (urls, dirs), (excess, trail) in ways[-1].items():
        calls = count_calls(urls, dirs)
        cost = excess + least[host.start] - least[host.end] - price * (urls + dirs)
        if calls not in found or cost < found[calls][0]:
            found[calls] = cost, trail
    return found


def _worth_following(ways: _Ways, price: int, width: int | None) -> Iterator[tuple[int, int, int, _Trail]]:
    """Yield the ways that no other one beats in URLs, directories and cost at once; of more than `width`, the best."""
    cheapest = [math.inf] * (1 + max((dirs for _, dirs in ways), default=0))  # so far, with at most so many directories
    kept = ways if width is None else sorted(ways, key=lambda sent: ways[sent][0])[:width]
    for urls, dirs in sorted(kept):
        excess, trail = ways[urls, dirs]
        cost = excess - price * (urls + dirs)
        if cost < cheapest[dirs]:
            yield urls, dirs, excess, trail
            for more in range(dirs, len(cheapest)):
                if cheapest[more] <= cost:
                    break
                cheapest[more] = cost


def _unwind(trail: _Trail) -> Iterator[Any]:
    while trail:
        step, trail = trail
        yield step
