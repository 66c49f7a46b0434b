# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes on the way of mirrored jobs are killed, with jobs at every stage: each runs once, and ends as its copy."""

import random
import time

import pytest

from flight import (COUNTS, HELD, STAGES, Flight, answers, back_up, kill, let_go, node_failure, of_job, restart, runs,
                    stages, start_soon)
from mirroring import alone, copies, ended, nominate, output, own, send
from overflowing import overflowing


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    return alone(overflowing(module_lab, build_dir, wait="10m"))


@pytest.fixture
def west(home):
    """The site, without a fault before and after."""
    site = home.sites["west"]
    yield site
    site.rest_answers(None)
    site.link(True)
    if not site.pids("sshd", zombies=False):
        site.start("sshd")
    site.run("squeue -h -o %A | xargs -r scancel")
    home.run("squeue -h -o %A | xargs -r scancel")


def test_a_gateway_that_is_killed_again_and_again_runs_every_job_once(home, west):
    dice = random.Random(7)
    flight = Flight(home, west)
    for number in range(8):
        time.sleep(dice.uniform(0, 1.5))
        restart(home, "weir-gateway")
        if number == 2:
            flight.heal()
        if number == 4:
            for stage in STAGES:
                let_go(west, flight.jobs[stage])
    flight.land()


def test_daemons_of_slurm_at_home_and_at_the_site_come_back_and_no_job_has_noticed(home, west):
    flight = Flight(home, west)
    for node in home.facts["gateways"]:
        restart(home, f"slurmd@{node}")  # alone: what it started lives on
    for lab in (home, west):
        lab.stop("slurmctld")  # it saves
        lab.start("slurmctld")
        answers(lab)
        restart(lab, "slurmctld")
    restart(west, "slurmrestd")
    for node in west.facts["nodes"]:
        restart(west, f"slurmd@{node}")
    answers(home)
    flight.heal()
    flight.land()
    assert all(home.job(job)["Restarts"] == "0" for job in flight.jobs.values())


def test_gateway_nodes_that_die_with_all_that_ran_there_lose_no_copy_and_double_none(home, west):
    flight = Flight(home, west)
    node_failure(home, flight.jobs.values())
    flight.heal()
    flight.land()


def test_a_relay_of_a_run_that_is_over_does_not_stand_in_the_way_of_the_next(home, west):
    job = send(home, "--requeue", script=HELD)
    home.wait(lambda: "begun" in output(home, job), 60, "it to run")
    [node] = home.job_nodes(job)
    [old] = of_job(home, "weir-relay", job)
    home.kill(f"slurmd@{node}")  # alone: stepd and relay live on
    home.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], user="slurm")
    home.wait(lambda: of_job(home, "weir-relay", job), 90, "another relay beside it", until=lambda seen: len(seen) == 2)
    for _ in range(4):  # both come back, either first
        restart(home, "weir-gateway")
        home.wait(lambda: stages(home), 20, "the gateway to answer")
        time.sleep(0.7)
    assert old in of_job(home, "weir-relay", job)
    let_go(west, job)
    home.wait_state(job, "FAILED", 90)
    assert (home.job(job)["ExitCode"], own(output(home, job))) == ("7:0", ["begun", "over"]) and runs(west, job) == 1
    ended(home, west, job, "FAILED")
    home.start(f"slurmd@{node}")
    home.run(["scontrol", "update", f"nodename={node}", "state=resume"], user="slurm", check=False)
    kill(home, of_job(home, "weir-relay", job))
    back_up(home, [node])


def test_a_job_whose_relay_is_killed_fails_and_its_copy_goes(home, west):
    flight = Flight(home, west)
    began = {stage: runs(west, job) for stage, job in flight.jobs.items()}
    for job in flight.jobs.values():
        kill(home, of_job(home, "weir-relay", job))
    for job in flight.jobs.values():
        home.wait_state(job, "FAILED", 60)
        assert home.job(job)["ExitCode"] == "0:9"
    flight.heal(room=False)
    # None is let go: what runs at the site ends because it is taken back.
    flight.ended({"staging": [], "submitting": [], "waiting": ["CANCELLED"], "running": ["CANCELLED"],
                  "fetching": ["FAILED"]})
    assert {stage: runs(west, job) for stage, job in flight.jobs.items()} == began


