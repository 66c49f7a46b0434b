# SPDX-License-Identifier: GPL-2.0-or-later
"""The three ways to run the day, and the running of one of them."""

import time

from weirlab import Lab, LabError

import workload
from service import NAME, Service
from traffic import Traffic
from watch import Journal, Watch
from workload import GPUS_A_NODE, SERVING_NODES, TRAINING_NODES

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
    reclaim: {after: 3s, notice: 5s, then: requeue}
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
    lab = Lab.up(directory, layout=layout(arm), report=report, balancer=[NAME], **options)
    try:
        if arm == "weir":
            lab.wait(lambda: lab.resv("weir_inference"), 30, "Weir to make its reservation",
                     step=0.2)
    except LabError as error:
        failed = [step["error"] for step in Journal(lab).steps() if not step["ok"]][-1:]
        log = lab.log("weirctld", 10)
        lab.down()
        raise LabError("\n".join([str(error), *failed, "weirctld's log ends:", log])) from error
    except BaseException:
        lab.down()
        raise
    return lab


class Late(LabError):
    """Jobs of the day did not end in time."""


def run_day(arm, lab, jobs, day, seed, show):
    """Starts the service, submits the day's jobs when they are due, and once the last request is answered ends
    the service; waits until all have ended: {job id: job}, and load.py's records of the requests."""
    with lab.follow_endpoints(), Service(arm, lab) as service:
        service.begin(POLICY)
        with Traffic(lab, workload.rates(day), seed) as traffic:
            ids = _pass_day(lab, jobs, day, service, traffic, Watch(arm, lab, service, traffic), show)
            return ids, traffic.records


def _pass_day(lab, jobs, day, service, traffic, watch, show):
    ids, todo, served = {}, list(jobs), False
    began, next_look = time.monotonic(), 0.0
    deadline = 2.5 * day + 90
    while True:
        at = time.monotonic() - began
        while todo and todo[0].at <= at:
            job = todo.pop(0)
            ids[lab.sbatch(job.arguments(), job.script(), job.user, job.partition)] = job
        if at >= next_look:
            over = traffic.over  # before the look, which then sees all of it
            seen = watch.look(at)
            show(seen)
            if over and not served:
                service.end()
                served = True
            elif not todo and served and not seen.unfinished:
                return ids
            next_look = at + POLL
        if at > deadline:
            raise Late(f"{len(seen.unfinished)} jobs have not ended {at - day:.0f} s after the day"
                       f"{'' if served else ', nor all requests'}: "
                       f"{', '.join(str(job) for job in sorted(seen.unfinished)[:8])}")
        now = time.monotonic() - began
        due = min([next_look, *(job.at for job in todo[:1])])
        time.sleep(min(max(due - now, 0.01), POLL))
