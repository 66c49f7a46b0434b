# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner gets lent nodes back, nobody's work is lost, and without Weir Slurm goes on."""

import os
import tempfile
from pathlib import Path

from support import KEEPS_RUNNING, NOTES_NOTICE, STATE, answering, layout, policy, seconds

LAYOUT = layout("i[1-2]", "t[1-4]")
# Ends by itself when it runs for the second time.
SECOND_TIME = NOTES_NOTICE + """[ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && { sleep 1; exit 0; }
while :; do sleep 0.1; done"""


def all_lent(weir, args="", script="sleep 600"):
    """Six jobs of the borrower on every node there is; returns {node: job}."""
    jobs = [weir.serve(args, script=script) for _ in range(6)]
    weir.running(*jobs)
    weir.wait_lent(4)
    return {next(iter(weir.lab.job_nodes(job))): job for job in jobs}


def never_bad_constraints(weir, jobs, until, timeout, what):
    """Waits, and looks at every step that no job of these was found impossible."""
    def look():
        reasons = {job: weir.lab.job(job)["Reason"] for job in jobs}
        assert not set(reasons.values()) & {"BadConstraints", "JobHeldAdmin"}, reasons
        return until()

    return weir.wait(look, timeout, what)


def test_a_borrower_is_told_in_time_then_requeued_and_finishes_later(weir):
    on = all_lent(weir, script=SECOND_TIME)
    owner = weir.train()
    home = weir.running(owner).pop()
    victim = on[home]
    others = [job for job in on.values() if job != victim]
    assert weir.restarts(victim) == 1 and [weir.restarts(job) for job in others] == [0] * 5
    end = weir.wait(lambda: weir.steps("end_job"), 10, "the journal to tell of the end")[-1]
    assert end["job"] == victim and owner in end["for_jobs"]
    # The notice, and the SIGTERM with which Slurm ends a job that it requeues.
    weir.ended_with_notice(victim)
    assert len(weir.told(victim)) == 2
    assert f"job {owner} has waited" in weir.steps("notify_job")[-1]["why"]
    # What the job's own user sees names no job of others.
    told = weir.lab.job(victim)["AdminComment"]
    assert "requeued: its notice of 2s has run out" in told and f"{home} goes home to train" in told
    assert f"job {owner}" not in told
    assert "Weir noted in its AdminComment" in weir.run(f"weir explain {victim}", user="serve").stdout
    weir.cancel(others[0])  # leaves room for the requeued one
    weir.requeued(victim)
    assert weir.lab.wait_state(victim, "COMPLETED", 40)["ExitCode"] == "0:0"


def test_a_job_that_asked_for_no_signal_is_not_ended_by_one_and_runs_again(weir):
    plain = "[ \"${SLURM_RESTART_COUNT:-0}\" -gt 0 ] && exit 0; sleep 300"
    on = all_lent(weir, script=plain)
    owner = weir.train()
    victim = on[weir.running(owner).pop()]
    assert weir.restarts(victim) == 1
    weir.cancel(next(job for job in on.values() if job != victim))
    weir.requeued(victim)
    assert weir.lab.wait_state(victim, "COMPLETED", 40)["ExitCode"] == "0:0"


def test_notice_comes_as_long_before_the_requeue_as_the_policy_says(fresh):
    weir = fresh({"reclaim": "{after: 1s, notice: 6s, then: requeue}"})
    on = all_lent(weir, script=KEEPS_RUNNING)
    mark = weir.mark()
    owner = weir.train()
    victim = on[weir.running(owner).pop()]
    weir.ended_with_notice(victim, 6)
    assert len(weir.told(victim)) == 2
    ends = weir.wait(lambda: weir.steps("end_job", mark), 10, "the journal to tell of the end")
    assert [step["job"] for step in ends] == [victim]
    assert [step["job"] for step in weir.steps("notify_job", mark)] == [victim]


