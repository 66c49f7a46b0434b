# SPDX-License-Identifier: GPL-2.0-or-later
"""weir-gateway and weir-relay on real Slurm, with a site that has its own users, files and Slurm. Jobs are nominated as
the controller does it: SlurmUser sets the partition and a word in the AdminComment."""

import json
import os
import re

import pytest

from mirroring import copies, ended, left_at, nominate, output, own, send, told
from overflowing import overflowing


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    return overflowing(module_lab, build_dir)


@pytest.fixture
def west(home):
    """The site, without a fault before and after."""
    site = home.sites["west"]
    yield site
    site.rest_answers(None)
    site.link(True)


def test_a_job_runs_at_the_site_with_its_script_arguments_environment_and_gpus_and_ends_as_its_copy(home, west):
    script = """echo "$(id -un) on $(hostname): $FOO, ${CUDA_VISIBLE_DEVICES}, $(nproc >/dev/null && echo $SLURM_JOB_NUM_NODES)"
echo wrong >&2
exit 3"""
    job = home.sbatch(["--hold", "--time=5", "--gpus-per-node=2"], script=script, user="alice", partition="train",
                      env={"FOO": "it's a \"value\" $x"})
    nominate(home, job)
    record = home.wait_state(job, "FAILED", timeout=60)
    assert record["ExitCode"] == "3:0" and record["NodeList"].startswith("west-")
    text = output(home, job)
    assert own(text) == ["w-alice on west: it's a \"value\" $x, 0,1, 1", "wrong"]
    assert "weir: sent to west as job" in text and "weir: runs at west on" in text
    ended(home, west, job, "FAILED")
    # Nothing of it stays at the site.
    home.wait(lambda: left_at(west, job), 30, "the site to be clean", until=lambda left: not left)


def test_a_script_finds_the_options_of_its_job_in_the_environment_and_may_have_whole_nodes(home, west):
    job = send(home, "--nodes=1", "--ntasks=4", "--ntasks-per-node=4", "--cpus-per-task=3", "--gpus-per-node=2",
               "--job-name=my own", script='echo "$SLURM_NTASKS_PER_NODE $SLURM_CPUS_PER_TASK $SLURM_GPUS_PER_NODE '
               '$SLURM_CPUS_ON_NODE, $SLURM_JOB_NAME"; srun sh -c "echo a task"')
    whole = send(home, "--exclusive", script="echo $SLURM_CPUS_ON_NODE")
    for each in (job, whole):
        home.wait_state(each, "COMPLETED", timeout=60)
    assert own(output(home, job)) == ["4 3 2 12, my own"] + 4 * ["a task"]
    assert own(output(home, whole)) == ["32"]


def test_arguments_memory_and_two_output_files_arrive_and_nothing_that_speaks_of_home(home, west):
    home.run("""cat >told.sh <<'END'
#!/bin/sh
printf '%s|' "$@" "$SLURM_MEM_PER_NODE" "$(basename "$PWD")" "$OURS"; echo
env | grep -E '^(SBATCH_|SLURM_SUBMIT_HOST=|SLURM_WEIR_)' >&2
echo wrong >&2
END""", user="alice")
    job = int(home.run("OURS=kept SBATCH_COMMENT=ours SBATCH_TIMELIMIT=5 sbatch --parsable --hold --mem=3000 "
                       "--partition=train --output=told.%j.out --error=told.%j.err told.sh 'a b' \"it's\" ''",
                       user="alice").stdout)
    nominate(home, job)
    home.wait_state(job, "COMPLETED", timeout=60)
    said, errors = (home.read(f"home/alice/told.{job}.{suffix}") for suffix in ("out", "err"))
    ended(home, west, job, "COMPLETED")
    [copy] = copies(west, job)
    folder = west.run(["sacct", "-X", "-n", "-P", "-j", copy, "-o", "jobname"]).stdout.strip()
    assert own(said) == [f"a b|it's||3000|{folder}|kept|"]
    assert own(errors) == ["wrong"]


