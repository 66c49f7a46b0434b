# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs that save when they are told to are moved together, so that whole nodes come free: what is moved and what is
not, for whom, and that nobody's work is lost."""

import subprocess

import pytest

import moving
import support

POOLS = "abcde"
LAYOUT = {
    "nodes": [{"names": "i1,j1,t[1-4]," + ",".join(f"{pool}[1-2]" for pool in POOLS), "gpus": "h100:8"}],
    "partitions": [{"name": "train", "nodes": "t[1-4]", "default": True},
                   {"name": "inference", "nodes": "i1,t[1-4]"}, {"name": "chat", "nodes": "j1,t[1-4]"},
                   *({"name": pool, "nodes": f"{pool}[1-2]"} for pool in POOLS)],
}
RULE = {"also": "[chat]", "reclaim": "{after: 5m, notice: 2s, then: requeue}", "idle_return": "1s", "min_loan": "0s"}


@pytest.fixture(scope="module")
def lab_with_all(module_lab, build_dir):
    lab = module_lab(layout=LAYOUT, weir=build_dir, policy=moving.policy(RULE), telemetry=1)
    support.answering(lab)
    return moving.Moving(lab)


@pytest.fixture
def begin(lab_with_all):
    """begin(rule, ..., key=value) is that Weir with no jobs and no moves, and this policy in force."""
    yield lambda *rules, **changes: lab_with_all.begin(*(rules or (RULE,)), **changes)
    lab_with_all.nothing_left()
    lab_with_all.none_lost()


def test_jobs_are_moved_together_for_a_borrower_and_their_results_are_as_without(begin):
    weir = begin()
    weir.fill_own()
    small = {weir.trains(gpus): gpus for gpus in (1, 2, 1)}
    start = weir.lab.job_nodes(next(iter(small)))
    assert start == {"t1"}
    others = [weir.stays(node, gpus) for node, gpus in (("t2", 7), ("t3", 6), ("t4", 7))]
    weir.running(*others)
    before, mark = weir.counted(), weir.mark()
    borrower = weir.serve("-t60")
    moves = [weir.moved(job, start) for job in small]
    assert weir.running(borrower) == start
    weir.nothing_left()
    weir.untouched(*others)
    # What it cost is told: the time of its GPUs from the signal until it runs again.
    for move, gpus in zip(moves, small.values()):
        assert move["gpus"] == gpus and move["user"] == "alice"
        assert gpus <= move["lost_gpu_seconds"] == gpus * (move["started"] - move["asked"]) <= 60 * gpus, move
        assert move["lost_gpu_seconds"] < move["price_gpu_seconds"]
        assert f"job {borrower} waits in inference for" in move["why"]
    now = weir.counted()
    assert now['weir_moves_total{outcome="moved"}'] - before.get('weir_moves_total{outcome="moved"}', 0) == 3
    lost = now["weir_moves_lost_gpu_seconds_total"] - before["weir_moves_lost_gpu_seconds_total"]
    assert lost == sum(move["lost_gpu_seconds"] for move in moves)
    for job in small:
        kinds = [step["kind"] for step in weir.journal(mark, event="step", rule="consolidate", job=job)]
        assert kinds == ["ask_to_save", "pin_job", "unpin_job"]
        weir.ends_as_unmoved(job)


def test_the_next_borrower_is_made_room_for_too(begin):
    weir = begin()
    weir.fill_own()
    larger = weir.trains(5, left=1000000)
    smaller = weir.trains(4)  # has no room beside it
    assert [weir.lab.job_nodes(job) for job in (larger, smaller)] == [{"t1"}, {"t2"}]
    weir.running(weir.stays("t3", 3), weir.stays("t4", 4))
    first = weir.serve("-t60")
    begun = weir.running(first)
    second = weir.serve("-t60")
    assert weir.running(second) | begun == {"t1", "t2"}
    weir.moved(larger, {"t1"}, {"t3"})
    weir.moved(smaller, {"t2"}, {"t4"})
    weir.tells(larger, "it was moved from t1 to t3", user="alice")
    weir.goes_on(larger)
    weir.ends_as_unmoved(smaller)


