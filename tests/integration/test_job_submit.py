# SPDX-License-Identifier: GPL-2.0-or-later
"""job_submit_weir.so: which jobs name the reservation, begin later, or are let alone."""

import re
import shutil
import subprocess

import pytest

from submissions import assert_begins_later, assert_left_alone, assert_named, delay
from support import RESERVATION

EXPORTS = {"job_submit", "job_modify", "plugin_name", "plugin_type", "plugin_version"}
# Sends what sbatch has no option for: an AdminComment, which only admins may give.
SUBMITTER = r"""
#include <slurm/slurm.h>
#include <stdio.h>
int main(void) {
    char *environment[] = {"PATH=/usr/bin:/bin"};
    job_desc_msg_t job;
    submit_response_msg_t *answer = NULL;
    slurm_init(NULL);
    slurm_init_job_desc_msg(&job);
    job.admin_comment = "see ticket 4";
    job.environment = environment;
    job.env_size = 1;
    job.min_nodes = job.max_nodes = 3;
    job.partition = "inference";
    job.script = "#!/bin/sh\ntrue\n";
    job.user_id = job.group_id = 0;
    job.work_dir = "/tmp";
    if (slurm_submit_batch_job(&job, &answer) != 0) return slurm_perror("submit"), 1;
    printf("%u\n", answer->job_id);
    return 0;
}
"""


