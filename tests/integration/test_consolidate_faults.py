# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons and nodes that end while a job is moved: it runs on, with its work, and nothing of the move is left. weirctld
is a service that the test itself starts (see crashes.py)."""

import contextlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

import moving
import support
from crashes import MOST_POINTS, arm, crashed

POOLS = {"a": 2, "b": 2, "c": 3, "d": 3}  # nodes
SLURM = ["SlurmdTimeout=10", "AuthInfo=cred_expire=5"]
LAYOUT = {
    "nodes": [{"names": ",".join(["i1,t[1-2]", *(f"{pool}[1-{size}]" for pool, size in POOLS.items())]),
               "gpus": "h100:8"}],
    "partitions": [{"name": "train", "nodes": "t[1-2]", "default": True}, {"name": "inference", "nodes": "i1,t[1-2]"},
                   *({"name": pool, "nodes": f"{pool}[1-{size}]"} for pool, size in POOLS.items())],
    "slurm_conf": SLURM,
}
POLICY = moving.policy(after="0s", min_run="0s", cooldown="1s")


def up(module_lab, build_dir, layout):
    lab = module_lab(layout=layout, weir=build_dir, policy=POLICY, scheduler="weir",
                     slurm_conf=["SchedulerType=sched/backfill"])
    lab.start("weirctld")
    support.answering(lab)
    return moving.Moving(lab)


@pytest.fixture(scope="module")
def module_weir(module_lab, build_dir):
    return up(module_lab, build_dir, LAYOUT)


@pytest.fixture
def weir(module_weir):
    """It, with all jobs gone; and after the test nothing is left."""
    module_weir.cancel_all()
    module_weir.nothing_left()
    yield module_weir
    module_weir.nothing_left()
    module_weir.none_lost()
    module_weir.cancel_all()


def ends_properly(weir, point):
    """A move during which weirctld ends at its n-th crash point; returns whether it did."""
    job, other = weir.scattered("t", partition="train", left=1000000)
    arm(weir, point)
    mark = weir.mark()
    wants = weir.wants()
    released = [f"release weir_clear_job_{wants}", f"release weir_move_{job}"]
    weir.wait(lambda: crashed(weir) or all(weir.journal(mark, do=step, ok=True) for step in released), 60,
              "the move to be over, or a crash")
    died = crashed(weir) or not cycles_pass(weir)
    if died:
        weir.lab.start("weirctld")
    move = weir.over(job)
    weir.nothing_left()
    weir.goes_on(job)
    assert move["stage"] == "moved" and weir.lab.job(job)["Restarts"] == "1", move
    assert weir.running(job) == {"t2"} and weir.running(wants) == {"t1"}, f"point {point}"
    weir.free(job)
    weir.untouched(other, wants)
    assert len(weir.lab.run("squeue -h").stdout.splitlines()) == 3
    weir.none_lost()
    weir.cancel_all()
    return died


def cycles_pass(weir):
    """Whether weirctld lives through two more cycles."""
    def number():
        return float("inf") if crashed(weir) else (weir.ask("status") or {}).get("cycle", {}).get("number", 0)

    first = number()
    weir.wait(number, 20, "two cycles", until=lambda seen: seen >= first + 2)
    return not crashed(weir)


def test_weirctld_killed_at_any_point_of_a_move_brings_it_to_its_end(module_weir, module_lab, build_dir, tell):
    labs = 4

    def share(number):
        weir = module_weir if number == 0 else up(module_lab, build_dir, support.layout("i1", "t[1-2]", *SLURM))
        for point in range(number + 1, MOST_POINTS, labs):
            if not ends_properly(weir, point):
                arm(weir, 0)
                return point
        return None

    with ThreadPoolExecutor(labs) as threads:
        ends = list(threads.map(share, range(labs)))
    assert None not in ends and 12 < min(ends) and max(ends) - min(ends) < labs, ends
    tell(f"weirctld was killed at {min(ends) - 1} points of a move, one after the other")


def back(weir, *nodes):
    """Waits until nodes take jobs again."""
    for node in nodes:
        def state(node=node):
            seen = weir.lab.node(node)["State"]
            if any(word in seen for word in ("DOWN", "DRAIN")) and "*" not in seen:
                weir.run(f"scontrol update nodename={node} state=resume", check=False)
            return seen

        weir.wait(state, 60, f"{node} to be back", until=lambda seen: seen in ("IDLE", "MIXED", "ALLOCATED"), step=0.2)


@contextlib.contextmanager
def stopped(weir):
    """weirctld sees and does nothing meanwhile."""
    weir.lab.kill("weirctld", signal.SIGSTOP)
    try:
        yield
    finally:
        weir.lab.kill("weirctld", signal.SIGCONT)


def taken(weir, do, since=0):
    """Waits for a step in the journal."""
    return weir.wait(lambda: weir.journal(since, do=do, ok=True), 40, f"the step: {do}", step=0.02)


def test_slurmctld_killed_while_a_job_saves_and_before_another_is_told_where_to_start(weir):
    saving, _ = weir.scattered("a", script=moving.SAVES_LATE)
    waiting, _ = weir.scattered("b", script=moving.SAVES_LATE)
    wants = [weir.wants(pool) for pool in "ab"]
    weir.asked(saving)
    weir.asked(waiting)
    with stopped(weir):
        weir.go(waiting)
        weir.requeued_itself(waiting)
        support.saved(weir, saving)
        support.saved(weir, waiting)
        weir.lab.kill("slurmctld", signal.SIGKILL)
        weir.wait(lambda: not weir.lab.pids("slurmctld", zombies=False), 10, "slurmctld to be dead")
        weir.lab.start("slurmctld")
        weir.wait(lambda: "is UP" in weir.run("scontrol ping", check=False).stdout, 30, "slurmctld to answer")
    weir.go(saving)
    # Slurm may call the nodes that they go to unknown, until they are heard of again: then the moves are off.
    for job, pool in ((saving, "a"), (waiting, "b")):
        assert weir.running(job) <= {f"{pool}1", f"{pool}2"}
    weir.nothing_left()
    for job in (saving, waiting):
        weir.free(job)
        weir.ends_as_unmoved(job)
    weir.running(*wants)


def test_the_slurmd_that_a_job_leaves_killed_while_it_saves(weir):
    job, _ = weir.scattered("a", script=moving.SAVES_LATE)
    wants = weir.wants("a")
    weir.asked(job)
    weir.lab.kill("slurmd@a1")
    weir.wait(lambda: not weir.lab.pids("slurmd@a1", zombies=False), 10, "slurmd to be dead")
    weir.go(job)
    weir.wait(lambda: weir.state(job) != "RUNNING", 20, "the job to have requeued itself")
    weir.lab.start("slurmd@a1")
    assert weir.running(job, timeout=90) <= {"a1", "a2"}
    assert weir.running(wants, timeout=90) == {"a1"}
    weir.nothing_left()
    weir.free(job)
    weir.ends_as_unmoved(job)


def test_nodes_that_jobs_are_on_their_way_to_going_down_let_them_start_elsewhere(weir):
    """Of the one Slurm is told by its administrator, of the other it finds out."""
    jobs = {pool: weir.scattered(pool, script=moving.SAVES_LATE, left=1000000)[0] for pool in "cd"}
    weir.running(*(weir.stays(f"{pool}3", 5, partition=pool) for pool in "cd"))
    mark = weir.mark()
    for pool in jobs:
        weir.wants(pool)
    for job in jobs.values():
        weir.asked(job, since=mark)
    to = {pool: weir.under_way(job)["to"][0] for pool, job in jobs.items()}
    for node in to.values():
        weir.lab.kill(f"slurmd@{node}")
    try:
        weir.go(*jobs.values())
        taken(weir, f"start job {jobs['c']} on {to['c']}", mark)
        weir.run(f"scontrol update nodename={to['c']} state=down reason=test")
        for pool, job in jobs.items():
            weir.wait(lambda job=job: weir.lab.job(job), 90, f"job {job} to run again on a node that is there",
                      until=lambda seen, pool=pool: seen["JobState"] == "RUNNING" and seen["NodeList"] != to[pool])
        weir.nothing_left()
        for job in jobs.values():
            weir.free(job)
            weir.begins(job, 2)
            weir.goes_on(job)
    finally:
        for node in to.values():
            weir.lab.start(f"slurmd@{node}")
        back(weir, *to.values())
    weir.jobs = list(jobs.values())  # others' were on nodes that went


def test_nodes_that_jobs_are_on_their_way_to_being_drained_leave_the_jobs_alone_or_free(weir):
    """The one before the job was told to save, the other when it had."""
    untold, other = weir.scattered("c")
    told, _ = weir.scattered("d", script=moving.SAVES_LATE, left=1000000)
    weir.running(*(weir.stays(f"{pool}3", 4, partition=pool) for pool in "cd"))
    mark = weir.mark()
    weir.wants("d")
    weir.asked(told, since=mark)
    (to,) = weir.under_way(told)["to"]
    weir.wants("c")
    taken(weir, f"hold c2 as weir_move_{untold}", mark)
    with stopped(weir):
        assert not weir.journal(mark, job=untold)
        weir.go(told)
        weir.requeued_itself(told)
        weir.run(f"scontrol update nodename=c2,{to} state=drain reason=test")
    try:
        assert "does not take jobs any more" in weir.over(untold)["failure"]
        assert weir.running(told) != {to}
        weir.nothing_left()
        weir.goes_on(told)
        weir.free(told)
        weir.untouched(other)
    finally:
        back(weir, "c2", to)


def test_what_is_held_for_moves_runs_out_without_weirctld_and_is_taken_back_by_one_that_lost_its_ledger(weir):
    saving, _ = weir.scattered("a", script=moving.SAVES_LATE)
    pinned, _ = weir.scattered("b", script=moving.SAVES_LATE)
    mark = weir.mark()
    wants = [weir.wants(pool) for pool in "ab"]
    weir.asked(saving)
    weir.asked(pinned)
    weir.go(pinned)
    taken(weir, f"start job {pinned} on b2", mark)
    weir.lab.kill("weirctld", signal.SIGKILL)
    weir.wait(lambda: crashed(weir), 15, "weirctld to be dead")
    held = {name: seen["Flags"] for name, seen in weir.lab.resvs().items() if moving.is_of_move(name)}
    assert {f"weir_move_{saving}", f"weir_move_{pinned}"} <= set(held)
    assert all("PURGE_COMP=" in flags for flags in held.values()), held
    assert weir.lab.job(pinned)["Reservation"] == f"weir_move_{pinned}"
    weir.cancel(*wants)
    os.remove(weir.lab.path(f"{support.STATE}/ledger.json"))
    weir.lab.start("weirctld")
    weir.nothing_left()
    weir.untouched(saving)
    assert weir.running(pinned)
    weir.free(pinned)
    weir.go(saving)
    weir.ends_as_unmoved(pinned)
    weir.ends_as_unmoved(saving)
