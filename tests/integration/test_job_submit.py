# SPDX-License-Identifier: GPL-2.0-or-later
"""job_submit_weir.so in a real slurmctld, with a heartbeat written by hand and no weirctld."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from weirlab import Lab
from weirlab.config import STOCK_PLUGINS
from weirlab.users import identity

EXPORTS = {"job_submit", "job_modify", "plugin_name", "plugin_type", "plugin_version"}
RESERVATION = "weir_inference"
LENT = "i1,t1"
SHAPES = ["2 64 512000 h100=8"]
LAYOUT = {
    "nodes": [{"names": "i1,t[1-2]", "gpus": "h100:8"}, {"names": "t3", "gpus": "a100:4"}],
    "partitions": [{"name": "train", "nodes": "t[1-3]", "default": True},
                   {"name": "inference", "nodes": "i1,t[1-3]"}],
}
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


def plugin_folder(build_dir):
    """A folder that user slurm reaches, with the build's plugin in it."""
    folder = Path(tempfile.mkdtemp(prefix="weir-submit-test-", dir="/tmp"))
    folder.chmod(0o755)
    shutil.copy(f"{build_dir}/lib/job_submit_weir.so", folder)
    return folder


@pytest.fixture(scope="module")
def module_lab(build_dir):
    if os.geteuid() != 0:
        pytest.skip("a lab needs root")
    if not shutil.which("slurmctld", path="/usr/sbin:/usr/bin"):
        pytest.skip("a lab needs Slurm's daemons")
    folder = plugin_folder(build_dir)
    home = tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    try:
        with Lab.up(home, layout=LAYOUT, scheduler="stock",
                    slurm_conf=[f"PluginDir={folder}:{STOCK_PLUGINS}", "JobSubmitPlugins=weir"]) as lab:
            lab.run(f"install -d -o slurm {lab.directory}/state/slurmctld/weir")
            yield World(lab)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def world(module_lab, request):
    """The lab with a fresh heartbeat, the reservation on its first nodes, and no jobs."""
    module_lab.reset()
    yield module_lab
    if getattr(request.node, "lab_test_failed", False):
        print("--- the end of slurmctld's log\n" + module_lab.lab.log("slurmctld", 80))


