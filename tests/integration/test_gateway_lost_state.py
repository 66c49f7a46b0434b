# SPDX-License-Identifier: GPL-2.0-or-later
"""What one side knew is lost while copies run: they are taken up again, or given up with a word, never doubled."""

import os
import shutil

import pytest

from flight import COUNTS, Flight, answers, kill, let_go, node_failure, of_job, runs, stages, start_soon
from mirroring import alone, copies, ended, left_at, output, own, send, told
from overflowing import overflowing

KEPT = 15  # seconds that the gateway keeps copies of jobs that Slurm does not know


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    return alone(overflowing(module_lab, build_dir, wait="10m", env={"WEIR_GATEWAY_KEEP_LOST": str(KEPT)}))


@pytest.fixture
def west(home):
    """The site, without a fault before and after."""
    site = home.sites["west"]
    yield site
    site.rest_answers(None)
    site.link(True)
    if not home.pids("weir-gateway", zombies=False):
        home.start("weir-gateway")
    if not site.pids("sshd", zombies=False):
        site.start("sshd")
    for lab in (site, home):
        lab.run("squeue -h -o %A | xargs -r scancel")


def empty(lab, folder, *but):
    """Removes what is in a folder of the lab's, but for these names."""
    for name in os.listdir(lab.path(folder)):
        path = lab.path(f"{folder}/{name}")
        if name not in but:
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def stop_hard(lab, name):
    lab.kill(name)
    lab.wait(lambda: not lab.pids(name), 20, f"{name} to be gone")


def test_a_gateway_that_has_lost_its_ledger_learns_of_copies_from_their_relays(home, west):
    flight = Flight(home, west)
    stop_hard(home, "weir-gateway")
    empty(home, "state/weir-gateway")
    home.start("weir-gateway")
    flight.heal()
    flight.land()


def test_a_gateway_that_has_lost_ledger_and_relays_looks_for_copies_at_the_site(home, west):
    jobs = [send(home, "--requeue", script=COUNTS + "echo begun; sleep 15; echo over; exit 7") for _ in range(3)]
    for job in jobs:
        home.wait(lambda job=job: runs(west, job), 60, "its copy to run")
    stop_hard(home, "weir-gateway")
    empty(home, "state/weir-gateway")
    node_failure(home, jobs)
    home.start("weir-gateway")
    start_soon(home, *jobs)
    for job in jobs:
        home.wait_state(job, {"FAILED", "COMPLETED"}, 120)
        assert (home.job(job)["ExitCode"], own(output(home, job))) == ("7:0", ["begun", "over"])
        ended(home, west, job, "FAILED")


def test_a_file_of_the_ledger_that_cannot_be_read_is_laid_aside_and_the_others_count(home, west):
    flight = Flight(home, west)
    stop_hard(home, "weir-gateway")
    torn = {"running": b"", "waiting": b'{"version": 1, "run": {"job"', "fetching": os.urandom(300)}
    for stage, content in torn.items():
        with open(home.path(f"state/weir-gateway/jobs/{flight.jobs[stage]}.json"), "wb") as file:
            file.write(content)
    home.start("weir-gateway")
    home.wait(lambda: home.log("weir-gateway"), 20, "it to say so", until=lambda log: all(
        f"jobs/{flight.jobs[stage]}.json: " in log for stage in torn))
    assert sorted(os.listdir(home.path("state/weir-gateway/broken"))) == sorted(
        f"{flight.jobs[stage]}.json" for stage in torn)
    flight.heal()
    flight.land()


def test_a_site_that_has_lost_its_jobs_has_none_of_them_run_twice(home, west):
    ran, ran_for_good = (send(home, option, script=COUNTS + "echo begun; sleep 300")
                         for option in ("--requeue", "--no-requeue"))
    filler = west.sbatch(["-N4", "-n4", "--gres=gpu:4", "--mem=100"], script="sleep 900", user="w-carol")
    west.wait_state(filler, "RUNNING", 30)
    waits, stays = (send(home, option, "--gpus-per-node=1", script=COUNTS + "echo here") for option in
                    ("--requeue", "--no-requeue"))
    for job in (ran, ran_for_good):
        home.wait(lambda job=job: "begun" in output(home, job), 60, "it to run")
    home.wait(lambda: stages(home), 60, "two to wait",
              until=lambda seen: [seen.get(job) for job in (waits, stays)] == ["waiting"] * 2)
    ids = [run["remote_id"] for run in told(home)["sites"][0]["runs"]]
    west.link(False)
    stop_hard(west, "slurmctld")
    empty(west, "state/slurmctld", "jwt_hs256.key")
    west.start("slurmctld")
    answers(west)
    # Ids are given out again: another job by one is not taken for a copy, nor cancelled in its stead.
    others = []
    while not set(ids) <= set(others):
        others.append(west.sbatch(["--time=5"], script="sleep 15", user="w-alice"))
        assert others[-1] <= max(ids)
    west.link(True)
    home.wait_state(ran_for_good, "FAILED", 90)
    assert "; how it ended cannot be told" in output(home, ran_for_good) and runs(west, ran_for_good) == 1
    # Whether it is to run again only its user can say.
    home.wait(lambda: (home.job(ran)["JobState"], home.job(ran)["Reason"]), 90, "it to be held",
              until=lambda seen: seen == ("PENDING", "job_requeued_in_held_state"))
    assert f"; how it ended cannot be told; it is held: scontrol release {ran} has" in output(home, ran)
    home.wait_state(stays, "FAILED", 60)
    assert "; it never started there" in output(home, stays) and runs(west, stays) == 0
    home.wait(lambda: home.job(waits)["Restarts"], 60, "it to be requeued", until=lambda seen: seen == "1")
    start_soon(home, waits)
    home.wait_state(waits, "COMPLETED", 90)
    assert own(output(home, waits)) == ["here"] and runs(west, waits) == 1
    for job in others:
        west.wait_state(job, "COMPLETED", 60)
    assert home.job(ran)["JobState"] == "PENDING" and runs(west, ran) == 1
    home.run(["scancel", str(ran)], user="alice")


def test_copies_of_jobs_that_slurm_has_lost_are_kept_for_a_while_and_then_cancelled(home, west):
    soon = send(home, script=COUNTS + "echo begun; sleep 4; exit 7")
    late = send(home, script=COUNTS + "echo begun; sleep 300")
    for job in (soon, late):
        home.wait(lambda job=job: "begun" in output(home, job), 60, "it to run")
    stop_hard(home, "slurmctld")
    empty(home, "state/slurmctld", "weir")
    home.start("slurmctld")
    answers(home)
    assert [home.job(job) for job in (soon, late)] == [None, None]
    kill(home, [pid for job in (soon, late) for pid in of_job(home, "weir-relay", job)])
    home.wait(lambda: list(copies(west, soon).values()), 60, "one to end by itself",
              until=lambda seen: seen == ["FAILED"])
    assert list(copies(west, late).values()) == ["RUNNING"]
    home.wait(lambda: list(copies(west, late).values()), KEPT + 60, "the other to be cancelled",
              until=lambda seen: seen == ["CANCELLED"])
    for job in (soon, late):
        home.wait(lambda job=job: left_at(west, job), 60, "the site to be clean", until=lambda left: not left)
    home.wait(lambda: stages(home), 60, "the gateway to be done", until=lambda seen: not seen)
