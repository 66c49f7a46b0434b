# SPDX-License-Identifier: GPL-2.0-or-later
"""The example jobs of contrib/jobs, run as they are by ordinary users: they do what they promise."""

import os
import re
import threading

import pytest

from conftest import ROOT
from support import layout

JOBS = ROOT / "contrib" / "jobs"
LAYOUT = layout("i1", "t[1-3]", "AuthInfo=cred_expire=5")
STEPS = {"TRAIN_STEPS": "120", "TRAIN_PAUSE": "0.05", "TRAIN_EVERY": "1"}


@pytest.fixture(scope="module")
def jobs(module_weir):
    """Where the examples lie inside the lab."""
    os.makedirs(module_weir.lab.path("home/jobs"), exist_ok=True)
    for file in JOBS.iterdir():
        module_weir.lab.write(f"home/jobs/{file.name}", file.read_bytes(), mode=0o755)
    return module_weir.lab.inside("home/jobs")


def submit(weir, jobs, name, *args, user="alice", env=None):
    argv = ["sbatch", "--parsable", *args, f"{jobs}/{name}"]
    job = int(weir.run(argv, user=user, env={"TRAIN_DIR": jobs, "SERVE_DIR": jobs} | (env or {})).stdout)
    weir.jobs.append(job)
    return job


def output(weir, name, user="alice"):
    try:
        return weir.lab.read(f"home/{user}/{name}")
    except FileNotFoundError:
        return ""


def until(weir, job, words, user="alice", timeout=60):
    return weir.wait(lambda: output(weir, f"slurm-{job}.out", user), timeout, f"job {job} to say {words}",
                     until=lambda text: words in text)


def result(text):
    return re.search(r"^result (.*)$", text, re.MULTILINE).group(1)


def move(weir, job):
    """What a move does to a job: the signal, its requeue, and no more wait than need be."""
    before = weir.restarts(job)
    weir.run(f"scancel -b -s USR1 {job}")
    weir.requeued(job, more_than=before)


def test_training_that_is_moved_goes_on_from_its_save_and_ends_as_if_it_had_not(weir, jobs):
    quiet = submit(weir, jobs, "train.sbatch", env=STEPS)
    moved = submit(weir, jobs, "train.sbatch", env=STEPS)
    after = submit(weir, jobs, "train.sbatch", f"--dependency=afterok:{moved}", env=STEPS)
    for _ in range(2):
        begun = output(weir, f"slurm-{moved}.out").count("begins")
        weir.wait(lambda begun=begun: output(weir, f"slurm-{moved}.out").count("begins"), 40, "it to begin",
                  until=lambda count, begun=begun: count > begun)
        move(weir, moved)
        assert weir.lab.job(after)["Reason"] == "Dependency"
    told = until(weir, moved, "result")
    assert weir.restarts(moved) == 2 and "AdminComment" in weir.lab.job(moved)
    starts = [int(step) for step in re.findall(r"begins at step (\d+)", told)]
    saves = [int(step) for step in re.findall(r"saved at step (\d+)", told)]
    assert starts[0] == 0 and set(starts[1:]) <= set(saves) and starts == sorted(starts), told
    assert result(told) == result(until(weir, quiet, "result"))
    weir.lab.wait_state(moved, "COMPLETED")
    until(weir, after, "begins at step 0")


def test_each_task_of_a_sweep_saves_and_goes_on_by_itself(weir, jobs):
    array = submit(weir, jobs, "sweep.sbatch", env=STEPS)
    for task in (1, 3):  # the last one's number is the array's own
        weir.wait(lambda task=task: output(weir, f"slurm-{array}_{task}.out"), 60, f"task {task}",
                  until=lambda text: "begins" in text)
        # Once: scancel repeats a signal to a task whose array has others waiting (22.05).
        weir.run(f"timeout 3 scancel -b -s USR1 {array}_{task}", check=False)
        weir.wait(lambda task=task: weir.run(f"squeue -h -j {array}_{task} -t PD -o %r", check=False).stdout, 30,
                  "its requeue", until=lambda reason: reason.strip())
        weir.run(f"scontrol update jobid={array}_{task} starttime=now+2")
    results = set()
    for task in range(4):
        text = weir.wait(lambda task=task: output(weir, f"slurm-{array}_{task}.out"), 90, f"task {task}",
                         until=lambda text: "result" in text)
        results.add(result(text))
        assert text.count("begins") == (2 if task in (1, 3) else 1), text
    assert len(results) == 4


def test_a_server_answers_all_it_has_taken_when_its_node_goes_home(fresh, jobs):
    weir = fresh({"reclaim": "{after: 1s, notice: 60s, then: requeue}"})
    weir.fill_own()
    weir.running(weir.train("-N2"))
    server = submit(weir, jobs, "serve.sbatch", "--gpus-per-node=8", user="serve", env={"SERVE_SECONDS": "6"})
    weir.running(server)
    until(weir, server, "serving", user="serve")
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8000/"]
    assert weir.run(curl[:-1] + [curl[-1] + "health"]).stdout == "200"
    answers = []

    def ask():
        answers.append(weir.run(curl[:-1] + ["-d", "{}", curl[-1] + "v1/completions"], check=False).stdout)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    owner = weir.train()
    weir.wait(lambda: weir.steps("set_reservation"), 20, "the reclaim")
    for asker in askers:
        asker.start()
    told = until(weir, server, "told to leave by SIGUSR1", user="serve")
    assert "drained" not in told
    assert weir.run(curl[:-1] + [curl[-1] + "health"], check=False).stdout == "503"
    for asker in askers:
        asker.join()
    assert answers == ["200"] * 4
    until(weir, server, "drained", user="serve")
    weir.running(owner)
    weir.requeued(server)
    assert "will be requeued in 1m: " in weir.lab.job(server)["AdminComment"]
    weir.none_lost()


def test_scancel_ends_a_server_for_good(weir, jobs):
    server = submit(weir, jobs, "serve.sbatch", user="serve")
    until(weir, server, "serving", user="serve")
    weir.run(f"scancel {server}", user="serve")
    weir.lab.wait_state(server, "CANCELLED")
    until(weir, server, "drained", user="serve")
    assert weir.restarts(server) == 0