class World:
    """A lab, and the words that these tests are told in."""

    def __init__(self, lab):
        self.lab = lab

    def reset(self):
        """Back to the beginning, whatever the last test left."""
        self.cancel_all()
        self.remove_heartbeat()
        Path(self.state("wake.sock")).unlink(missing_ok=True)
        if self.lab.resv(RESERVATION):
            self.lab.run(f"scontrol delete reservation={RESERVATION}")
        self.lab.run(f"scontrol create reservation={RESERVATION} accounts=root nodes={LENT} starttime=now"
                     " duration=infinite flags=ignore_jobs,no_hold_jobs_after")
        self.heartbeat()

    def cancel_all(self):
        self.lab.run("squeue -h -r -o %A | xargs -r scancel", check=False)
        self.lab.wait(lambda: self.lab.run("squeue -h").stdout, 30, "no jobs", until=lambda text: not text)

    def state(self, name="heartbeat"):
        return self.lab.path(f"state/slurmctld/weir/{name}")

    def remove_heartbeat(self):
        path = Path(self.state())
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        path.unlink(missing_ok=True)

    def write(self, text, age=0, owner="slurm"):
        """Renames this file into the heartbeat's place, as old as said."""
        name = f"state/slurmctld/weir/heartbeat.{threading.get_ident()}"
        self.lab.write(name, text, owner=owner, mode=0o600)
        then = time.time() - age
        os.utime(self.lab.path(name), (then, then))
        os.rename(self.lab.path(name), self.state())

    def heartbeat(self, shapes=None, access=("restricted no",), age=0, valid_for=60):
        lines = ["weir heartbeat 1", f"at {int(time.time() - age)}", f"valid_for {valid_for}", "rule",
                 "partition inference", f"reservation {RESERVATION}", *access,
                 *(f"shape {shape}" for shape in (SHAPES if shapes is None else shapes)), "end", ""]
        self.write("\n".join(lines), age)

    def lend(self, nodes):
        self.lab.run(f"scontrol update reservation={RESERVATION} nodes={nodes}")

    def submit(self, args, script="sleep 60", user="alice"):
        return self.lab.job(self.lab.sbatch(args, script=script, user=user))

    def listen(self):
        """Listens where weirctld would."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.settimeout(5)
        listener.bind(self.state("wake.sock"))
        os.chown(self.state("wake.sock"), *identity("slurm"))
        return listener

    def schedule(self):
        """Returns when Slurm has looked at the whole queue once more, by both of its schedulers."""
        def cycles():
            text = self.lab.run("sdiag").stdout
            return [int(count) for count in re.findall(r"Total cycles: +(\d+)", text)]

        before = cycles()
        # One main cycle may already have been under way.
        self.lab.wait(cycles, 30, "two main scheduling cycles and one of backfill",
                      until=lambda now: now[0] >= before[0] + 2 and now[1] > before[1])

    def name_it(self, job_id):
        """What weirctld does, once woken."""
        self.lab.run(f"scontrol update jobid={job_id} reservationname={RESERVATION}")
        self.lab.run(f"scontrol update jobid={job_id} starttime=now")


def seconds(text):
    return time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def delay(job):
    """How long after its submission the job may begin."""
    return seconds(job["EligibleTime"]) - seconds(job["SubmitTime"])


def assert_named(job):
    assert job.get("Reservation") == RESERVATION, job
    assert "AdminComment" not in job and delay(job) == 0


def assert_begins_later(job):
    assert "Reservation" not in job, job
    assert 3 <= delay(job) <= 6
    begin = re.fullmatch(r"weir:begin=(\d+)", job["AdminComment"])
    assert int(begin[1]) == seconds(job["EligibleTime"])


def assert_left_alone(job):
    assert "Reservation" not in job and "AdminComment" not in job, job
    assert delay(job) == 0


def test_the_plugin_exports_what_slurm_looks_up_and_nothing_else(build_dir):
    plugin = f"{build_dir}/lib/job_submit_weir.so"
    lines = subprocess.run(["nm", "-D", "--defined-only", plugin], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    assert {line.split()[-1] for line in lines} == EXPORTS
    needed = subprocess.run(["readelf", "-d", plugin], check=True, capture_output=True, text=True).stdout
    assert "libslurm" not in needed


@pytest.mark.parametrize("how", ["option", "script", "environment"])
def test_a_borrowers_job_that_fits_runs_on_the_reservations_nodes(world, how):
    script = "#!/bin/bash\n#SBATCH -p inference\nsleep 60\n" if how == "script" else "sleep 60"
    env = {"SBATCH_PARTITION": "inference"} if how == "environment" else {}
    args = ["-N2", "--gpus-per-node=8"] + (["-pinference"] if how == "option" else [])
    job = world.lab.sbatch(args, script=script, env=env)
    assert_named(world.lab.wait_state(job, "RUNNING"))
    assert world.lab.job_nodes(job) == {"i1", "t1"}


def test_a_second_one_waits_for_the_reservation_though_other_nodes_are_idle(world):
    first = world.lab.sbatch("-pinference -N2 --exclusive")
    world.lab.wait_state(first, "RUNNING")
    second = world.submit("-pinference -N1 --exclusive")
    assert_named(second)
    world.lab.wait(lambda: world.lab.job(second["JobId"])["Reason"], 20, "the job to wait for the reservation",
                   until=lambda reason: reason in ("Resources", "Priority"))
    world.lend("i1,t[1-2]")
    world.lab.wait_state(second["JobId"], "RUNNING")
    assert world.lab.job_nodes(second["JobId"]) == {"t2"}


def test_one_that_is_too_large_begins_later_and_waits_for_nodes_once_named(world):
    with world.listen() as listener:
        job = world.submit("-pinference -N3")
        assert_begins_later(job)
        assert len(listener.recv(16)) == 1
    world.name_it(job["JobId"])
    world.schedule()
    waiting = world.lab.job(job["JobId"])
    assert waiting["JobState"] == "PENDING" and waiting["Reason"] in ("None", "Resources", "Priority")
    assert int(waiting["Priority"]) > 0
    world.lend("i1,t[1-2]")
    world.lab.wait_state(job["JobId"], "RUNNING")


def test_one_of_a_type_that_is_not_there_begins_later_and_runs_once_it_is(world):
    job = world.submit("-pinference --gres=gpu:a100:2")
    assert_begins_later(job)
    world.lend("i1,t1,t3")
    world.name_it(job["JobId"])
    assert world.lab.wait_state(job["JobId"], "RUNNING")["NodeList"] == "t3"


def test_slurm_gives_up_a_job_named_before_any_node_suits_it_until_it_is_updated_again(world):
    """Why a job must not name the reservation before a node of it suits: Slurm's own behaviour."""
    job = world.submit("-pinference --gres=gpu:a100:2")["JobId"]
    world.name_it(job)
    world.lab.wait(lambda: world.lab.job(job)["Reason"], 20, "Slurm to give up",
                   until=lambda reason: reason == "BadConstraints")
    world.lend("i1,t1,t3")
    later = world.lab.sbatch(f"-pinference --gres=gpu:a100:1 --reservation={RESERVATION}", script="true")
    world.lab.wait_state(later, "COMPLETED")
    assert world.lab.job(job)["Priority"] == "0"
    world.lab.run(f"scontrol update jobid={job} reservationname={RESERVATION}")
    world.lab.wait_state(job, "RUNNING")


