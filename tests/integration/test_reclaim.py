# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner gets lent nodes back, nobody's work is lost, and without Weir Slurm goes on."""

import contextlib
import tempfile
import threading
import time
from pathlib import Path

import pytest

from support import NODE, QUIET, answering, policy, print_logs, seconds, up

NOTICE = 2
LAYOUT = {
    "nodes": [{"names": "i[1-2],t[1-4]", "gpus": "h100:8"}],
    "partitions": [{"name": "train", "nodes": "t[1-4]", "default": True},
                   {"name": "inference", "nodes": "i[1-2],t[1-4]"}],
}
ASKS_FOR_TERM = "#SBATCH --signal=B:TERM@1\n"
KEEPS_RUNNING = ASKS_FOR_TERM + "trap 'date +%s.%N >> told.$SLURM_JOB_ID' TERM\nwhile :; do sleep 0.2; done"
# Ends by itself when it runs for the second time.
SECOND_TIME = (ASKS_FOR_TERM + "trap 'date +%s.%N >> told.$SLURM_JOB_ID' TERM\n"
               "[ \"${SLURM_RESTART_COUNT:-0}\" -gt 0 ] && { sleep 1; exit 0; }\n"
               "while :; do sleep 0.2; done")


@pytest.fixture(scope="module")
def module_weir(build_dir):
    with up(build_dir, layout=LAYOUT, policy=policy()) as lab:
        yield answering(lab)


@pytest.fixture
def weir(module_weir, request):
    """Weir(rule, ...): the lab with no jobs and no loans, and these rules in force."""
    def make(*rules):
        module_weir.reset(*rules)
        return module_weir

    yield make
    if getattr(request.node, "lab_test_failed", False):
        print_logs(module_weir.lab)


def all_lent(world, script="sleep 300", args=NODE):
    """Six jobs of the borrower on every node there is; returns {node: job}."""
    jobs = [world.serve(args, script=script) for _ in range(6)]
    world.running(*jobs)
    world.wait_lent(4)
    return {next(iter(world.lab.job_nodes(job))): job for job in jobs}


def restarts(world, job):
    return int(world.lab.job(job)["Restarts"])


def never_bad_constraints(world, jobs, until, timeout, what):
    """Waits, and looks at every step that no job of these was found impossible."""
    def look():
        reasons = {job: world.reason(job) for job in jobs}
        assert not set(reasons.values()) & {"BadConstraints", "JobHeldAdmin"}, reasons
        return until()

    return world.wait(look, timeout, what)


def test_a_borrower_is_told_in_time_then_requeued_and_finishes_later(weir):
    world = weir()
    on = all_lent(world, script=SECOND_TIME)
    owner = world.train()
    home = world.running(owner).pop()
    victim = on[home]
    others = [job for job in on.values() if job != victim]
    assert restarts(world, victim) == 1 and [restarts(world, job) for job in others] == [0] * 5
    end = world.wait(lambda: world.steps("end_job"), 5, "the journal to tell of the end")[-1]
    assert end["job"] == victim and owner in end["for_jobs"]
    # The notice, and the SIGTERM with which Slurm ends a job that it requeues.
    told = [float(line) for line in world.lab.read(f"home/serve/told.{victim}").split()]
    assert len(told) == 2 and told[1] - told[0] >= NOTICE - 0.5
    assert f"job {owner} has waited" in world.steps("notify_job")[-1]["why"]
    world.cancel(others[0])  # leaves room for the requeued one
    world.requeued(victim)
    assert world.lab.wait_state(victim, "COMPLETED", 40)["ExitCode"] == "0:0"


def test_a_job_that_asked_for_no_signal_is_not_ended_by_one_and_runs_again(weir):
    world = weir()
    plain = "[ \"${SLURM_RESTART_COUNT:-0}\" -gt 0 ] && exit 0; sleep 300"
    on = all_lent(world, script=plain)
    owner = world.train()
    victim = on[world.running(owner).pop()]
    assert restarts(world, victim) == 1
    world.cancel(next(job for job in on.values() if job != victim))
    world.requeued(victim)
    assert world.lab.wait_state(victim, "COMPLETED", 40)["ExitCode"] == "0:0"