def test_a_job_that_its_site_does_not_take_comes_home_or_fails_and_says_why(home, west):
    west.run(["scontrol", "update", "partition=batch", "state=drain"])
    stays, comes = (send(home, option, script="echo here") for option in ("--no-requeue", "--requeue"))
    home.wait_state(stays, "FAILED", timeout=60)
    assert "west does not take it: " in output(home, stays)
    home.wait(lambda: home.job(comes)["Restarts"], 60, "it to be requeued", until=lambda seen: seen == "1")
    assert copies(west, stays) == copies(west, comes) == {}
    assert told(home)["sites"][0]["failures"] >= 2
    home.run(["scancel", str(comes)], user="alice")
    west.run(["scontrol", "update", "partition=batch", "state=up"])


def test_output_appears_while_the_job_runs(home, west):
    job = send(home, script="echo first; while [ ! -e go ]; do sleep 0.2; done; echo last")
    home.wait(lambda: "first" in output(home, job), 30, "its first line")
    assert home.job(job)["JobState"] == "RUNNING"
    [folder] = [name for name in left_at(west, job) if not name.endswith(".out")]
    west.run(["touch", f"/scratch/w-alice/{folder}/go"], user="w-alice")
    home.wait_state(job, "COMPLETED", timeout=30)
    assert own(output(home, job)) == ["first", "last"]


def test_dependants_arrays_and_jobs_of_several_nodes_work(home, west):
    first = send(home, script="sleep 1")
    after = home.sbatch(["--time=5", f"--dependency=afterok:{first}"], script="true", user="alice", partition="train")
    wide = send(home, "--nodes=2", "--ntasks=2", script='echo "$SLURM_JOB_NUM_NODES $SLURM_NTASKS"')
    array = send(home, "--array=1-5", script='echo "task $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_JOB_ID"')
    home.wait_state(first, "COMPLETED", timeout=60)
    home.wait_state(after, "COMPLETED", timeout=60)
    home.wait_state(wide, "COMPLETED", timeout=60)
    assert own(output(home, wide)) == ["2 2"]
    for task in range(1, 6):
        home.wait(lambda task=task: f"task {task} of {array}" in output(home, f"{array}_{task}"), 90, f"task {task}")


def test_scancel_ends_the_copy(home, west):
    job = send(home, script="echo up; sleep 300")
    home.wait(lambda: "up" in output(home, job), 30, "it to run")
    home.run(["scancel", str(job)], user="alice")
    ended(home, west, job, "CANCELLED")
    home.wait_state(job, "CANCELLED", timeout=40)


def test_a_requeue_starts_anew_after_the_copy_is_gone(home, west):
    job = send(home, script='echo "run ${SLURM_RESTART_COUNT:-0}"; [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] || sleep 300')
    home.wait(lambda: "run 0" in output(home, job), 30, "it to run")
    home.run(["scontrol", "requeue", str(job)], user="alice")
    home.wait(lambda: home.job(job)["JobState"] == "PENDING", 40, "it to wait again")
    home.run(["scontrol", "update", f"jobid={job}", "starttime=now+2"], user="slurm")
    home.wait_state(job, "COMPLETED", timeout=60)
    assert own(output(home, job)) == ["run 1"]
    ended(home, west, job, "CANCELLED", "COMPLETED")


def test_files_are_staged_in_and_out(home, west):
    home.run("mkdir -p data/deep && head -c 3000000 /dev/urandom >data/big && echo small >data/deep/small && "
             "ln -s /etc/shadow data/secret && printf '#!/bin/sh\\necho ran\\n' >data/tool && chmod 755 data/tool",
             user="alice")
    job = send(home, "--weir-stage-in=data", "--weir-stage-out=result,missing",
               script="data/tool; ls data; mkdir -p result/sub; cp data/big result/sub/copy; cat data/deep/small; ln -s /etc result/elsewhere")
    home.wait_state(job, "COMPLETED", timeout=60)
    text = output(home, job)
    assert own(text) == ["ran", "big", "deep", "tool", "small"]
    assert "data/secret is not sent" in text and "missing: the job has left no such file at west" in text
    home.run("cmp data/big result/sub/copy && test ! -e result/elsewhere", user="alice")
    home.wait(lambda: left_at(west, job), 30, "the site to be clean", until=lambda left: not left)


