# SPDX-License-Identifier: GPL-2.0-or-later
"""What users and administrators do to a job while its copy is at a site. Jobs are nominated by hand (mirroring.py)."""

import os
import re
import signal

import pytest

from mirroring import INSTALLATION, copies, ended, left_at, output, own, send, told
from overflowing import overflowing

BIG = 48 << 20  # what takes longer than it takes to stop sshd
WARNED = "trap 'echo warned; exit 7' USR1\necho up\nwhile :; do sleep 0.2; done"
STEP = "trap '' USR2\nsrun sh -c 'trap \"echo step warned; exit 9\" USR2; echo up; while :; do sleep 0.2; done'"


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    lab = overflowing(module_lab, build_dir)
    lab.wait(lambda: lab.run("weir sites").stdout, 60, "weirctld to know the site")
    return lab


def warned(home, signal_option, script):
    """A job with --signal, as job_submit_weir has noted that."""
    job = home.sbatch(["--hold", "--time=2", f"--signal={signal_option}"], script=script, user="alice",
                      partition="train")
    word = home.job(job)["AdminComment"]
    assert word == f"weir:signal={signal_option}"
    home.run(["scontrol", "update", f"jobid={job}", "partition=west", f"admincomment={word};site=west@{INSTALLATION}"],
             user="slurm")
    home.run(["scontrol", "release", str(job)], user="slurm")
    return job


@pytest.fixture(scope="module", autouse=True)
def limited(home):
    """Jobs whose end is the clock's: begun first, looked at last."""
    long = "echo up; sleep 600"
    jobs = {"outlives": send(home, "--time=1", script=long), "lowered": send(home, script=long),
            "warned": warned(home, "B:USR1@70", WARNED), "step": warned(home, "USR2@70", STEP)}
    for job in jobs.values():
        home.wait(lambda job=job: "up" in output(home, job), 60, f"job {job} to run")
    # As weirctld does for what a copy has waited.
    home.run(["scontrol", "update", f"jobid={jobs['outlives']}", "timelimit=3"])
    home.run(["scontrol", "update", f"jobid={jobs['lowered']}", "timelimit=1"], user="alice")
    return jobs


@pytest.fixture
def west(home):
    site = home.sites["west"]
    yield site
    site.kill("sshd", signal.SIGCONT)
    site.run(["scontrol", "update", "partition=batch", "state=up"])


def record(home, job):
    return os.path.exists(home.path(f"state/weir-gateway/jobs/{job}.json"))


def nothing_is_left(home, west, job):
    home.wait(lambda: (left_at(west, job), record(home, job)), 60, f"site and ledger to be rid of job {job}",
              until=lambda seen: seen == ([], False))
    assert all(run["job"] != job for run in told(home)["sites"][0]["runs"])


def cancel(home, job, user="alice"):
    home.run(["scancel", str(job)], user=user)
    home.wait_state(job, "CANCELLED", timeout=60)


def stage(home, job):
    """The stage of the job's copy, as the gateway tells."""
    return next((run["stage"] for run in told(home)["sites"][0]["runs"] if run["job"] == job), None)


def running(home, *options, script="echo up; sleep 300", **more):
    job = send(home, *options, script=script, **more)
    home.wait(lambda: "up" in output(home, job), 60, f"job {job} to run")
    return job


# scancel


def test_a_job_cancelled_before_it_starts_is_never_sent(home, west):
    job = send(home, "--begin=now+1hour")
    cancel(home, job)
    assert copies(west, job) == {} and not record(home, job)


def test_a_job_cancelled_while_its_files_go_there_is_never_submitted(home, west):
    home.run(f"head -c {BIG} /dev/zero >big", user="alice")
    job = send(home, "--weir-stage-in=big", script="cat big")

    def begun():
        folders = left_at(west, job)
        return folders and os.path.exists(west.scratch("alice", f"{folders[0]}/big"))

    home.wait(begun, 60, "the file to begin to arrive", step=0.002)
    west.kill("sshd", signal.SIGSTOP)
    assert os.path.getsize(west.scratch("alice", f"{left_at(west, job)[0]}/big")) < BIG
    cancel(home, job)
    west.kill("sshd", signal.SIGCONT)
    nothing_is_left(home, west, job)
    assert copies(west, job) == {} and all("CANCELLED" in line for line in own(output(home, job)))