def test_pending_jobs_of_a_whole_node_and_of_two_get_them(begin):
    weir = begin()
    one, other = weir.scattered("a")
    double = weir.trains(3, "-N2")
    array = weir.trains(2, "--array=0-1 -o%A_%a.out", began="{}_0")
    weir.running(weir.stays("t3", 3), weir.stays("t4", 3))
    tasks = [f"{array}_{task}" for task in (0, 1)]
    weir.running(*tasks)
    start = {job: weir.lab.job_nodes(job) for job in (double, *tasks)}
    assert start[double] == {"t1", "t2"} and all(start[task] < {"t1", "t2"} for task in tasks)
    wants = weir.wants("a"), weir.wants(args="-N2")
    move = weir.moved(one, {"a1"}, {"a2"})
    assert f"job {wants[0]} waits for 1 node with 8 GPUs" in move["why"]
    weir.moved(double, {"t1", "t2"}, {"t3", "t4"})
    for task in tasks:
        weir.moved(task, start[task])
    assert weir.running(wants[0]) == {"a1"} and weir.running(wants[1]) == {"t1", "t2"}
    weir.nothing_left()
    weir.untouched(other, *wants)
    for job in (one, double, *tasks):
        weir.ends_as_unmoved(job)


IDLE = """telemetry: {prometheus: "http://127.0.0.1:9090", period: 1s}
idle:
  - {grace: 1s, window: 3s, empty: 3s, hung: 8s}
"""


def test_a_job_that_holds_gpus_and_does_not_use_them_gives_way_first(begin):
    weir = begin(mode="advise")
    idle, busy = weir.trains(5), weir.trains(4)
    assert [weir.lab.job_nodes(job) for job in (idle, busy)] == [{"t1"}, {"t2"}]
    weir.running(weir.stays("t1", 1), weir.stays("t2", 2), weir.stays("t3", 3), weir.stays("t4", 8))
    wants = weir.wants(args="--gpus-per-node=6")
    # As long as nothing is known, the smaller one would be moved.
    weir.wait(weir.plan, 20, "the plan", until=lambda text: f"job {busy} from t2 to t3" in text)
    for index in range(8):
        weir.lab.gpu("t1", index, "empty")
        weir.lab.gpu("t2", index, "busy")
    assert not weir.apply(moving.policy(RULE, mode="advise") + IDLE)
    weir.wait(weir.plan, 40, "the plan to be another", until=lambda text: f"job {idle} from t1 to t3" in text)
    assert not weir.apply(moving.policy(RULE) + IDLE)
    weir.moved(idle, {"t1"}, {"t3"})
    assert weir.running(wants) == {"t1"}
    weir.untouched(busy)


SAVES_LATE = "did not save and requeue itself within 1s"
ENDED = "it ended instead of being requeued"


ONLY_ONCE = '[ "${SLURM_RESTART_COUNT:-0}" -eq 0 ] || exit 0\n'


def test_a_job_that_does_not_requeue_itself_is_let_go_and_told_why(begin):
    weir = begin(cooldown="8s", at_once=5)
    scripts = {"a": (moving.does(""), SAVES_LATE), "b": (moving.does("exit 0"), ENDED),
               "c": (moving.does("exit 1"), ENDED),
               "d": (moving.does("scontrol requeuehold $SLURM_JOB_ID"), "it is held"),
               "e": (ONLY_ONCE + moving.does("scontrol requeue $SLURM_JOB_ID"), "")}
    jobs, others = {}, []
    for pool, (script, _) in scripts.items():
        jobs[pool], other = weir.scattered(pool, script=script, args="--weir-checkpoint=USR1@1,every=1s,reload=1s")
        others.append(other)
    wants = {pool: weir.wants(pool) for pool in scripts}
    again = weir.wants("a", "--exclusive")  # wants the same node in another way
    # Where the job is gone, or waits, the node is free for the other all the same.
    for pool in "bcde":
        assert weir.running(wants[pool]) == {f"{pool}1"}
    assert weir.state(jobs["b"]) == "COMPLETED" and weir.state(jobs["c"]) == "FAILED"
    weir.jobs.remove(jobs["c"])  # by its own doing
    held = weir.lab.job(jobs["d"])
    assert held["JobState"] == "PENDING" and held["Priority"] == "0" and "Reservation" not in held, held
    assert weir.over(jobs["e"])["stage"] == "moved"  # there was no more for it to do
    for pool in "abc":
        move, why = weir.over(jobs[pool]), scripts[pool][1]
        assert move["stage"] == "failed" and why in move["failure"], move
        assert f"not moved: {move['failure']}" in " ".join(weir.run("weir moves").stdout.split())
    for pool in "ad":
        assert scripts[pool][1] in weir.explain(jobs[pool], "alice")
    weir.untouched(jobs["a"], *others)
    assert weir.past(jobs["a"])[0]["lost_gpu_seconds"] == 0
    # The one that ignored the signal is asked again for another job, but no sooner than cooldown says.
    second = weir.asked(jobs["a"], times=2)
    assert support.seconds(second["at"]) >= weir.past(jobs["a"])[0]["ended"] + 8
    assert again in second["for_jobs"]
    weir.untouched(jobs["a"])
    weir.cancel(jobs["a"])


