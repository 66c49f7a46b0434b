# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of jobs that run elsewhere, where the line is cut in the middle of one, and where the server is not the one
that is known."""

import os
import re
import signal

import pytest

from mirroring import copies, left_at, nominate, output, own
from sites import (TALK, big_file, came_whole, let_go, over, same, send, size_at, speaks, stage, told, with_sites)


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    return with_sites(module_lab, build_dir, "west")


@pytest.fixture
def west(home):
    yield home.sites["west"]
    home.sites["west"].link(True)
    home.sites["west"].slow(0)


def parts(home):
    """{name: bytes} of files that are on their way to alice's home."""
    folder = home.path("home/alice")
    return {name: os.path.getsize(f"{folder}/{name}") for name in os.listdir(folder) if name.endswith(".weir-part")}


def test_files_that_were_cut_off_go_on_and_are_whole(home, west):
    big_file(home, "data/cut", 40)
    job = send(home, west, "--weir-stage-in=data/cut", "--weir-stage-out=cut", script=f"{TALK}mv data/cut cut")

    def there():
        return size_at(west, f"weir.*.{job}.*/data/cut")

    home.wait(lambda: there() > 1 << 20, 60, "it to be half there", step=0.002)
    west.restart("sshd", 22)
    at_first = there()
    home.wait(lambda: there() > at_first, 60, "it to go on", step=0.002)
    west.link(False)
    assert at_first < there() < 40 << 20
    home.wait(lambda: told(home, west), 90, "the gateway to miss the site", step=0.3,
              until=lambda seen: not seen["reachable"])
    west.link(True)
    speaks(home, west, job)
    let_go(west, job)
    home.wait(lambda: sum(parts(home).values()) > 1 << 20, 60, "it to be half back", step=0.002)
    west.restart("sshd", 22)
    assert len(parts(home)) == 1
    came_whole(home, west, job, 0, timeout=120)
    assert same(home, "data/cut", "cut") and parts(home) == {}
    home.run("rm cut data/cut", user="alice")


def test_a_file_that_changes_while_the_line_is_down_is_sent_anew(home, west):
    big_file(home, "data/new", 40)
    job = send(home, west, "--weir-stage-in=data/new", "--weir-stage-out=new", script=f"{TALK}mv data/new new")

    def there():
        return size_at(west, f"weir.*.{job}.*/data/new")

    home.wait(lambda: there() > 1 << 20, 60, "it to be half there", step=0.002)
    west.link(False)
    assert there() < 40 << 20
    home.wait(lambda: "weir: sending " in output(home, job), 90, "the gateway to have given up")
    big_file(home, "data/new", 40)
    west.link(True)
    let_go(west, job)
    came_whole(home, west, job, 0, timeout=120)
    assert same(home, "data/new", "new")
    home.run("rm new data/new", user="alice")


def test_how_far_large_files_are_is_told_while_they_move(home, west):
    big_file(home, "data/large", 60)
    job = send(home, west, "--weir-stage-in=data/large", "--weir-stage-out=large", script=f"{TALK}mv data/large large")

    def told_as(how):
        """The line is slow until it is told: sshd moves little at a time."""
        west.kill("sshd", signal.SIGCONT)
        west.kill("sshd", signal.SIGSTOP)
        return re.search(rf"^weir: (data/)?large: \d+ of 60 MiB {how}$", output(home, job), re.MULTILINE)

    try:
        home.wait(lambda: size_at(west, f"weir.*.{job}.*/data/large"), 60, "it to begin to arrive", step=0.002)
        home.wait(lambda: told_as("sent"), 60, "it to be told", step=0.5)
        west.kill("sshd", signal.SIGCONT)
        let_go(west, job)
        home.wait(lambda: sum(parts(home).values()), 60, "it to begin to come back", step=0.002)
        home.wait(lambda: told_as("brought back"), 60, "it to be told", step=0.5)
    finally:
        west.kill("sshd", signal.SIGCONT)
    came_whole(home, west, job, 0, timeout=120)
    assert same(home, "data/large", "large")
    home.run("rm large data/large", user="alice")


def test_files_that_would_meet_at_the_site_are_refused(home, west):
    home.run("mkdir -p x y && echo one >x/data && echo two >y/data", user="alice")
    folder = home.run("pwd", user="alice").stdout.strip()
    refused = home.run(["sbatch", "--weir-overflow=allow", f"--weir-stage-in={folder}/x/data,{folder}/y/data", "--wrap=true"],
                       user="alice", check=False)
    assert refused.returncode != 0 and "would be the same at the site as" in refused.stderr, refused


def test_output_that_cannot_be_read_keeps_no_job_and_is_left_at_the_site(home, west):
    script = f"""{TALK}
folder=${{PWD##*/}}
cd .. && mv $folder.out $folder.moved && mkdir $folder.out
for i in $(seq 100); do >$folder.out/$i; done  # no shorter than what has been read
exit 6"""
    job = send(home, west, script=script)
    speaks(home, west, job)
    let_go(west, job)
    assert over(home, job) == ("FAILED", "6:0")
    text = output(home, job)
    assert "its output cannot be read there; it is left at west in /scratch/w-alice/weir." in text
    home.wait(lambda: sorted(name.rsplit(".", 1)[1] for name in left_at(west, job)), 60, "the rest to be cleaned away",
              until=lambda left: left == ["moved", "out"])
    quiet = output(home, job)
    assert quiet.count("weir: reading ") <= 2, quiet