def test_what_was_not_nominated_does_not_run_on_the_gateway(home, west):
    job = home.sbatch(["--hold", "--time=5"], script="touch /tmp/weir-was-here; echo ran", user="alice", partition="train")
    home.run(["scontrol", "update", f"jobid={job}", "partition=west"], user="slurm")
    home.run(["scontrol", "release", str(job)], user="slurm")
    home.wait_state(job, "FAILED", timeout=60)
    assert own(output(home, job)) == [] and "was not sent to west by Weir" in output(home, job)
    assert not os.path.exists("/tmp/weir-was-here") and copies(west, job) == {}


def test_no_other_step_runs_on_the_gateway(home, west):
    job = send(home, script="echo up; sleep 60")
    home.wait(lambda: "up" in output(home, job), 30, "it to run")
    for options in (["--overlap"], ["--overlap", "--task-prolog=/home/alice/prolog"]):
        step = home.run(["srun", f"--jobid={job}", *options, "sh", "-c", "echo ran; touch /tmp/weir-was-here"],
                        user="alice", check=False, timeout=60)
        assert step.returncode != 0 and "ran" not in step.stdout.split(), step
    assert not os.path.exists("/tmp/weir-was-here")
    home.run(["scancel", str(job)], user="alice")
    home.wait_state(job, "CANCELLED", timeout=40)


def test_a_gateway_that_is_killed_while_a_submission_is_under_way_finds_its_copy(home, west):
    west.rest_answers("late_submit", only="/job/submit", late=5)
    job = send(home, script="echo run >>../ran; exit 4")
    def noted():
        with open(home.path(f"state/weir-gateway/jobs/{job}.json"), encoding="utf-8") as file:
            record = json.load(file)
        return record["attempted"] and not record["run"]["remote_id"]

    home.wait(lambda: os.path.exists(home.path(f"state/weir-gateway/jobs/{job}.json")) and noted(), 30,
              "its submission to be under way", step=0.02)
    home.kill("weir-gateway")
    home.wait(lambda: home.pids("weir-gateway"), 20, "it to be gone", until=lambda left: not left)
    west.rest_answers(None)
    home.start_gateway()
    home.wait_state(job, "FAILED", timeout=120)
    assert home.job(job)["ExitCode"] == "4:0"
    ended(home, west, job, "FAILED")
    with open(west.scratch("alice", "ran"), encoding="utf-8") as file:
        assert file.read() == "run\n"


def test_a_killed_gateway_goes_on_and_nothing_runs_twice(home, west):
    job = send(home, script="for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 1; done")
    home.wait(lambda: "2" in own(output(home, job)), 30, "it to run")
    home.kill("weir-gateway")
    home.wait(lambda: home.pids("weir-gateway"), 20, "it to be gone", until=lambda left: not left)
    home.start_gateway()
    home.wait_state(job, "COMPLETED", timeout=60)
    assert own(output(home, job)) == [str(i) for i in range(1, 9)]
    ended(home, west, job, "COMPLETED")


def test_a_submission_whose_answer_is_lost_runs_once(home, west):
    west.rest_answers("lost_submit")
    job = send(home, script="echo once; sleep 2")
    home.wait(lambda: copies(west, job), 30, "the site to have it")
    west.rest_answers(None)
    home.wait_state(job, "COMPLETED", timeout=90)
    assert own(output(home, job)) == ["once"]
    ended(home, west, job, "COMPLETED")


def test_a_link_that_is_down_is_waited_out(home, west):
    job = send(home, script="echo up; sleep 6; echo done; exit 4")
    home.wait(lambda: "up" in output(home, job), 30, "it to run")
    west.link(False)
    home.wait(lambda: told(home)["sites"][0]["reachable"], 60, "the gateway to miss the site", until=lambda seen: not seen)
    west.link(True)
    home.wait_state(job, "FAILED", timeout=90)
    assert home.job(job)["ExitCode"] == "4:0" and own(output(home, job)) == ["up", "done"]


