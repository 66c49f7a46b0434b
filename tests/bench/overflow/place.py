# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab of B7: a small home, one site, and gateway nodes for as many jobs of one CPU as are asked for."""

import json
import math
import os
import tempfile

from mirroring import INSTALLATION, alone
from overflowing import TERMS, policy
from weirlab import Lab

CPUS = 64  # of a node at the site
USER, ACCOUNT = "alice", "w-alice"
STAMPS = "/scratch/w-alice/stamps"  # where jobs note, at the site, when they begin and end


def up(build, jobs):
    """A lab in which so many jobs can run at once at the site."""
    nodes = math.ceil(jobs / CPUS)
    directory = tempfile.mkdtemp(prefix="weir-bench-", dir="/tmp")
    text = policy(directory, {"west": TERMS}, wait="1h").replace("west-[1-4]", f"west-[1-{nodes}]")
    site = {"name": "west", "nodes": nodes, "cpus": CPUS, "memory": 512000}
    lab = Lab.up(directory=directory, nodes=1, weir=build, sites=[site], policy=text)
    try:
        lab.sites["west"].run(["mkdir", STAMPS], user=ACCOUNT)
        return alone(lab)
    except BaseException:
        lab.down()
        raise


def held(home, *options, script):
    """A job of the user's that waits to be nominated."""
    return home.sbatch(["--hold", "--time=20", *options], script=script, user=USER, partition="train")


def nominate(home, job):
    """What weirctld does: the partition and a word in the AdminComment."""
    home.run(["scontrol", "update", f"jobid={job}", "partition=west", f"admincomment=weir:site=west@{INSTALLATION}"],
             user="slurm")


def stamped(tag, seconds, ends="exit 0"):
    """A script that notes when it began and ended."""
    return (f"mkdir -p {STAMPS}; date +%s.%N >{STAMPS}/{tag}.begin; sleep {seconds}; "
            f"date +%s.%N >{STAMPS}/{tag}.end; {ends}")


def stamp(home, tag, which):
    """When a job began or ended, by the site's clock, which is home's."""
    path = home.sites["west"].path(f"{STAMPS}/{tag}.{which}")
    return home.wait(lambda: _number(path), 120, f"{tag} to {which}", step=0.005, until=lambda seen: seen is not None)


def _number(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        text = file.read().strip()
    return float(text) if text else None


def requests(home):
    """How many requests the site's REST has answered."""
    path = home.sites["west"].path("log/nginx.access.log")
    with open(path, encoding="utf-8", errors="replace") as file:
        return sum(1 for _ in file)


def known(home):
    """What the gateway says of the site."""
    return json.loads(home.run(["curl", "-sf", "http://127.0.0.1:9812/sites"]).stdout)["sites"][0]
