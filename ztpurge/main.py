"""The recipe: environment in, exit code out, in the order of the flow."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TextIO

from ztpurge import __version__, stages
from ztpurge.calls.pace import Pace
from ztpurge.calls.redaction import Secrets, check_proxies, secrets_of
from ztpurge.calls.scheduler import Scheduler
from ztpurge.cdn.plan import AGAIN, ONLY, Plan, keep_within, make_plan, raise_if_too_many
from ztpurge.cdn.purge import Outcome, Purging
from ztpurge.changes.event import read_event
from ztpurge.changes.git import Git
from ztpurge.changes.repository import Repository
from ztpurge.edge.again import plan_again
from ztpurge.edge.expected import Expected, Gone
from ztpurge.edge.judge import confirm_by_sight
from ztpurge.errors import BUG, ZtpurgeError
from ztpurge.inputs import options_of, parse
from ztpurge.report import sentences
from ztpurge.report.announce import (
    announce,
    announce_dry_run,
    announce_folds,
    announce_plan,
    announce_refusal,
    announce_traceback,
)
from ztpurge.report.cautions import Circumstances, find_cautions
from ztpurge.report.endings import broken_off, held_back, refused
from ztpurge.report.fates import accepted_directories, accepted_urls
from ztpurge.report.seen import unreachable_line
from ztpurge.report.values import Compared, Report, Stage, StatusReport
from ztpurge.runner import Runner
from ztpurge.site.extent import count_unchanged
from ztpurge.site.mapping import map_changes
from ztpurge.site.order import rank_urls
from ztpurge.sources.opening import FilesOfInputs, check_files, open_source
from ztpurge.sources.source import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ztpurge.calls.clock import Clock
    from ztpurge.calls.transport import Exchange
    from ztpurge.cdn.api import Cdn
    from ztpurge.cdn.plan import Wave
    from ztpurge.cdn.wait import Waiting
    from ztpurge.changes.github import GitHub
    from ztpurge.edge.fetch import Edges
    from ztpurge.edge.servers import Servers
    from ztpurge.errors import ApiError
    from ztpurge.site.mapping import Sites
    from ztpurge.sources.source import Source

_WAIT = "`wait-timeout`"


def run(environ: Mapping[str, str], out: TextIO, clock: Clock) -> int:
    """Purge what changed, tell the runner, and return the exit code; never raises for what comes from outside."""
    secrets = secrets_of(environ)
    runner = Runner(environ, out)
    for name in ("INPUT_TOKEN", "INPUT_PASSWORD", "INPUT_GITHUB-TOKEN"):
        runner.mask(environ.get(name, ""))
    # looked up here, since it holds for inputs that cannot be read, too; for `on-failure` those are one
    has_summary = environ.get("INPUT_SUMMARY", "").strip() != "never"
    try:
        recipe = _Recipe(environ, runner, clock, secrets)
        return recipe.tell_status() if recipe.inputs.command == "status" else recipe.purge_what_changed()
    except ZtpurgeError as error:
        return announce_refusal(error, runner, has_summary=has_summary)
    except Exception:  # noqa: BLE001 - a bug must still leave an annotation
        announce_traceback(secrets, runner)
        announce_refusal(ZtpurgeError(BUG), runner, has_summary=has_summary)
        return 1


class _Recipe:
    """One run: opens the doors, hands each stage what that needs, and holds the report of what has happened so far."""

    def __init__(self, environ: Mapping[str, str], runner: Runner, clock: Clock, secrets: Secrets) -> None:
        self._began = clock.now()
        runner.say(f"ztpurge {__version__}")
        self._files = FilesOfInputs()
        self.inputs = parse(
            environ,
            check=lambda inputs, given: chain(check_files(inputs, given, runner, self._files), check_proxies(environ)),
        )
        self._environ = environ
        self._runner = runner
        self._clock = clock
        self._secrets = secrets
        self._scheduler = Scheduler(
            clock=clock,
            pace=Pace(self.inputs.pace, clock, on_away=self._say_away),
            concurrency=self.inputs.concurrency,
            retries=self.inputs.retries,
            request_timeout=self.inputs.request_timeout,
            end=self._began + self.inputs.timeout,
            limit="the run's `timeout`",
        )
        self._report = Report(options=options_of(environ))
        self._heard: list[Outcome] = []

    def purge_what_changed(self) -> int:
        inputs, runner = self.inputs, self._runner
        sites = self._files.sites
        around = self._look_around()
        with self._stage("What changed"):
            source = open_source(inputs, self._files, around)
        if between := source.compared():
            repository = self._environ.get("GITHUB_REPOSITORY", "")
            self._tell(compared=Compared(around.event.name or "since", between.bases, between.head, repository))
        mapped = map_changes(sites, source.changes, inputs.urls)
        plan = make_plan(
            mapped.urls,
            (*inputs.dirs, *mapped.dirs),
            ranks=rank_urls(mapped, source.changes),
            projects=sites.projects,
            most_in_waves=(inputs.max_requests or float("inf")) if inputs.wait else 0,
        )
        self._tell(sites=sites, mapped=mapped, plan=plan, stale_is_fine=inputs.verify == "warn")
        announce_plan(self._report, source.changes, runner, seconds=self._clock.now() - self._began)
        try:
            raise_if_too_many(plan, inputs.max_urls)
            if inputs.max_requests and len(plan.batches) > inputs.max_requests:
                plan = self._fold(source)
        except ZtpurgeError as error:
            return self._announce(refused(self._report, error))
        if plan.lacks_wave:
            runner.say(sentences.ONE_WAVE)
        seen = Circumstances(
            event=around.event.name,
            is_merged=around.event.is_merged,
            attempt=around.event.run.attempt,
            top_files=tuple(path for root in sites.roots for path in runner.files_in(root)),
        )
        cautions = find_cautions(inputs, sites, mapped, plan, seen)
        self._tell(cautions=cautions)
        for caution in cautions:
            runner.annotate("warning", "ztpurge", caution)
        if inputs.dry_run:
            outcomes = tuple(Outcome.of(number, batch, "planned") for number, batch in enumerate(plan.batches, 1))
            self._tell(outcomes=outcomes)
            announce_dry_run(self._report, runner)
            return self._announce(self._report)
        try:
            try:
                cdn = self._open_cdn() if plan.batches else None
                source.begin(mapped)
            except ZtpurgeError as error:
                return self._announce(refused(self._report, error))
            if cdn:
                self._carry_out(cdn, sites, source, around.repository)
            self._keep(source)
        except Exception:  # noqa: BLE001 - what has a reqId, and what may be stale, must be named all the same
            announce_traceback(self._secrets, runner)
            self._report = broken_off(self._report, self._heard, wait=inputs.wait, verify=inputs.verify != "off")
        return self._announce(self._report)

    def tell_status(self) -> int:
        inputs = self.inputs
        scheduler = self._scheduler.within(inputs.wait_timeout, _WAIT) if inputs.wait else self._scheduler
        cdn = self._open_cdn()
        outcomes = stages.ask_for_status(inputs.req_ids or (), cdn, scheduler, self._runner, again=inputs.wait)
        return self._announce(StatusReport(outcomes=outcomes, options=self._report.options))

    def _announce(self, report: Report) -> int:
        try:
            return announce(replace(report, seconds=self._clock.now() - self._began), self.inputs, self._runner)
        except Exception:  # noqa: BLE001 - the outputs are written first, and stand
            announce_traceback(self._secrets, self._runner)
            self._runner.annotate("error", "ztpurge", BUG)
            return 1

    def _say_away(self, error: ApiError | None) -> None:
        say = self._runner.say_openly if error else self._runner.say
        say(sentences.away_line(error))

    def _fold(self, source: Source) -> Plan:
        """Keep the plan within `max-requests`; raise ZtpurgeError if that cannot be."""
        report, most, began = self._report, self.inputs.max_requests, self._clock.now()
        try:
            files = source.files()
        except ZtpurgeError as error:
            files = None
            self._runner.annotate("warning", "ztpurge", sentences.not_counted(error))
        changed = {target.path for target in report.mapped.targets}
        dirs = [entry for batch in report.plan.batches if batch.kind == "dirs" for entry in batch.entries]
        count = count_unchanged(report.sites, files, changed=changed, dirs=dirs)
        ranks = rank_urls(report.mapped, source.changes)
        plan = keep_within(report.plan, most, unchanged_below=count, ranks=ranks, projects=report.sites.projects)
        self._tell(plan=plan)
        announce_folds(self._report, self._runner, seconds=self._clock.now() - began)
        return plan

    def _carry_out(self, cdn: Cdn, sites: Sites, source: Source, repository: Repository) -> None:
        from ztpurge.edge.fetch import Edges  # noqa: PLC0415 - see `_open_cdn`
        from ztpurge.looks import Watch, find_expected  # noqa: PLC0415 - 5 ms that only runs which purge need

        inputs, runner = self.inputs, self._runner
        if inputs.delay:
            runner.say(f"Waiting {inputs.delay:g} s for the origin to catch up")
            self._clock.sleep(inputs.delay)
        edges = Edges(self._environ, self._secrets, on_exchange=self._on_exchange)
        watch = Watch(edges, repository.pointer_of, runner)
        expected: Mapping[str, Expected] = {}
        if at_origin := sites.at_origin(self._report.mapped.urls):
            with self._stage("Origin"):
                expected = find_expected(sites, self._report.mapped, source)
                scheduler = self._time_to_verify()
                servers = self._find_servers(edges, at_origin.values(), scheduler, told={})
                late = watch.wait_for_origin(
                    {url: expected[url] for url in at_origin},
                    asked_at=lambda url: servers.asked_at(at_origin[url]),
                    scheduler=scheduler,
                )
            if late:
                self._report = held_back(self._report, late, is_stopped=self._clock.stopped())
                return
        waiting = stages.open_waiting(cdn, is_verified=self._is_verified)
        purged_at, to_wait = self._purge_in_waves(cdn, waiting)
        # what the URLs must serve may take GitHub's API, which may hang: where no origin is asked, purge first
        if not at_origin and (self._is_verified or inputs.prefetch):
            expected = find_expected(sites, self._report.mapped, source)
        accepted = accepted_urls(self._report.plan, self._report.outcomes)
        if inputs.prefetch:
            there = [url for url in accepted if not isinstance(expected[url], Gone)]
            with self._stage("Prefetch"):
                self._tell(prefetched=stages.prefetch(there, cdn, self._scheduler, runner, projects=sites.projects))
                if inputs.wait:
                    self._tell(prefetched=self._wait(self._report.prefetched, waiting, to_wait))
        if self._is_verified:
            scheduler, began = self._time_to_verify(), self._clock.now()
            with self._stage("Verify"):
                servers = self._find_servers(edges, accepted, scheduler, told=sites.edges)
                verdicts = watch.verify(
                    {url: expected[url] for url in accepted},
                    accepted_directories(self._report.outcomes),
                    purged_at=lambda url: purged_at.get(url, began),
                    servers=servers,
                    scheduler=scheduler,
                    purge_again=lambda urls: self._purge_again(urls, expected, cdn, scheduler),
                )
            self._tell(verdicts=verdicts, outcomes=confirm_by_sight(self._report.outcomes, verdicts))

    def _find_servers(
        self, edges: Edges, urls: Iterable[str], scheduler: Scheduler, *, told: Mapping[str, tuple[str, ...]]
    ) -> Servers:
        """Find which servers to ask, and say which of them nobody can reach from here."""
        servers = edges.find_servers(urls, told, scheduler)
        for host, addresses in servers.unreachable.items():
            self._runner.say(unreachable_line(host, addresses))
        self._tell(unreachable={**self._report.unreachable, **servers.unreachable})
        return servers

    def _purge_in_waves(self, cdn: Cdn, waiting: Waiting) -> tuple[dict[str, float], Scheduler]:
        """Purge each wave, and wait for it; return when the purge of each URL began, and the time left to wait."""
        inputs, plan = self.inputs, self._report.plan
        purging = Purging(plan, cdn.purge, self._scheduler)
        to_wait = self._scheduler
        seconds_to_wait = inputs.wait_timeout
        purged_at: dict[str, float] = {}
        for wave in plan.waves:
            began, of_wave = self._clock.now(), sentences.of_wave(wave)
            purged_at |= {url: began for batch in plan.batches if batch.wave == wave.number for url in batch.entries}
            with self._stage(f"Purge{of_wave}"):
                earlier, heard = self._report.outcomes, self._heard.append
                self._tell(outcomes=stages.submit(purging, wave, self._runner, earlier=earlier, on_outcome=heard))
            to_wait = self._scheduler.within(seconds_to_wait, _WAIT)
            if inputs.wait:
                with self._stage(f"Wait{of_wave}"):
                    waited = self._wait(self._report.outcomes, waiting, to_wait, wave=wave)
                    self._tell(outcomes=waited, waited=wave.is_last)
                seconds_to_wait = to_wait.end - self._clock.now()
        folded = {one.url: purged_at[one.directory] for one in plan.folded if one.directory in purged_at}
        return purged_at | folded, to_wait

    def _purge_again(
        self, urls: tuple[str, ...], expected: Mapping[str, Expected], cdn: Cdn, scheduler: Scheduler
    ) -> None:
        """Purge URLs once more, with what their calls held that nobody can compare, as far as the budgets allow."""
        inputs, plan, earlier = self.inputs, self._report.plan, self._report.again
        again, left = plan_again(
            urls,
            plan,
            expected,
            most_entries=inputs.max_urls - plan.size - sum(len(outcome.entries) for outcome in earlier),
            most_calls=inputs.max_requests - len(plan.batches) - len(earlier) if inputs.max_requests else None,
        )
        if left:
            caution = sentences.not_again(left)
            self._runner.annotate("warning", "ztpurge", caution)
            self._tell(cautions=(*self._report.cautions, caution))

        def hear(outcome: Outcome) -> None:
            self._tell(again=(*self._report.again, outcome))

        if again.batches:
            with self._stage("Purge again"):
                purging = Purging(again, cdn.purge, scheduler)
                outcomes = stages.submit(purging, AGAIN, self._runner, earlier=(), on_outcome=hear)
            self._tell(again=(*earlier, *outcomes))

    def _keep(self, source: Source) -> None:
        try:
            source.end(self._report.mapped, self._report.purged_paths)
        except ZtpurgeError as error:  # the next run purges more than it need
            text = f"{error.place}: {error}; the next run purges these files again"
            self._runner.annotate("warning", "ztpurge", text)

    @property
    def _is_verified(self) -> bool:
        return self.inputs.verify != "off"

    def _tell(self, **news: Any) -> None:  # noqa: ANN401 - as dataclasses.replace
        self._report = replace(self._report, **news)

    @contextlib.contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Note in the report how long a stage takes, however it ends."""
        began = self._clock.now()
        try:
            yield
        finally:
            stage = Stage(name, began - self._began, self._clock.now() - self._began)
            self._tell(stages=tuple(sorted((*self._report.stages, stage), key=lambda stage: stage.start)))

    def _time_to_verify(self) -> Scheduler:
        return self._scheduler.within(self.inputs.verify_timeout, "`verify-timeout`")

    def _wait(
        self, outcomes: tuple[Outcome, ...], waiting: Waiting, scheduler: Scheduler, *, wave: Wave = ONLY
    ) -> tuple[Outcome, ...]:
        if self._is_verified:  # which takes time, too
            to_look = min(self.inputs.verify_timeout, (self._scheduler.end - self._clock.now()) / 2)
            scheduler = scheduler.until(self._scheduler.end - to_look, "what `verify` needs of the run's `timeout`")
        if not wave.is_last:
            half = (self._clock.now() + scheduler.end) / 2
            scheduler = scheduler.until(half, "the other wave's half of the time to wait")
        return stages.wait(outcomes, waiting, scheduler, self._runner, wave=wave)

    def _look_around(self) -> Surroundings:
        """Open the repository, and read the event that started the run."""
        environ, runner = self._environ, self._runner
        checkout = Git(runner.workspace, environ, why_over=self._scheduler.why_over)
        repository = Repository(checkout, self._open_github)
        commit = environ.get("GITHUB_SHA", "") or repository.head() or ""
        try:
            event = read_event(environ, runner.read_event(), commit)
        except ZtpurgeError as error:
            event = replace(read_event(environ, {}, commit), problem=error)
        return Surroundings(runner, repository, event, self._scheduler.why_over)

    def _open_cdn(self) -> Cdn:
        from ztpurge.cdn.api import Account, Cdn  # noqa: PLC0415 - 110 ms, most of it `requests`

        inputs = self.inputs
        return Cdn(
            Account(inputs.api_url, inputs.token, inputs.username, inputs.password),
            environ=self._environ,
            clock=self._clock,
            secrets=self._secrets,
            on_token=self._runner.mask,
            on_exchange=self._on_exchange,
        )

    def _open_github(self) -> GitHub:
        token, environ = self.inputs.github_token, self._environ
        if not (token and environ.get("GITHUB_API_URL") and environ.get("GITHUB_REPOSITORY")):
            missing = "GITHUB_API_URL and GITHUB_REPOSITORY, which a runner sets" if token else "`github-token`"
            raise ZtpurgeError(
                f"GitHub's API cannot be asked without {missing}",
                remedy="Give that, or check out with `fetch-depth: 0` if it is commits that are lacking",
                place="since",
            )
        scheduler = replace(self._scheduler, pace=Pace(0, self._clock))
        from ztpurge.changes.github import GitHub  # noqa: PLC0415 - 4 ms beside `requests`, which few runs need

        return GitHub(environ, token, scheduler, self._secrets, on_exchange=self._on_exchange)

    @property
    def _on_exchange(self) -> Callable[[Exchange], None] | None:
        runner = self._runner
        return (lambda exchange: runner.detail(sentences.exchange_line(exchange))) if runner.is_debugging else None