def test_nobody_listening_does_no_harm_and_the_begin_time_passes(world):
    job = world.submit("-pinference -N3")
    assert_begins_later(job)
    world.lend("i1")  # stock Slurm: the job takes what its partition has
    world.lab.run(f"scontrol delete reservation={RESERVATION}")
    world.lab.wait_state(job["JobId"], "RUNNING")


@pytest.mark.parametrize("args", ["-pinference --constraint=''", "-pinference -w i1", "-pinference -x t3",
                                  "-pinference --ntasks-per-core=1", "-pinference --contiguous"])
def test_what_cannot_be_told_is_left_to_the_controller(world, args):
    if "constraint" in args:
        assert_named(world.submit(args))
    else:
        assert_begins_later(world.submit(args))


def test_what_no_node_can_do_is_refused_as_ever(world):
    result = world.lab.run("sbatch -pinference --gpus-per-node=9 --wrap=true", user="alice", check=False)
    assert result.returncode != 0 and "Requested node configuration is not available" in result.stderr


@pytest.mark.parametrize("args", ["-ptrain", "", "-pinference,train", "-ptrain,inference", "-ptrain -N3"])
def test_jobs_of_other_partitions_are_untouched(world, args):
    assert_left_alone(world.submit(args))


def test_a_job_without_a_partition_has_the_default_one(world):
    world.lab.run("scontrol update partitionname=inference default=yes")
    try:
        assert_named(world.submit(""))
        assert_left_alone(world.submit("-ptrain"))
    finally:
        world.lab.run("scontrol update partitionname=train default=yes")
    assert_left_alone(world.submit(""))


def test_a_reservation_that_the_user_names_stands(world):
    world.lab.run("scontrol create reservation=mine users=alice nodes=t2 starttime=now duration=infinite "
                  "flags=ignore_jobs")
    try:
        assert world.submit("-pinference --reservation=mine")["Reservation"] == "mine"
        assert world.submit(f"-pinference --reservation={RESERVATION}")["Reservation"] == RESERVATION
    finally:
        world.cancel_all()
        world.lab.run("scontrol delete reservation=mine")


def test_the_users_own_begin_time_stands(world):
    fitting = world.submit("-pinference --begin=now+1hour")
    assert fitting["Reservation"] == RESERVATION and 3500 <= delay(fitting) <= 3700
    large = world.submit("-pinference -N3 --begin=now+1hour")
    assert "Reservation" not in large and "AdminComment" not in large and 3500 <= delay(large) <= 3700


