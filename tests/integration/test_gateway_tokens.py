# SPDX-License-Identifier: GPL-2.0-or-later
"""Tokens that run out while jobs run at a site, and submissions of which nobody knows whether they came."""

import time

import pytest

from mirroring import copies
from sites import TALK, came_whole, let_go, send, speaks, stage, told, with_sites


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    return with_sites(module_lab, build_dir, "west", "east")


@pytest.fixture(scope="module")
def late(home):
    """A job whose submission takes half a minute to the site, for longer than its answer is waited for."""
    east = home.sites["east"]
    east.rest_answers("late_submit")
    job = send(home, east, script=f"{TALK}exit 6")
    home.wait(lambda: stage(home, east, job), 60, "it to be submitted", until=lambda seen: seen == "submitting")
    home.wait(lambda: not told(home, east)["reachable"], 60, "its answer to be missed")
    east.rest_answers(None)
    let_go(east, job)
    return job


def renew_with(home, site, program):
    home.write(f"etc/sites/{site.name}/renew", program, owner="slurm", mode=0o755)


def test_a_token_that_runs_out_and_cannot_be_renewed_holds_up_its_user_alone(home, late):
    west = home.sites["west"]
    program = home.read("etc/sites/west/renew")
    home.stop("weir-gateway")
    for user, lifespan in (("alice", 40), ("bob", 86400)):
        west.renew(user, lifespan)
    renew_with(home, west, "#!/bin/sh\nexit 7\n")
    until = time.monotonic() + 40
    home.start_gateway()
    runs = send(home, west, script=f"{TALK}exit 3")
    ends = send(home, west, script=f"{TALK}exit 4")
    for job in (runs, ends):
        speaks(home, west, job)
    home.wait(lambda: time.monotonic() > until, 60, "her token to run out", step=0.5)
    let_go(west, ends)
    waits = send(home, west, script=f"{TALK}exit 5")
    home.wait(lambda: told(home, west)["problem"], 60, "the gateway to miss a token", step=0.3,
              until=lambda text: "token_command for w-alice" in text and "renew ended with 7" in text)
    bobs = send(home, west, script=f"{TALK}exit 2", user="bob")
    let_go(west, bobs, "bob")
    came_whole(home, west, bobs, 2, timeout=30, user="bob")
    assert told(home, west)["reachable"] and copies(west, waits) == {}
    assert stage(home, west, ends) == "running" and home.job(ends)["JobState"] == "RUNNING"
    renew_with(home, west, program)
    for job in (runs, waits):
        let_go(west, job)
    for job, code in ((runs, 3), (ends, 4), (waits, 5)):
        came_whole(home, west, job, code)
    assert "w-alice" not in told(home, west)["problem"]


def test_a_submission_that_comes_late_runs_once(home, late):
    came_whole(home, home.sites["east"], late, 6, timeout=120)
