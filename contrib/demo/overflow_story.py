# SPDX-License-Identifier: GPL-2.0-or-later
"""The second act's story: which training jobs pile up behind a full partition, and how each must end.
The same seed gives the same story with overflow and without."""

import dataclasses
import random

FULL_FOR = 24  # seconds, while one job has all of home
LASTS = 75     # seconds, about, without overflow
_LIMIT = 1     # minutes, the least that Slurm knows; what a job may cost is reckoned by it


@dataclasses.dataclass(frozen=True)
class Job:
    """One sbatch; `at` and `work` are seconds. Without `site` it must not leave home."""

    name: str
    user: str
    at: float
    work: int
    gpus: int = 4
    nodes: int = 1
    limit: int = _LIMIT
    wish: tuple = ("--weir-overflow=allow",)
    may_leave: bool = True
    code: int = 0            # of its exit
    after: tuple = ()        # ("afterok", name of another)
    regretted: bool = False  # its user cancels it once he has read its first line

    @property
    def ends(self):
        """How its record must read in the end, and whether it ran."""
        if self.regretted or self.after[:1] == ("afterok",):
            return "CANCELLED"
        return "FAILED" if self.code else "COMPLETED"

    @property
    def runs(self):
        return self.after[:1] != ("afterok",)

    @property
    def result(self):
        """What it leaves in its user's folder, wherever it runs; None where it does not get so far."""
        return f"{self.name}.pt" if self.ends == "COMPLETED" else None

    def lines(self):
        """What it writes, whole."""
        return [f"{self.name}: begins", *(f"{self.name}: step {step}" for step in (1, 2, 3)), f"{self.name}: ends"]

    def arguments(self, ids):
        """sbatch's; `ids` are those of jobs submitted before, by name."""
        after = [f"--dependency={self.after[0]}:{ids[self.after[1]]}"] if self.after else []
        back = [f"--weir-stage-out={self.result}"] if self.result and self.may_leave else []
        return [f"--job-name={self.name}", f"--nodes={self.nodes}", "--ntasks-per-node=1", "--account=research",
                f"--gpus-per-node={self.gpus}", f"--time={self.limit}", *after, *self.wish, *back]

    def script(self):
        first, *steps, last = self.lines()
        pause = f"sleep {self.work / 3:.1f}"
        return "\n".join([f"echo '{first}'", *(f"{pause}; echo '{step}'" for step in steps),
                          f"echo 'weights of {self.name}' >{self.name}.pt", f"echo '{last}'", f"exit {self.code}"])


def make(seed, scale):
    """The story's jobs in order; its seconds are multiplied by `scale`."""
    rng = random.Random(seed)

    def work(least, most):
        return round(rng.uniform(least, most) * scale)

    special = {
        3: [Job("broken", "alice", 0, work(5, 7), code=3),
            Job("on-success", "alice", 0, work(4, 6), after=("afterok", "broken")),
            Job("in-any-case", "alice", 0, work(4, 6), gpus=2, after=("afterany", "broken"))],
        1: [Job("regretted", "bob", 0, round(50 * scale), limit=2 * _LIMIT, regretted=True)],
        5: [Job("says-never", "bob", 0, work(7, 10), wish=("--weir-overflow=never",), may_leave=False)],
        7: [Job("stays-near", "alice", 0, work(7, 10), may_leave=False,
                wish=("--weir-overflow=allow", "--weir-latency=10ms"))],
    }
    jobs = []
    for number in range(1, 17):
        jobs.append(Job(f"train-{number:02}", ("alice", "bob")[number % 2], 0, work(8, 12),
                        rng.choice((4, 4, 4, 2)) if number > 1 else 4))
        jobs += special.get(number, [])
    times = sorted(round(rng.uniform(2, 8) * scale, 2) for _ in jobs)
    jobs = [dataclasses.replace(job, at=at) for job, at in zip(jobs, times)]
    full = Job("pretrain", "carol", 0, round(FULL_FOR * scale), nodes=4, limit=30, wish=(), may_leave=False)
    return [full, *jobs]
