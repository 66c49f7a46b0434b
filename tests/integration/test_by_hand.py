# SPDX-License-Identifier: GPL-2.0-or-later
"""What an admin does by hand while Weir lends: it is taken as it is, and no job is stopped for it."""

import pytest

from lending import RESERVATION, lending, policy


@pytest.fixture(scope="module")
def shared(build_dir):
    # What an admin sets down stays down.
    with lending(build_dir, slurm_conf=["ReturnToService=0"]) as here:
        yield here


@pytest.fixture
def here(shared, request):
    """The lab that the tests of this file share, as it began."""
    shared.clean()
    yield shared
    if getattr(request.node, "lab_test_failed", False):
        print(shared.cluster.log("weirctld", 60))


def set_nodes(here, nodes):
    here.run(["scontrol", "update", f"reservationname={RESERVATION}", f"nodes={nodes}"])


def test_a_node_added_by_hand_becomes_a_loan_and_goes_home_unused(here):
    set_nodes(here, "i1,t4")
    loan = here.wait(here.loans, 5, "a loan of t4", until=lambda loans: "t4" in loans)["t4"]
    assert loan["why"] == "found in the reservation"
    here.wait(here.held, 15, "t4 to go home", until=lambda held: held == {"i1"})
    here.explained()


def test_a_node_added_by_hand_serves_borrowers(here):
    here.fill_own()
    set_nodes(here, "i1,t4")
    job = here.serve("-wt4")
    assert here.running(job) == "t4"
    here.explained()
    here.none_lost()


def test_a_node_taken_out_by_hand_is_home_and_its_job_runs_on(here):
    here.fill_own()
    job, node = here.borrow()
    set_nodes(here, "i1")
    here.wait(here.loans, 5, f"the loan of {node} to end", until=lambda loans: node not in loans)
    here.explained()
    here.cycles(3)
    assert here.held() == {"i1"}
    here.untouched(job)


def test_a_node_exchanged_by_hand_is_taken_as_it_is(here):
    here.fill_own()
    job, node = here.borrow()
    other = "t4" if node != "t4" else "t3"
    set_nodes(here, f"i1,{other}")
    here.wait(here.lent, 5, f"{other} to be lent in place of {node}", until=lambda lent: lent == {other})
    here.explained()
    here.untouched(job)


def test_the_own_node_taken_out_by_hand_comes_back(here):
    job = here.fill_own()
    other, node = here.borrow()
    set_nodes(here, node)
    here.wait(here.held, 5, "i1 to be reserved again", until=lambda held: "i1" in held)
    here.explained()
    here.untouched(job, other)


def test_a_reservation_deleted_by_hand_is_made_again(here):
    owners = here.train("-wt1")
    here.running(owners)
    set_nodes(here, "i1,t4")
    here.wait(here.lent, 5, "t4 to be lent", until=lambda lent: lent == {"t4"})
    before = len(here.journal(kind="set_reservation"))
    here.run(["scontrol", "delete", f"reservationname={RESERVATION}"])
    here.wait(here.held, 5, "the reservation to be made again", until=lambda held: held == {"i1"})
    here.wait(lambda: here.journal(kind="set_reservation")[before:], 5, "the reason in the journal",
              until=lambda steps: any("is missing" in step["why"] for step in steps))
    here.explained()
    here.untouched(owners)
    here.fill_own()
    job, _ = here.borrow()
    here.untouched(owners, job)


def test_slurm_refuses_to_delete_a_reservation_that_jobs_name_and_they_go_on(here):
    own = here.fill_own()
    job, node = here.borrow()
    refused = here.run(["scontrol", "delete", f"reservationname={RESERVATION}"], check=False)
    assert refused.returncode != 0
    here.explained()
    assert here.held() == {"i1", node}
    here.untouched(own, job)


def test_a_lent_node_reserved_for_maintenance_leaves_and_its_job_runs_on(here):
    here.fill_own()
    job, node = here.borrow()
    here.run(["scontrol", "create", "reservation", "reservationname=repair", "flags=maint,ignore_jobs",
              f"nodes={node}", "users=root", "starttime=now", "duration=60"])
    here.wait(here.held, 5, f"{node} to leave {RESERVATION}", until=lambda held: held == {"i1"})
    here.explained()
    here.cycles(5)  # longer than the notice
    assert here.held() == {"i1"}
    here.untouched(job)
    here.run("scontrol delete reservationname=repair".split())
    here.cycles(2)
    here.explained()
    here.untouched(job)


