"""What all parts of a run share: inputs, environment, limits, and the doors, each opened when it is first used."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from ztpurge.calls.pace import Pace
from ztpurge.calls.scheduler import Scheduler
from ztpurge.changes.git import Git
from ztpurge.changes.repository import Repository
from ztpurge.errors import ZtpurgeError
from ztpurge.report import sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.calls.clock import Clock
    from ztpurge.calls.redaction import Secrets
    from ztpurge.cdn.api import Cdn
    from ztpurge.changes.github import GitHub
    from ztpurge.edge.fetch import Edges
    from ztpurge.inputs import Inputs
    from ztpurge.runner import Runner


class Step:
    """One run of the action; `began` is when, on the clock, and `purged_at` when its purge began."""

    def __init__(  # noqa: PLR0913 - that much is shared
        self,
        inputs: Inputs,
        environ: Mapping[str, str],
        runner: Runner,
        clock: Clock,
        *,
        secrets: Secrets,
        began: float,
    ) -> None:
        self.inputs = inputs
        self.environ = environ
        self.runner = runner
        self.clock = clock
        self.secrets = secrets
        self.began = began
        self.purged_at = began
        self.scheduler = Scheduler(
            clock=clock,
            pace=Pace(inputs.pace, clock, on_away=lambda error: runner.say(sentences.away_line(error))),
            concurrency=inputs.concurrency,
            retries=inputs.retries,
            request_timeout=inputs.request_timeout,
            end=began + inputs.timeout,
            limit="the run's `timeout`",
        )
        self.cdn = functools.cache(self._connect_to_cdn)
        checkout = Git(runner.workspace, environ, why_over=self.why_over)
        self.repository = Repository(checkout, self._connect_to_github)

    def end_in(self, seconds: float) -> float:
        """Return when so many seconds are over, on the clock, or the run's time before that."""
        return min(self.scheduler.end, self.clock.now() + seconds)

    def why_over(self) -> str:
        """Return why what only reads is to be left at once, nothing while there is time."""
        return self.scheduler.why_over()

    def edges(self) -> Edges:
        """Open the door to the edges."""
        from ztpurge.edge.fetch import Edges  # noqa: PLC0415 - its imports are for runs that call somebody

        return Edges(self.environ, self.secrets)

    def _connect_to_cdn(self) -> Cdn:
        from ztpurge.cdn.api import Account, Cdn  # noqa: PLC0415 - the same

        inputs = self.inputs
        return Cdn(
            Account(inputs.api_url, inputs.token, inputs.username, inputs.password),
            environ=self.environ,
            clock=self.clock,
            secrets=self.secrets,
            on_token=self.runner.mask,
        )

    def _connect_to_github(self) -> GitHub:
        from ztpurge.changes.github import GitHub  # noqa: PLC0415 - the same

        token, environ = self.inputs.github_token, self.environ
        if not (token and environ.get("GITHUB_API_URL") and environ.get("GITHUB_REPOSITORY")):
            missing = "GITHUB_API_URL and GITHUB_REPOSITORY, which a runner sets" if token else "`github-token`"
            raise ZtpurgeError(
                f"GitHub's API cannot be asked without {missing}",
                remedy="Give that, or check out with `fetch-depth: 0` if it is commits that are lacking",
                place="since",
            )
        return GitHub(environ, token, replace(self.scheduler, pace=Pace(0, self.clock)), self.secrets)
