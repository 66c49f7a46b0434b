# SPDX-License-Identifier: GPL-2.0-or-later
"""job_submit_weir.so: what it reads of weirctld's heartbeat, whatever is in its place, and what it does without."""

import os
import threading
from pathlib import Path

import pytest

from submissions import assert_begins_later, assert_left_alone, assert_named
from support import RESERVATION
from weirlab.users import identity


def test_who_may_enter_is_served_and_others_are_not(slurm):
    alice, bob = (identity(name)[0] for name in ("alice", "bob"))
    slurm.heartbeat(access=["restricted yes", f"uids {alice} 1"])
    assert_named(slurm.submit("-pinference", user="alice"))
    assert_left_alone(slurm.submit("-pinference", user="bob"))
    slurm.heartbeat(access=["restricted yes", "account serving"])
    assert_named(slurm.submit("-pinference --account=serving", user="alice"))
    assert_begins_later(slurm.submit("-pinference --account=research", user="bob"))
    slurm.heartbeat(access=["restricted yes"])  # groups: weirctld knows
    assert_begins_later(slurm.submit("-pinference", user="bob"))
    assert bob != alice


def test_a_stale_heartbeat_keeps_what_was_lent_usable_and_delays_nobody(slurm):
    slurm.heartbeat(age=3600)
    assert_named(slurm.submit("-pinference -N2"))
    assert_left_alone(slurm.submit("-pinference -N3"))
    slurm.cancel_all()
    slurm.run(f"scontrol delete reservation={RESERVATION}")
    assert_left_alone(slurm.submit("-pinference -N2"))


def test_a_reservation_that_was_deleted_is_not_named(slurm):
    slurm.run(f"scontrol delete reservation={RESERVATION}")
    for args in ("-pinference", "-pinference -N3"):
        assert_left_alone(slurm.submit(args))


def put_fifo(slurm):
    slurm.remove_heartbeat()
    os.mkfifo(slurm.state(), 0o666)


def put_directory(slurm):
    slurm.remove_heartbeat()
    os.mkdir(slurm.state())


def put_link(slurm):
    os.rename(slurm.state(), slurm.state("elsewhere"))
    os.symlink("elsewhere", slurm.state())


def put_closed(slurm):
    os.chown(slurm.state(), 0, 0)
    os.chmod(slurm.state(), 0)


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda slurm: slurm.remove_heartbeat(), id="missing"),
    pytest.param(lambda slurm: slurm.write(b""), id="empty"),
    pytest.param(lambda slurm: slurm.write(os.urandom(5000)), id="garbage"),
    pytest.param(lambda slurm: slurm.write(Path(slurm.state()).read_bytes()[:-4]), id="cut off"),
    pytest.param(lambda slurm: slurm.write(b"weir heartbeat 3\nend\n"), id="of a later version"),
    pytest.param(lambda slurm: slurm.write(b"x" * 10_000_000), id="huge"),
    pytest.param(lambda slurm: slurm.write(Path(slurm.state()).read_bytes(), owner="bob"), id="another user's"),
    pytest.param(put_fifo, id="a FIFO"),
    pytest.param(put_directory, id="a directory"),
    pytest.param(put_link, id="a symbolic link"),
    pytest.param(put_closed, id="unreadable"),
])
def test_a_heartbeat_that_is_no_heartbeat_leaves_jobs_alone(slurm, spoil):
    assert_named(slurm.submit("-pinference"))
    spoil(slurm)
    for args in ("-pinference", "-pinference -N3"):
        assert_left_alone(slurm.submit(args))
    slurm.remove_heartbeat()
    slurm.heartbeat()
    assert_named(slurm.submit("-pinference"))


def test_heartbeats_that_change_amid_submissions_do_no_harm(slurm):
    done = threading.Event()

    def rewrite():
        texts = [Path(slurm.state()).read_bytes(), os.urandom(3000), b""]
        while not done.is_set():
            for text in texts:
                slurm.write(text)
            done.wait(0.002)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        said = slurm.run("for i in $(seq 25); do for k in 1 2 3 4; do sbatch -H -pinference --wrap=true & done; "
                         "wait; done", user="alice", timeout=180).stdout
    finally:
        done.set()
        writer.join()
    assert said.count("Submitted batch job") == 100
    jobs = slurm.lab.jobs().values()
    assert {job.get("Reservation") for job in jobs if job["JobState"] == "PENDING"} <= {None, RESERVATION}
    assert len(slurm.lab.pids("slurmctld")) == 1
