# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons that end, hang or lose their files while Weir lends and takes back: what is lent stays
explained, no job is lost, and none ends without notice."""

import os
import signal

import pytest

from support import KEEPS_RUNNING, STATE, layout, saved

LAYOUT = layout("i1", "t[1-2]")


def restart(weir, how):
    """Puts slurmctld, or its configuration, through something; returns when it answers again."""
    if how == "reconfigure":
        weir.run("scontrol reconfigure")
    elif how == "stop and start":
        weir.lab.stop("slurmctld")
        weir.lab.start("slurmctld")
    else:
        weir.lab.kill("slurmctld", signal.SIGKILL)
        weir.wait(lambda: not weir.lab.pids("slurmctld", zombies=False), 10, "slurmctld to be dead")
        weir.lab.start("slurmctld")
    weir.wait(lambda: "is UP" in weir.run("scontrol ping", check=False).stdout, 30, "slurmctld to answer")
    weir.wait(lambda: len(weir.lab.pids("weirctld", zombies=False)) == 1, 20, "one weirctld")
    weir.status(20)


@pytest.mark.parametrize("how", ["reconfigure", "stop and start", "kill -9"])
def test_loans_and_their_jobs_survive(weir, how):
    own = weir.fill_own()
    job, node = weir.borrow()
    owners = weir.train()
    weir.running(owners)
    saved(weir, owners)
    since = weir.loans()[node]["since"]
    restart(weir, how)
    weir.explained()
    assert weir.loans()[node]["since"] == since
    weir.untouched(own, job, owners)
    weir.none_lost()


@pytest.mark.parametrize("how, notice", [("reconfigure", 2), ("stop and start", 2), ("kill -9", 12)])
def test_a_reclaim_in_progress_goes_on(fresh, how, notice):
    weir = fresh({"reclaim": f"{{after: 2s, notice: {notice}s, then: requeue}}"})
    own = weir.fill_own()
    keeper = weir.train()
    weir.running(keeper)
    job, node = weir.borrow(script=KEEPS_RUNNING)
    saved(weir, job)
    owners = weir.train()
    if how == "kill -9":
        saved(weir, owners)  # sooner than the notice is over
    weir.wait(weir.loans, 20, f"{node} to be on its way home",
              until=lambda loans: loans.get(node, {}).get("state") == "vacating")
    restart(weir, how)
    weir.explained()
    assert weir.running(owners) == {node}
    weir.ended_with_notice(job, notice)
    weir.untouched(own, keeper)
    weir.none_lost()
    weir.cancel(owners)
    assert weir.resumed(job) == {node}


def test_a_slurmctld_that_hangs_is_reported_and_work_goes_on_afterwards(weir):
    own = weir.fill_own()
    job, node = weir.borrow()
    weir.lab.kill("slurmctld", signal.SIGSTOP)
    try:
        status = weir.wait(lambda: weir.ask("status"), 60, "weir status to name the problem",
                           until=lambda seen: seen and not seen["healthy"])
        assert "slurmctld" in status["problem"] and status["problem_since"]
    finally:
        weir.lab.kill("slurmctld", signal.SIGCONT)
    weir.wait(lambda: weir.ask("status"), 40, "weirctld to be healthy again",
              until=lambda seen: seen and seen["healthy"])
    weir.explained()
    assert node in weir.on_loan()
    weir.untouched(own, job)
    other, _ = weir.borrow()
    weir.untouched(own, job, other)


@pytest.mark.parametrize("rubbish", ["{garbage", "", '{"version": 99}'])
def test_a_ledger_that_cannot_be_read_is_kept_aside_and_loans_are_taken_over(weir, rubbish):
    own = weir.fill_own()
    job, node = weir.borrow()
    pid = weir.pid()
    kept = weir.lab.path(f"{STATE}/ledger.json.unreadable")
    if os.path.exists(kept):
        os.remove(kept)
    weir.lab.write(f"{STATE}/ledger.json", rubbish, owner="slurm", mode=0o600)
    weir.lab.kill("weirctld", signal.SIGKILL)
    weir.pid(other_than={pid}, timeout=30)
    loans = weir.wait(weir.loans, 20, f"{node} to be a loan again", until=lambda loans: node in loans)
    assert loans[node]["why"] == "found in the reservation"
    weir.explained()
    assert weir.lab.read(f"{STATE}/ledger.json.unreadable") == rubbish
    assert "taken over as they stand" in weir.lab.log("weirctld", 30)
    weir.untouched(own, job)


def test_while_the_ledger_cannot_be_written_nothing_is_done(weir):
    own = weir.fill_own()
    folder = weir.lab.path(STATE)
    owner = os.stat(folder)
    os.chown(folder, 0, 0)
    os.chmod(folder, 0o555)
    try:
        job = weir.serve()
        weir.wait(lambda: weir.lab.log("weirctld", 20), 15, "the reason in weirctld's log", until=lambda
                  log: "nothing is done until the ledger can be written" in log)
        weir.cycles(2)
        assert weir.reserved() == {"i1"}
        assert weir.state(job) == "PENDING"
    finally:
        os.chown(folder, owner.st_uid, owner.st_gid)
        os.chmod(folder, 0o700)
    weir.running(job)
    weir.explained()
    weir.untouched(own, job)


def test_a_second_weirctld_ends_at_once_and_says_who_is_there(weir):
    first = weir.pid()
    second = weir.run(["weirctld"], user="slurm", check=False, timeout=20)
    assert second.returncode == 75
    assert "another weirctld" in second.stderr and f"{STATE}/lock" in second.stderr
    assert str(first) in second.stderr
    assert weir.pid() == first
    weir.explained()


def test_a_killed_weirctld_is_back_under_slurmctld_and_its_loans_stand(weir):
    own = weir.fill_own()
    job, node = weir.borrow()
    since = weir.loans()[node]["since"]
    pid = weir.pid()
    weir.lab.kill("weirctld", signal.SIGKILL)
    weir.pid(other_than={pid}, timeout=30)
    weir.explained()
    assert weir.loans()[node]["since"] == since
    weir.untouched(own, job)
