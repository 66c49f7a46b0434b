# SPDX-License-Identifier: GPL-2.0-or-later
"""Overflow from end to end on real Slurm: weirctld nominates, Slurm starts, the gateway sends, weirctld settles."""

import json

import pytest

from overflowing import overflowing

TOP = """cycle: 1s
home:
  price: {gpu_hour: {other: 2.00}}
"""
TERMS = """    price: {currency: USD, gpu_hour: {other: 0.60}}
    vouchers: [{name: gift, gpu_hours: 2}]
"""


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    return overflowing(module_lab, build_dir, TOP, TERMS, ", stay: 2s, budget: {per_day: 5}")


def ask(home, *words):
    return json.loads(home.run(["weir", "--json", *words]).stdout)


@pytest.fixture
def full(home):
    """Nobody can start in train."""
    job = home.sbatch(["--time=60", "--exclusive"], script="sleep 600", user="bob", partition="train")
    home.wait_state(job, "RUNNING", timeout=30)
    home.wait(lambda: ask(home, "sites")["sites"][0], 60, "the site to be open", until=lambda site: site["state"] == "open")
    yield
    home.run(["scancel", str(job)])
    home.wait_state(job, "CANCELLED", timeout=40)


def site_token(home, job):
    return "site=west@" in home.job(job).get("AdminComment", "")


def test_a_job_that_may_go_runs_at_the_site_and_is_paid_for(home, full):
    stays = home.sbatch(["--time=60", "--gpus-per-node=1"], script="true", user="alice", partition="train")
    job = home.sbatch(["--time=60", "--gpus-per-node=1", "--weir-overflow=allow"], script="echo here; sleep 20",
                      user="alice", partition="train")
    home.wait_state(job, "RUNNING", timeout=60)
    record = home.job(job)
    assert record["NodeList"].startswith("west-") and site_token(home, job)
    home.wait(lambda: ask(home, "explain", str(job))["jobs"][0]["why"], 30, "it to be explained",
              until=lambda told: any("it has been sent to site west, where it is job" in sentence for sentence in told))
    assert ask(home, "sites")["budgets"][0]["aside"] == 0  # the voucher covers all of it
    assert ask(home, "sites")["sites"][0]["vouchers"][0]["aside"] == pytest.approx(61 / 60)
    home.wait_state(job, "COMPLETED", timeout=90)
    home.wait(lambda: ask(home, "sites")["sites"][0]["vouchers"][0], 60, "its run to be settled",
              until=lambda voucher: voucher["aside"] == 0 and 0 < voucher["used"] < 0.1)
    assert home.job(stays)["JobState"] == "PENDING"
    why = ask(home, "explain", str(stays))["jobs"][0]["why"]
    assert "it is not sent elsewhere: its user has not asked for it (sbatch --weir-overflow)" in why
    home.run(["scancel", str(stays)])


def test_tasks_of_an_array_go_one_by_one(home, full):
    array = home.sbatch(["--time=10", "--gpus-per-node=2", "--weir-overflow=prefer", "--array=1-3"], script="sleep 5",
                        user="alice", partition="train")
    for task in range(1, 4):
        home.wait(lambda task=task: home.run(["sacct", "-X", "-n", "-P", "-j", f"{array}_{task}", "-o", "state,nodelist"]
                                             ).stdout.strip(), 120, f"task {task}",
                  until=lambda line: line.startswith("COMPLETED|west-"))


def test_a_nomination_is_taken_back_when_the_site_is_out_of_reach(home, full):
    west = home.sites["west"]
    for number in range(1, 5):
        home.run(["scontrol", "update", f"nodename=west-{number}", "state=drain", "reason=test"])
    job = home.sbatch(["--time=10", "--gpus-per-node=1", "--weir-overflow=prefer"], script="true", user="alice",
                      partition="train")
    home.wait(lambda: ask(home, "explain", str(job))["jobs"][0]["why"][-1], 30, "why it stays",
              until=lambda why: "no gateway node of it has room for it now" in why)
    assert home.job(job)["Partition"] == "train"
    west.link(False)
    home.wait(lambda: ask(home, "sites")["sites"][0]["state"], 60, "the site to be closed",
              until=lambda state: state == "closed")
    west.link(True)
    for number in range(1, 5):
        home.run(["scontrol", "update", f"nodename=west-{number}", "state=resume"])
    home.wait_state(job, "COMPLETED", timeout=120)
