# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of jobs that run elsewhere, where the line is cut in the middle of one, and where the server is not the one
that is known."""

import os

import pytest

from mirroring import copies, left_at, output
from sites import TALK, big_file, came_whole, let_go, same, send, size_at, speaks, stage, told, with_sites


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