def test_notice_comes_as_long_before_the_requeue_as_the_policy_says(weir):
    world = weir({"reclaim": "{after: 1s, notice: 6s, then: requeue}"})
    on = all_lent(world, script=KEEPS_RUNNING)
    mark = world.mark()
    owner = world.train()
    victim = on[world.running(owner, timeout=30).pop()]
    told = [float(line) for line in world.lab.read(f"home/serve/told.{victim}").split()]
    assert len(told) == 2 and told[1] - told[0] >= 5.5
    ends = world.wait(lambda: world.steps("end_job", mark), 5, "the journal to tell of the end")
    assert [step["job"] for step in ends] == [victim]
    assert [step["job"] for step in world.steps("notify_job", mark)] == [victim]


def test_a_job_that_may_not_be_requeued_is_never_stopped(weir):
    world = weir()
    on = all_lent(world, script=KEEPS_RUNNING, args=f"{NODE} --no-requeue")
    mark = world.mark()
    owner = world.train()
    never_bad_constraints(world, [owner], lambda: world.reason(owner) not in (None, "None"), 10,
                          "the owner's job to wait for a reason")
    world.cycles(6)
    assert len(world.lent()) == 4 and world.lab.job(owner)["JobState"] == "PENDING"
    assert not world.steps("notify_job", mark) + world.steps("end_job", mark)
    assert all(world.lab.job(job)["JobState"] == "RUNNING" for job in on.values())
    world.cancel(on["t2"])
    assert world.running(owner) == {"t2"}


def test_a_burst_of_the_owner_gets_every_node_back(weir):
    world = weir()
    on = all_lent(world, script=SECOND_TIME)
    burst = [world.train(script="sleep 3") for _ in range(8)]
    states = lambda: [world.lab.job(job)["JobState"] for job in burst]  # noqa: E731
    never_bad_constraints(world, burst, lambda: set(states()) == {"COMPLETED"}, 60, "the burst to be done")
    victims = [job for node, job in on.items() if node.startswith("t")]
    world.requeued(*victims)
    for job in victims:
        world.lab.wait_state(job, "COMPLETED", 40)


def test_an_owners_job_larger_than_what_is_left_waits_validly_and_is_served(weir):
    world = weir({"reclaim": "{after: 4s, notice: 2s, then: requeue}"})
    all_lent(world)
    big = world.train("-N4 --gpus-per-node=8")
    seen = set()

    def runs():
        job = world.lab.job(big)
        seen.add(job["Reason"])
        return job["JobState"] == "RUNNING"

    world.wait(runs, 40, "the big job to run")
    assert world.lab.job_nodes(big) == {"t1", "t2", "t3", "t4"}
    assert not seen - {"None", "Resources", "Priority"} - {r for r in seen if r.startswith("ReqNodeNotAvail")}
    assert world.lent() == set()


def test_then_leave_lets_borrowers_finish_and_gives_the_node_to_the_owner(weir):
    world = weir({"reclaim": "{after: 1s, notice: 1s, then: leave}"})
    on = all_lent(world, script="sleep 300")
    mark = world.mark()
    owner = world.train()
    world.cycles(5)
    assert all(world.lab.job(job)["JobState"] == "RUNNING" for job in on.values())
    assert not world.steps("notify_job", mark) + world.steps("end_job", mark)
    world.cancel(on["t3"])
    assert world.running(owner) == {"t3"}


def test_then_cancel_ends_the_borrowers_job_after_its_notice(weir):
    world = weir({"reclaim": "{after: 1s, notice: 2s, then: cancel}"})
    on = all_lent(world, script=KEEPS_RUNNING, args=f"{NODE} --no-requeue")
    owner = world.train()
    victim = on[world.running(owner, timeout=30).pop()]
    assert world.lab.job(victim)["JobState"] == "CANCELLED"
    assert world.lab.read(f"home/serve/told.{victim}").strip()
    assert [world.lab.job(job)["JobState"] for job in on.values()].count("RUNNING") == 5