def test_a_copy_of_a_job_that_lost_its_gateway_node_is_taken_up_again(home, west):
    job = send(home, script="for i in $(seq 1 40); do echo $i; sleep 0.5; done")
    home.wait(lambda: "2" in own(output(home, job)), 30, "it to run")
    node = home.job(job)["NodeList"]
    home.kill(f"slurmd@{node}")
    for pid in re.findall(r"^\s*(\d+)", home.run(["pgrep", "-f", f"(weir-relay.*--job {job} |slurmstepd: .{job}[.])"],
                                                 check=False).stdout, re.MULTILINE):
        home.run(["kill", "-9", pid], check=False)
    home.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], user="slurm")
    home.wait(lambda: home.job(job)["Restarts"] == "1", 30, "it to be requeued")
    home.wait(lambda: home.job(job)["JobState"] == "RUNNING", 60, "it to be taken up again")
    home.wait_state(job, "COMPLETED", timeout=90)
    assert own(output(home, job)) == [str(i) for i in range(1, 41)]
    ended(home, west, job, "COMPLETED")
    home.start(f"slurmd@{node}")
    home.run(["scontrol", "update", f"nodename={node}", "state=resume"], user="slurm", check=False)


def test_a_token_that_has_run_out_is_renewed_by_command(home, west):
    job = send(home, script="echo up; sleep 6; exit 5")
    home.wait(lambda: "up" in output(home, job), 30, "it to run")
    west.renew("alice", -60)
    home.stop("weir-gateway")
    home.start_gateway()
    home.wait_state(job, "FAILED", timeout=60)
    assert home.job(job)["ExitCode"] == "5:0"
    west.renew("alice", 3600)


SECRETS = re.compile(rb"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+|OPENSSH PRIVATE KEY")  # any JSON Web Token, any key


def memory(home, pid):
    """What a process of home has in its memory, as root reads it."""
    found = []
    with open(home.path(f"/proc/{pid}/mem"), "rb") as file:
        for line in home.read(f"/proc/{pid}/maps").splitlines():
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and end - start < 1 << 28:
                file.seek(start)
                found.append(file.read(end - start))
    return b"".join(found)


def test_no_process_of_a_users_and_no_log_has_a_credential(home, west):
    [gateway] = home.pids("weir-gateway", zombies=False)
    job = send(home, script="env; ps -eo args; echo up; sleep 20")
    home.wait(lambda: "up" in output(home, job), 60, "it to run")
    assert SECRETS.search(memory(home, gateway))  # it is what is looked for
    of_job = home.run(["pgrep", "-f", f"(weir-relay.*--job {job} |slurmstepd: .{job}[.])"]).stdout.split()
    assert len(of_job) >= 2
    for pid in of_job:
        assert not SECRETS.search(memory(home, pid))
        for name in ("environ", "cmdline"):
            assert not SECRETS.search(home.read(f"/proc/{pid}/{name}").encode())
    for command in (["scontrol", "show", "job", str(job)], ["squeue", "-O", "ALL"], ["ps", "-eo", "args"]):
        assert not SECRETS.search(home.run(command, check=False).stdout.encode())
    for folder in ("log", "state/weir-gateway", "state/slurmctld", "spool", "home/alice"):
        for where, _, names in os.walk(home.path(folder)):
            for path in (os.path.join(where, name) for name in names):
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        assert not SECRETS.search(file.read()), path
    home.run(["scancel", str(job)], user="alice")


def test_nobody_reads_the_gateways_memory_and_it_leaves_no_core(home, west):
    [pid] = home.pids("weir-gateway", zombies=False)
    for path in ("environ", "mem", "maps"):
        assert home.run(["head", "-c1", f"/proc/{pid}/{path}"], user="slurm", check=False).returncode != 0
    limits = home.read(f"/proc/{pid}/limits")
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits
    home.run(["kill", "-ABRT", str(pid)])
    home.wait(lambda: home.pids("weir-gateway"), 20, "it to be gone", until=lambda left: not left)
    assert not [name for name in os.listdir(home.path("tmp")) if "core" in name]
    home.start_gateway()
