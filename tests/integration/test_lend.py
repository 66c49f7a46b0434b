# SPDX-License-Identifier: GPL-2.0-or-later
"""Idle training nodes serve inference: what is lent, to whom, and that it goes home."""

import pytest

from support import answering, policy
from weirlab import expand

H100, A100 = {f"t{n}" for n in range(1, 9)}, {"t9", "t10"}
LAYOUT = {
    "nodes": [{"names": "i[1-2],j1,t[1-8]", "gpus": "h100:8"}, {"names": "t[9-10]", "gpus": "a100:4"}],
    "partitions": [{"name": "train", "nodes": "t[1-10]", "default": True},
                   {"name": "inference", "nodes": "i[1-2],t[1-10]"},
                   {"name": "chat", "nodes": "j1,t[1-10]"}],
}


@pytest.fixture
def fresh(fresh):
    """Every lendable node is reached by a third partition, which the policy has to allow."""
    others = {"inference": "[chat]", "chat": "[inference]"}
    return lambda *rules: fresh(*({"also": others[rule.get("to", "inference")]} | rule for rule in rules or ({},)))


def test_jobs_that_wait_get_idle_nodes_lent_and_everybody_sees_it(weir):
    jobs = [weir.serve() for _ in range(4)]
    nodes = weir.running(*jobs)
    lent = nodes - {"i1", "i2"}
    assert len(nodes) == 4 and len(lent) == 2 and lent <= H100
    assert weir.lent() == lent
    shown = weir.run("sinfo -T -h").stdout.split()
    assert shown[0] == "weir_inference" and set(expand(shown[-1])) == nodes
    loans = weir.wait(weir.loans, 10, "weir loans to tell", until=lambda told: set(told) == lent)
    borrowers = {str(job) for job in jobs}
    for loan in loans.values():
        assert loan["from"] == "train" and loan["to"] == "inference" and loan["rule"] == "inference"
        assert loan["why"].startswith("job ") and "waits in inference for" in loan["why"]
        assert loan["why"].split()[1] in borrowers
    told = weir.run("weir loans").stdout
    assert all(node in told for node in lent) and "waits in inference for" in told


def test_spare_gpus_stand_ready_before_anybody_waits_and_come_again_when_used(fresh):
    weir = fresh({"spare_gpus": "{h100: 24}"})
    first = weir.wait_lent(1)
    loans = weir.wait(weir.loans, 10, "weir loans to tell", until=lambda told: set(told) == first)
    assert "spare: 24 h100 GPUs shall stand ready" in loans[next(iter(first))]["why"]
    weir.running(weir.serve())
    assert first < weir.wait_lent(2)
    weir.cycles(6)  # longer than idle_return: what is spare stays
    assert len(weir.lent()) == 2


def test_a_job_larger_than_the_reservation_is_accepted_and_runs(weir):
    job = weir.serve("-N4")
    nodes = weir.running(job)
    assert len(nodes) == 4 and weir.lent() == nodes - {"i1", "i2"}
    assert weir.lab.job(job)["Reservation"] == "weir_inference"


def test_a_job_of_a_gpu_type_not_lent_yet_is_accepted_and_runs(weir):
    job = weir.serve("--gpus-per-node=a100:4")
    nodes = weir.running(job)
    assert nodes <= A100 and weir.lent() == nodes


def test_jobs_of_both_gpu_types_each_get_their_own_kind(weir):
    a100 = [weir.serve("--gpus-per-node=a100:4") for _ in range(2)]
    h100 = [weir.serve("--gpus-per-node=h100:8") for _ in range(4)]
    assert weir.running(*a100) == A100
    nodes = weir.running(*h100)
    assert len(nodes) == 4 and nodes - {"i1", "i2"} <= H100
    assert weir.lent() == A100 | nodes - {"i1", "i2"}


def test_nodes_that_nobody_uses_go_home_after_idle_return(weir):
    jobs = [weir.serve() for _ in range(4)]
    lent = weir.running(*jobs) - {"i1", "i2"}
    mark = weir.mark()
    weir.cancel(*jobs)
    weir.wait_lent(0)
    steps = weir.steps("set_reservation", mark)
    assert set().union(*(step["removed"] for step in steps)) == lent
    assert all("nobody has used it for" in step["why"] for step in steps)
    weir.wait(weir.loans, 10, "no loans", until=lambda loans: not loans)
    assert weir.running(weir.train("-N8 --gpus-per-node=h100:8")) == H100


def test_max_lent_bounds_what_is_lent(fresh):
    weir = fresh({"max_lent": 1})
    jobs = [weir.serve() for _ in range(4)]
    weir.wait_lent(1)
    weir.running(*jobs[:3])
    weir.cycles(3)
    assert len(weir.lent()) == 1
    assert weir.state(jobs[3]) == "PENDING"
    assert weir.rule()["held_back"] == "max_lent is 1"
    assert "max_lent is 1" in weir.run(f"weir explain {jobs[3]}").stdout