def test_return_brings_all_home_for_good_and_resume_begins_again(weir):
    world = weir()
    on = all_lent(world, script=SECOND_TIME)
    waiting = world.serve()
    world.lab.run("weir return --all")
    world.wait(lambda: world.lab.resv("weir_inference") is None, 30, "the reservation to be gone")
    assert world.loans() == {} and world.status()["held_home"]
    # Everybody's jobs go on, as on a Slurm without Weir.
    victims = [job for node, job in on.items() if node.startswith("t")]
    world.requeued(*victims)
    for job in victims:
        world.lab.wait_state(job, "COMPLETED", 40)
    world.running(waiting)
    late = world.serve()
    world.running(late)
    assert "Reservation" not in world.lab.job(late)
    world.cycles(3)
    assert world.lab.resv("weir_inference") is None
    world.cancel_all()
    world.lab.run("weir resume")
    world.wait(lambda: world.lab.resv("weir_inference"), 15, "the reservation to be back")
    world.cycles(1)
    all_lent(world)


def test_pause_freezes_what_is_lent_and_resume_goes_on(weir):
    world = weir()
    jobs = [world.serve() for _ in range(3)]
    lent = world.running(*jobs) - {"i1", "i2"}
    world.lab.run("weir pause")
    mark = world.mark()
    owners = world.train("-N4 --gpus-per-node=8")
    more = world.serve()
    world.cycles(5)
    assert world.lent() == lent and not world.journal()[mark:]
    assert world.lab.job(owners)["JobState"] == world.lab.job(more)["JobState"] == "PENDING"
    world.lab.run("weir resume")
    world.running(owners, timeout=30)
    assert world.lent() == set()


# The last one in the lab that the tests above share: what it leaves is a rule that lends nothing for a while.
def test_an_oscillating_load_is_lent_to_less_and_less_often(weir):
    world = weir({"backoff": "{first: 6s, max: 40s}", "min_loan": "0s",
                  "reclaim": "{after: 1s, notice: 0s, then: cancel}"})
    mark = world.mark()
    for _ in range(20):
        world.serve(script="exec sleep 1000")
    for _ in range(3):
        world.wait(world.lent, 30, "nodes to be lent")
        world.lab.wait_state(world.train("-N4 --gpus-per-node=8", script="true"), "COMPLETED", 30)
    held = world.wait(lambda: world.status()["held_back"], 10, "the rule to be held back")
    assert held.startswith("backoff for another")
    writes = [(seconds(step["at"]), step) for step in world.steps("set_reservation", mark)]
    lendings = [at for at, step in writes if step["added"]]
    reclaims = [at for at, step in writes if "has waited" in step["why"]]
    assert len(lendings) == len(reclaims) == 3, writes
    gaps = [lent - back for back, lent in zip(reclaims, lendings[1:])]
    assert gaps[0] >= 5 and gaps[1] >= 11, gaps


SMALL = {
    "nodes": [{"names": "i1,x[1-2]", "gpus": "h100:8"}, {"names": "o1,t[1-4]", "gpus": "h100:8", "cpus": 20}],
    "partitions": [{"name": "train", "nodes": "o1,t[1-4],x[1-2]", "default": True},
                   {"name": "inference", "nodes": "i1,x[1-2]"}],
}


