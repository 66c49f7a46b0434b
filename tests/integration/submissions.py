# SPDX-License-Identifier: GPL-2.0-or-later
"""job_submit_weir.so in a real slurmctld, with a heartbeat written by hand and no weirctld."""

import contextlib
import os
import re
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path

from support import RESERVATION, seconds
from weirlab.config import STOCK_PLUGINS
from weirlab.users import identity

LENT = "i1,t1"
SHAPES = ["2 64 512000 h100=8"]
LAYOUT = {
    "nodes": [{"names": "i1,t[1-2]", "gpus": "h100:8"}, {"names": "t3", "gpus": "a100:4"}],
    "partitions": [{"name": "train", "nodes": "t[1-3]", "default": True},
                   {"name": "inference", "nodes": "i1,t[1-3]"}],
}


@contextlib.contextmanager
def up(lab, build_dir):
    """That Slurm; the plugin's folder is one that user slurm reaches."""
    with tempfile.TemporaryDirectory(prefix="weir-submit-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        shutil.copy(f"{build_dir}/lib/job_submit_weir.so", folder)
        slurm = Slurm(lab(layout=LAYOUT, scheduler="stock", slurm_conf=[
            f"PluginDir={folder}:{STOCK_PLUGINS}", "JobSubmitPlugins=weir"]))
        slurm.run(f"install -d -o slurm {slurm.lab.directory}/state/slurmctld/weir")
        yield slurm


class Slurm:
    """A lab, and the words that these tests are told in."""

    def __init__(self, lab):
        self.lab, self.run, self.wait = lab, lab.run, lab.wait

    def reset(self):
        """Back to the beginning, whatever the last test left."""
        self.cancel_all()
        self.remove_heartbeat()
        Path(self.state("wake.sock")).unlink(missing_ok=True)
        if self.lab.resv(RESERVATION):
            self.run(f"scontrol delete reservation={RESERVATION}")
        self.run(f"scontrol create reservation={RESERVATION} accounts=root nodes={LENT} starttime=now"
                 " duration=infinite flags=ignore_jobs,no_hold_jobs_after")
        self.heartbeat()

    def cancel_all(self):
        self.run("squeue -h -r -o %A | xargs -r scancel", check=False)
        self.wait(lambda: self.run("squeue -h").stdout, 30, "no jobs", until=lambda text: not text)

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
        lines = ["weir heartbeat 2", f"at {int(time.time() - age)}", f"valid_for {valid_for}", "rule",
                 "partition inference", f"reservation {RESERVATION}", *access,
                 *(f"shape {shape}" for shape in (SHAPES if shapes is None else shapes)), "end", ""]
        self.write("\n".join(lines), age)

    def lend(self, nodes):
        self.run(f"scontrol update reservation={RESERVATION} nodes={nodes}")

    def submit(self, args, script="sleep 60", user="alice"):
        return self.lab.job(self.lab.sbatch(args, script=script, user=user))

    def listen(self):
        """Listens where weirctld would."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.settimeout(20)
        listener.bind(self.state("wake.sock"))
        os.chown(self.state("wake.sock"), *identity("slurm"))
        return listener

    def schedule(self):
        """Returns when Slurm has looked at the whole queue once more, by both of its schedulers."""
        def cycles():
            text = self.run("sdiag").stdout
            return [int(count) for count in re.findall(r"Total cycles: +(\d+)", text)]

        before = cycles()
        # One main cycle may already have been under way.
        self.wait(cycles, 30, "two main scheduling cycles and one of backfill",
                  until=lambda now: now[0] >= before[0] + 2 and now[1] > before[1])

    def name_it(self, job_id):
        """What weirctld does, once woken."""
        self.run(f"scontrol update jobid={job_id} reservationname={RESERVATION}")
        self.run(f"scontrol update jobid={job_id} starttime=now")


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
