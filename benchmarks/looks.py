"""What looking costs: `verify`, against the time for which the service held its requests."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.changes import WHO
from benchmarks.measuring import Figure, Step, alternate, figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Service


def measure_looks(service: Service, *, urls: int, latency: int, at_once: int, rounds: int) -> Iterator[Figure]:
    """Measure a run that verifies, less one that does not."""
    with tempfile.TemporaryDirectory(prefix="ztpurge-bench-") as name:
        folder = Path(name)
        paths = [f"{number // 100}/file-{number}.html" for number in range(urls)]
        for path in paths:
            file = folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(file.name)
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "the site"]):
            subprocess.run(["git", *command], cwd=folder, env=WHO, check=True)
        site = {"base-url": f"{service.url(latency)}/site/", "files": "\n".join(paths)}
        api = {"api-url": service.url(0), "token": "token", "concurrency": str(at_once)}
        purging = Step(folder, site | api)
        looking = purging.having(verify="true")
        taken = alternate(rounds, service.counting({"purge": purging.run, "verify": looking.run}))
    what = f"verify {urls:,} URLs at {latency} ms, {at_once} at once"
    yield figure(
        f"{what}: against latency x looks / {at_once}",
        taken,
        lambda one: (one["verify"].seconds - one["purge"].seconds) / (one["verify"].held / at_once),
    )
    yield Figure(f"{what}: looks a URL", tuple(one["verify"].looks / urls for one in taken))