def test_a_slurmctld_that_forgets_its_last_minute_has_copies_taken_up_or_taken_back(home, west):
    home.run(["scontrol", "update", "partitionname=west", "state=down"], user="slurm")
    jobs = [send(home, script=COUNTS + "echo begun; sleep 12; echo over; exit 7") for _ in range(3)]
    strays = home.sbatch(["--hold", "--time=5"], user="alice", partition="train", script=(
        '[ -z "$WEIR_SITE" ] || sleep 300; while [ ! -e go ]; do sleep 0.1; done; echo at home; exit 7'))
    home.stop("slurmctld")  # it saves, and opens the partition again as it begins
    with open(home.path("state/slurmctld/job_state"), "rb") as file:
        before = file.read()
    home.start("slurmctld")
    answers(home)
    nominate(home, strays)
    for job in jobs:
        home.wait(lambda job=job: runs(west, job), 60, "its copy to run")
    home.wait(lambda: copies(west, strays), 60, "the other's to run, too",
              until=lambda seen: list(seen.values()) == ["RUNNING"])
    for name in ("weir-gateway", "slurmctld"):
        home.kill(name)
        home.wait(lambda name=name: not home.pids(name), 20, f"{name} to be gone")
    home.write("state/slurmctld/job_state", before, owner="slurm", mode=0o600)
    home.start("slurmctld")
    answers(home)
    # That one had not been nominated yet.
    home.run(["scontrol", "release", str(strays)], user="slurm")
    assert home.wait_state(strays, "RUNNING", 60)["NodeList"] == "t1"
    home.start("weir-gateway")
    ended(home, west, strays, "CANCELLED")
    home.run(["touch", "go"], user="alice")
    home.wait_state(strays, "FAILED", 60)
    assert (home.job(strays)["ExitCode"], own(output(home, strays))) == ("7:0", ["at home"])
    for job in jobs:
        home.wait_state(job, {"FAILED", "COMPLETED"}, 150)
        assert (home.job(job)["ExitCode"], own(output(home, job))) == ("7:0", ["begun", "over"])
        assert runs(west, job) == 1
        ended(home, west, job, "FAILED")


def test_a_copy_that_loses_its_node_comes_home_and_is_sent_again(home, west):
    second_run_ends = "[ $(wc -l </scratch/$USER/ran.$WEIR_HOME_JOB_ID) -gt 1 ] || sleep 300; exit 7"
    jobs = [send(home, "--requeue", script=COUNTS + "echo begun; " + second_run_ends),
            send(home, "--no-requeue", script=COUNTS + "sleep 300")]
    for job in jobs:
        home.wait(lambda job=job: runs(west, job), 60, "its copy to run")
    names = ",".join(west.facts["nodes"])
    for node in west.facts["nodes"]:
        west.kill(f"slurmd@{node}")
    west.run(["scontrol", "update", f"nodename={names}", "state=down", "reason=test"], user="slurm")
    home.wait_state(jobs[1], "FAILED", 60)
    assert "ended at west (NODE_FAIL)" in output(home, jobs[1])
    home.wait(lambda: home.job(jobs[0])["Restarts"], 60, "it to be requeued", until=lambda seen: seen == "1")
    for node in west.facts["nodes"]:
        west.start(f"slurmd@{node}")
    west.run(["scontrol", "update", f"nodename={names}", "state=resume"], user="slurm", check=False)
    back_up(west, west.facts["nodes"])
    start_soon(home, jobs[0])
    home.wait_state(jobs[0], "FAILED", 90)
    assert home.job(jobs[0])["ExitCode"] == "7:0" and home.job(jobs[0])["Restarts"] == "1"
    assert own(output(home, jobs[0])) == ["begun"] and runs(west, jobs[0]) == 2 and runs(west, jobs[1]) == 1
    ended(home, west, jobs[0], "FAILED", "NODE_FAIL")
    ended(home, west, jobs[1], "NODE_FAIL")


def test_a_job_that_is_requeued_while_its_site_does_not_answer_starts_nowhere_until_its_copy_is_gone(home, west):
    job = send(home, "--requeue", script=COUNTS + "echo begun; sleep 300")
    home.wait(lambda: "begun" in output(home, job), 60, "it to run")
    west.link(False)
    home.run(["scontrol", "requeue", str(job)], user="alice")
    home.wait_state(job, "PENDING", 60)
    # Home would take it at once, and Slurm's own rest is over soon.
    home.wait(lambda: home.run(["scontrol", "update", f"jobid={job}", "partition=train", "starttime=now+8"],
                               user="slurm", check=False).returncode == 0, 60, "it to be off its node")
    for _ in range(2):
        begins = home.job(job)["EligibleTime"]
        home.wait(lambda begins=begins: home.job(job)["EligibleTime"] != begins, 30, "its start to be put off")
    assert home.job(job)["JobState"] == "PENDING"
    west.link(True)
    ended(home, west, job, "CANCELLED")
    home.wait_state(job, "RUNNING", 60)
    assert home.job(job)["Partition"] == "train" and runs(west, job) == 1