def test_srun_and_salloc_are_served_as_sbatch_is(world):
    said = world.lab.run(["srun", "-pinference", "-N2", "sh", "-c", "echo $SLURM_JOB_RESERVATION $SLURMD_NODENAME"],
                         user="alice").stdout
    assert sorted(said.splitlines()) == [f"{RESERVATION} i1", f"{RESERVATION} t1"]
    said = world.lab.run(["salloc", "-pinference", "-N1", "sh", "-c", "echo $SLURM_JOB_RESERVATION"], user="alice")
    assert said.stdout == f"{RESERVATION}\n"


def test_an_interactive_job_that_does_not_fit_waits_until_it_is_named(world):
    with world.listen() as listener, world.lab.popen(
            ["srun", "-pinference", "-N3", "hostname"], user="alice", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waiting:
        listener.recv(16)
        job = world.lab.wait(world.lab.jobs, 10, "srun's job")
        world.lend("i1,t[1-2]")
        world.name_it(max(job))
        assert waiting.wait(30) == 0


def test_immediate_jobs_are_never_delayed(world):
    world.lab.run("srun -pinference --immediate=5 -N1 true", user="alice")
    world.lab.run("srun -pinference --immediate=1 -N3 true", user="alice", check=False)
    last = world.lab.jobs()
    assert "AdminComment" not in last[max(last)]


def test_every_task_of_an_array_is_treated_alike(world):
    array = world.lab.sbatch("-pinference --array=0-3%2 -n1", script="sleep 60")
    world.lab.wait(lambda: world.lab.run(f"squeue -h -t RUNNING -j {array} -o %v").stdout.split(), 30,
                   "two tasks in the reservation", until=lambda seen: seen == [RESERVATION] * 2)
    large = world.lab.sbatch("-pinference --array=0-3 -N3", script="true")
    assert_begins_later(world.lab.job(large))
    world.lend("i1,t[1-2]")
    world.lab.run("scancel " + str(array))
    world.name_it(large)
    world.lab.wait(lambda: [job["JobState"] for job in world.lab.jobs().values()
                            if job.get("ArrayJobId") == str(large)], 60,
                   "four tasks to be complete", until=lambda states: states == ["COMPLETED"] * 4)


def test_components_of_a_heterogeneous_job_are_treated_one_by_one(world):
    both = world.lab.sbatch("-pinference -n1 : -pinference -n2", script="srun --het-group=0,1 true")
    for job in (both, both + 1):
        assert_named(world.lab.wait_state(job, "COMPLETED"))
    mixed = world.lab.sbatch("-pinference -n1 : -ptrain -n1 : -pinference -N3", script="true")
    assert_named(world.lab.job(mixed))
    assert_left_alone(world.lab.job(mixed + 1))
    assert "weir:begin=" in world.lab.job(mixed + 2)["AdminComment"]
    world.lend("i1,t[1-2]")
    world.name_it(mixed + 2)
    world.lab.wait(lambda: world.lab.job(mixed + 2).get("Reservation"), 5, "the third component to be named")


def test_who_may_enter_is_served_and_others_are_not(world):
    alice, bob = (identity(name)[0] for name in ("alice", "bob"))
    world.heartbeat(access=["restricted yes", f"uids {alice} 1"])
    assert_named(world.submit("-pinference", user="alice"))
    assert_left_alone(world.submit("-pinference", user="bob"))
    world.heartbeat(access=["restricted yes", "account serving"])
    assert_named(world.submit("-pinference --account=serving", user="alice"))
    assert_begins_later(world.submit("-pinference --account=research", user="bob"))
    world.heartbeat(access=["restricted yes"])  # groups: weirctld knows
    assert_begins_later(world.submit("-pinference", user="bob"))
    assert bob != alice


def test_a_stale_heartbeat_keeps_what_was_lent_usable_and_delays_nobody(world):
    world.heartbeat(age=3600)
    assert_named(world.submit("-pinference -N2"))
    assert_left_alone(world.submit("-pinference -N3"))
    world.cancel_all()
    world.lab.run(f"scontrol delete reservation={RESERVATION}")
    assert_left_alone(world.submit("-pinference -N2"))


def test_a_reservation_that_was_deleted_is_not_named(world):
    world.lab.run(f"scontrol delete reservation={RESERVATION}")
    for args in ("-pinference", "-pinference -N3"):
        assert_left_alone(world.submit(args))


def put_fifo(world):
    world.remove_heartbeat()
    os.mkfifo(world.state(), 0o666)


def put_directory(world):
    world.remove_heartbeat()
    os.mkdir(world.state())


def put_link(world):
    os.rename(world.state(), world.state("elsewhere"))
    os.symlink("elsewhere", world.state())


def put_closed(world):
    os.chown(world.state(), 0, 0)
    os.chmod(world.state(), 0)


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda world: world.remove_heartbeat(), id="missing"),
    pytest.param(lambda world: world.write(b""), id="empty"),
    pytest.param(lambda world: world.write(os.urandom(5000)), id="garbage"),
    pytest.param(lambda world: world.write(Path(world.state()).read_bytes()[:-4]), id="cut off"),
    pytest.param(lambda world: world.write(b"weir heartbeat 2\nend\n"), id="of a later version"),
    pytest.param(lambda world: world.write(b"x" * 10_000_000), id="huge"),
    pytest.param(lambda world: world.write(Path(world.state()).read_bytes(), owner="bob"), id="another user's"),
    pytest.param(put_fifo, id="a FIFO"),
    pytest.param(put_directory, id="a directory"),
    pytest.param(put_link, id="a symbolic link"),
    pytest.param(put_closed, id="unreadable"),
])
def test_a_heartbeat_that_is_no_heartbeat_leaves_jobs_alone(world, spoil):
    assert_named(world.submit("-pinference"))
    spoil(world)
    for args in ("-pinference", "-pinference -N3"):
        assert_left_alone(world.submit(args))
    world.remove_heartbeat()
    world.heartbeat()
    assert_named(world.submit("-pinference"))