def test_a_lent_node_that_is_set_down_leaves_and_its_job_gets_another(here):
    here.fill_own()
    job, node = here.borrow()
    here.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"])
    here.wait(here.held, 5, f"{node} to leave {RESERVATION}", until=lambda held: node not in held)
    here.explained()
    # Slurm itself requeues the job of a node that is down.
    here.wait(lambda: here.cluster.job(job)["JobState"], 20, "Slurm to requeue the job",
              until=lambda state: state == "PENDING")
    assert here.running(job, 60) != node
    assert not here.journal(kind="end_job", job=job)
    here.run(["scontrol", "update", f"nodename={node}", "state=resume"])
    here.cycles(2)
    here.explained()
    here.none_lost()


def test_a_lent_node_that_is_drained_leaves_and_its_job_runs_on(here):
    here.fill_own()
    job, node = here.borrow()
    here.run(["scontrol", "update", f"nodename={node}", "state=drain", "reason=test"])
    here.wait(here.held, 5, f"{node} to leave {RESERVATION}", until=lambda held: node not in held)
    here.cycles(5)
    here.explained()
    here.untouched(job)
    here.run(["scontrol", "update", f"nodename={node}", "state=resume"])
    here.cycles(2)
    here.explained()
    here.untouched(job)


def test_a_bad_policy_leaves_the_old_one_in_force_and_a_good_one_takes_over(here):
    here.fill_own()
    said = here.reload(policy().replace("idle_return:", "idel_return:"))
    assert "refused" in said["text"] and "idel_return" in said["text"]
    log = here.cluster.log("weirctld", 20)
    assert "idel_return" in log and "the policy read before stays in force" in log
    job, _ = here.borrow()
    said = here.reload(policy(mode="advise"))
    assert said["text"] == ""
    assert here.wait(here.status, 10, "mode advise", until=lambda seen: seen["mode"] == "advise")
    here.untouched(job)


def test_a_rule_that_is_removed_stops_nothing_and_takes_its_loans_up_again_when_it_returns(here):
    own = here.fill_own()
    job, node = here.borrow()
    since = here.loans()[node]["since"]
    here.reload("mode: act\ncycle: 1s\n")
    here.cycles(3)
    status = here.status()
    assert status["healthy"] and status["rules"] == []
    assert here.held() == {"i1", node}
    here.untouched(own, job)
    here.reload(policy())
    here.cycles(2)
    assert here.loans()[node]["since"] == since
    here.explained()
    here.untouched(own, job)


def test_from_act_to_advise_nothing_more_is_done_and_back_it_goes_on(here):
    here.fill_own()
    jobs = [here.borrow()[0] for _ in range(4)]
    here.reload(policy(mode="advise"))
    owners = here.train()
    steps = here.wait(lambda: (here.weir("plan") or {}).get("steps"), 15, "a plan to take a node back")
    assert any(step["kind"] == "set_reservation" and step["removed"] for step in steps), steps
    here.cycles(4)
    here.untouched(*jobs)
    assert here.held() == {"i1", "t1", "t2", "t3", "t4"}
    here.reload(policy())
    here.running(owners)
    here.explained()
    here.none_lost()


def test_owners_jobs_that_start_while_nodes_are_lent_all_complete(here):
    here.fill_own()
    borrowers = [here.serve() for _ in range(3)]
    owners = [here.train("-N1", script="sleep 0.7") for _ in range(25)]
    seen = here.wait(lambda: {job: here.cluster.jobs()[job] for job in owners}, 120,
                     "all of the owner's jobs to complete", step=0.5,
                     until=lambda jobs: all(job["JobState"] == "COMPLETED" for job in jobs.values()))
    assert {job["Restarts"] for job in seen.values()} == {"0"}
    stopped = {step["job"] for step in here.journal(kind="end_job") + here.journal(kind="notify_job")}
    assert not stopped & set(owners)
    for job in borrowers:
        here.running(job, 60)
    here.none_lost()
    here.explained()
