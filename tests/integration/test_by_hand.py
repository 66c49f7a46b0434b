# SPDX-License-Identifier: GPL-2.0-or-later
"""What an admin does by hand while Weir lends: it is taken as it is, and no job is stopped for it."""

from support import RESERVATION, layout, policy

LAYOUT = layout("i1", "t[1-4]", "ReturnToService=0")  # what an admin sets down stays down


def set_nodes(weir, nodes):
    weir.run(["scontrol", "update", f"reservationname={RESERVATION}", f"nodes={nodes}"])


def test_a_node_added_by_hand_becomes_a_loan_and_goes_home_unused(weir):
    set_nodes(weir, "i1,t4")
    loan = weir.wait(weir.loans, 20, "a loan of t4", until=lambda loans: "t4" in loans)["t4"]
    assert loan["why"] == "found in the reservation"
    weir.wait(weir.reserved, 15, "t4 to go home", until=lambda nodes: nodes == {"i1"})
    weir.explained()


def test_a_node_added_by_hand_serves_borrowers(weir):
    weir.fill_own()
    set_nodes(weir, "i1,t4")
    job = weir.serve("-wt4")
    assert weir.running(job) == {"t4"}
    weir.explained()
    weir.none_lost()


def test_a_node_taken_out_by_hand_is_home_and_its_job_runs_on(weir):
    weir.fill_own()
    job, node = weir.borrow()
    set_nodes(weir, "i1")
    weir.explained()
    assert not weir.on_loan()
    weir.cycles(3)
    assert weir.reserved() == {"i1"}
    weir.untouched(job)


def test_a_node_exchanged_by_hand_is_taken_as_it_is(weir):
    weir.fill_own()
    job, node = weir.borrow()
    other = "t4" if node != "t4" else "t3"
    set_nodes(weir, f"i1,{other}")
    weir.explained()
    assert weir.on_loan() == {other}
    weir.untouched(job)


def test_the_own_node_taken_out_by_hand_comes_back(weir):
    job = weir.fill_own()
    other, node = weir.borrow()
    set_nodes(weir, node)
    weir.explained()
    assert weir.reserved() == {"i1", node}
    weir.untouched(job, other)


def test_a_reservation_deleted_by_hand_is_made_again(weir):
    owners = weir.train("-wt1")
    weir.running(owners)
    set_nodes(weir, "i1,t4")
    weir.wait(weir.on_loan, 20, "t4 to be lent", until=lambda nodes: nodes == {"t4"})
    mark = weir.mark()
    weir.run(["scontrol", "delete", f"reservationname={RESERVATION}"])
    weir.wait(weir.reserved, 20, "the reservation to be made again", until=lambda nodes: nodes == {"i1"})
    weir.wait(lambda: weir.steps("set_reservation", mark), 10, "the reason in the journal",
              until=lambda steps: any("is missing" in step["why"] for step in steps))
    weir.explained()
    weir.untouched(owners)
    weir.fill_own()
    job, _ = weir.borrow()
    weir.untouched(owners, job)


def test_slurm_refuses_to_delete_a_reservation_that_jobs_name_and_they_go_on(weir):
    own = weir.fill_own()
    job, node = weir.borrow()
    refused = weir.run(["scontrol", "delete", f"reservationname={RESERVATION}"], check=False)
    assert refused.returncode != 0
    weir.explained()
    assert weir.reserved() == {"i1", node}
    weir.untouched(own, job)


def test_a_lent_node_reserved_for_maintenance_leaves_and_its_job_runs_on(weir):
    weir.fill_own()
    job, node = weir.borrow()
    weir.run(["scontrol", "create", "reservation", "reservationname=repair", "flags=maint,ignore_jobs",
              f"nodes={node}", "users=root", "starttime=now", "duration=60"])
    weir.wait(weir.reserved, 20, f"{node} to leave {RESERVATION}", until=lambda nodes: nodes == {"i1"})
    weir.explained()
    weir.cycles(5)  # longer than the notice
    assert weir.reserved() == {"i1"}
    weir.untouched(job)
    weir.run("scontrol delete reservationname=repair".split())
    weir.cycles(2)
    weir.explained()
    weir.untouched(job)


