# SPDX-License-Identifier: GPL-2.0-or-later
"""The three ways to run the day, and the running of one of them."""

import dataclasses
import json
import time

from weirlab import Lab, LabError, expand

from workload import GPUS_A_NODE, SERVING_NODES, TRAINING_NODES

TRAINING = [f"t{number}" for number in range(1, TRAINING_NODES + 1)]
SERVING = [f"i{number}" for number in range(1, SERVING_NODES + 1)]
_T, _I = f"t[1-{TRAINING_NODES}]", f"i[1-{SERVING_NODES}]"

ARMS = ("static", "native_preempt", "weir")
ABOUT = {
    "static": "two partitions, nothing shared",
    "native_preempt": "shared nodes, Slurm itself preempts",
    "weir": "shared nodes, lent and taken back by Weir",
}
POLL = 0.7  # seconds between two looks at Slurm

POLICY = """\
mode: act
cycle: 1s
lend:
  - name: inference
    from: train
    to: inference
    keep_idle: 1
    spare_gpus: {h100: 8}
    min_loan: 5s
    idle_return: 8s
    reclaim: {after: 3s, notice: 3s, then: requeue}
    backoff: {first: 3s, max: 10s}
    accounts: [serving]
"""


def layout(arm):
    """The lab of an arm. What differs is in the partitions; the rest is the same for all."""
    shared = arm != "static"
    preempts = arm == "native_preempt"
    lines = ["AuthInfo=cred_expire=5"]  # how long a requeued job waits before it may start again
    if preempts:
        lines += ["PreemptType=preempt/partition_prio", "PreemptMode=REQUEUE"]
    return {
        "nodes": [{"names": _I, "gpus": f"h100:{GPUS_A_NODE}", "weight": 1},
                  {"names": _T, "gpus": f"h100:{GPUS_A_NODE}", "weight": 10}],
        "partitions": [
            {"name": "train", "nodes": _T, "default": True,
             "extra": "PriorityTier=2" if preempts else ""},
            {"name": "inference", "nodes": f"{_I},{_T}" if shared else _I,
             "extra": "PriorityTier=1" if preempts else ""}],
        "slurm_conf": lines,
    }


def start(arm, directory, build, report):
    """The arm's lab; for weir with Weir in it and its first cycle behind it."""
    options = {"policy": POLICY, "weir": build, "scheduler": "backfill"} if arm == "weir" else {}
    lab = Lab.up(directory, layout=layout(arm), report=report, **options)
    try:
        if arm == "weir":
            lab.wait(lambda: lab.resv("weir_inference"), 30, "Weir to make its reservation",
                     step=0.2)
    except LabError as error:
        failed = [step["error"] for step in Watch(arm, lab).steps() if not step["ok"]][-1:]
        log = lab.log("weirctld", 10)
        lab.down()
        raise LabError("\n".join([str(error), *failed, "weirctld's log ends:", log])) from error
    except BaseException:
        lab.down()
        raise
    return lab


@dataclasses.dataclass
class Seen:
    """One look at an arm. `use` says for each node what the glyph shows."""

    at: float
    use: dict
    waiting: dict    # partition: jobs
    unfinished: set  # job ids
    sentences: list  # new since the last look


class Watch:
    """What an arm's Slurm shows, look by look."""

    def __init__(self, arm, lab):
        self._arm, self._lab = arm, lab
        self._journal, self._lent, self._before = 0, set(), {}
        self._vacating = set()

    def look(self, at, names):
        output = self._lab.run(["squeue", "-h", "-t", "PD,R,CG", "-o", "%A|%P|%t|%N"]).stdout
        use = {node: "idle" for node in SERVING + TRAINING}
        waiting, jobs = {"train": 0, "inference": 0}, {}
        for line in output.splitlines():
            job, partition, state, nodes = line.split("|")
            jobs[int(job)] = (state, expand(nodes))
            if state == "PD":
                waiting[partition] += 1
            for node in expand(nodes) if state != "PD" else ():
                use[node] = partition
        sentences = self._weir(use) if self._arm == "weir" else self._cut(jobs, names)
        self._before = jobs
        return Seen(at, use, waiting, set(jobs), sentences)

    def _cut(self, jobs, names):
        """Jobs that ran a moment ago and wait again."""
        return [("preempt", f"job {job} ({names.get(job, '?')}) was cut off on "
                            f"{','.join(self._before[job][1])} and waits again")
                for job, (state, _) in sorted(jobs.items())
                if state == "PD" and self._before.get(job, ("", ()))[0] in ("R", "CG")]

    def _weir(self, use):
        sentences = []
        for step in self.steps():
            if not step.get("ok"):
                sentences.append(("failed", f"{step['do']} failed: {step.get('error')}"))
                continue
            kind = step["kind"]
            if kind == "set_reservation":
                self._lent = set(step["nodes"]) & set(TRAINING)
                self._vacating = (self._vacating | set(step["removed"])) - self._lent
                event = ("reclaim" if reclaims(step) else "return" if step["removed"] else
                         "lend" if self._lent & set(step["added"]) else "begin")
                sentences.append((event, f"{step['do']}: {step['why']}"))
            elif kind in ("notify_job", "end_job"):
                sentences.append(("reclaim", f"{step['do']}: {step['why']}"))
        self._vacating = {node for node in self._vacating if use[node] == "inference"}
        use.update({node: "vacating" for node in self._vacating})
        use.update({node: "lent" for node in self._lent if use[node] == "idle"})
        return sentences

    def steps(self):
        """The journal's new lines that are steps."""
        try:
            with open(self._lab.path("state/slurmctld/weir/journal.jsonl"), "rb") as file:
                file.seek(self._journal)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[:data.rfind(b"\n") + 1]
        self._journal += len(whole)
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if line.get("event") == "step"]


def reclaims(step):
    """Whether a change of the reservation takes nodes back for a job of their owner."""
    return bool(step["removed"]) and "has waited" in step["why"]


class Late(LabError):
    """Jobs of the day did not end in time."""


def run_day(arm, lab, jobs, day, show):
    """Submits the day's jobs when they are due and waits until all have ended: {job id: job}."""
    watch, ids, todo = Watch(arm, lab), {}, list(jobs)
    names, began, next_look = {}, time.monotonic(), 0.0
    deadline = 2.5 * day + 90
    while True:
        at = time.monotonic() - began
        while todo and todo[0].at <= at:
            job = todo.pop(0)
            number = lab.sbatch(job.arguments(), job.script(), job.user, job.partition)
            ids[number], names[number] = job, job.kind
        if at >= next_look:
            seen = watch.look(at, names)
            show(seen)
            if not todo and at >= day and not seen.unfinished:
                return ids
            next_look = at + POLL
        if at > deadline:
            raise Late(f"{arm}: {len(seen.unfinished)} jobs have not ended {at - day:.0f} s after "
                       f"the day: {', '.join(str(job) for job in sorted(seen.unfinished)[:8])}")
        now = time.monotonic() - began
        due = min([next_look, *(job.at for job in todo[:1])])
        time.sleep(min(max(due - now, 0.01), POLL))
