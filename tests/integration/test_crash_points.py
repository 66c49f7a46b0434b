# SPDX-License-Identifier: GPL-2.0-or-later
"""weirctld killed at every point of a loan, of a reclaim and of a replica's life: it goes on from what it finds, and no
job is lost or submitted twice. Under the stock scheduler, where weirctld is a service that the test itself restarts, so that no
growing interval slows the campaign down."""

import os
import re

import pytest

from crashes import MOST_POINTS, arm, crashed, until_done_or_crashed
from support import KEEPS_RUNNING, RESERVATION, answering, layout, policy
from weirlab.users import identity

ENDS_WHEN_TOLD = KEEPS_RUNNING.replace("' TERM", "; exit' TERM")


@pytest.fixture(scope="module")
def module_weir(module_lab, build_dir):
    lab = module_lab(layout=layout("i1", "t[1-2]"), weir=build_dir, policy=policy(), scheduler="stock")
    lab.start("weirctld")
    weir = answering(lab)
    weir.reservation_option = f"--reservation={RESERVATION}"
    return weir


@pytest.fixture
def weir(module_weir):
    arm(module_weir, 0)  # what the last test armed may still be ahead
    module_weir.reset({"min_loan": "0s", "idle_return": "1s", "reclaim": "{after: 1s, notice: 2s, then: requeue}"})
    return module_weir


def test_weirctld_killed_at_any_point_of_a_loan_lends_after_all(weir, tell):
    own = weir.fill_own()
    for point in range(1, MOST_POINTS):
        arm(weir, point)
        job = weir.serve()

        def lent_and_running():
            return weir.state(job) == "RUNNING" and weir.on_loan() == weir.reserved() - {"i1"} != set()

        died = until_done_or_crashed(weir, lent_and_running, "the job to run on a loan")
        weir.untouched(own, job)
        weir.cancel(job)
        died |= until_done_or_crashed(weir, lambda: weir.reserved() == {"i1"} and not weir.loans(),
                                      "the node to go home")
        weir.none_lost()
        if not died:
            break
    assert not died and 8 <= point, f"{point} points"
    tell(f"weirctld was killed at {point - 1} points of a loan, one after the other")


def test_weirctld_killed_at_any_point_of_a_reclaim_takes_back_with_notice(weir, tell):
    own = weir.fill_own()
    keeper = weir.train("-wt2")
    weir.running(keeper)
    for point in range(1, MOST_POINTS):
        job, node = weir.borrow(script=ENDS_WHEN_TOLD)
        weir.cycles(1)
        arm(weir, point)
        owners = weir.train()
        died = until_done_or_crashed(
            weir, lambda: weir.state(owners) == "RUNNING" and not weir.loans(),
            "the owner's job to run and the loan to be over")
        assert weir.lab.job_nodes(owners) == {node}
        assert weir.state(job) in ("PENDING", "RUNNING")
        weir.ended_with_notice(job)
        weir.untouched(own, keeper)
        weir.none_lost()
        weir.cancel(job, owners)
        if crashed(weir):
            arm(weir, 0)
        if not died:
            break
    assert not died and 8 <= point, f"{point} points"
    tell(f"weirctld was killed at {point - 1} points of a reclaim, one after the other")


SERVICE = """services:
  - {name: chat, script: DIRECTORY/replica.sbatch, user: serve, replicas: {max: 2}, retry: {first: 1s, max: 1s},
     drain: {settle: 0s, notice: 1s}}
"""


def scaled(weir, count):
    """Has the service's count pinned, by as many weirctlds as it takes; returns whether one crashed."""
    died = False

    def pinned():
        nonlocal died
        if crashed(weir):
            died = True
            weir.lab.start("weirctld")
        weir.run(f"weir scale chat {count}", check=False)
        seen = weir.ask("services")
        return seen and seen["services"][0]["pinned"] == count

    weir.wait(pinned, 30, f"the count to be pinned at {count}")
    return died


def test_weirctld_killed_at_any_point_of_a_replicas_life_starts_and_ends_it_once(weir, tell):
    weir.lab.write("home/serve/replica.sbatch", "#!/bin/sh\n#SBATCH --partition=inference\nexec sleep 600\n",
                   owner="serve", mode=0o755)
    assert not weir.apply(policy() + SERVICE.replace("DIRECTORY", weir.lab.inside("home/serve")))

    def replicas(*states):
        return [job for job, seen in weir.lab.jobs().items()
                if seen["JobName"].startswith("chat-") and (not states or seen["JobState"] in states)]

    for point in range(1, MOST_POINTS):
        arm(weir, point)
        before = len(replicas())
        died = scaled(weir, 1)
        died |= until_done_or_crashed(weir, lambda: replicas("RUNNING"), "the replica to run", timeout=100)
        died |= scaled(weir, 0)
        died |= until_done_or_crashed(weir, lambda: not replicas("PENDING", "RUNNING"), "the replica to be gone")
        assert len(replicas()) == before + 1, f"point {point}: a replica was submitted twice"
        if not died:
            break
    assert not died and 8 <= point, f"{point} points"
    tell(f"weirctld was killed at {point - 1} points of a replica's life, one after the other")


def test_under_the_stock_scheduler_a_weirctld_of_its_own_lends_and_runs_as_slurm(weir):
    assert "sched_" not in " ".join(os.listdir(weir.lab.path("plugins")))
    weir.fill_own()
    job, node = weir.borrow()
    assert weir.reserved() == {"i1", node}
    status = weir.lab.read(f"/proc/{weir.pid()}/status")  # of the lab's own /proc
    assert "Name:\tweirctld\n" in status
    slurm = str(identity("slurm")[0])
    assert re.search(r"^Uid:(.*)$", status, re.MULTILINE)[1].split() == [slurm] * 4
    weir.none_lost()