def test_the_plugin_exports_what_slurm_looks_up_and_nothing_else(build_dir):
    plugin = f"{build_dir}/lib/job_submit_weir.so"
    lines = subprocess.run(["nm", "-D", "--defined-only", plugin], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    assert {line.split()[-1] for line in lines} == EXPORTS
    needed = subprocess.run(["readelf", "-d", plugin], check=True, capture_output=True, text=True).stdout
    assert "libslurm" not in needed


@pytest.mark.parametrize("how", ["option", "script", "environment"])
def test_a_borrowers_job_that_fits_runs_on_the_reservations_nodes(slurm, how):
    script = "#!/bin/bash\n#SBATCH -p inference\nsleep 60\n" if how == "script" else "sleep 60"
    env = {"SBATCH_PARTITION": "inference"} if how == "environment" else {}
    args = ["-N2", "--gpus-per-node=8"] + (["-pinference"] if how == "option" else [])
    job = slurm.lab.sbatch(args, script=script, env=env)
    assert_named(slurm.lab.wait_state(job, "RUNNING"))
    assert slurm.lab.job_nodes(job) == {"i1", "t1"}


def test_a_second_one_waits_for_the_reservation_though_other_nodes_are_idle(slurm):
    first = slurm.lab.sbatch("-pinference -N2 --exclusive")
    slurm.lab.wait_state(first, "RUNNING")
    second = slurm.submit("-pinference -N1 --exclusive")
    assert_named(second)
    slurm.wait(lambda: slurm.lab.job(second["JobId"])["Reason"], 20, "the job to wait for the reservation",
               until=lambda reason: reason in ("Resources", "Priority"))
    slurm.lend("i1,t[1-2]")
    slurm.lab.wait_state(second["JobId"], "RUNNING")
    assert slurm.lab.job_nodes(second["JobId"]) == {"t2"}


def test_one_that_is_too_large_begins_later_and_waits_for_nodes_once_named(slurm):
    with slurm.listen() as listener:
        job = slurm.submit("-pinference -N3")
        assert_begins_later(job)
        assert len(listener.recv(16)) == 1
    slurm.name_it(job["JobId"])
    slurm.schedule()
    waiting = slurm.lab.job(job["JobId"])
    assert waiting["JobState"] == "PENDING" and waiting["Reason"] in ("None", "Resources", "Priority")
    assert int(waiting["Priority"]) > 0
    slurm.lend("i1,t[1-2]")
    slurm.lab.wait_state(job["JobId"], "RUNNING")


def test_one_of_a_type_that_is_not_there_begins_later_and_runs_once_it_is(slurm):
    job = slurm.submit("-pinference --gres=gpu:a100:2")
    assert_begins_later(job)
    slurm.lend("i1,t1,t3")
    slurm.name_it(job["JobId"])
    assert slurm.lab.wait_state(job["JobId"], "RUNNING")["NodeList"] == "t3"


def test_slurm_gives_up_a_job_named_before_any_node_suits_it_until_it_is_updated_again(slurm):
    """Why a job must not name the reservation before a node of it suits: Slurm's own behaviour."""
    job = slurm.submit("-pinference --gres=gpu:a100:2")["JobId"]
    slurm.name_it(job)
    slurm.wait(lambda: slurm.lab.job(job)["Reason"], 20, "Slurm to give up",
               until=lambda reason: reason == "BadConstraints")
    slurm.lend("i1,t1,t3")
    later = slurm.lab.sbatch(f"-pinference --gres=gpu:a100:1 --reservation={RESERVATION}", script="true")
    slurm.lab.wait_state(later, "COMPLETED")
    assert slurm.lab.job(job)["Priority"] == "0"
    slurm.run(f"scontrol update jobid={job} reservationname={RESERVATION}")
    slurm.lab.wait_state(job, "RUNNING")


def test_nobody_listening_does_no_harm_and_the_begin_time_passes(slurm):
    job = slurm.submit("-pinference -N3")
    assert_begins_later(job)
    slurm.lend("i1")  # stock Slurm: the job takes what its partition has
    slurm.run(f"scontrol delete reservation={RESERVATION}")
    slurm.lab.wait_state(job["JobId"], "RUNNING")


@pytest.mark.parametrize("args", ["-pinference --constraint=''", "-pinference -w i1", "-pinference -x t3",
                                  "-pinference --ntasks-per-core=1", "-pinference --contiguous"])
def test_what_cannot_be_told_is_left_to_the_controller(slurm, args):
    if "constraint" in args:
        assert_named(slurm.submit(args))
    else:
        assert_begins_later(slurm.submit(args))


def test_what_no_node_can_do_is_refused_as_ever(slurm):
    result = slurm.run("sbatch -pinference --gpus-per-node=9 --wrap=true", user="alice", check=False)
    assert result.returncode != 0 and "Requested node configuration is not available" in result.stderr


@pytest.mark.parametrize("args", ["-ptrain", "", "-pinference,train", "-ptrain,inference", "-ptrain -N3"])
def test_jobs_of_other_partitions_are_untouched(slurm, args):
    assert_left_alone(slurm.submit(args))


def test_a_job_without_a_partition_has_the_default_one(slurm):
    slurm.run("scontrol update partitionname=inference default=yes")
    try:
        assert_named(slurm.submit(""))
        assert_left_alone(slurm.submit("-ptrain"))
    finally:
        slurm.run("scontrol update partitionname=train default=yes")
    assert_left_alone(slurm.submit(""))


def test_a_reservation_that_the_user_names_stands(slurm):
    slurm.run("scontrol create reservation=mine users=alice nodes=t2 starttime=now duration=infinite "
              "flags=ignore_jobs")
    try:
        assert slurm.submit("-pinference --reservation=mine")["Reservation"] == "mine"
        assert slurm.submit(f"-pinference --reservation={RESERVATION}")["Reservation"] == RESERVATION
    finally:
        slurm.cancel_all()
        slurm.run("scontrol delete reservation=mine")


def test_the_users_own_begin_time_stands(slurm):
    fitting = slurm.submit("-pinference --begin=now+1hour")
    assert fitting["Reservation"] == RESERVATION and 3500 <= delay(fitting) <= 3700
    large = slurm.submit("-pinference -N3 --begin=now+1hour")
    assert "Reservation" not in large and "AdminComment" not in large and 3500 <= delay(large) <= 3700


def test_an_admins_own_comment_is_kept(slurm):
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    program = slurm.lab.path("tmp/submitter")
    subprocess.run(["gcc", "-x", "c", "-", "-lslurm", "-o", program], input=SUBMITTER, text=True, check=True)
    slurm.run("sacctmgr -i -Q add user root account=research cluster=home", check=False)
    job = int(slurm.run([slurm.lab.inside("tmp/submitter")]).stdout)
    assert re.fullmatch(r"see ticket 4 weir:begin=\d+", slurm.lab.job(job)["AdminComment"])


def test_changes_of_jobs_pass_through(slurm):
    job = slurm.submit("-H -pinference -N3")["JobId"]
    slurm.run(f"scontrol update jobid={job} comment=hello timelimit=7", user="alice")
    assert slurm.lab.job(job)["TimeLimit"] == "00:07:00"


def test_it_works_on_after_a_reconfiguration_and_a_restart(slurm):
    slurm.run("scontrol reconfigure")
    assert_named(slurm.submit("-pinference"))
    slurm.lab.stop("slurmctld")
    slurm.lab.start("slurmctld")
    slurm.wait(lambda: slurm.run("scontrol ping", check=False).stdout, 20, "slurmctld",
               until=lambda text: "is UP" in text)
    assert_named(slurm.submit("-pinference"))
    assert_begins_later(slurm.submit("-pinference -N3"))
