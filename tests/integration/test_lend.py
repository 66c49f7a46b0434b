# SPDX-License-Identifier: GPL-2.0-or-later
"""Idle training nodes serve inference: what is lent, to whom, how soon, and that it goes home."""

import json

import pytest

from support import NODE, answering, policy, print_logs, quantile, seconds, up
from weirlab import expand

CYCLE = 1
SAMPLES = 16
H100, A100 = {f"t{n}" for n in range(1, 9)}, {"t9", "t10"}
LAYOUT = {
    "nodes": [{"names": "i[1-2],j1,t[1-8]", "gpus": "h100:8"}, {"names": "t[9-10]", "gpus": "a100:4"}],
    "partitions": [{"name": "train", "nodes": "t[1-10]", "default": True},
                   {"name": "inference", "nodes": "i[1-2],t[1-10]"},
                   {"name": "chat", "nodes": "j1,t[1-10]"}],
}


@pytest.fixture(scope="module")
def module_weir(build_dir):
    with up(build_dir, layout=LAYOUT, policy=policy()) as lab:
        yield answering(lab)


@pytest.fixture
def weir(module_weir, request):
    """Weir(rule, ...): the lab with no jobs and no loans, and these rules in force."""
    def make(*rules):
        # Every lendable node is reached by a third partition, which the policy has to allow.
        others = {"inference": "[chat]", "chat": "[inference]"}
        module_weir.reset(*({"also": others[rule.get("to", "inference")]} | rule for rule in rules or ({},)))
        return module_weir

    yield make
    if getattr(request.node, "lab_test_failed", False):
        print_logs(module_weir.lab)


def test_jobs_that_wait_get_idle_nodes_lent_and_everybody_sees_it(weir):
    world = weir()
    jobs = [world.serve() for _ in range(4)]
    nodes = world.running(*jobs)
    lent = nodes - {"i1", "i2"}
    assert len(nodes) == 4 and len(lent) == 2 and lent <= H100
    assert world.lent() == lent
    shown = world.lab.run("sinfo -T -h").stdout.split()
    assert shown[0] == "weir_inference" and set(expand(shown[-1])) == nodes
    loans = world.wait(world.loans, 5, "weir loans to tell", until=lambda told: set(told) == lent)
    borrowers = {str(job) for job in jobs}
    for loan in loans.values():
        assert loan["from"] == "train" and loan["to"] == "inference" and loan["rule"] == "inference"
        assert loan["why"].startswith("job ") and "waits in inference for" in loan["why"]
        assert loan["why"].split()[1] in borrowers
    told = world.lab.run("weir loans").stdout
    assert all(node in told for node in lent) and "waits in inference for" in told


def test_spare_gpus_stand_ready_before_anybody_waits_and_come_again_when_used(weir):
    world = weir({"spare_gpus": "{h100: 24}"})
    first = world.wait_lent(1)
    loans = world.wait(world.loans, 5, "weir loans to tell", until=lambda told: set(told) == first)
    assert "spare: 24 h100 GPUs shall stand ready" in loans[next(iter(first))]["why"]
    world.running(world.serve())
    assert first < world.wait_lent(2)
    world.cycles(6)  # longer than idle_return: what is spare stays
    assert len(world.lent()) == 2


def test_a_job_larger_than_the_reservation_is_accepted_and_runs(weir):
    world = weir()
    job = world.serve("-N4 --gpus-per-node=8")
    nodes = world.running(job)
    assert len(nodes) == 4 and world.lent() == nodes - {"i1", "i2"}
    assert world.lab.job(job)["Reservation"] == "weir_inference"


def test_a_job_of_a_gpu_type_not_lent_yet_is_accepted_and_runs(weir):
    world = weir()
    job = world.serve("-N1 --gpus-per-node=a100:4")
    nodes = world.running(job)
    assert nodes <= A100 and world.lent() == nodes


def test_jobs_of_both_gpu_types_each_get_their_own_kind(weir):
    world = weir()
    a100 = [world.serve("-N1 --gpus-per-node=a100:4") for _ in range(2)]
    h100 = [world.serve("-N1 --gpus-per-node=h100:8") for _ in range(4)]
    assert world.running(*a100) == A100
    nodes = world.running(*h100)
    assert len(nodes) == 4 and nodes - {"i1", "i2"} <= H100
    assert world.lent() == A100 | nodes - {"i1", "i2"}


def test_nodes_that_nobody_uses_go_home_after_idle_return(weir):
    world = weir()
    jobs = [world.serve() for _ in range(4)]
    lent = world.running(*jobs) - {"i1", "i2"}
    world.cancel(*jobs)
    mark = world.mark()
    world.wait_lent(0)
    steps = world.steps("set_reservation", mark)
    assert set().union(*(step["removed"] for step in steps)) == lent
    assert all("nobody has used it for" in step["why"] for step in steps)
    world.wait(world.loans, 5, "no loans", until=lambda loans: not loans)
    assert world.running(world.train("-N8 --gpus-per-node=h100:8")) == H100


def test_max_lent_bounds_what_is_lent(weir):
    world = weir({"max_lent": 1})
    jobs = [world.serve() for _ in range(4)]
    world.wait_lent(1)
    world.running(*jobs[:3])
    world.cycles(3)
    assert len(world.lent()) == 1
    assert world.lab.job(jobs[3])["JobState"] == "PENDING"
    assert world.status()["held_back"] == "max_lent is 1"
    assert "max_lent is 1" in world.lab.run(f"weir explain {jobs[3]}").stdout


