# SPDX-License-Identifier: GPL-2.0-or-later
"""An arm's figures, from Slurm's accounting, the answers to requests, and Weir's journal for loans; README.md
defines each."""

import dataclasses
import re

from weirlab import LabError

import load
import service
from watch import TRAINING, Journal, reclaims
from workload import ALL_GPUS

_FORMAT = "JobIDRaw,User,State,Submit,Start,End,AllocTRES"
_OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "DEADLINE",
         "BOOT_FAIL")
_CUT = ("REQUEUED", "PREEMPTED", "NODE_FAIL")
_SLOW = 3  # times what an answer takes at best


@dataclasses.dataclass
class Run:
    """One start of a job, or its waiting alone: `start` is then None. Times are Unix seconds."""

    job: int
    user: str
    state: str
    submit: int
    start: int | None
    end: int | None
    gpus: int

    @property
    def seconds(self):
        return self.end - self.start if self.start is not None and self.end is not None else 0

    def gpu_seconds(self, begin, end):
        """Of those between the two moments."""
        if self.start is None or self.end is None:
            return 0
        return self.gpus * max(0, min(self.end, end) - max(self.start, begin))


def parse(output):
    """sacct's lines as runs, the runs of a job in order."""
    runs = []
    for line in output.splitlines():
        job, user, state, submit, start, end, tres = line.split("|")
        gpus = re.search(r"(?:^|,)gres/gpu=(\d+)", tres)

        def moment(text):
            return int(text) if text.isdigit() and int(text) > 0 else None
        runs.append(Run(int(job), user, state.split()[0], int(submit), moment(start), moment(end),
                        int(gpus.group(1)) if gpus else 0))
    return sorted(runs, key=lambda run: (run.job, run.submit, run.start or 0))


def runs_of(lab, jobs):
    """All runs of the day's jobs and of replicas, once accounting has every one of them as over."""
    def ask():
        return parse(lab.run(["sacct", "-a", "-D", "-X", "-n", "-P", "-S", "now-1day",
                              f"--format={_FORMAT}"], env={"SLURM_TIME_FORMAT": "%s"}).stdout)

    def settled(runs):
        last = {run.job: run for run in runs}
        return set(jobs) <= set(last) and all(
            run.end is not None and run.state in _OVER for run in last.values())

    try:
        return lab.wait(ask, 30, "accounting to have all jobs", until=settled, step=0.5)
    except LabError:
        return ask()  # the table then says which jobs were lost


def of_requests(records):
    """What became of the requests."""
    summary = load.summary(records)
    by_second = {}
    for record in records:
        by_second.setdefault(int(record["at"]), []).append(record)

    def short(of_second):
        mean = sum(record["seconds"] for record in of_second) / len(of_second)
        return mean > _SLOW * service.SECONDS or any(record["status"] != 200 for record in of_second)

    return {
        "requests_sent": summary["sent"],
        "requests_lost": summary["lost"],
        "request_seconds_p50": summary["p50"],
        "request_seconds_p95": summary["p95"],
        "shortage_seconds": sum(map(short, by_second.values())),
    }


def of_jobs(runs, jobs, replicas, steps, day, answered):
    """What became of the day's jobs and of the GPUs."""
    by_job = {job: [run for run in runs if run.job == job] for job in jobs}
    began = min(run.submit for run in runs)
    ended = max(run.end or run.submit for run in runs)
    window = began, began + round(day)

    def used(of):
        return sum(run.gpu_seconds(*window) for run in of)

    cut = [run for of_job in by_job.values() for run in of_job
           if run.start is not None and (run.state in _CUT or run is not of_job[-1])]

    def mean(kind, value):
        chosen = [value(by_job[job]) for job in jobs if jobs[job].kind == kind]
        return round(sum(chosen) / len(chosen), 2) if chosen else 0

    def waited(of_job):
        return sum(max(0, (run.start or run.end or ended) - run.submit) for run in of_job)

    def turnaround(of_job):
        return (of_job[-1].end or ended) - of_job[0].submit if of_job else 0

    completed = sum(bool(of_job) and of_job[-1].state == "COMPLETED" for of_job in by_job.values())
    writes = [step for step in steps if step["ok"] and step["kind"] == "set_reservation"]
    starts = [run.job for run in replicas if run.start is not None]
    busy = answered * service.SECONDS / service.CONCURRENCY * service.GPUS
    return {
        "window_seconds": round(day),
        "replica_gpu_seconds": used(replicas),
        "replica_idle_gpu_seconds": max(0, used(replicas) - round(busy)),
        "replicas_moved": len(starts) - len(set(starts)),
        "idle_gpu_seconds": ALL_GPUS * round(day) - used(runs) - used(replicas),
        "training_wait_seconds_mean": mean("training", waited),
        "training_turnaround_seconds_mean": mean("training", turnaround),
        "batch_wait_seconds_mean": mean("batch", waited),
        "batch_turnaround_seconds_mean": mean("batch", turnaround),
        "runs_cut": len(cut),
        "preempted_gpu_seconds": sum(run.gpus * run.seconds for run in cut),
        "last_job_ended_seconds": ended - began,
        "jobs_submitted": len(jobs),
        "jobs_completed": completed,
        "jobs_lost": len(jobs) - completed,
        "loans": sum(len(set(step["added"]) & set(TRAINING)) for step in writes),
        "reclaims": sum(len(step["removed"]) for step in writes if reclaims(step)),
    }


def measure(arm, lab, jobs, records, day):
    """The figures of an arm whose day is over and whose lab still stands."""
    steps = Journal(lab).steps() if arm == "weir" else ()
    runs = runs_of(lab, jobs)
    answered = sum(record["status"] == 200 and record["at"] + record["seconds"] <= day
                   for record in records)
    return of_requests(records) | of_jobs(
        [run for run in runs if run.job in jobs], jobs,
        [run for run in runs if run.user == service.USER], steps, day, answered)
