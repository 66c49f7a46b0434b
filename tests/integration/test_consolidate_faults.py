# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons and nodes that end while a job is moved: it runs on, with its work, there or where it was, and nothing of the move
is left. weirctld is a service that the test itself starts (see crashes.py)."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

import moving
import support
from crashes import MOST_POINTS, arm, until_done_or_crashed

POOLS = {"a": 2, "b": 2, "c": 3}  # nodes
LAYOUT = {
    "nodes": [{"names": "i1,t1," + ",".join(f"{pool}[1-{size}]" for pool, size in POOLS.items()), "gpus": "h100:8"}],
    "partitions": [{"name": "train", "nodes": "t1", "default": True}, {"name": "inference", "nodes": "i1,t1"},
                   *({"name": pool, "nodes": f"{pool}[1-{size}]"} for pool, size in POOLS.items())],
    "slurm_conf": ["SlurmdTimeout=10", "AuthInfo=cred_expire=5"],
}


def up(module_lab, build_dir):
    lab = module_lab(layout=LAYOUT, weir=build_dir, policy=moving.policy(min_run="0s", after="0s"), scheduler="weir",
                     slurm_conf=["SchedulerType=sched/backfill"])
    lab.start("weirctld")
    support.answering(lab)
    return moving.Moving(lab)


@pytest.fixture(scope="module")
def module_weir(module_lab, build_dir):
    return up(module_lab, build_dir)


def test_weirctld_killed_at_any_point_of_a_move_ends_it_properly(module_weir, tell):
    weir = module_weir
    moved = 0
    import time
    for point in range(1, MOST_POINTS):
        t0 = time.time()
        job, other = weir.scattered("a", left=1000000)
        t1 = time.time()
        arm(weir, point)
        t2 = time.time()
        wants = weir.wants("a")
        died = until_done_or_crashed(weir, lambda: weir.past(job), "the move to be over")
        weir.nothing_left()
        t3 = time.time()
        seen = weir.lab.job(job)
        assert seen["JobState"] == "RUNNING" and seen["Restarts"] in "01", seen
        weir.free(job)
        weir.goes_on(job)
        move = weir.past(job)[-1]
        print(point, died, move["stage"], move["failure"], f"{t1-t0:.1f} {t2-t1:.1f} {t3-t2:.1f}", flush=True)
        if move["stage"] == "moved":
            assert weir.running(wants) == {"a1"} and weir.lab.job_nodes(job) == {"a2"}
            moved += 1
        else:
            weir.untouched(job)
        weir.untouched(other)
        weir.none_lost()
        weir.cancel_all()
        if not died:
            break
    assert not died and 8 <= point, f"{point} points"
    tell(f"weirctld was killed at {point - 1} points of a move, one after the other; {moved} jobs were moved all the same")
