# SPDX-License-Identifier: GPL-2.0-or-later
"""An arm's figures, from Slurm's accounting (and Weir's journal for loans); README.md defines each."""

import dataclasses
import re

from weirlab import LabError

from arms import TRAINING, Watch, reclaims
from workload import ALL_GPUS

_FORMAT = "JobIDRaw,State,Submit,Start,End,AllocTRES"
_OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE",
         "BOOT_FAIL")
_CUT = ("REQUEUED", "PREEMPTED", "NODE_FAIL")


@dataclasses.dataclass
class Run:
    """One start of a job, or its waiting alone: `start` is then None. Times are Unix seconds."""

    job: int
    state: str
    submit: int
    start: int | None
    end: int | None
    gpus: int

    @property
    def seconds(self):
        return self.end - self.start if self.start is not None and self.end is not None else 0


def parse(output):
    """sacct's lines as runs, the runs of a job in order."""
    runs = []
    for line in output.splitlines():
        job, state, submit, start, end, tres = line.split("|")
        gpus = re.search(r"(?:^|,)gres/gpu=(\d+)", tres)

        def moment(text):
            return int(text) if text.isdigit() and int(text) > 0 else None
        runs.append(Run(int(job), state.split()[0], int(submit), moment(start), moment(end),
                        int(gpus.group(1)) if gpus else 0))
    return sorted(runs, key=lambda run: (run.job, run.submit, run.start or 0))


def runs_of(lab, jobs):
    """All runs of the day's jobs, once accounting has every one of them as over."""
    def ask():
        output = lab.run(["sacct", "-a", "-D", "-X", "-n", "-P", "-S", "now-1day",
                          f"--format={_FORMAT}"], env={"SLURM_TIME_FORMAT": "%s"}).stdout
        return [run for run in parse(output) if run.job in jobs]

    def settled(runs):
        last = {run.job: run for run in runs}
        return len(last) == len(jobs) and all(
            run.end is not None and run.state in _OVER for run in last.values())

    try:
        return lab.wait(ask, 30, "accounting to have all jobs", until=settled, step=0.5)
    except LabError:
        return ask()  # the table then says which jobs were lost


def saved(lab, jobs):
    """{(job, how often it had been restarted): seconds of work its script saved}."""
    found = {}
    for job in jobs:
        try:
            text = lab.read(f"home/{jobs[job].user}/saved.{job}")
        except FileNotFoundError:
            continue
        for line in text.splitlines():
            restarts, seconds = line.split()
            found[job, int(restarts)] = found.get((job, int(restarts)), 0) + int(seconds)
    return found


def figures(runs, jobs, day, saved_work, steps=()):
    """The figures of README.md as a dict."""
    by_job = {job: [run for run in runs if run.job == job] for job in jobs}
    began = min(run.submit for run in runs)
    ended = max(run.end or run.submit for run in runs)
    window = began + round(day)
    used = sum(run.gpus * max(0, min(run.end, window) - max(run.start, began))
               for run in runs if run.start is not None and run.end is not None)
    thrown, cut = 0, 0
    for job, of_job in by_job.items():
        started = [run for run in of_job if run.start is not None]
        for restarts, run in enumerate(started):
            if run.state in _CUT or run is not started[-1]:
                cut += 1
                kept = min(run.seconds, saved_work.get((job, restarts), 0))
                thrown += run.gpus * (run.seconds - kept)

    def waited(of_job):
        return sum(max(0, (run.start or run.end or ended) - run.submit) for run in of_job)

    def mean(kind, value):
        chosen = [value(by_job[job]) for job in jobs if (jobs[job].partition == kind)]
        return round(sum(chosen) / len(chosen), 2) if chosen else 0

    def turnaround(of_job):
        return (of_job[-1].end or ended) - of_job[0].submit if of_job else 0

    completed = sum(bool(of_job) and of_job[-1].state == "COMPLETED" for of_job in by_job.values())
    writes = [step for step in steps if step["ok"] and step["kind"] == "set_reservation"]
    return {
        "window_seconds": round(day),
        "idle_gpu_seconds": ALL_GPUS * round(day) - used,
        "inference_wait_seconds_mean": mean("inference", waited),
        "inference_turnaround_seconds_mean": mean("inference", turnaround),
        "training_wait_seconds_mean": mean("train", waited),
        "training_turnaround_seconds_mean": mean("train", turnaround),
        "jobs_submitted": len(jobs),
        "jobs_completed": completed,
        "jobs_lost": len(jobs) - completed,
        "runs_cut": cut,
        "preempted_gpu_seconds": thrown,
        "last_job_ended_seconds": ended - began,
        "loans": sum(len(set(step["added"]) & set(TRAINING)) for step in writes),
        "reclaims": sum(len(step["removed"]) for step in writes if reclaims(step)),
    }


def measure(arm, lab, jobs, day):
    """The figures of an arm whose day is over and whose lab still stands."""
    steps = Watch(arm, lab).steps() if arm == "weir" else ()
    return figures(runs_of(lab, jobs), jobs, day, saved(lab, jobs), steps)
