# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of the gateway share: jobs nominated by hand, as the controller does it, their output and their copies."""

import json
import os

INSTALLATION = "00112233aabbccdd"


def nominate(home, job, partition="west", installation=INSTALLATION):
    home.run(["scontrol", "update", f"jobid={job}", f"partition={partition}",
              f"admincomment=weir:site=west@{installation}"], user="slurm")
    home.run(["scontrol", "release", str(job)], user="slurm")


def send(home, *options, script="true", user="alice", partition="west", installation=INSTALLATION, env=None):
    """A job that is nominated for the site before it starts."""
    job = home.sbatch(["--hold", "--time=5", *options], script=script, user=user, partition="train", env=env)
    nominate(home, job, partition, installation)
    return job


def alone(home):
    """Has weirctld only look on, which would else have jobs that come back from a site start elsewhere."""
    home.wait(lambda: home.run(["weir", "pause"]), 60, "weirctld to pause")
    return home


def output(home, job, user="alice", suffix="out"):
    path = home.path(f"home/{user}/slurm-{job}.{suffix}")
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def own(text):
    """A job's own lines, without what the gateway says."""
    return [line for line in text.splitlines() if not line.startswith("weir: ")]


def copies(west, job, installation=INSTALLATION):
    """{remote id: state} of a job's copies that the site has ever had."""
    lines = west.run(["sacct", "-a", "-X", "-n", "-P", "-o", "jobid,jobname,state"]).stdout.splitlines()
    return {line.split("|")[0]: line.split("|")[2].split()[0] for line in lines
            if line.split("|")[1].startswith(f"weir.{installation}.{job}.")}


def ended(home, west, job, *states, installation=INSTALLATION):
    """Exactly these copies were there, and they ended so."""
    home.wait(lambda: sorted(copies(west, job, installation).values()), 30, f"copies to have ended {states}",
              until=lambda seen: seen == sorted(states))


def left_at(west, job, user="alice"):
    """Names of a job's files that the site still has."""
    return [name for name in os.listdir(west.scratch(user, "")) if f".{job}." in name]


def told(home):
    """What the gateway tells the controller."""
    return json.loads(home.run(["curl", "-sf", "http://127.0.0.1:9812/sites"]).stdout)