def test_a_job_that_may_not_be_requeued_is_never_stopped(weir):
    on = all_lent(weir, script=KEEPS_RUNNING, args="--no-requeue")
    mark = weir.mark()
    owner = weir.train()
    never_bad_constraints(weir, [owner], lambda: weir.lab.job(owner)["Reason"] != "None", 10,
                          "the owner's job to wait for a reason")
    weir.cycles(6)
    assert len(weir.lent()) == 4 and weir.state(owner) == "PENDING"
    assert not weir.steps("notify_job", mark) + weir.steps("end_job", mark)
    assert all(weir.state(job) == "RUNNING" for job in on.values())
    weir.cancel(on["t2"])
    assert weir.running(owner) == {"t2"}


def test_a_burst_of_the_owner_gets_every_node_back(weir):
    on = all_lent(weir, script=SECOND_TIME)
    burst = [weir.train(script="sleep 3") for _ in range(8)]
    states = lambda: [weir.state(job) for job in burst]  # noqa: E731
    never_bad_constraints(weir, burst, lambda: set(states()) == {"COMPLETED"}, 60, "the burst to be done")
    victims = [job for node, job in on.items() if node.startswith("t")]
    weir.requeued(*victims)
    for job in victims:
        weir.lab.wait_state(job, "COMPLETED", 40)


def test_an_owners_job_larger_than_what_is_left_waits_validly_and_is_served(fresh):
    weir = fresh({"reclaim": "{after: 4s, notice: 2s, then: requeue}"})
    all_lent(weir)
    big = weir.train("-N4")
    seen = set()

    def runs():
        job = weir.lab.job(big)
        seen.add(job["Reason"])
        return job["JobState"] == "RUNNING"

    weir.wait(runs, 40, "the big job to run")
    assert weir.lab.job_nodes(big) == {"t1", "t2", "t3", "t4"}
    assert not seen - {"None", "Resources", "Priority"} - {r for r in seen if r.startswith("ReqNodeNotAvail")}
    assert weir.lent() == set()


def test_then_leave_lets_borrowers_finish_and_gives_the_node_to_the_owner(fresh):
    weir = fresh({"reclaim": "{after: 1s, notice: 1s, then: leave}"})
    on = all_lent(weir)
    mark = weir.mark()
    owner = weir.train()
    weir.cycles(5)
    assert all(weir.state(job) == "RUNNING" for job in on.values())
    assert not weir.steps("notify_job", mark) + weir.steps("end_job", mark)
    weir.cancel(on["t3"])
    assert weir.running(owner) == {"t3"}


def test_then_cancel_ends_the_borrowers_job_after_its_notice(fresh):
    weir = fresh({"reclaim": "{after: 1s, notice: 2s, then: cancel}"})
    on = all_lent(weir, script=KEEPS_RUNNING, args="--no-requeue")
    owner = weir.train()
    victim = on[weir.running(owner).pop()]
    assert weir.state(victim) == "CANCELLED"
    assert weir.told(victim)
    assert [weir.state(job) for job in on.values()].count("RUNNING") == 5


def test_return_brings_all_home_for_good_and_resume_begins_again(weir):
    on = all_lent(weir, script=SECOND_TIME)
    waiting = weir.serve()
    weir.run("weir return --all")
    weir.wait(lambda: weir.lab.resv("weir_inference") is None, 30, "the reservation to be gone")
    assert weir.loans() == {} and weir.rule()["held_home"]
    # Everybody's jobs go on, as on a Slurm without Weir.
    victims = [job for node, job in on.items() if node.startswith("t")]
    weir.requeued(*victims)
    for job in victims:
        weir.lab.wait_state(job, "COMPLETED", 40)
    weir.running(waiting)
    late = weir.serve()
    weir.running(late)
    assert "Reservation" not in weir.lab.job(late)
    weir.cycles(3)
    assert weir.lab.resv("weir_inference") is None
    weir.cancel_all()
    weir.run("weir resume")
    weir.wait(lambda: weir.lab.resv("weir_inference"), 15, "the reservation to be back")
    weir.cycles(1)
    all_lent(weir)


def test_a_return_ordered_during_a_pause_takes_effect_when_the_pause_ends(weir):
    weir.running(weir.serve("-N3"))
    lent = weir.wait_lent(1)
    weir.run("weir pause")
    said = weir.run("weir return inference").stdout
    assert "pause" in said, said
    weir.cycles(3)
    assert weir.lent() == lent
    # The first ends the pause, the second the return.
    assert "inference" in weir.run("weir resume").stdout
    weir.wait(lambda: weir.lab.resv("weir_inference") is None or weir.loans(), 20, "the node to be on its way home")
    assert weir.rule()["held_home"]
    weir.run("weir resume")
    weir.wait(lambda: not weir.rule()["held_home"], 10, "the rule to lend again")


