"""A random history of deployments to two environments, each a site behind a CDN of its own, with the judge of each.

New commits, promotions and roll-backs are deployed, at once or slowly, and some fail. A run for each success purges: at
once, when others have deployed since, or never.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.standins.github import Deployment, Run
from tests.whole.judge import Judge
from tests.whole.layouts import draw
from tests.whole.soak import History, hosts_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sandbox import Sandbox
    from tests.whole.judge import Tally
    from tests.whole.layouts import Layout
    from tests.whole.worlds import World


@dataclass
class Environment:
    """What a history has of an environment; `under_way`: its deployments that have not ended, by number."""

    name: str
    cdn: Sandbox
    served: Path
    layout: Layout
    judge: Judge
    under_way: list[int] = field(default_factory=list)


class Environments(History):
    """One repository, one workflow, two environments."""

    def __init__(self, folder: Path, *, seed: int, world: World, places: Sequence[tuple[Sandbox, Path]]) -> None:
        (cdn, served), (other_cdn, other_served) = places
        super().__init__(folder, seed=seed, mode="deployments", world=world, cdn=cdn, served=served)
        with (folder / "site/.git/info/exclude").open("a") as exclude:
            exclude.write("/.ztpurge.yml\n")  # each environment has its own
        layout = draw(self._dice, top="public", hosts=hosts_of(other_cdn), built=False)
        self._environments = (
            Environment("staging", cdn, served, self._layout, self._judge),
            Environment("production", other_cdn, other_served, layout, Judge(layout, other_cdn, self.tally)),
        )
        self._statuses = 0
        self._runs_of: dict[int, tuple[Environment, int, int]] = {}  # a run's deployment and status
        self._waiting: list[int] = []

    def play(self, pushes: int) -> Tally:
        """Deploy and purge until there were so many runs."""
        self._edit(calm=True)
        self._succeed(self._environments[0], self._begin(self._environments[0], self._head), calm=True)
        while self.tally.counts["pushes"] + self.tally.counts["runs: again"] < pushes:
            environment = self._dice.choice(self._environments)
            if environment.under_way and self._dice.random() < 0.4:
                self._end(environment, self._dice.choice(environment.under_way))
            elif self._waiting and self._dice.random() < 0.4:
                self._purge_for(self._waiting.pop(self._dice.randrange(len(self._waiting))))
            elif self._dice.random() < 0.15:
                self._purge_for(self._dice.choice([*self._runs_of][-3:]))
            else:
                self._deploy_to(environment)
        return self.tally

    def _deploy_to(self, environment: Environment) -> None:
        """Begin a deployment, or have an old one back as it is."""
        dice = self._dice
        earlier = [one for one in self._deployments if one.environment == environment.name]
        elsewhere = [one for one in self._deployments if one not in earlier and _state(one) == "success"]
        old = [one for one in earlier if _state(one) == "inactive"]
        match dice.randrange(8):
            case 0 if old:
                self.tally.counts["deployments: back by a status"] += 1
                self._succeed(environment, dice.choice(old).id)
                return
            case 1 if old:
                self.tally.counts["deployments: back"] += 1
                commit = dice.choice(old).sha
            case 2 | 3 if elsewhere:
                self.tally.counts["deployments: promoted"] += 1
                commit = elsewhere[-1].sha
            case _:
                self._edit(calm=False)
                commit = self._head
        number = self._begin(environment, commit)
        if dice.random() < 0.3:
            self.tally.counts["deployments: slow"] += 1
            if dice.random() < 0.5:  # its files are there before it ends, and perhaps overwritten by then
                self._serve(environment, commit)
        else:
            self._end(environment, number)

    def _begin(self, environment: Environment, commit: str) -> int:
        number = len(self._deployments) + 1
        self._deployments.append(Deployment(number, commit, environment.name, self._now()))
        self._tell(number, "in_progress")
        environment.under_way.append(number)
        listed = self._site.git("ls-tree", "-r", "-z", "--name-only", commit, "public/").split("\0")
        environment.judge.see_named({name.removeprefix("public/") for name in listed if name})
        return number

    def _end(self, environment: Environment, number: int) -> None:
        if self._dice.random() < 0.75:
            self._succeed(environment, number)
            return
        self.tally.counts["deployments: failed"] += 1
        environment.under_way.remove(number)
        if self._dice.random() < 0.6:
            self._serve(environment, self._deployments[number - 1].sha)
        self._tell(number, self._dice.choice(("failure", "error", "inactive")))

    def _succeed(self, environment: Environment, number: int, *, calm: bool = False) -> None:
        """Serve a commit, say so, and purge for it, now or later."""
        self.tally.counts["deployments"] += 1
        commit = self._deployments[number - 1].sha
        if number in environment.under_way:
            environment.under_way.remove(number)
        self._serve(environment, commit)
        for other in self._deployments:
            if other.environment == environment.name and _state(other) == "success":
                self._tell(other.id, "inactive")
        self._tell(number, "success")
        run = self._add_run(commit, status="in_progress", conclusion=None)
        self._runs_of[run] = environment, number, self._statuses
        if not calm and self._dice.random() < 0.2:
            self._waiting.append(run)
        else:
            self._purge_for(run, calm=calm)

    def _serve(self, environment: Environment, commit: str) -> None:
        self._enter(environment, commit)
        self._visit(3)
        self._deploy()
        self._visit(3)
        self._site.git("checkout", "--quiet", "main")

    def _purge_for(self, number: int, *, calm: bool = False) -> None:
        environment, _, _ = self._runs_of[number]
        self._enter(environment, self._runs[number - 1].head_sha)
        self._run(number, calm=calm, may_be_lost=True, deploys=False)
        self._site.git("checkout", "--quiet", "main")

    def _enter(self, environment: Environment, commit: str) -> None:
        """Have the workspace and all that is looked at be of an environment."""
        self._cdn, self._served = environment.cdn, environment.served
        self._layout, self._judge = environment.layout, environment.judge
        self._site.git("checkout", "--quiet", "--detach", commit)
        configuration = self._site.folder / ".ztpurge.yml"
        configuration.unlink(missing_ok=True)
        if environment.layout.configuration:
            configuration.write_text(environment.layout.configuration)

    def _tell(self, number: int, state: str) -> None:
        """Say something of a deployment; for anything but a success the workflow's run is skipped."""
        self._started += timedelta(seconds=self._dice.choice((0, 0, 1, 60)))
        self._statuses += 1
        deployment = self._deployments[number - 1]
        said = (*deployment.said, (self._statuses, state, self._now()))
        self._deployments[number - 1] = replace(deployment, said=said)
        if state not in {"success", "inactive"}:
            self._add_run(deployment.sha, status="completed", conclusion="skipped")

    def _add_run(self, commit: str, *, status: str, conclusion: str | None) -> int:
        number = len(self._runs) + 1
        self._befores.append("")
        run = Run(
            commit, branch="", event="deployment_status", status=status, conclusion=conclusion, run_id=number,
            created_at=self._now(),
        )  # fmt: skip
        self._runs.append(run)
        return number

    def _now(self) -> str:
        return self._started.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _event(self, run: Run) -> dict[str, str]:
        environment, number, status = self._runs_of[run.run_id]
        environ = super()._event(run)
        deployment = {"id": number, "sha": run.head_sha, "environment": environment.name, "task": "deploy"}
        payload = {"deployment": deployment, "deployment_status": {"id": status, "state": "success"}}
        (self._folder / "event.json").write_text(json.dumps(payload))
        return environ | {"GITHUB_EVENT_NAME": "deployment_status", "GITHUB_REF_NAME": ""}


def _state(deployment: Deployment) -> str:
    return deployment.said[-1][1]