def test_a_lent_node_that_is_set_down_leaves_and_its_job_gets_another(weir):
    weir.fill_own()
    job, node = weir.borrow()
    weir.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"])
    weir.wait(weir.reserved, 20, f"{node} to leave {RESERVATION}", until=lambda nodes: node not in nodes)
    weir.explained()
    # Slurm itself requeues the job of a node that is down.
    weir.requeued(job)
    assert weir.running(job) != {node}
    assert not weir.journal(kind="end_job", job=job)
    weir.run(["scontrol", "update", f"nodename={node}", "state=resume"])
    weir.cycles(2)
    weir.explained()
    weir.none_lost()


def test_a_lent_node_that_is_drained_leaves_and_its_job_runs_on(weir):
    weir.fill_own()
    job, node = weir.borrow()
    weir.run(["scontrol", "update", f"nodename={node}", "state=drain", "reason=test"])
    weir.wait(weir.reserved, 20, f"{node} to leave {RESERVATION}", until=lambda nodes: node not in nodes)
    weir.cycles(5)
    weir.explained()
    weir.untouched(job)
    weir.run(["scontrol", "update", f"nodename={node}", "state=resume"])
    weir.cycles(2)
    weir.explained()
    weir.untouched(job)


def test_a_bad_policy_leaves_the_old_one_in_force_and_a_good_one_takes_over(weir):
    weir.fill_own()
    said = weir.apply(policy().replace("idle_return:", "idel_return:"), tell=lambda: weir.run("scontrol reconfigure"))
    assert "refused" in said and "idel_return" in said
    log = weir.lab.log("weirctld", 20)
    assert "idel_return" in log and "the policy read before stays in force" in log
    job, _ = weir.borrow()
    assert weir.apply(policy(mode="advise")) == ""
    weir.wait(weir.status, 10, "mode advise", until=lambda seen: seen["mode"] == "advise")
    weir.untouched(job)


def test_a_rule_that_is_removed_stops_nothing_and_takes_its_loans_up_again_when_it_returns(weir):
    own = weir.fill_own()
    job, node = weir.borrow()
    since = weir.loans()[node]["since"]
    weir.apply("mode: act\ncycle: 1s\n")
    weir.cycles(3)
    status = weir.status()
    assert status["healthy"] and status["rules"] == []
    assert weir.reserved() == {"i1", node}
    weir.untouched(own, job)
    weir.apply(policy())
    weir.cycles(2)
    assert weir.loans()[node]["since"] == since
    weir.explained()
    weir.untouched(own, job)


def test_from_act_to_advise_nothing_more_is_done_and_back_it_goes_on(weir):
    weir.fill_own()
    jobs = [weir.borrow()[0] for _ in range(4)]
    weir.apply(policy(mode="advise"))
    owners = weir.train()
    steps = weir.wait(lambda: (weir.ask("plan") or {}).get("steps"), 15, "a plan to take a node back")
    assert any(step["kind"] == "set_reservation" and step["removed"] for step in steps), steps
    weir.cycles(4)
    weir.untouched(*jobs)
    assert weir.reserved() == {"i1", "t1", "t2", "t3", "t4"}
    weir.apply(policy())
    weir.running(owners)
    weir.explained()
    weir.none_lost()


def test_owners_jobs_that_start_while_nodes_are_lent_all_complete(weir):
    weir.fill_own()
    borrowers = [weir.serve() for _ in range(3)]
    owners = [weir.train(script="sleep 0.7") for _ in range(25)]
    seen = weir.wait(lambda: {job: weir.lab.jobs()[job] for job in owners}, 120,
                     "all of the owner's jobs to complete", step=0.5,
                     until=lambda jobs: all(job["JobState"] == "COMPLETED" for job in jobs.values()))
    assert {job["Restarts"] for job in seen.values()} == {"0"}
    stopped = {step["job"] for step in weir.journal(kind="end_job") + weir.journal(kind="notify_job")}
    assert not stopped & set(owners)
    weir.resumed(*borrowers)
    weir.none_lost()
    weir.explained()
