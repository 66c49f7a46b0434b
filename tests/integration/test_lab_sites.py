# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's remote sites: whole clusters of others, reached over one link, whose every part can fail."""

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from weirlab import Lab, LabError
from conftest import told
from test_lab import COMMAND, assert_no_trace, await_gone, interrupt_up, opened, processes_inside, processes_of

PING, JOBS = "/slurm/v0.0.38/ping", "/slurm/v0.0.38/jobs"
PUT = """sftp -b - -i etc/sites/west/alice.key -o IdentitiesOnly=yes -o UserKnownHostsFile=tmp/known \
 -o StrictHostKeyChecking=yes -o ConnectTimeout=10 w-alice@dtn.west.example"""


@pytest.fixture(scope="module")
def home(module_lab):
    """A lab with two sites."""
    steps = []
    cluster = module_lab(nodes=2, sites=["west", {"name": "east", "nodes": 1, "gpus": "h100:2"}], report=steps.append,
                         policy="# west is @west.host_key_sha256@\nversion: 1\n")
    told.append(f"a lab with two sites: {steps[-1].split(':', 1)[1].strip()}")
    return cluster


@pytest.fixture
def west(home):
    """Its site west, with no fault."""
    yield home.sites["west"]
    home.sites["west"].rest_answers(None)
    home.sites["west"].slow(0)


def curl(home, *options, path=PING):
    """Ends as curl does; with the token that home has for alice."""
    return home.run(["/bin/sh", "-c", 'exec curl -sS --max-time 5 --cacert etc/sites/west/ca.pem -H '
                     '"X-SLURM-USER-NAME: w-alice" -H "X-SLURM-USER-TOKEN: $(cat etc/sites/west/alice.jwt)" "$@"', "sh",
                     *options, f"https://rest.west.example:6820{path}"], user="slurm", cwd=home.directory, check=False)


def submit(home, name, **job):
    """curl that submits a job of that name by REST."""
    body = {"script": "#!/bin/bash\nid -un; hostname; sleep 1\n", "job": {
        "name": name, "current_working_directory": "/scratch/w-alice", "environment": {"PATH": "/usr/bin:/bin"},
        "standard_output": f"/scratch/w-alice/{name}.out"} | job}
    return curl(home, "-H", "Content-Type: application/json", "-d", json.dumps(body), path="/slurm/v0.0.38/job/submit")


def sftp(home, commands, host_key):
    """sftp at home, as slurm and with alice's key, that accepts one host key only."""
    home.write("tmp/known", f"dtn.west.example {host_key}\n", owner="slurm")
    return home.run(["/bin/sh", "-c", PUT], user="slurm", cwd=home.directory, input=commands, check=False)


def test_a_job_is_submitted_by_rest_with_a_users_token_and_runs_as_the_users_account(home, west):
    assert json.loads(curl(home).stdout)["pings"][0]["hostname"] == "west"
    for secret in ("alice.jwt", "alice.key"):
        assert home.run(["cat", home.inside(f"etc/sites/west/{secret}")], user="alice", check=False).returncode == 1
    answer = json.loads(submit(home, "hello").stdout)
    assert not answer["errors"]
    job = west.wait_state(answer["job_id"], "COMPLETED")
    assert job["UserId"].startswith("w-alice(") and job["JobName"] == "hello" and job["Partition"] == "batch"
    assert Path(west.scratch("alice", "hello.out")).read_text(encoding="utf-8").split() == ["w-alice", "west"]
    assert west.wait_state(west.sbatch("--gpus=4", script="true"), "COMPLETED")["UserId"].startswith("w-alice(")
    assert home.jobs() == {} == home.sites["east"].jobs()


def test_tokens_are_renewed_and_run_out(home, west):
    west.renew("alice", -10)
    assert '"UP"' not in curl(home).stdout
    printed = home.run(["etc/sites/west/renew", "alice"], user="slurm", cwd=home.directory).stdout
    home.write("etc/sites/west/alice.jwt", printed, owner="slurm", mode=0o600)
    assert '"UP"' in curl(home).stdout
    assert home.run(["etc/sites/west/renew", "w-alice"], user="bob", cwd=home.directory, check=False).returncode != 0
    west.renew("alice")
    assert '"UP"' in curl(home).stdout


def test_files_move_by_sftp_with_the_users_key_and_a_pinned_host_key(home, west):
    fingerprint = west.host_key_sha256
    assert home.read("etc/weir.yaml").startswith(f"# west is {fingerprint}\n")
    home.write("tmp/there", "some data\n" * 1000)
    known = west.read("etc/ssh/host.pub")
    moved = sftp(home, "put tmp/there /scratch/w-alice/here\nget /scratch/w-alice/here tmp/back\n", known)
    assert moved.returncode == 0, moved.stderr
    assert home.read("tmp/back") == home.read("tmp/there")
    assert os.stat(west.scratch("alice", "here")).st_uid == west.people.identity("w-alice")[0]
    fetch = ["curl", "-sS", "--key", "etc/sites/west/w-alice.key", "-u", "w-alice:", "--hostpubsha256", fingerprint,
             "sftp://dtn.west.example/scratch/w-alice/here"]
    assert home.run(fetch, user="slurm", cwd=home.directory).stdout == home.read("tmp/there")

    assert west.new_host_key() == west.host_key_sha256 != fingerprint
    assert "host key" in sftp(home, "ls\n", known).stderr.lower()
    assert home.run(fetch, user="slurm", cwd=home.directory, check=False).returncode == 60
    assert sftp(home, "ls\n", west.read("etc/ssh/host.pub")).returncode == 0
    assert west.host_key_sha256 in home.with_host_keys("pin: @west.host_key_sha256@")