def test_a_thousand_links_that_lead_elsewhere_keep_no_job(home, west):
    home.run("mkdir -p links && cd links && echo yes >file && for i in $(seq 1 3000); do ln -s /etc/passwd "
             "a-link-with-a-name-that-is-long-enough-to-fill-a-packet-in-the-end-$i; done", user="alice")
    job = send(home, west, "--weir-stage-in=links", script="ls links; exit 5")
    assert over(home, job) == ("FAILED", "5:0")
    text = output(home, job)
    assert own(text) == ["file"] and "each of 2980 more is not sent" in text
    assert text.count(" is not sent: ") == 21


def test_what_the_gateway_cannot_be_told_is_refused_and_not_tried_for_ever(home, west):
    home.run(r"printf '#!/bin/sh\ntouch ran-here\n' >plain.sh; printf '#!/bin/sh\necho caf\351\n' >latin.sh", user="alice")

    def submit(script, *arguments):
        job = int(home.run(["sbatch", "--parsable", "--hold", "--time=5", "--partition=train", script, *arguments],
                           user="alice").stdout)
        nominate(home, job)
        return job

    for job, why in ((submit("plain.sh", "x" * 100000, "y" * 50000),
                      "its arguments and paths are too long (a message is longer than 128 KiB)"),
                     (submit("latin.sh"), "cannot be sent: line 2 of its script is no UTF-8")):
        assert over(home, job) == ("FAILED", "1:0")
        assert why in output(home, job)


def test_one_users_stopped_relays_keep_nobody_elses_files(home, west):
    big_file(home, "theirs", 1, user="bob")
    silent = "echo ready; until [ -e ../go.$WEIR_HOME_JOB_ID ]; do sleep 0.2; done; echo result >"
    jobs = [send(home, west, f"--weir-stage-out=mine{number}", script=f"{silent}mine{number}") for number in range(2)]
    for job in jobs:
        home.wait(lambda job=job: own(output(home, job)) == ["ready"], 60, "it to run")
        home.run(["scancel", "-b", "-s", "STOP", str(job)], user="alice")
        let_go(west, job)
    for job in jobs:
        home.wait(lambda job=job: stage(home, west, job), 60, "it to have ended there", until=lambda seen: seen == "fetching")
    other = send(home, west, "--weir-stage-in=theirs", script="exit 7", user="bob")
    assert over(home, other, 45) == ("FAILED", "7:0")
    for job in jobs:
        home.run(["scancel", "-b", "-s", "CONT", str(job)], user="alice")
        assert over(home, job) == ("COMPLETED", "0:0")


def test_what_one_job_left_half_done_is_not_gone_on_with_by_another(home, west):
    first = send(home, west, "--weir-stage-out=again", script=f"{TALK}head -c 30000000 /dev/zero >again")
    let_go(west, first)
    home.wait(lambda: parts(home), 60, "it to come back", step=0.002)
    west.link(False)
    home.run(["scancel", str(first)], user="alice")
    home.wait_state(first, "CANCELLED", timeout=60)
    west.link(True)
    second = send(home, west, "--weir-stage-out=again", script=f"{TALK}seq 1 3000000 >again")
    let_go(west, second)
    came_whole(home, west, second, 0)
    assert home.run("seq 1 3000000 | cmp - again", user="alice", check=False).returncode == 0


def test_a_site_that_is_slow_is_served_slowly(home, west):
    west.slow(1500)
    job = send(home, west, script=f"{TALK}exit 9")
    let_go(west, job)
    came_whole(home, west, job, 9)
    west.slow(0)


def test_files_never_move_to_a_server_that_is_not_the_one_that_is_known(home, west):
    big_file(home, "data/secret", 1)
    runs = send(home, west, script=f"{TALK}exit 3")
    speaks(home, west, runs)
    before = west.host_key_sha256
    after = west.new_host_key()
    waits = send(home, west, "--weir-stage-in=data/secret", script=f"{TALK}exit 4")
    for job in (runs, waits):
        home.wait(lambda job=job: "its host key is not the one in weir.yaml" in output(home, job), 60, "to be told")
    assert "host key" in told(home, west)["problem"]
    assert left_at(west, waits) == [] and copies(west, waits) == {}
    let_go(west, runs)
    home.wait(lambda: stage(home, west, runs), 60, "it to have ended there", until=lambda seen: seen == "fetching")
    home.write("etc/weir.yaml", home.read("etc/weir.yaml").replace(before, after), owner="slurm")
    home.stop("weir-gateway")
    home.start_gateway()
    let_go(west, waits)
    came_whole(home, west, runs, 3)
    came_whole(home, west, waits, 4)


def test_files_move_again_once_the_server_is_the_known_one_again(home, west):
    known = {name: west.read(f"etc/ssh/{name}") for name in ("host", "host.pub")}
    runs = send(home, west, script=f"{TALK}exit 3")
    speaks(home, west, runs)
    west.new_host_key()
    home.wait(lambda: "its host key is not the one in weir.yaml" in output(home, runs), 60, "to be told")
    let_go(west, runs)
    home.wait(lambda: stage(home, west, runs), 60, "it to have ended there", until=lambda seen: seen == "fetching")
    for name, text in known.items():
        west.write(f"etc/ssh/{name}", text, mode=0o600)
    west.restart("sshd", 22)
    came_whole(home, west, runs, 3)
