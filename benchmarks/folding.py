"""What a budget of calls costs: the time to choose directories, and how far from the best the choice is on large sites.

`.venv/bin/python -m benchmarks.folding`. Times are compared to planning without a budget, in the same run.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from ztpurge.cdn.choice import Task, _relax  # the bound is nobody else's affair
from ztpurge.cdn.fold import Fold, _rank, fold
from ztpurge.cdn.forest import BATCH_SIZE, plant_forest
from ztpurge.cdn.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

SITES = 300
SHAPES: dict[str, Callable[[random.Random, list[str]], str]] = {
    "flat": lambda _, folders: folders[0],
    "bushy": lambda dice, folders: dice.choice(folders),
    "deep": lambda dice, folders: dice.choice(folders[-3:]),
}


@dataclass(frozen=True, slots=True)
class Site:
    """Changed URLs, and how many unchanged files are below each directory."""

    urls: tuple[str, ...]
    unchanged: dict[str, int]

    def fold(self, most: int, **how: int) -> tuple[Fold, ...]:
        """Fold what changed into so many calls."""
        return fold(self.urls, (), most=most, unchanged_below=self.unchanged.__getitem__, **how)


def main() -> None:
    """Time the exact choice, then the other; print how far apart they are."""
    dice = random.Random(1)  # noqa: S311 - the same sites each time
    for directories in (50, 100, 200):
        report_exact([make_site(dice, directories, changes=50 * directories) for _ in range(SITES // 3)], dice)
    for directories, count in ((200, SITES), (400, SITES // 10)):
        sizes = [dice.randint(directories // 10, directories) for _ in range(count)]
        report_distance([make_site(dice, size, changes=50 * size) for size in sizes], dice)
    for hosts, most in ((1, 100), (1, 1000), (5, 100), (5, 5000), (50, 1000)):
        report_large(make_site(dice, 20_000, changes=100_000, hosts=hosts, shape="bushy"), most)


def make_site(dice: random.Random, directories: int, *, changes: int, hosts: int = 0, shape: str = "") -> Site:
    """Make a site of one to three hosts if their number is not given, of any shape if none is."""
    grow = SHAPES[shape or dice.choice(list(SHAPES))]
    trees = [[f"https://{number}.example/"] for number in range(hosts or dice.randint(1, 3))]
    for number in range(directories - len(trees)):
        tree = trees[number % len(trees)]
        tree.append(f"{grow(dice, tree)}{number}/")
    folders = sorted(folder for tree in trees for folder in tree)
    urls = [f"{folder}index.html" for folder in folders]
    weights = list(accumulate(dice.paretovariate(1.2) for _ in folders))
    urls += [
        f"{folder}{n}" for n, folder in enumerate(dice.choices(folders, cum_weights=weights, k=changes - len(urls)))
    ]
    unchanged = dict.fromkeys(folders, 0)
    for folder in folders:
        own = dice.randint(1, 100)
        end = len("https://")
        while end := folder.find("/", end) + 1:
            unchanged[folder[:end]] += own
    return Site(tuple(urls), unchanged)


def pick_budget(site: Site, dice: random.Random) -> int:
    """Return a budget that the site does not keep by itself, up to 100 calls."""
    calls = len(make_plan(site.urls, ()).batches)
    return dice.randint(3, max(3, min(100, calls - 1)))


def report_exact(sites: list[Site], dice: random.Random) -> None:
    """Print how long the exact choice takes."""
    planning, folding = [], []
    for site in sites:
        most = pick_budget(site, dice)
        began = time.perf_counter()
        make_plan(site.urls, ())
        planned = time.perf_counter()
        site.fold(most)
        planning.append(planned - began)
        folding.append(time.perf_counter() - planned)
    reference = statistics.median(planning)
    print(
        f"exact, {len(sites[0].unchanged):6,} directories, {len(sites[0].urls):7,} changes: "
        f"median {statistics.median(folding):.3f} s ({statistics.median(folding) / reference:.1f} x planning), "
        f"p95 {statistics.quantiles(folding, n=20)[-1]:.3f} s, worst {max(folding):.3f} s"
    )


def report_distance(sites: list[Site], dice: random.Random) -> None:
    """Print how many more unchanged files the choice for large sites takes along on sites where the best is known."""
    more = []
    for site in sites:
        most = pick_budget(site, dice)
        best, near = (
            sum(one.unchanged or 0 for one in site.fold(most, exact_up_to=upto)) for upto in (len(site.urls), 0)
        )
        more.append(100 * (near / best - 1) if best else 0.0)
    largest = max(len(site.unchanged) for site in sites)
    print(
        f"not exact, {len(sites)} sites of up to {largest} directories: {sum(one > 0 for one in more)} not the best; "
        f"mean {statistics.mean(more):.3f} %, p95 {statistics.quantiles(more, n=20)[-1]:.3f} %, worst {max(more):.2f} %"
    )


def report_large(site: Site, most: int) -> None:
    """Print how long the choice takes on a large site, and how far it is at most from the best."""
    began = time.perf_counter()
    make_plan(site.urls, ())
    planned = time.perf_counter()
    folds = site.fold(most)
    folded = time.perf_counter()
    forest = plant_forest(site.urls, ())
    task = Task(forest, _rank(forest.directories, [site.unchanged[one] for one in forest.directories]), most)
    relaxed = _relax(task)[0]
    bound = relaxed.least[0] - relaxed.price * BATCH_SIZE * most
    cost = task.cost(forest.directories.index(one.directory) for one in folds)
    print(
        f"not exact, {len(site.unchanged):6,} directories, {len(site.urls):7,} changes, {len(forest.hosts):2} hosts, "
        f"{most:5,} calls: {folded - planned:.2f} s ({(folded - planned) / (planned - began):.1f} x planning), "
        f"at most {100 * (cost / bound - 1):.3f} % above the best"
    )


if __name__ == "__main__":
    main()
