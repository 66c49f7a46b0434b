# SPDX-License-Identifier: GPL-2.0-or-later
"""The day in miniature: which job is submitted when. The same seed gives the same list in each arm."""

import dataclasses
import random

TRAINING_NODES, SERVING_NODES, GPUS_A_NODE = 8, 2, 8
ALL_GPUS = (TRAINING_NODES + SERVING_NODES) * GPUS_A_NODE

# A replica of a service: told to go, it notes how far it came and starts there next time.
_SERVICE = """
#SBATCH --signal=B:TERM@1
saved=$HOME/saved.$SLURM_JOB_ID
past=$(awk '{ sum += $2 } END { print sum + 0 }' "$saved" 2>/dev/null || echo 0)
leave() {
    echo "${SLURM_RESTART_COUNT:-0} $SECONDS" >>"$saved"
    scontrol requeue "$SLURM_JOB_ID" 2>/dev/null
    exit 0
}
trap leave TERM
left=$((SECONDS_OF_WORK - past))
[ "$left" -le 0 ] || { sleep "$left" & wait; }
"""

# A batch of requests: it keeps no record, so a run that is cut is work to be done again.
_BATCH = """
sleep SECONDS_OF_WORK
"""

_TRAINING = "sleep SECONDS_OF_WORK\n"


@dataclasses.dataclass(frozen=True)
class Submission:
    """One sbatch: `at` and `work` are seconds, GPUs are for each node."""

    at: float
    kind: str  # training, service or batch
    user: str
    nodes: int
    gpus: int
    work: int
    nice: int = 0

    @property
    def partition(self):
        return "train" if self.kind == "training" else "inference"

    @property
    def all_gpus(self):
        return self.nodes * self.gpus

    def arguments(self):
        return [f"--job-name={self.kind}", f"--nodes={self.nodes}", "--ntasks-per-node=1",
                f"--account={'research' if self.kind == 'training' else 'serving'}",
                f"--gres=gpu:h100:{self.gpus}", f"--nice={self.nice}", "--time=20",
                "--open-mode=append", "--output=/dev/null", "--requeue"]

    def script(self):
        text = {"training": _TRAINING, "service": _SERVICE, "batch": _BATCH}[self.kind]
        return text.replace("SECONDS_OF_WORK", str(self.work))


# (when, nodes, work), as parts of the day. Until noon training leaves more and more nodes idle;
# in the afternoon a burst wants nearly all of them back.
_TRAINING_DAY = (
    (0.000, 4, 0.20), (0.005, 2, 0.26), (0.010, 1, 0.30), (0.015, 1, 0.16),
    (0.280, 1, 0.24), (0.330, 1, 0.18),
    (0.570, 4, 0.17), (0.580, 2, 0.20), (0.590, 1, 0.15), (0.640, 2, 0.14), (0.780, 1, 0.12),
)
# (from, to, services, batches): inference is quiet, rises, stays high into the burst, and ebbs.
_INFERENCE_DAY = ((0.02, 0.18, 2, 2), (0.20, 0.45, 6, 7), (0.45, 0.62, 3, 5), (0.62, 0.80, 1, 2))


def make(seed, day):
    """The submissions of a day of so many seconds, in order."""
    rng = random.Random(seed)
    trainers = ("alice", "bob", "carol")

    def seconds(part, spread=0.15):
        return max(3, round(part * day * rng.uniform(1 - spread, 1 + spread)))

    jobs = [Submission(round(at * day + rng.uniform(0, 0.01 * day), 2), "training",
                       rng.choice(trainers), nodes, GPUS_A_NODE, seconds(work),
                       rng.choice((0, 0, 50)))
            for at, nodes, work in _TRAINING_DAY]
    for start, end, services, batches in _INFERENCE_DAY:
        for kind in ["service"] * services + ["batch"] * batches:
            gpus, work = (4, 0.21) if kind == "service" else (rng.choice((2, 4, 4, 8)), 0.15)
            jobs.append(Submission(round(rng.uniform(start, end) * day, 2), kind,
                                   "serve" if kind == "service" else "alice", 1, gpus,
                                   seconds(work, 0.3), 0 if kind == "service" else 50))
    jobs.sort(key=lambda job: (job.at, job.kind, job.gpus, job.work))
    first = jobs[0].at
    return [dataclasses.replace(job, at=round(job.at - first, 2)) for job in jobs]