def test_home_and_the_sites_share_nothing_but_the_link(home, west):
    east = home.sites["east"]
    for each, others in ((home, (west, east)), (west, (home, east)), (east, (home, west))):
        each.write("tmp/mark", each.name)
        for other in others:
            assert each.run(["test", "-e", f"{other.directory}/tmp/mark"], check=False).returncode == 1
            assert each.run(["id", f"{other.people.prefix}alice"], check=False).returncode == 1
        assert set(each.nodes()) == set(each.facts["nodes"])
    assert home.run(["test", "-e", "/scratch"], check=False).returncode == 1
    assert {site.people.identity(f"{site.people.prefix}alice")[0] for site in (west, east)} & {
        home.people.identity("alice")[0]} == set()
    reach = "exec 3<>/dev/tcp/10.77.2.2/6820"
    assert home.run(["/bin/bash", "-c", reach]).returncode == 0
    assert west.run(["timeout", "5", "/bin/bash", "-c", reach], check=False).returncode != 0


def test_a_link_that_is_down_loses_what_is_sent_and_works_again_afterwards(home, west):
    west.link(up=False)
    assert curl(home).returncode in (7, 28)
    assert '"UP"' in west.run(["curl", "-sk", "-H", f"X-SLURM-USER-TOKEN: {west.token('alice')}", "-H",
                               "X-SLURM-USER-NAME: w-alice", f"https://10.77.1.2:6820{PING}"]).stdout
    west.link(up=True)
    home.wait(lambda: curl(home).stdout, 20, "the link", until=lambda text: '"UP"' in text)


def test_rest_fails_in_each_way_that_is_asked(home, west):
    def status(*options):
        return curl(home, "-w", "%{http_code}", *options)

    west.rest_answers("500")
    assert status("-o", "/dev/null").stdout == "500"
    west.rest_answers("garbage")
    with pytest.raises(ValueError):
        json.loads(curl(home).stdout)
    assert status("-o", "/dev/null").stdout == "200"
    west.rest_answers("truncated")
    broken = curl(home)
    assert broken.returncode == 18 and broken.stdout.startswith("{")
    west.rest_answers("slow")
    assert curl(home).returncode == 28
    west.rest_answers(None)
    west.slow(400)
    assert float(curl(home, "-o", "/dev/null", "-w", "%{time_total}").stdout) > 0.4
    west.slow(0)
    assert '"UP"' in curl(home).stdout


def test_a_lost_answer_leaves_the_job_that_was_submitted(home, west):
    west.rest_answers("lost_submit")
    lost = submit(home, "lost")
    assert lost.returncode == 52 and lost.stdout == ""  # an empty reply
    listed = json.loads(curl(home, path=JOBS).stdout)["jobs"]
    assert [job["name"] for job in listed].count("lost") == 1
    west.wait_state([job["job_id"] for job in listed if job["name"] == "lost"][0], "COMPLETED")


def test_daemons_of_a_site_are_killed_and_started(home, west):
    west.kill("slurmrestd")
    assert curl(home, "-o", "/dev/null", "-w", "%{http_code}").stdout == "502"
    west.start("slurmrestd")
    home.wait(lambda: curl(home).stdout, 20, "slurmrestd", until=lambda text: '"UP"' in text)
    for name, port in (("nginx", 6820), ("sshd", 22)):
        west.kill(name)
        west.wait(lambda name=name: not west.pids(name), 20, f"{name} to be gone")
        assert home.run(["/bin/bash", "-c", f"exec 3<>/dev/tcp/dtn.west.example/{port}"], check=False).returncode != 0
        west.restart(name, port)
    assert '"UP"' in curl(home).stdout
    assert home.pids("slurmctld") and not home.pids("slurmrestd") and "rest_auth" in west.log("slurmrestd")


def test_a_full_file_system_takes_no_more_until_it_is_freed(home, west):
    known = west.read("etc/ssh/host.pub")
    home.write("tmp/there", "some data\n" * 1000)
    west.fill("bob")
    assert sftp(home, "put tmp/there /scratch/w-alice/more\n", known).returncode != 0
    west.free("bob")
    assert sftp(home, "put tmp/there /scratch/w-alice/more\n", known).returncode == 0


def test_a_certificate_of_another_host_or_time_or_authority_is_refused(home):
    west = home.sites["west"]
    for wrong in ({"host": "rest.east.example"}, {"days": -1}):
        west.new_certificate(**wrong)
        assert curl(home).returncode == 60
    west.new_certificate()
    assert '"UP"' in curl(home).stdout
    west.new_authority()
    assert curl(home).returncode == 60
    home.write("etc/sites/west/ca.pem", west.read("etc/tls/ca.pem"), owner="slurm")
    assert '"UP"' in curl(home).stdout


