# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons that end, hang or lose their files while Weir lends and takes back: what is lent stays
explained, no job is lost, and none ends without notice."""

import os
import signal

import pytest

from lending import lending, policy, saved

MOST_POINTS = 40  # a scenario passes far fewer
STATE = "state/slurmctld/weir"


@pytest.fixture(scope="module")
def shared(build_dir):
    with lending(build_dir, training=2) as here:
        yield here


@pytest.fixture
def here(shared, request):
    """A lab of two training nodes that the tests of this file share, as it began."""
    shared.clean()
    yield shared
    if getattr(request.node, "lab_test_failed", False):
        print(shared.cluster.log("weirctld", 60))


@pytest.fixture(scope="module")
def alone(build_dir):
    """The same under the stock scheduler: weirctld is a service that the test itself restarts, so that
    no growing interval slows the campaign down."""
    with lending(build_dir, training=2, scheduler="stock", policy=policy(idle_return="2s")) as here:
        yield here


def restart(here, how):
    """Puts slurmctld, or its configuration, through something; returns when it answers again."""
    if how == "reconfigure":
        here.run("scontrol reconfigure")
    elif how == "stop and start":
        here.cluster.stop("slurmctld")
        here.cluster.start("slurmctld")
    else:
        here.cluster.kill("slurmctld", signal.SIGKILL)
        here.wait(lambda: not here.cluster.pids("slurmctld", zombies=False), 10, "slurmctld to be dead")
        here.cluster.start("slurmctld")
    here.wait(lambda: "is UP" in here.run("scontrol ping", check=False).stdout, 30, "slurmctld to answer")
    here.wait(lambda: len(here.cluster.pids("weirctld", zombies=False)) == 1, 20, "one weirctld")
    here.status(20)


RESTARTS = ["reconfigure", "stop and start", "kill -9"]


@pytest.mark.parametrize("how", RESTARTS)
def test_loans_and_their_jobs_survive(here, how):
    own = here.fill_own()
    job, node = here.borrow()
    owners = here.train()
    here.running(owners)
    saved(here, owners)
    since = here.loans()[node]["since"]
    restart(here, how)
    here.explained()
    assert here.loans()[node]["since"] == since
    here.untouched(own, job, owners)
    here.none_lost()


@pytest.mark.parametrize("how", RESTARTS)
def test_a_reclaim_in_progress_goes_on(here, how):
    own = here.fill_own()
    keeper = here.train()
    here.running(keeper)
    job, node = here.borrow()
    saved(here, job)
    owners = here.train()
    here.wait(here.loans, 15, f"{node} to be on its way home",
              until=lambda loans: loans.get(node, {}).get("state") == "vacating")
    restart(here, how)
    here.explained()
    assert here.running(owners) == node
    here.ended_with_notice(job)
    here.untouched(own, keeper)
    here.none_lost()
    here.cancel(owners)
    assert here.running(job, 60) == node


def arm(here, point):
    """Restarts weirctld so that it ends at its n-th crash point; returns its pid."""
    here.cluster.kill("weirctld", signal.SIGKILL)
    here.wait(lambda: not here.cluster.pids("weirctld", zombies=False), 5, "weirctld to be dead")
    if point:
        here.cluster.write(f"{STATE}/crash_at", str(point), owner="slurm", mode=0o600)
    pid = here.cluster.start("weirctld")
    here.wait(lambda: here.weir("status"), 10, "weirctld to answer",
              until=lambda seen: seen or not here.cluster.pids("weirctld", zombies=False))
    return pid


def crashed(here):
    return not here.cluster.pids("weirctld", zombies=False)


def until_done_or_crashed(here, done, what, timeout=30):
    """Waits for the end of a scenario; if weirctld crashes on the way, brings it back, asserts that what
    it finds is explained within two cycles, and waits on. Returns whether it crashed."""
    here.wait(lambda: crashed(here) or done(), timeout, f"{what}, or a crash")
    if not crashed(here):
        return False
    here.cluster.start("weirctld")
    here.explained()
    here.none_lost()
    here.wait(done, timeout, f"{what} after the crash")
    return True


def state_of(here, job):
    return here.cluster.job(job)["JobState"]


def settle(here):
    """Every loan home and weirctld alive."""
    if crashed(here):
        here.cluster.start("weirctld")
    here.wait(lambda: (here.held(), set(here.loans())), 20, "every loan to be home",
              until=lambda seen: seen == ({"i1"}, set()))


def test_weirctld_killed_at_any_point_of_a_loan_lends_after_all(alone):
    here = alone
    own = here.fill_own()
    settle(here)
    for point in range(1, MOST_POINTS):
        arm(here, point)
        job = here.serve()

        def lent_and_running():
            return state_of(here, job) == "RUNNING" and here.lent() == here.held() - {"i1"} != set()

        died = until_done_or_crashed(here, lent_and_running, "the job to run on a loan")
        here.untouched(own, job)
        here.cancel(job)
        died |= until_done_or_crashed(here, lambda: here.held() == {"i1"} and not here.loans(),
                                      "the node to go home")
        here.none_lost()
        if not died:
            break
    here.cancel(*here.jobs)
    assert not died and 8 <= point, f"{point} points"
    print(f"{point - 1} points of a loan")


def test_weirctld_killed_at_any_point_of_a_reclaim_takes_back_with_notice(alone):
    here = alone
    arm(here, 0)
    own = here.fill_own()
    keeper = here.train("-wt2")
    here.running(keeper)
    settle(here)
    for point in range(1, MOST_POINTS):
        job, node = here.borrow()
        here.cycles(1)
        arm(here, point)
        owners = here.train()
        died = until_done_or_crashed(
            here, lambda: state_of(here, owners) == "RUNNING" and not here.loans(),
            "the owner's job to run and the loan to be over")
        assert here.cluster.job_nodes(owners) == {node}
        assert state_of(here, job) in ("PENDING", "RUNNING")
        here.ended_with_notice(job)
        here.untouched(own, keeper)
        here.none_lost()
        here.cancel(job, owners)
        if crashed(here):
            arm(here, 0)
        if not died:
            break
    here.cancel(*here.jobs)
    assert not died and 8 <= point, f"{point} points"
    print(f"{point - 1} points of a reclaim")


def test_under_the_stock_scheduler_a_weirctld_of_its_own_lends_and_runs_as_slurm(alone):
    here = alone
    here.cancel(*here.jobs)
    settle(here)
    assert "sched_" not in " ".join(os.listdir(here.cluster.path("plugins")))
    here.fill_own()
    job, node = here.borrow()
    assert here.held() == {"i1", node}
    owner = os.stat(f"/proc/{here.pid()}").st_uid if os.path.exists(f"/proc/{here.pid()}") else None
    assert owner in (None, os.stat(here.cluster.path("state/slurmctld")).st_uid)
    here.cancel(*here.jobs)
    here.none_lost()


def test_a_slurmctld_that_hangs_is_reported_and_work_goes_on_afterwards(here):
    own = here.fill_own()
    job, node = here.borrow()
    here.cluster.kill("slurmctld", signal.SIGSTOP)
    try:
        status = here.wait(lambda: here.weir("status"), 60, "weir status to name the problem",
                           until=lambda seen: seen and not seen["healthy"])
        assert "slurmctld" in status["problem"] and status["problem_since"]
    finally:
        here.cluster.kill("slurmctld", signal.SIGCONT)
    here.wait(lambda: here.weir("status"), 40, "weirctld to be healthy again",
              until=lambda seen: seen and seen["healthy"])
    here.explained()
    assert node in here.lent()
    here.untouched(own, job)
    other, _ = here.borrow()
    here.untouched(own, job, other)


@pytest.mark.parametrize("rubbish", ["{garbage", "", '{"version": 99}'])
def test_a_ledger_that_cannot_be_read_is_kept_aside_and_loans_are_taken_over(here, rubbish):
    own = here.fill_own()
    job, node = here.borrow()
    pid = here.pid()
    kept = here.cluster.path(f"{STATE}/ledger.json.unreadable")
    if os.path.exists(kept):
        os.remove(kept)
    here.cluster.write(f"{STATE}/ledger.json", rubbish, owner="slurm", mode=0o600)
    here.cluster.kill("weirctld", signal.SIGKILL)
    here.pid(other_than={pid}, timeout=30)
    loans = here.wait(here.loans, 10, f"{node} to be a loan again", until=lambda loans: node in loans)
    assert loans[node]["why"] == "found in the reservation"
    here.explained()
    assert here.cluster.read(f"{STATE}/ledger.json.unreadable") == rubbish
    assert "taken over as they stand" in here.cluster.log("weirctld", 30)
    here.untouched(own, job)


def test_while_the_ledger_cannot_be_written_nothing_is_done(here):
    own = here.fill_own()
    folder = here.cluster.path(STATE)
    owner = os.stat(folder)
    os.chown(folder, 0, 0)
    os.chmod(folder, 0o555)
    try:
        job = here.serve()
        here.wait(lambda: here.cluster.log("weirctld", 20), 15, "the reason in weirctld's log", until=lambda
                  log: "nothing is done until the ledger can be written" in log)
        here.cycles(2)
        assert here.held() == {"i1"}
        assert state_of(here, job) == "PENDING"
    finally:
        os.chown(folder, owner.st_uid, owner.st_gid)
        os.chmod(folder, 0o700)
    here.running(job)
    here.explained()
    here.untouched(own, job)


def test_a_second_weirctld_ends_at_once_and_says_who_is_there(here):
    first = here.pid()
    second = here.run(["weirctld"], user="slurm", check=False, timeout=20)
    assert second.returncode == 75
    assert "another weirctld" in second.stderr and f"{STATE}/lock" in second.stderr
    assert str(first) in second.stderr
    assert here.pid() == first
    here.explained()


def test_a_killed_weirctld_is_back_under_slurmctld_and_its_loans_stand(here):
    own = here.fill_own()
    job, node = here.borrow()
    since = here.loans()[node]["since"]
    pid = here.pid()
    here.cluster.kill("weirctld", signal.SIGKILL)
    here.pid(other_than={pid}, timeout=30)
    here.explained()
    assert here.loans()[node]["since"] == since
    here.untouched(own, job)