def test_keep_idle_leaves_nodes_to_the_owner(weir):
    world = weir({"keep_idle": 8})
    jobs = [world.serve() for _ in range(5)]
    world.wait_lent(2)
    world.running(*jobs[:4])
    world.cycles(3)
    assert len(world.lent()) == 2
    assert world.lab.job(jobs[4])["JobState"] == "PENDING"
    assert world.status()["held_back"] == "train keeps 8 idle nodes"


def test_two_borrowers_of_one_owner_never_hold_the_same_node(weir):
    world = weir({}, {"name": "chat", "to": "chat"})
    inference = [world.serve("-N1 --gpus-per-node=h100:8") for _ in range(5)]
    chat = [world.lab.sbatch("-N1 --gpus-per-node=h100:8", script="sleep 300", user="alice",
                             partition="chat") for _ in range(4)]
    seen = []

    def both():
        resvs = world.lab.resvs()
        seen.append(set(expand(resvs["weir_inference"]["Nodes"])) & set(expand(resvs["weir_chat"]["Nodes"])))
        states = [world.lab.job(job)["JobState"] for job in inference + chat]
        return states.count("RUNNING")

    world.wait(both, 25, "the jobs of both borrowers to run", until=lambda running: running == 9)
    assert not any(seen)
    assert len(world.lent()) == 3 and len(world.lent("weir_chat")) == 3
    assert not world.lent() & world.lent("weir_chat")
    world.cancel_all()
    world.wait_lent(0)
    world.wait_lent(0, reservation="weir_chat")


def test_a_job_that_job_submit_did_not_see_is_named_by_the_sweep(weir):
    world = weir()
    fillers = [world.serve() for _ in range(2)]
    world.running(*fillers)
    job = world.lab.sbatch([*NODE.split(), "--hold"], script="sleep 300", user="alice", partition="train")
    assert "Reservation" not in world.lab.job(job)
    mark = world.mark()
    world.lab.run(f"scontrol update jobid={job} partition=inference")
    world.wait(lambda: world.lab.job(job).get("Reservation"), 10, "the sweep to name its reservation",
               until=lambda name: name == "weir_inference")
    world.lab.run(f"scontrol release {job}")
    nodes = world.running(job)
    assert [step["job"] for step in world.steps("name_reservation", mark)] == [job]
    assert world.lent() == nodes


def test_tasks_of_an_array_get_nodes_like_jobs_of_their_own(weir):
    world = weir()
    array = world.serve([*NODE.split(), "--array=1-6"])

    def tasks():
        rows = world.lab.run(f"squeue -h -r -j {array} -o '%T %N'").stdout.split("\n")
        return [row.split()[1] for row in rows if row.startswith("RUNNING")]

    nodes = set(world.wait(tasks, 25, "six tasks to run", until=lambda running: len(running) == 6))
    assert world.lent() == nodes - {"i1", "i2"} and len(nodes) == 6
    loans = world.wait(world.loans, 5, "weir loans to tell", until=lambda told: len(told) == 4)
    assert all(loan["why"].startswith(f"job {array}_") for loan in loans.values())


def test_an_inference_job_starts_within_two_cycles_and_three_seconds_on_a_node_not_lent_before(weir, capsys):
    world = weir({"min_loan": "0s", "idle_return": "1s"})
    waits = []
    while len(waits) < SAMPLES:
        world.cancel_all()
        world.wait_lent(0, timeout=20)
        world.running(*[world.serve() for _ in range(2)])
        before = set()
        for _ in range(min(8, SAMPLES - len(waits))):
            job = world.serve()
            nodes = world.running(job)
            assert not nodes & (before | {"i1", "i2"}), "that node was lent before"
            before |= nodes
            record = world.lab.job(job)
            waits.append(seconds(record["StartTime"]) - seconds(record["SubmitTime"]))
    with capsys.disabled():
        print(f"\nfrom sbatch to start on a node not lent before (Slurm's records, whole seconds), "
              f"{len(waits)} samples: p50 {quantile(waits, 0.5):.0f} s, p99 {quantile(waits, 0.99):.0f} s, "
              f"all {sorted(int(wait) for wait in waits)}")
    assert max(waits) <= 2 * CYCLE + 3


def test_mode_advise_changes_nothing_and_plan_tells_what_would_be_done(build_dir, request):
    with up(build_dir, nodes=4, policy=policy({"spare_gpus": "{h100: 16}"}, mode="advise")) as lab:
        world = answering(lab)
        job = world.serve("-N2 --gpus-per-node=8")
        assert len(world.running(job)) == 2  # as on stock Slurm, wherever the partition reaches
        world.cycles(4)
        plan = json.loads(lab.run("weir --json plan").stdout)
        writes = [step for step in plan["steps"] if step["kind"] == "set_reservation"]
        assert writes and any(node.startswith("t") for node in writes[0]["added"])
        text = " ".join(lab.run("weir plan").stdout.split())
        assert "would take these steps in mode act" in text and "weir_inference" in text
        assert lab.resvs() == {} and world.loans() == {}
        assert "Reservation" not in lab.job(job)
        assert not [entry for entry in world.journal() if entry["event"] == "step"]
