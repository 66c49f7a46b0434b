# SPDX-License-Identifier: GPL-2.0-or-later
"""Overflow from end to end on real Slurm: weirctld nominates, Slurm starts, the gateway sends, weirctld settles."""

import json
import re

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


def series(home):
    """{(metric, its labels' values in order): value} of sites and budgets, as Prometheus would scrape them."""
    text = home.run("curl -sf http://127.0.0.1:9811/metrics").stdout
    found = re.findall(r"^(weir_site_\w+|weir_overflow_budget){(.*)} (\S+)$", text, re.MULTILINE)
    return {(name, *sorted(re.findall(r'"(.*?)"', labels))): float(value) for name, labels, value in found}


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
    shown = series(home)
    assert {name for name, *_ in shown} == {
        "weir_site_open", "weir_site_jobs", "weir_site_free_gpus", "weir_site_gpu_hour_price", "weir_site_spent",
        "weir_site_voucher_gpu_hours", "weir_site_round_trip_seconds", "weir_site_typical_wait_seconds",
        "weir_overflow_budget"}
    assert shown["weir_site_open", "west"] == 1 and shown["weir_site_round_trip_seconds", "west"] > 0
    assert shown["weir_site_gpu_hour_price", "a100", "west"] == pytest.approx(0.60)
    assert shown["weir_site_jobs", "nominated", "west"] == 0 == shown["weir_overflow_budget", "aside", "spill"]
    assert shown["weir_overflow_budget", "per_day", "spill"] == 5
    used, left = (shown["weir_site_voucher_gpu_hours", "gift", state, "west"] for state in ("used", "left"))
    assert 0 < used < 0.1 and used + left == pytest.approx(2)


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