def test_keep_idle_leaves_nodes_to_the_owner(fresh):
    weir = fresh({"keep_idle": 8})
    jobs = [weir.serve() for _ in range(5)]
    weir.wait_lent(2)
    weir.running(*jobs[:4])
    weir.cycles(3)
    assert len(weir.lent()) == 2
    assert weir.state(jobs[4]) == "PENDING"
    assert weir.rule()["held_back"] == "train keeps 8 idle nodes"


def test_two_borrowers_of_one_owner_never_hold_the_same_node(fresh):
    weir = fresh({}, {"name": "chat", "to": "chat"})
    inference = [weir.serve("--gpus-per-node=h100:8") for _ in range(5)]
    chat = [weir.serve("--gpus-per-node=h100:8", user="alice", partition="chat") for _ in range(4)]
    seen = []

    def both():
        resvs = weir.lab.resvs()
        seen.append(set(expand(resvs["weir_inference"]["Nodes"])) & set(expand(resvs["weir_chat"]["Nodes"])))
        states = [weir.state(job) for job in inference + chat]
        return states.count("RUNNING")

    weir.wait(both, 40, "the jobs of both borrowers to run", until=lambda running: running == 9)
    assert not any(seen)
    assert len(weir.lent()) == 3 and len(weir.lent("weir_chat")) == 3
    assert not weir.lent() & weir.lent("weir_chat")
    weir.cancel_all()
    weir.wait_lent(0)
    weir.wait_lent(0, reservation="weir_chat")


def test_a_job_that_job_submit_did_not_see_is_named_by_the_sweep(weir):
    fillers = [weir.serve() for _ in range(2)]
    weir.running(*fillers)
    job = weir.train("--hold")
    assert "Reservation" not in weir.lab.job(job)
    mark = weir.mark()
    weir.run(f"scontrol update jobid={job} partition=inference")
    weir.wait(lambda: weir.lab.job(job).get("Reservation"), 10, "the sweep to name its reservation",
              until=lambda name: name == "weir_inference")
    weir.run(f"scontrol release {job}")
    nodes = weir.running(job)
    assert [step["job"] for step in weir.steps("name_reservation", mark)] == [job]
    assert weir.lent() == nodes


def test_tasks_of_an_array_get_nodes_like_jobs_of_their_own(weir):
    array = weir.serve("--array=1-6")

    def tasks():
        rows = weir.run(f"squeue -h -r -j {array} -o '%T %N'").stdout.split("\n")
        return [row.split()[1] for row in rows if row.startswith("RUNNING")]

    nodes = set(weir.wait(tasks, 40, "six tasks to run", until=lambda running: len(running) == 6))
    assert weir.lent() == nodes - {"i1", "i2"} and len(nodes) == 6
    loans = weir.wait(weir.loans, 10, "weir loans to tell", until=lambda told: len(told) == 4)
    assert all(loan["why"].startswith(f"job {array}_") for loan in loans.values())


def test_mode_advise_changes_nothing_and_plan_tells_what_would_be_done(lab, build_dir):
    weir = answering(lab(nodes=4, weir=build_dir, policy=policy({"spare_gpus": "{h100: 16}"}, mode="advise")))
    job = weir.serve("-N2")
    assert len(weir.running(job)) == 2  # as on stock Slurm, wherever the partition reaches
    weir.cycles(4)
    writes = [step for step in weir.ask("plan")["steps"] if step["kind"] == "set_reservation"]
    assert writes and any(node.startswith("t") for node in writes[0]["added"])
    text = " ".join(weir.run("weir plan").stdout.split())
    assert "would take these steps in mode act" in text and "weir_inference" in text
    assert weir.lab.resvs() == {} and weir.loans() == {}
    assert "Reservation" not in weir.lab.job(job)
    assert not weir.journal(event="step")


def test_a_broken_leaf_switch_lends_first_so_that_whole_ones_stay_whole(module_lab, build_dir):
    weir = answering(module_lab(weir=build_dir, policy=policy(), layout={
        "nodes": [{"names": "i1,t[1-6]", "gpus": "h100:8"}],
        "partitions": [{"name": "train", "nodes": "t[1-6]", "default": True},
                       {"name": "inference", "nodes": "i1,t[1-6]"}],
        "topology": [{"switch": "s1", "nodes": "t[1-3]"}, {"switch": "s2", "nodes": "t[4-6]"}]}))
    weir.running(weir.train("-wt5"))
    weir.fill_own()
    assert weir.running(weir.serve()) == {"t4"}
    assert weir.running(weir.serve()) == {"t6"}
    assert weir.running(weir.serve()) == {"t1"}