def test_a_job_cancelled_while_it_waits_there_is_cancelled_there(home, west):
    west.run(["scontrol", "update", "partition=batch", "state=down"])
    job = send(home, "--no-requeue")  # one that may be would come home
    home.wait(lambda: copies(west, job), 60, "the site to have it")
    assert list(copies(west, job).values()) == ["PENDING"]
    cancel(home, job)
    ended(home, west, job, "CANCELLED")
    nothing_is_left(home, west, job)


def test_a_job_or_a_task_cancelled_while_it_runs_there_is_cancelled_there(home, west):
    job = running(home)
    array = send(home, "--array=1-2", script="echo up; sleep $((SLURM_ARRAY_TASK_ID == 1 ? 300 : 5))")
    for task in (1, 2):
        home.wait(lambda task=task: "up" in output(home, f"{array}_{task}"), 60, f"task {task} to run")
    home.run(["scancel", f"{array}_1"], user="alice")
    cancel(home, job)
    states = ["sacct", "-X", "-n", "-P", "-j", str(array), "-o", "jobid,state,exitcode"]
    home.wait(lambda: home.run(states).stdout.split("\n"), 60, "one task to be cancelled and the other to complete",
              until=lambda seen: [line.split(" by")[0] for line in sorted(seen) if line]
              == [f"{array}_1|CANCELLED", f"{array}_2|COMPLETED|0:0"])
    ended(home, west, job, "CANCELLED")
    nothing_is_left(home, west, job)


def test_a_job_cancelled_while_its_files_come_back_leaves_nothing(home, west):
    job = running(home, "--weir-stage-out=result", script="echo up; while [ ! -e go ]; do sleep 0.1; done\n"
                  f"head -c {BIG} /dev/zero >result; echo done")
    [folder] = [name for name in left_at(west, job) if not name.endswith(".out")]
    west.kill("sshd", signal.SIGSTOP)
    west.run(["touch", f"/scratch/w-alice/{folder}/go"], user="w-alice")
    home.wait(lambda: stage(home, job), 60, "its files to be fetched", until=lambda seen: seen == "fetching")
    assert home.job(job)["JobState"] == "RUNNING"
    cancel(home, job)
    west.kill("sshd", signal.SIGCONT)
    ended(home, west, job, "COMPLETED")
    nothing_is_left(home, west, job)
    assert home.run("test -e result", user="alice", check=False).returncode == 1


def test_a_job_whose_script_is_killed_takes_its_copy_along(home, west):
    job = running(home)
    home.run(["scancel", "-s", "KILL", "--batch", str(job)], user="alice")
    ended(home, west, job, "CANCELLED")
    home.wait(lambda: home.job(job)["JobState"], 60, "it to be over", until=lambda state: state != "RUNNING")
    assert home.job(job)["ExitCode"] == "0:9"
    nothing_is_left(home, west, job)


# Signals


def test_signals_to_the_script_reach_its_copy_and_those_to_steps_alone_do_nothing(home, west):
    script = "for signal in USR1 USR2 ALRM; do trap \"echo got $signal\" $signal; done\necho up\n" \
             "while [ ! -e go ]; do sleep 0.1; done 2>/dev/null"
    job = running(home, script=script)
    home.run(["scancel", "-s", "USR1", str(job)], user="alice")  # to steps, of which a batch job has none here
    for number, options in {"USR2": ["--batch"], "ALRM": ["--full"]}.items():
        home.run(["scancel", "-s", number, *options, str(job)], user="alice")
        home.wait(lambda number=number: f"got {number}" in output(home, job), 60, f"the copy to get {number}")
    [folder] = [name for name in left_at(west, job) if not name.endswith(".out")]
    west.run(["touch", f"/scratch/w-alice/{folder}/go"], user="w-alice")
    home.wait_state(job, "COMPLETED", timeout=60)
    assert "got USR1" not in output(home, job)