def test_those_that_depend_on_a_job_wait_through_its_move_and_begin_as_its_end_says(begin):
    weir = begin()
    jobs = [weir.scattered(pool)[0] for pool in "ab"]
    held = {how: [weir.train(f"--dependency={how}:{job} --gpus-per-node=1", script="true", partition="e")
                  for job in jobs] for how in ("afterok", "afterany", "afternotok")}
    for pool in "ab":
        weir.wants(pool)

    def wait_for_it():
        seen = [weir.lab.job(job) for some in held.values() for job in some]
        assert all(job["JobState"] == "PENDING" and job["Reason"] == "Dependency" for job in seen) or \
            weir.state(jobs[0]) == "COMPLETED" or weir.state(jobs[1]) == "COMPLETED", seen
        return all(weir.past(job) for job in jobs)

    weir.wait(wait_for_it, 40, "the moves to be over")
    for job, pool in zip(jobs, "ab"):
        weir.moved(job, {f"{pool}1"})
        weir.ends_as_unmoved(job)
    for job in held["afterok"] + held["afterany"]:
        weir.lab.wait_state(job, "COMPLETED")
    for job in held["afternotok"]:
        seen = weir.wait(lambda job=job: weir.lab.job(job), 20, "Slurm to see that it never begins",
                         until=lambda seen: seen["Reason"] == "DependencyNeverSatisfied")
        assert seen["JobState"] == "PENDING"