def test_heartbeats_that_change_amid_submissions_do_no_harm(world):
    done = threading.Event()

    def rewrite():
        texts = [Path(world.state()).read_bytes(), os.urandom(3000), b""]
        while not done.is_set():
            for text in texts:
                world.write(text)
            done.wait(0.002)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        said = world.lab.run("for i in $(seq 25); do for k in 1 2 3 4; do sbatch -H -pinference --wrap=true & done; "
                             "wait; done", user="alice").stdout
    finally:
        done.set()
        writer.join()
    assert said.count("Submitted batch job") == 100
    jobs = world.lab.jobs().values()
    assert {job.get("Reservation") for job in jobs if job["JobState"] == "PENDING"} <= {None, RESERVATION}
    assert len(world.lab.pids("slurmctld")) == 1


def test_an_admins_own_comment_is_kept(world):
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    program = world.lab.path("tmp/submitter")
    subprocess.run(["gcc", "-x", "c", "-", "-lslurm", "-o", program], input=SUBMITTER, text=True, check=True)
    world.lab.run("sacctmgr -i -Q add user root account=research cluster=home", check=False)
    job = int(world.lab.run([world.lab.inside("tmp/submitter")]).stdout)
    assert re.fullmatch(r"see ticket 4 weir:begin=\d+", world.lab.job(job)["AdminComment"])


def test_changes_of_jobs_pass_through(world):
    job = world.submit("-H -pinference -N3")["JobId"]
    world.lab.run(f"scontrol update jobid={job} comment=hello timelimit=7", user="alice")
    assert world.lab.job(job)["TimeLimit"] == "00:07:00"


def test_it_works_on_after_a_reconfiguration_and_a_restart(world):
    world.lab.run("scontrol reconfigure")
    assert_named(world.submit("-pinference"))
    world.lab.stop("slurmctld")
    world.lab.start("slurmctld")
    world.lab.wait(lambda: world.lab.run("scontrol ping", check=False).stdout, 20, "slurmctld",
                   until=lambda text: "is UP" in text)
    assert_named(world.submit("-pinference"))
    assert_begins_later(world.submit("-pinference -N3"))