def start_400(lab, deadline=120):
    """400 one-CPU jobs behind a large one that waits, beside a borrower's load that comes and goes;
    returns the seconds until the last of them has started."""
    blocker = lab.sbatch("--exclusive -w o1 -t60", script="sleep 600", user="bob", partition="train")
    lab.wait_state(blocker, "RUNNING")
    large = lab.sbatch("--exclusive -N5 -t60 --exclude=x[1-2]", script="sleep 600", user="bob", partition="train")
    array = lab.sbatch("--array=1-400 -n1 -t1 --mem=100 --exclude=x[1-2] --hold -o /dev/null",
                       script="sleep 2",
                       user="alice", partition="train")
    over = threading.Event()

    def oscillate():
        # Long enough apart for the nodes to go home in between.
        while not over.wait(3):
            with contextlib.suppress(Exception):
                lab.sbatch("-N1 --gpus-per-node=8 -t1 --mem=100 -o /dev/null", script="sleep 1",
                           user="serve", partition="inference")
                lab.sbatch("-N1 --gpus-per-node=8 -t1 --mem=100 -o /dev/null", script="sleep 1",
                           user="serve", partition="inference")

    load = threading.Thread(target=oscillate)
    load.start()
    try:
        lab.wait(lambda: lab.run("squeue -h -t R -p inference -o %i").stdout, 20, "the borrower's load to run")
        began = time.monotonic()
        lab.run(f"scontrol release {array}")
        lab.wait(lambda: lab.run(f"squeue -h -r -t PD -j {array} -o %i").stdout.count("\n"), deadline,
                 "400 jobs to have started", until=lambda left: left == 0, step=0.1)
        took = time.monotonic() - began
    finally:
        over.set()
        load.join()
    assert lab.job(large)["JobState"] == "PENDING"
    return took


def test_400_backfillable_jobs_start_as_fast_as_without_weir_while_loans_change(build_dir, capsys):
    with up(build_dir, layout=SMALL, scheduler="stock") as lab:
        without = start_400(lab)
    rule = QUIET | {"idle_return": "1s", "max_lent": 2}
    with up(build_dir, layout=SMALL, policy=policy(rule)) as lab:
        world = answering(lab)
        world.wait(lambda: lab.resv("weir_inference"), 15, "the reservation")
        mark = world.mark()
        beside = start_400(lab)
        writes = len(world.steps("set_reservation", mark))
    with capsys.disabled():
        print(f"\n400 backfillable jobs all started after {without:.1f} s without Weir, {beside:.1f} s with it "
              f"({writes} changes of the reservation meanwhile)")
    assert writes >= 1
    assert beside <= 1.5 * without + 3


def test_with_the_controller_gone_for_good_everything_goes_on_as_stock_slurm(build_dir):
    home = tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    with tempfile.TemporaryDirectory(prefix="weir-gone-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        flag, controller = Path(folder, "gone"), Path(folder, "weirctld")
        controller.write_text(f"#!/bin/sh\n[ -e {flag} ] && exit 1\nexec {home}/weir/bin/weirctld \"$@\"\n",
                              encoding="utf-8")
        controller.chmod(0o755)
        with up(build_dir, directory=home, layout=LAYOUT, policy=policy(),
                env={"WEIR_CONTROLLER": str(controller)}) as lab:
            world = answering(lab)
            lent = [world.serve(script="sleep 12") for _ in range(4)]
            frozen = world.running(*lent) - {"i1", "i2"}
            owners = [world.train(script="sleep 10") for _ in range(2)]
            world.running(*owners)
            waiting_owner, waiting_borrower = world.train(), world.serve()
            flag.touch()
            lab.kill("weirctld")
            world.wait(lambda: "weir: weirctld" in lab.log("slurmctld"), 10, "slurmctld to notice")
            new_owner, new_borrower = world.train(script="true"), world.serve(script="true")
            for job in lent + owners:
                assert lab.wait_state(job, "COMPLETED", 40)["Restarts"] == "0"
            world.running(waiting_owner, waiting_borrower)
            for job in (new_owner, new_borrower):
                lab.wait_state(job, "COMPLETED", 30)
            # The heartbeat has gone stale by now: Weir's plugin lets new jobs alone, whatever their size.
            for late in (world.serve(script="true"), world.train(script="true"),
                         world.serve("-N3 --gpus-per-node=8", script="true")):
                lab.wait_state(late, "COMPLETED", 30)
            assert not lab.pids("weirctld", zombies=False)
            assert world.lent() == frozen
