"""The inputs and the configuration -> the sites that files are served by, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztpurge.errors import InvalidInputs, ZtpurgeError
from ztpurge.site.mapping import Sites
from ztpurge.site.patterns import patterns_that_repeat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ztpurge.inputs import Inputs
    from ztpurge.runner import Runner

CONFIG = ".ztpurge.yml"
_GIVE_SITE = (
    f"Give the address that `root` is served under, as https://static.example.com/, or describe the sites in {CONFIG} "
    "(which takes a checkout)"
)


def find_sites(inputs: Inputs, given: frozenset[str], runner: Runner) -> tuple[Sites, tuple[ZtpurgeError, ...]]:
    """Return the inputs' site and what the configuration says, and what is wrong with them.

    `given`: the names of the inputs that differ from their defaults.
    """
    try:
        sites = _read_sites(inputs, runner)
    except InvalidInputs as error:
        return Sites(), error.problems
    except ZtpurgeError as error:
        return Sites(), (error.at("config"),)
    return sites, (*_check_inputs(sites, inputs, given), *_check_patterns(sites, runner))


def _read_sites(inputs: Inputs, runner: Runner) -> Sites:
    """Return the inputs' site and what the configuration says; raise ZtpurgeError for one that cannot be used."""
    of_inputs = (inputs.site,) if inputs.site else ()
    name = inputs.config or CONFIG
    data = None if name == "none" else runner.read_configuration(name, may_lack=not inputs.config)
    if data is None:
        misnamed = [other for other in (".ztpurge.yaml", "ztpurge.yml") if (runner.workspace / other).is_file()]
        if misnamed and not inputs.config:
            raise ZtpurgeError(
                f"there is a file {misnamed[0]}, which is not read", remedy=f"Call it {CONFIG}, or name it in `config`"
            )
        return Sites(of_inputs)
    from ztpurge.site.configuration import parse_configuration  # noqa: PLC0415 - 20 ms that only runs with a file need

    configured = parse_configuration(data, name)
    return Sites((*of_inputs, *configured.sites), configured.rules)


def _check_inputs(sites: Sites, inputs: Inputs, given: frozenset[str]) -> Iterator[ZtpurgeError]:
    """Yield what the inputs lack or say in vain, given all the sites."""
    if not sites and (inputs.has_list or inputs.since != "event" or inputs.manifest):
        yield ZtpurgeError("it is missing, so the changed files have no URLs", remedy=_GIVE_SITE, place="base-url")
    elif not sites and not given & {"urls", "dirs"}:
        yield ZtpurgeError(
            "it is missing, and so are `urls` and `dirs`: nothing would ever be purged",
            remedy=f"{_GIVE_SITE}; where `urls` may be an empty list, write that as []",
            place="base-url",
        )
    elif sites and "base-url" not in given:
        for name in ("root", "include", "exclude", "index-files", "clean-urls"):
            if name in given:
                yield ZtpurgeError(
                    "it is given without `base-url`, so it is about no site",
                    remedy=f"Write it for a site in {inputs.config or CONFIG}, or give `base-url`",
                    place=name,
                )
    if sites.rules and not sites.sites and inputs.manifest:
        yield ZtpurgeError(
            "there is no site, whose `root` it would be about",
            remedy="Give the build's output a site",
            place="manifest",
        )


def _check_patterns(sites: Sites, runner: Runner) -> Iterator[ZtpurgeError]:
    """Yield patterns that begin with `root`, if it holds no such folder again that they could be about."""
    for site in sites.sites:
        root = runner.workspace / site.root
        if not root.is_dir() or (root / site.root).exists():
            continue
        for key, patterns in (("include", site.include), ("exclude", site.exclude)):
            for line in patterns_that_repeat(site.root, patterns)[:1]:
                yield ZtpurgeError(
                    f"{line[:200]!r} matches nothing, since patterns are over paths below `root`",
                    remedy=f"Take {site.root[:200]!r} off its beginning",
                    place=site.place(key),
                )
