"""What calls cost: beside the service's latency, in processor time, and beside others that do the same work."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import certifi

from benchmarks.measuring import AUTHORITY, HERE, Figure, Skipped, Step, alternate, beside, figure, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measuring import Run, Service

PEERS = HERE / "peers"
LOOP = "a loop of `curl`"
SCALE = 10  # it makes so many times fewer calls, each of which takes as long as the one before
URLS = 10  # a batch
BODY = json.dumps({"urls": [f"http://a.example/0/file-{number}.html" for number in range(URLS)]})
CURL = [  # its options
    *(("output", "/dev/null"), ("header", "Content-Type: application/json"), ("header", "X-Auth-Token: token")),
    ("data", BODY),
]


@dataclass(frozen=True, slots=True)
class Load:
    """So many batches for a service that answers after so many milliseconds, so many calls at once."""

    batches: int
    latency: int
    at_once: int
    is_secure: bool = False

    def __str__(self) -> str:
        secure = ", HTTPS" if self.is_secure else ""
        return f"{self.batches:,} batches at {self.latency} ms, {self.at_once} at once{secure}"


@contextmanager
def purging(load: Load) -> Iterator[Step]:
    """Yield the step that purges so many batches of a list, once it is told of whom."""
    with tempfile.TemporaryDirectory(prefix="ztpurge-bench-") as name:
        folder = Path(name)
        for listed, count in (("all", load.batches), ("one", 1)):
            paths = (f"{number // 1000}/file-{number}.html\n" for number in range(count * URLS))
            (folder / listed).write_text("".join(paths))
        bundle = folder / "bundle.pem"  # as long as they are
        bundle.write_bytes(Path(certifi.where()).read_bytes() + AUTHORITY.read_bytes())
        inputs = {"base-url": "http://a.example/", "files-from": "all", "max-urls": "1000000", "token": "token"}
        limits = {"concurrency": str(load.at_once), "timeout": "3600"}
        yield Step(folder, inputs | limits, {"REQUESTS_CA_BUNDLE": str(bundle)})


def measure_calls(service: Service, load: Load, *, rounds: int) -> Iterator[Figure]:
    """Measure a run, less one that makes a single call, against the time for which the service held its requests.

    `http.client` with threads does the same beside it, its start left out: so near can Python come, and so well does
    the service keep up.
    """
    url, at_no_latency = (service.url(latency, is_secure=load.is_secure) for latency in (load.latency, 0))
    authority: list[str | Path] = ["--authority", AUTHORITY] if load.is_secure else []
    work = [f"{url}/cdn_api/purge", BODY, str(load.batches), str(load.at_once), *authority]

    def bare() -> Run:
        done = run([sys.executable, PEERS / "bare.py", *work])
        return replace(done, **json.loads(done.said))

    with purging(load) as step:
        one = step.having(api_url=at_no_latency, files_from="one")
        ways = {"one": one.run, "ours": step.having(api_url=url).run, "bare": bare}
        taken = alternate(rounds, service.counting(ways))
        contexts = step.having(api_url=at_no_latency).look_inside("contexts") if load.is_secure else None
    assert all(took["ours"].calls == took["bare"].calls == load.batches for took in taken)
    yield figure(
        f"{load}: against latency x batches / {load.at_once}",
        taken,
        lambda took: (took["ours"].seconds - took["one"].seconds) / (took["ours"].held / load.at_once),
    )
    yield figure(
        f"{load}: `http.client` against that",
        taken,
        lambda took: took["bare"].seconds / (took["bare"].held / load.at_once),
        is_held=False,
    )
    yield figure(
        f"{load}: processor time a call",
        taken,
        lambda took: (took["ours"].processor - took["one"].processor) / load.batches * 1000,
        unit="ms",
        is_held=False,
    )
    yield figure(
        f"{load}: processor time against `http.client`",
        taken,
        lambda took: (took["ours"].processor - took["one"].processor) / took["bare"].processor,
    )
    if contexts is not None:
        yield Figure(f"{load}: TLS contexts made", (contexts,))


def measure_peers(service: Service, load: Load, *, rounds: int) -> Iterator[Figure | Skipped]:
    """Measure others that make the same calls, each as a whole process, against a whole run."""
    url = f"{service.url(load.latency)}/cdn_api/purge"
    options = [*CURL, ("url", url)]
    curl = ["curl", "--silent", "--fail", *(word for name, value in options for word in (f"--{name}", value))]
    numbers = "".join(f"{number}\n" for number in range(load.batches)).encode()
    call = "".join(f"{name} = {json.dumps(value)}\n" for name, value in options)
    config = "next\n".join(load.batches * [f"silent\nfail\n{call}"]).encode()
    parallel = ["curl", "--parallel", "--parallel-immediate", "--parallel-max", str(load.at_once), "--config", "-"]
    work = [url, BODY, str(load.batches), str(load.at_once)]

    def loop() -> Run:
        done = run(["sh", "-ec", 'for _ in $(seq "$0"); do "$@"; done', str(load.batches // SCALE), *curl])
        return replace(done, seconds=done.seconds * SCALE, processor=done.processor * SCALE)

    peers: dict[str, tuple[str, Callable[[], Run]]] = {
        LOOP: ("curl", loop),
        "`xargs -P curl`": ("curl", lambda: run(["xargs", "-I@", f"-P{load.at_once}", *curl], given=numbers)),
        "`curl --parallel`": ("curl", lambda: run(parallel, given=config)),
        "`fetch` of Node.js": ("node", lambda: run(["node", PEERS / "fetch.mjs", *work])),
        "`requests` in a pool of threads": (sys.executable, lambda: run([sys.executable, PEERS / "pool.py", *work])),
    }
    missing = {name: f"{program} is not installed" for name, (program, _) in peers.items() if not shutil.which(program)}
    yield from (Skipped(f"{load}: {name}", why) for name, why in missing.items())
    others = {name: way for name, (_, way) in peers.items() if name not in missing}
    with purging(load) as step:
        ours = step.having(api_url=service.url(load.latency)).run
        taken = alternate(rounds, service.counting({"ours": ours, **others}))
    for name in others:
        calls = load.batches // SCALE if name == LOOP else load.batches
        assert all(took[name].calls == calls for took in taken), name
        yield from beside(f"{load}: {name}", taken, name, "ours")
