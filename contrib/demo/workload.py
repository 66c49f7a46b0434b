# SPDX-License-Identifier: GPL-2.0-or-later
"""The day in miniature: which job is submitted when, and how many requests a second the service gets.
The same seed gives the same day in each arm."""

import dataclasses
import random

TRAINING_NODES, SERVING_NODES, GPUS_A_NODE = 8, 2, 8
ALL_GPUS = (TRAINING_NODES + SERVING_NODES) * GPUS_A_NODE


@dataclasses.dataclass(frozen=True)
class Submission:
    """One sbatch: `at` and `work` are seconds, GPUs are for each node. No job keeps a record of its
    work: a run that is cut is work to be done again."""

    at: float
    kind: str  # training or batch
    user: str
    nodes: int
    gpus: int
    work: int
    nice: int = 0

    @property
    def partition(self):
        return "train" if self.kind == "training" else "inference"

    def arguments(self):
        return [f"--job-name={self.kind}", f"--nodes={self.nodes}", "--ntasks-per-node=1",
                f"--account={'research' if self.kind == 'training' else 'serving'}",
                f"--gres=gpu:h100:{self.gpus}", f"--nice={self.nice}", "--time=20",
                "--open-mode=append", "--output=/dev/null", "--requeue"]

    def script(self):
        return f"sleep {self.work}\n"


# (when, nodes, work), as parts of the day. Until noon training leaves more and more nodes idle;
# in the afternoon a burst wants nearly all of them back.
_TRAINING_DAY = (
    (0.000, 4, 0.20), (0.005, 2, 0.26), (0.010, 1, 0.30), (0.015, 1, 0.16),
    (0.280, 1, 0.24), (0.330, 1, 0.18),
    (0.570, 4, 0.17), (0.580, 2, 0.20), (0.590, 1, 0.15), (0.640, 2, 0.14), (0.780, 1, 0.12),
)
# (from, to, how many): batches of inference by hand, beside the service.
_BATCH_DAY = ((0.02, 0.18, 2), (0.20, 0.45, 4), (0.45, 0.62, 3), (0.62, 0.80, 1))
# (when, requests a second): a quiet night, the morning's rise, high into the burst, and the ebb.
_LOAD_DAY = ((0, 4), (0.04, 4), (0.25, 46), (0.62, 46), (0.78, 5), (1, 4))


def make(seed, day):
    """The submissions of a day of so many seconds, in order."""
    rng = random.Random(seed)
    trainers = ("alice", "bob", "carol")

    def seconds(part, spread):
        return max(3, round(part * day * rng.uniform(1 - spread, 1 + spread)))

    jobs = [Submission(round(at * day + rng.uniform(0, 0.01 * day), 2), "training",
                       rng.choice(trainers), nodes, GPUS_A_NODE, seconds(work, 0.15),
                       rng.choice((0, 0, 50)))
            for at, nodes, work in _TRAINING_DAY]
    jobs += [Submission(round(rng.uniform(start, end) * day, 2), "batch", "alice", 1,
                        rng.choice((2, 4, 4)), seconds(0.15, 0.3), 50)
             for start, end, count in _BATCH_DAY for _ in range(count)]
    jobs.sort(key=lambda job: (job.at, job.kind, job.gpus, job.work))
    first = jobs[0].at
    return [dataclasses.replace(job, at=round(job.at - first, 2)) for job in jobs]


def rates(day):
    """The load of such a day as load.py reads it."""
    return ",".join(f"{at * day:g}:{rate}" for at, rate in _LOAD_DAY)