def test_a_signal_that_comes_before_the_copy_runs_is_not_kept_for_it(home, west):
    west.run(["scontrol", "update", "partition=batch", "state=down"])
    job = send(home, "--no-requeue", script="echo up")
    home.wait(lambda: copies(west, job), 60, "the site to have it")
    home.run(["scancel", "-s", "USR1", "--batch", str(job)], user="alice")
    said = "weir: USR1 is not passed on: it does not run at west yet"
    home.wait(lambda: said in output(home, job), 60, "it to be told")
    west.run(["scontrol", "update", "partition=batch", "state=up"])
    home.wait_state(job, "COMPLETED", timeout=90)
    assert own(output(home, job)) == ["up"]


# What an administrator does


def test_a_suspended_job_is_resumed_and_told_that_its_copy_runs_on(home, west):
    job = running(home)
    home.run(["scontrol", "suspend", str(job)])
    home.wait(lambda: output(home, job), 60, "it to be told",
              until=lambda text: "weir: it cannot be suspended while it runs at west; it runs on" in text)
    home.wait_state(job, "RUNNING", timeout=30)
    assert list(copies(west, job).values()) == ["RUNNING"]
    # The relay goes on as before.
    cancel(home, job)
    ended(home, west, job, "CANCELLED")


def test_hold_and_changes_of_names_are_as_ever_and_requeuehold_holds_the_job_at_home(home, west):
    job = running(home, script='echo "up ${SLURM_RESTART_COUNT:-0}"; [ "$SLURM_RESTART_COUNT" -gt 0 ] || sleep 300')
    home.run(["scontrol", "hold", str(job)], user="alice", check=False)  # of use once it waits again
    home.run(["scontrol", "update", f"jobid={job}", "jobname=other", "comment=mine", "nice=5"], user="alice")
    seen = home.job(job)
    assert (seen["JobState"], seen["JobName"], seen["Comment"], seen["Nice"]) == ("RUNNING", "other", "mine", "5")
    home.run(["scontrol", "requeuehold", str(job)])
    ended(home, west, job, "CANCELLED")
    seen = home.wait_state(job, "PENDING", timeout=60)
    assert seen["Priority"] == "0" and "held" in seen["Reason"].lower()
    nothing_is_left(home, west, job)
    home.run(["scontrol", "release", str(job)], user="slurm")
    home.run(["scontrol", "update", f"jobid={job}", "starttime=now+2"], user="slurm")
    home.wait_state(job, "COMPLETED", timeout=60)
    assert own(output(home, job)) == ["up 1"]
    ended(home, west, job, "CANCELLED", "COMPLETED")


def test_its_script_is_told_as_ever(home, west):
    job = running(home)
    told_of = home.run(["scontrol", "write", "batch_script", str(job), "-"], user="alice").stdout
    assert told_of.rstrip("\n") == "#!/bin/bash\necho up; sleep 300"
    cancel(home, job)


# The clock


def test_the_script_is_warned_of_its_end_and_so_are_steps(home, west, limited):
    for name, said, code in (("warned", "warned", "7:0"), ("step", "step warned", "9:0")):
        home.wait_state(limited[name], "FAILED", timeout=120)
        assert said in own(output(home, limited[name])) and home.job(limited[name])["ExitCode"] == code
        ended(home, west, limited[name], "FAILED")


def test_a_job_that_outlives_its_limit_times_out_there_and_here(home, west, limited):
    job = limited["outlives"]
    home.wait_state(job, "TIMEOUT", timeout=180)
    assert re.search(r"JOB \d+ ON n\d CANCELLED AT \S+ DUE TO TIME LIMIT", output(home, job))
    ended(home, west, job, "TIMEOUT")
    nothing_is_left(home, west, job)


def test_a_limit_that_its_user_lowers_ends_the_job_and_its_copy(home, west, limited):
    job = limited["lowered"]
    home.wait_state(job, "TIMEOUT", timeout=180)
    ended(home, west, job, "CANCELLED")
    nothing_is_left(home, west, job)
