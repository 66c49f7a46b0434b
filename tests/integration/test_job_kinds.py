# SPDX-License-Identifier: GPL-2.0-or-later
"""job_submit_weir.so: srun and salloc, arrays, heterogeneous and immediate jobs."""

import subprocess

from submissions import assert_begins_later, assert_left_alone, assert_named
from support import RESERVATION


def test_srun_and_salloc_are_served_as_sbatch_is(slurm):
    said = slurm.run(["srun", "-pinference", "-N2", "sh", "-c", "echo $SLURM_JOB_RESERVATION $SLURMD_NODENAME"],
                     user="alice").stdout
    assert sorted(said.splitlines()) == [f"{RESERVATION} i1", f"{RESERVATION} t1"]
    said = slurm.run(["salloc", "-pinference", "-N1", "sh", "-c", "echo $SLURM_JOB_RESERVATION"], user="alice")
    assert said.stdout == f"{RESERVATION}\n"


def test_an_interactive_job_that_does_not_fit_waits_until_it_is_named(slurm):
    with slurm.listen() as listener, slurm.lab.popen(
            ["srun", "-pinference", "-N3", "hostname"], user="alice", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waiting:
        listener.recv(16)
        job = slurm.wait(lambda: slurm.run("squeue -h -t PD -o %A").stdout, 10, "srun's job")
        slurm.lend("i1,t[1-2]")
        slurm.name_it(int(job))
        assert waiting.wait(30) == 0


def test_immediate_jobs_are_never_delayed(slurm):
    slurm.run("srun -pinference --immediate=5 -N1 true", user="alice")
    slurm.run("srun -pinference --immediate=1 -N3 true", user="alice", check=False)
    last = slurm.lab.jobs()
    assert "AdminComment" not in last[max(last)]


def test_every_task_of_an_array_is_treated_alike(slurm):
    array = slurm.lab.sbatch("-pinference --array=0-3%2 -n1", script="sleep 60")
    slurm.wait(lambda: slurm.run(f"squeue -h -t RUNNING -j {array} -o %v").stdout.split(), 30,
               "two tasks in the reservation", until=lambda seen: seen == [RESERVATION] * 2)
    large = slurm.lab.sbatch("-pinference --array=0-3 -N3", script="true")
    assert_begins_later(slurm.lab.job(large))
    slurm.lend("i1,t[1-2]")
    slurm.run("scancel " + str(array))
    slurm.name_it(large)
    slurm.wait(lambda: [job["JobState"] for job in slurm.lab.jobs().values()
                        if job.get("ArrayJobId") == str(large)], 60,
               "four tasks to be complete", until=lambda states: states == ["COMPLETED"] * 4)


def test_components_of_a_heterogeneous_job_are_treated_one_by_one(slurm):
    both = slurm.lab.sbatch("-pinference -n1 : -pinference -n2", script="srun --het-group=0,1 true")
    for job in (both, both + 1):
        assert_named(slurm.lab.wait_state(job, "COMPLETED"))
    mixed = slurm.lab.sbatch("-pinference -n1 : -ptrain -n1 : -pinference -N3", script="true")
    assert_named(slurm.lab.job(mixed))
    assert_left_alone(slurm.lab.job(mixed + 1))
    assert "weir:begin=" in slurm.lab.job(mixed + 2)["AdminComment"]
    slurm.lend("i1,t[1-2]")
    slurm.name_it(mixed + 2)
    slurm.wait(lambda: slurm.lab.job(mixed + 2).get("Reservation"), 5, "the third component to be named")