def test_pause_freezes_what_is_lent_and_resume_goes_on(weir):
    jobs = [weir.serve() for _ in range(3)]
    lent = weir.running(*jobs) - {"i1", "i2"}
    weir.run("weir pause")
    mark = weir.mark()
    owners = weir.train("-N4")
    more = weir.serve()
    weir.cycles(5)
    assert weir.lent() == lent and not weir.journal(mark)
    assert weir.state(owners) == weir.state(more) == "PENDING"
    weir.run("weir resume")
    weir.running(owners)
    assert weir.lent() == set()


# The last one in the lab that the tests above share: what it leaves is a rule that lends nothing for a while.
def test_an_oscillating_load_is_lent_to_less_and_less_often(fresh):
    weir = fresh({"backoff": "{first: 6s, max: 40s}", "min_loan": "0s",
                  "reclaim": "{after: 1s, notice: 0s, then: cancel}"})
    mark = weir.mark()
    for _ in range(20):
        weir.serve()
    for _ in range(3):
        weir.wait(weir.lent, 60, "nodes to be lent")
        weir.lab.wait_state(weir.train("-N4", script="true"), "COMPLETED", 60)
    held = weir.wait(lambda: weir.rule()["held_back"], 10, "the rule to be held back")
    assert held.startswith("backoff for another")
    writes = [(seconds(step["at"]), step) for step in weir.steps("set_reservation", mark)]
    lendings = [at for at, step in writes if step["added"]]
    reclaims = [at for at, step in writes if "has waited" in step["why"]]
    assert len(lendings) == len(reclaims) == 3, writes
    gaps = [lent - back for back, lent in zip(reclaims, lendings[1:])]
    assert gaps[0] >= 5 and gaps[1] >= 11, gaps


def test_with_the_controller_gone_for_good_everything_goes_on_as_stock_slurm(lab, build_dir):
    home = tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    with tempfile.TemporaryDirectory(prefix="weir-gone-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        gone, controller = Path(folder, "gone"), Path(folder, "weirctld")
        controller.write_text(f"#!/bin/sh\n[ -e {gone} ] && exit 1\nexec {home}/weir/bin/weirctld \"$@\"\n",
                              encoding="utf-8")
        controller.chmod(0o755)
        # No reclaim may have begun when the controller goes: what is lent then stays lent.
        weir = answering(lab(directory=home, layout=LAYOUT, weir=build_dir, env={"WEIR_CONTROLLER": str(controller)},
                             policy=policy({"reclaim": "{after: 1h, notice: 2s, then: requeue}"})))
        until_over = f"until [ -e {weir.lab.inside('tmp/over')} ]; do sleep 0.1; done"
        borrowers = [weir.serve(script=until_over) for _ in range(4)]
        frozen = weir.running(*borrowers) - {"i1", "i2"}
        owners = [weir.train(script=until_over) for _ in range(2)]
        weir.running(*owners)
        waiting = weir.train(), weir.serve()
        gone.touch()
        weir.lab.kill("weirctld")
        weir.wait(lambda: "error: weir: weirctld" in weir.lab.log("slurmctld"), 20, "slurmctld to notice")
        short = weir.train(script="true"), weir.serve(script="true")
        weir.lab.write("tmp/over", "")
        for job in borrowers + owners:
            assert weir.lab.wait_state(job, "COMPLETED", 40)["Restarts"] == "0"
        weir.running(*waiting)
        for job in short:
            weir.lab.wait_state(job, "COMPLETED")
        # Once the heartbeat is stale Weir's plugin lets new jobs alone, whatever their size.
        os.utime(weir.lab.path(f"{STATE}/heartbeat"), (0, 0))
        for late in weir.serve(script="true"), weir.train(script="true"), weir.serve("-N3", script="true"):
            assert "AdminComment" not in weir.lab.wait_state(late, "COMPLETED")
        assert not weir.lab.pids("weirctld", zombies=False)
        assert weir.lent() == frozen