def test_what_cannot_be_moved_stays_and_its_user_reads_why(begin):
    weir = begin()
    stubborn = weir.trains(1, partition="a")
    weir.run(f"scontrol update jobid={stubborn} requeue=0", user="alice")
    why = {stubborn: "it may not be requeued",
           weir.trains(1, "-wa1", partition="a"): "its user names the nodes it runs on",
           weir.train("--gpus-per-node=1 -t60", partition="a"): "its user declared no checkpoint"}
    salloc = weir.lab.popen(["salloc", "-pa", "-t60", "--gpus-per-node=1", "-Jby-hand", "sleep", "600"], user="alice",
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        by_hand = weir.wait(lambda: weir.run("squeue -h -n by-hand -o %A").stdout, 20, "salloc's job")
        why[int(by_hand)] = "it is interactive"
        weir.running(*why)
        assert {node for job in why for node in weir.lab.job_nodes(job)} == {"a1"}
        weir.running(weir.stays("a2", 2, partition="a"))
        mark = weir.mark()
        wants = weir.wants("a")
        for job, words in why.items():
            weir.tells(job, f"Weir does not move it: {words}", user="alice")
        weir.tells(wants, "moving other jobs does not make room for it: none of the jobs that declare a checkpoint may")
        weir.cycles(3)
        assert not weir.journal(mark, event="step")
        weir.untouched(*why)
    finally:
        salloc.kill()
        salloc.wait()


def test_a_job_that_its_user_holds_before_it_can_start_again_keeps_its_hold(begin):
    weir = begin()
    jobs = {pool: weir.scattered(pool, script=moving.SAVES_LATE)[0] for pool in "ab"}
    wants = {pool: weir.wants(pool) for pool in jobs}
    for job in jobs.values():
        weir.asked(job)
    weir.run("weir pause")
    weir.go(*jobs.values())
    for job in jobs.values():
        weir.requeued_itself(job)
    weir.cycles(2)
    assert "Reservation" not in weir.lab.job(jobs["a"])  # a pause is one
    weir.run(f"scontrol hold {jobs['a']}", user="alice")
    weir.run("weir resume")
    weir.moved(jobs["b"], {"b1"}, {"b2"})
    assert weir.running(wants["b"]) == {"b1"}
    assert weir.running(wants["a"]) == {"a1"}
    seen = weir.lab.job(jobs["a"])
    assert seen["JobState"] == "PENDING" and seen["Priority"] == "0" and "Reservation" not in seen, seen
    weir.run(f"scontrol release {jobs['a']}", user="alice")
    assert weir.resumed(jobs["a"]) == {"a2"}


def test_advice_and_no_advice_change_nothing(begin):
    weir = begin(mode="advise")
    job, other = weir.scattered("a")
    mark = weir.mark()
    wants = weir.wants("a")
    text = weir.wait(weir.plan, 20, "the plan", until=lambda text: f"job {job} from a1 to a2" in text)
    assert f"a1: job {wants} waits for 1 node with 8 GPUs" in text and "gain 8 GPU-h" in text, text
    goal = weir.ask("plan")["goals"][0]
    assert 0 < goal["price_gpu_seconds"] < goal["gain_gpu_seconds"] and goal["moves"][0]["job"] == str(job), goal
    assert "Consolidation only advises." in weir.run("weir moves").stdout
    weir.tells(wants, "1 move would make room for it on a1")
    weir.tells(wants, "only advises")
    weir.cycles(2)
    assert not weir.journal(mark, event="step")
    assert not weir.apply(support.policy(RULE))
    weir.cycles(2)
    assert not weir.journal(mark, event="step")
    assert not weir.ask("plan").get("goals")
    weir.untouched(job, other)
    assert weir.run("weir check", check=False).returncode == 0


def test_two_rules_that_want_the_same_node_get_it_once(begin):
    chat = RULE | {"name": "chat", "to": "chat", "also": "[inference]"}
    weir = begin(RULE, chat)
    own = [weir.serve("-wi1"), weir.serve("-wj1", partition="chat")]
    weir.running(*own)
    job = weir.trains(2)
    others = [weir.stays("t2", 4), weir.stays("t3", 8), weir.stays("t4", 8)]
    weir.running(*others)
    borrowers = [weir.serve("-t60"), weir.serve("-t60", partition="chat")]
    weir.moved(job, {"t1"}, {"t2"})
    weir.wait(lambda: [weir.state(job) for job in borrowers], 40, "one of the two to run",
              until=lambda seen: "RUNNING" in seen)
    weir.cycles(3)
    states = [weir.state(job) for job in borrowers]
    assert sorted(states) == ["PENDING", "RUNNING"]
    assert weir.lab.job_nodes(borrowers[states.index("RUNNING")]) == {"t1"}
    weir.untouched(*own, *others)


def test_whom_the_policy_exempts_and_hours_that_are_not_now_are_heeded(begin):
    weir = begin()
    job, other = weir.scattered("a")
    mark = weir.mark()
    hour = int(weir.run("date +%H").stdout)
    later = f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00"
    for changes, where, words in (
            ({"exempt": "{users: [alice]}"}, job, "Weir does not move it: user alice is exempt"),
            ({"exempt": "{accounts: [research]}"}, job, "Weir does not move it: account research is exempt"),
            ({"exempt": "{partitions: [a]}"}, job, "Weir does not move it: partition a is exempt"),
            ({"max_gpus": 1}, job, "Weir does not move it: it holds more than 1 GPUs (max_gpus)"),
            ({"hours": f"[{later}]"}, None, "but: moves begin at other hours only"),
            ({"for": "[demand]"}, job, "Weir may move it"),
            ({"min_gain": 1000}, None, "does not make room for it: no moves that are worth their price")):
        assert not weir.apply(moving.policy(RULE, **changes))
        if len(weir.jobs) == 2:
            wants = weir.wants("a")
        weir.tells(where or wants, words)
    assert not weir.journal(mark, event="step")
    weir.untouched(job, other)
    assert not weir.apply(moving.policy(RULE))
    weir.moved(job, {"a1"}, {"a2"})
    assert weir.running(wants) == {"a1"}


def test_when_it_is_time_to_tidy_a_node_is_emptied_though_nobody_waits(begin):
    weir = begin()
    whole = weir.train("-t60")  # of the mix of jobs here: one that could not use what is scattered
    assert weir.running(whole) == {"t1"}
    job = weir.trains(2)
    other = weir.stays("t3", 4)
    weir.running(other)
    mark = weir.mark()
    weir.cycles(3)
    assert not weir.journal(mark, event="step")
    assert not weir.apply(moving.policy(RULE, tidy="[00:00-24:00]"))
    weir.moved(job, {"t2"}, {"t3"})
    weir.nothing_left()
    weir.cycles(2)
    assert len(weir.steps("ask_to_save", mark)) == 1  # and then it is tidy
    weir.untouched(whole, other)
