"""What a run is about to do -> what may leave something stale though all goes well, in sentences for warnings.

Pure. What can never be meant is refused in `inputs.py` and `sources/`; here is what somebody may have meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ztpurge.report.sentences import count
from ztpurge.site.patterns import patterns_that_repeat
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ztpurge.cdn.plan import Plan
    from ztpurge.inputs import Inputs
    from ztpurge.site.mapping import Mapped, Sites

_SHOWN = 3
_SHOWN_STALE = 50  # of what no output names; a message is cut at 4,000 characters, so they come last
# files and folders that a site generator reads, and that no server hands out
_SOURCE = re.compile(
    r"(?:.*/)?(?:_posts/.*|_config\.ya?ml|hugo\.(?:toml|ya?ml|json)|mkdocs\.ya?ml|\.eleventy\.c?js|gatsby-config\.[jt]s"
    r"|(?:astro|docusaurus|eleventy|next|nuxt)\.config\.[cm]?[jt]s)",
    re.DOTALL,
)
_WRITTEN_BY_HAND = frozenset({"auto", "json", "space", "csv"})  # by people, too; `auto` takes patterns in JSON alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the runner tells of a run: its event, whether that merged a pull request, the run's attempt.

    `top_files`: the paths of the files that lie right in the `root` of a site.
    """

    event: str = ""
    is_merged: bool = False
    attempt: int = 1
    top_files: tuple[str, ...] = ()


def find_cautions(inputs: Inputs, sites: Sites, mapped: Mapped, plan: Plan, around: Circumstances) -> tuple[str, ...]:
    """Return what to warn of before a plan is carried out, each in a sentence or two, the graver first."""
    paths = dict.fromkeys([*(target.path for target in mapped.targets), *(skip.path for skip in mapped.skipped)])
    return (
        *_half_purged(inputs, plan),
        *_of_the_event(inputs, sites, plan, around),
        *_sources_as_pages(inputs, sites, mapped, around),
        *_root_in_patterns(sites, mapped, paths),
        *_written_by_hand(inputs, paths),
    )


def _half_purged(inputs: Inputs, plan: Plan) -> Iterator[str]:
    # seen in the service's code: two of its three providers get URLs joined by commas, one of them ends a URL at `&`
    unseen = [batch for batch in plan.batches if inputs.verify == "off" or batch.kind == "dirs"]
    entries = [entry for batch in unseen for entry in batch.entries if "," in entry or "&" in entry]
    if entries:
        yield (
            f"{count(len(entries), 'entry')} with a comma or `&`, where some of the CDN's providers cut a URL: they "
            "purge nothing and report success, so it may stay stale. Purge the folder above with `dirs`, or set "
            f"`verify: true` to see whether a URL is fresh: {_first(entries, shown=_SHOWN_STALE)}"
        )


def _of_the_event(inputs: Inputs, sites: Sites, plan: Plan, around: Circumstances) -> Iterator[str]:
    compares_the_event = sites and inputs.since == "event" and not (inputs.has_list or inputs.manifest)
    if around.event == "push" and around.attempt > 1 and compares_the_event:
        yield (
            f"attempt {around.attempt} of this run may deploy older files than later runs did, and what those changed "
            "is not in the range of its push, so it may stay stale. Set `since: last-success`, which takes it in"
        )
    is_pull = around.event in {"pull_request", "pull_request_target"} and not around.is_merged
    if is_pull and plan.size and not inputs.dry_run:
        yield (
            f"{around.event}: what is purged is what a pull request would change, before it is merged and deployed. "
            "Set `dry-run: true` for pull requests, and purge once the files are deployed; a preview's own address is "
            "fine"
        )


def _sources_as_pages(inputs: Inputs, sites: Sites, mapped: Mapped, around: Circumstances) -> Iterator[str]:
    if inputs.manifest or not mapped.targets:
        return
    # a rule may well be about a source
    paths = dict.fromkeys([*(target.path for target in mapped.targets), *around.top_files])
    sources = [path for path in paths if _SOURCE.fullmatch(path)]
    found = [path for path in sources if not all(site.why_not(path) for site in sites.sites)]
    if found:
        yield (
            f"{_first(found)}: sources of a site that is built are taken for files that are served; the pages made of "
            "them stay stale. Build before this step, give the folder of the build's output in `root`, and a `manifest`"
        )


def _root_in_patterns(sites: Sites, mapped: Mapped, paths: Iterable[str]) -> Iterator[str]:
    for site in sites.sites:
        root, within = site.root, f"{site.root}/{site.root}/"
        for key, patterns in (("include", site.include), ("exclude", site.exclude)):
            repeated = patterns_that_repeat(root, patterns)
            if repeated and not any(path.startswith(within) for path in paths):
                yield (
                    f"{site.place(key)}: {_first(repeated)} is about {for_log(within, limit=200)}, since patterns are "
                    "over paths below `root`. Take `root` off its beginning if that is not meant"
                )
        found = [line for line in (site.include.lines if site.include else ()) if root and line.strip("/") == root]
        if found and not mapped.targets and any(map(site.holds, paths)):
            yield (
                f"{site.place('include')}: {_first(found)} is `root` itself, and patterns are over paths below it, so "
                "that it matches nothing that changed. Take it out to purge all files below `root`"
            )


def _written_by_hand(inputs: Inputs, paths: Iterable[str]) -> Iterator[str]:
    if not inputs.has_list or inputs.files_format not in _WRITTEN_BY_HAND:
        return
    if starred := [path for path in paths if "*" in path]:
        yield (
            f"{_first(starred)} was taken for a file's name, since a list has names, not patterns; what it may match "
            "stays stale. Give patterns to `include`"
        )
    if backslashed := [path for path in paths if "\\" in path and "/" not in path]:
        yield (
            f"{_first(backslashed)}: a backslash is part of a file's name here, not what stands between folders; if "
            "the list was written on Windows, its files stay stale. Write it with `/`"
        )


def _first(names: Sequence[str], *, shown: int = _SHOWN) -> str:
    first = ", ".join(for_log(name, limit=300) for name in names[:shown])
    return f"{first} and {len(names) - shown:,} more" if len(names) > shown else first