def test_gateway_nodes_are_of_the_gateway_host_and_in_their_sites_partition_only(home):
    assert {"west-1", "west-2", "east-1"} <= set(home.nodes())
    assert home.node("west-1")["Gres"] == "gpu:a100:4" and home.node("east-1")["Gres"] == "gpu:h100:2"
    listed = home.run("sinfo -h -N -o '%N %R'").stdout.split("\n")
    assert [line for line in listed if "-" in line] == ["east-1 east", "west-1 west", "west-2 west"]
    job = home.wait_state(home.sbatch("--output=gw.out", script="hostname", partition="west"), "COMPLETED")
    assert job["NodeList"] == "west-1" and home.read("home/alice/gw.out") == "gw1\n"
    home.gateway_plugstack("required /nonexistent.so\n")
    refused = home.sbatch("--no-requeue --output=none.out", script="hostname", partition="west")
    home.wait_state(home.sbatch(script="true", partition="train"), "COMPLETED")
    home.wait(lambda: "Plugin stack initialization failed" in home.log("slurmd@west-1"), 30, "the job to be refused")
    home.wait_state(refused, ("COMPLETED", "FAILED"))  # 22.05 calls it completed
    assert not os.path.exists(home.path("home/alice/none.out"))
    assert home.run("cat $(dirname $SLURM_CONF)/plugstack.conf").stdout == ""
    assert "nonexistent" in home.run("hostname; cat $(dirname $SLURM_CONF)/plugstack.conf", host="gw1").stdout
    home.gateway_plugstack("")


def test_with_a_build_the_gateway_host_requires_weirs_plugin(lab, build_dir):
    cluster = lab(nodes=1, weir=build_dir, sites=["west:1"], policy="version: 1\nmode: advise\n",
                  layout={"nodes": [{"names": "t1"}], "partitions": [{"name": "train", "nodes": "t1", "default": True}],
                          "gateways": [{"site": "west", "names": ["gw-[1-2]", "gx"], "partition": "far",
                                        "gpus": "a100:1", "host": "door"}]})
    show = "cat $(dirname $SLURM_CONF)/plugstack.conf"
    assert cluster.run(show).stdout == f"optional {cluster.directory}/plugins/spank_weir.so\n"
    assert cluster.run(show, host="door").stdout == (
        f"required {cluster.directory}/plugins/spank_weir.so gateway=/run/weir/gateway.sock "
        f"relay={cluster.directory}/plugins/weir-relay\n")
    assert set(cluster.nodes()) == {"t1", "gw-1", "gw-2", "gx"}
    assert ("weir-gateway" in cluster.facts["daemons"]) == os.path.exists(f"{build_dir}/bin/weir-gateway")


def test_nothing_of_the_sites_is_left_after_down_or_when_the_keeper_is_killed(lab):
    for end in (Lab.down, lambda cluster: os.kill(json.loads(Path(
            cluster.directory, "weir-lab.json").read_text(encoding="utf-8"))["keeper"], signal.SIGKILL)):
        cluster = lab(nodes=1, sites=["west:1"])
        west = cluster.sites["west"]
        west.rest_answers("slow")
        west.wait_state(west.sbatch(script="setsid sleep 600"), "RUNNING")
        everything = opened(processes_inside(cluster) + processes_inside(west) + processes_of(cluster.directory))
        end(cluster)
        await_gone(everything)
        cluster.down()
        assert_no_trace(cluster.directory)
        assert not os.path.exists("/scratch")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_up_leaves_nothing_of_its_sites(number):
    interrupt_up(tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp"), number, "--site", "west", "--site", "east:1")


def test_the_command_line_reaches_sites(home):
    def said(*verb):
        return subprocess.run([COMMAND, verb[0], "--dir", home.directory, *verb[1:]], capture_output=True, text=True,
                              timeout=60, check=False)

    assert said("run", "--site", "west", "--user", "w-bob", "sh", "-c", "id -un; hostname").stdout == "w-bob\nwest\n"
    assert "no site 'north' (it has west, east)" in said("run", "--site", "north", "true").stderr
    assert "slurmrestd   1" in said("status").stdout
    assert Path(said("path", "--site", "west", "etc/slurm.conf").stdout.strip()).is_file()
    assert Lab.attach(home.directory).sites["west"].token("bob")


def test_what_is_no_site_is_refused():
    for wrong, why in ((["west", "west"], "names one twice"), (["etc"], "no name for a site"), ([{"name": "a", "x": 1}],
                       "unknown key 'x'"), (["west:two"], "no number of nodes")):
        with pytest.raises(LabError, match=why):
            Lab.up("/tmp/weir-lab-test-none", sites=wrong)
    with pytest.raises(LabError, match="no site 'north'"):
        Lab.up("/tmp/weir-lab-test-none", sites=["west"], layout={
            "nodes": [{"names": "t1"}], "gateways": [{"site": "north", "names": "n1"}]})
