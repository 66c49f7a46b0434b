# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself: a real cluster in seconds, several at once, and no trace afterwards."""

import contextlib
import json
import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from weirlab import Lab, LabError, LabTimeout, expand
from weirlab.init import CONTROL

from conftest import ROOT

COMMAND = str(Path(__file__).resolve().parents[1] / "lab" / "lab")


def processes_of(directory):
    """Pids of this machine's processes that name the lab's directory; zombies name nothing."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if directory.encode() in Path(f"/proc/{entry}/environ").read_bytes() + Path(
                    f"/proc/{entry}/cmdline").read_bytes():
                found.append(int(entry))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def opened(pids):
    """A pidfd of each that has not ended by now."""
    found = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            found.append(os.pidfd_open(pid))
    return found


def await_gone(descriptors, seconds=20):
    """Fails unless each process ends in time."""
    deadline = time.monotonic() + seconds
    for descriptor in descriptors:
        left = max(0, deadline - time.monotonic())
        assert select.select([descriptor], [], [], left)[0], "a process of the lab is still alive"
        os.close(descriptor)


def assert_no_trace(directory):
    assert not os.path.exists(directory)
    assert processes_of(directory) == []
    assert directory not in Path("/proc/mounts").read_text(encoding="utf-8")
    assert "alice" not in {entry.pw_name for entry in pwd.getpwall()}


def test_jobs_of_ordinary_users_run_and_reach_accounting(lab):
    cluster = lab(nodes=4)
    first = cluster.sbatch("-N2 --gpus-per-node=8 --output=first.out",
                           script='echo "$USER $CUDA_VISIBLE_DEVICES"', user="alice")
    second = cluster.sbatch("--gpus=1", script="exit 3", user="bob")
    cluster.wait_state(first, "COMPLETED")
    assert cluster.wait_state(second, "FAILED")["ExitCode"] == "3:0"
    assert cluster.read("home/alice/first.out") == "alice 0,1,2,3,4,5,6,7\n"

    def accounted():
        return cluster.run("sacct -a -X -n -P -o jobid,user,account,state,alloctres").stdout

    rows = cluster.wait(accounted, 20, "both jobs in sacct",
                        until=lambda text: "COMPLETED" in text and "FAILED" in text)
    fields = {row.split("|")[0]: row.split("|")[1:] for row in rows.splitlines()}
    assert fields[str(first)][:3] == ["alice", "research", "COMPLETED"]
    assert "gres/gpu=16" in fields[str(first)][3]
    assert fields[str(second)][:3] == ["bob", "research", "FAILED"]


def test_eight_nodes_of_eight_gpus_are_up_in_under_twenty_seconds(lab, tell):
    took = []
    while not took or took[-1] >= 20 and len(took) < 3:  # what else the machine does may spoil one
        began = time.monotonic()
        cluster = lab(nodes=8, gpus=8)
        took.append(time.monotonic() - began)
        assert len(cluster.nodes()) == 8 and {node["Gres"] for node in cluster.nodes().values()} == {"gpu:h100:8"}
        cluster.down()
    tell(f"a lab of 8 nodes with 8 GPUs each was up after {min(took):.1f} s")
    assert min(took) < 20, took


def test_a_running_job_shows_which_gpus_it_has(lab):
    cluster = lab(nodes=1, gpus=4)
    job = cluster.wait_state(cluster.sbatch("--gpus=2"), "RUNNING")
    assert [(group["Nodes"], group["GRES"]) for group in job["details"]] == [
        ("t1", "gpu:h100:2(IDX:0-1)")]
    assert cluster.job_nodes(job["JobId"]) == {"t1"}


def test_daemons_can_be_killed_stopped_and_started(lab):
    cluster = lab(nodes=2)
    job = cluster.sbatch()
    cluster.wait_state(job, "RUNNING")
    cluster.stop("slurmctld")  # it saves its state, which a kill soon after a job's start loses
    assert not cluster.pids("slurmctld")
    assert cluster.start("slurmctld") in cluster.pids("slurmctld")
    cluster.wait(lambda: cluster.run("scontrol ping", check=False).stdout, 20, "slurmctld",
                 until=lambda text: "is UP" in text)
    assert cluster.job(job)["JobState"] == "RUNNING"
    assert len(cluster.kill("slurmd@t1")) == 1
    cluster.wait(lambda: not cluster.pids("slurmd@t1"), 20, "slurmd@t1 to be gone")
    assert cluster.pids("slurmd@i1")


def test_a_layout_sets_nodes_partitions_topology_and_slurm_conf(lab):
    cluster = lab(layout={
        "nodes": [{"names": "t[1-2]", "gpus": "h100:8"}, {"names": "a1", "gpus": "a100:4"}],
        "partitions": [{"name": "train", "nodes": "t[1-2],a1", "default": True,
                        "extra": "PriorityTier=3"}],
        "topology": [{"switch": "s1", "nodes": "t[1-2]"}],
        "slurm_conf": ["KillWait=7", "SchedulerParameters+=bf_max_job_test=9"]})
    assert set(cluster.nodes()) == {"t1", "t2", "a1"}
    assert cluster.node("a1")["Gres"] == "gpu:a100:4"
    settings = cluster.run("scontrol show config").stdout
    assert "bf_interval=1" in settings and "bf_max_job_test=9" in settings
    assert "KillWait                = 7 sec" in settings
    assert "Nodes=t[1-2]" in cluster.run("scontrol show topology s1").stdout
    cluster.run("scontrol create reservation=lent users=alice nodes=t[1-2] starttime=now "
                "duration=infinite flags=ignore_jobs")
    assert cluster.reservation_nodes("lent") == {"t1", "t2"}
    assert cluster.resv("other") is None and cluster.reservation_nodes("other") == set()


def test_two_labs_at_once_do_not_meet_and_leave_no_trace(lab):
    first, second = lab(nodes=1), lab(nodes=2)
    job = first.sbatch(user="alice")
    first.wait_state(job, "RUNNING")
    assert second.jobs() == {} and set(second.nodes()) == {"t1", "i1"}
    first.down()
    assert_no_trace(first.directory)
    assert second.run("scontrol ping").stdout.count("is UP") == 1
    second.down()
    second.down()
    assert_no_trace(second.directory)


def test_nothing_outlives_a_keeper_that_is_killed(lab):
    cluster = lab(nodes=1)
    cluster.wait_state(cluster.sbatch(script="setsid sleep 600"), "RUNNING")
    directory = cluster.directory
    facts = json.loads(Path(directory, "weir-lab.json").read_text(encoding="utf-8"))
    everything = opened(processes_of(directory))
    assert len(everything) >= 8
    os.kill(facts["keeper"], signal.SIGKILL)
    await_gone(everything)
    assert os.listdir(directory) == ["weir-lab.json"]
    with Lab.up(directory, nodes=1) as again:
        assert again.run("sinfo -h -o %D").stdout.strip() == "1"
    assert_no_trace(directory)


def test_a_lab_outlives_those_who_ask_it_and_go_away(lab):
    cluster = lab(nodes=1)
    for _ in range(20):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(cluster.path(CONTROL))
            client.sendall(b'{"do": "ended", "pid": 0}\n')
    assert cluster.run("sinfo -h -o %D").stdout.strip() == "1"
    assert cluster.namespace.ask(do="ended", pid=0) == {"status": None}


@pytest.fixture
def directory():
    """A path for a lab that ordinary users can reach, unlike tmp_path; nothing is there yet."""
    path = tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    os.rmdir(path)
    yield path
    subprocess.run([COMMAND, "down", "--dir", path], check=True, stdout=subprocess.DEVNULL)


def interrupt_up(directory, number, *arguments):
    """`lab up` gets a signal while it is under way; nothing of it is left."""
    with subprocess.Popen([COMMAND, "up", "--dir", directory, "--nodes", "50", *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as up:
        assert "munge" in up.stdout.readline()
        everything = opened(processes_of(directory))
        up.send_signal(number)
        assert up.wait(20) != 0
        await_gone(everything + opened(processes_of(directory)))
    assert_no_trace(directory)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_up_leaves_nothing(directory, number):
    interrupt_up(directory, number)


def test_a_lab_that_cannot_start_says_why_and_leaves_nothing(directory):
    with pytest.raises(LabError, match="(?s)slurmctld ended.*Can't find plugin for select/bogus"):
        Lab.up(directory, nodes=1, slurm_conf=["SelectType=select/bogus"])
    assert_no_trace(directory)


def test_a_refused_second_up_does_no_harm(lab, tmp_path):
    cluster = lab(nodes=1)
    with pytest.raises(LabError, match="already up"):
        Lab.up(cluster.directory, nodes=1)
    with pytest.raises(LabError, match="is closed to ordinary users"):
        Lab.up(str(tmp_path / "lab"), nodes=1)
    assert cluster.run("scontrol ping").stdout.count("is UP") == 1
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(LabError, match="is no lab's directory: it holds thesis.txt"):
        Lab.up(str(tmp_path), nodes=1)
    assert (tmp_path / "thesis.txt").exists()


def test_run_of_the_command_line_gives_the_commands_status_and_user(lab):
    cluster = lab(nodes=1)

    def run(*command):
        return subprocess.run([COMMAND, "run", "--dir", cluster.directory, *command],
                              capture_output=True, text=True, timeout=30, check=False)

    assert run("sh", "-c", "exit 7").returncode == 7
    shown = run("--user", "bob", "sh", "-c", "id -un; pwd; echo $HOME")
    home = f"{cluster.directory}/home/bob"
    assert shown.stdout.splitlines() == ["bob", home, home]


def test_what_is_awaited_in_vain_is_reported_with_what_was_seen(lab):
    cluster = lab(nodes=1)
    job = cluster.sbatch("--hold")
    with pytest.raises(LabTimeout, match="job 1 to be RUNNING; last seen: .*PENDING"):
        cluster.wait_state(job, "RUNNING", timeout=0.3)
    assert cluster.job(4711) is None


def test_an_earlier_plugin_directory_takes_weirs_scheduler(lab, tmp_path):
    stock = next(Path("/usr/lib").glob("*/slurm-wlm/sched_backfill.so"))
    (tmp_path / "lib").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib" / "sched_weir.so").write_bytes(stock.read_bytes())
    cluster = lab(nodes=1, weir=str(tmp_path), policy="version: 1\nmode: advise\n")
    maps = "/proc/$(pgrep -x slurmctld)/maps"
    assert f"{cluster.directory}/plugins/sched_backfill.so" in cluster.run(f"cat {maps}").stdout
    assert cluster.run("cat $(dirname $SLURM_CONF)/weir.yaml").stdout.startswith("version: 1")
    variables = cluster.run("tr '\\0' '\\n' < /proc/$(pgrep -x slurmctld)/environ").stdout
    assert f"WEIR_CONTROLLER={cluster.directory}/weir/bin/weirctld" in variables


def processes_inside(cluster):
    """This machine's pids of all processes in the lab's namespaces."""
    def namespace(pid):
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/{pid}/ns/pid")

    own = namespace(cluster.namespace.init)
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and namespace(entry) == own]


def list_replicas(cluster, service, ports):
    """What weirctld does: the file is replaced at once."""
    cluster.write(f"/run/weir/{service}.new", "".join(f"server 127.0.0.1:{port};\n" for port in ports), owner="slurm")
    os.replace(cluster.path(f"/run/weir/{service}.new"), cluster.path(f"/run/weir/{service}.upstream"))


def test_nginx_balances_over_replicas_and_one_that_leaves_loses_no_request(lab):
    cluster = lab(nodes=1, gpus=0, balancer=["other", "chat"])
    address, ports = cluster.balancer_address("chat"), (8001, 8002)
    status = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{address}/health"]
    assert address == "127.0.0.1:8081" and cluster.run(status).stdout == "502"
    servers = {port: cluster.popen([sys.executable, "-B", f"{ROOT}/contrib/jobs/serve.py", "--port", str(port),
                                    "--seconds", "0.3", "--concurrency", "2"], stdout=subprocess.PIPE, text=True)
               for port in ports}
    for server in servers.values():
        assert server.stdout.readline() == "serving\n"

    def records():
        return cluster.read("tmp/load").splitlines() if os.path.exists(cluster.path("tmp/load")) else []

    with cluster.follow_endpoints():
        list_replicas(cluster, "chat", ports)
        cluster.wait(lambda: cluster.run(status).stdout, 20, "nginx to know the replicas",
                     until=lambda code: code == "200")
        load = cluster.popen([sys.executable, "-B", f"{ROOT}/contrib/demo/load.py", "--rates", "0:6,4:9,7:6",
                              "--url", f"http://{address}/v1/completions", "--out", cluster.inside("tmp/load")])
        cluster.wait(records, 20, "answers to the load", until=lambda lines: len(lines) > 15)
        list_replicas(cluster, "chat", ports[:1])
        leaving = [process["pid"] for process in cluster.namespace.processes() if "8002" in process["argv"]]
        cluster.namespace.ask(do="signal", pids=leaving, signal=signal.SIGTERM)
        assert servers[8002].communicate(timeout=20)[0] == "told to leave by SIGTERM\ndrained\n"
        assert load.poll() is None and load.wait(60) == 0
    *answers, summary = map(json.loads, records())
    assert summary["sent"] == len(answers) == summary["ok"] > 40 and summary["lost"] == 0, summary
    by = [line.split()[-2] for line in cluster.read("log/nginx.access.log").splitlines() if " 200 " in line]
    assert by.count("127.0.0.1:8002") > 5 and set(by[-10:]) == {"127.0.0.1:8001"}, by

    cluster.stop("nginx")
    cluster.start("nginx")
    cluster.wait(lambda: cluster.run(status).stdout, 20, "nginx", until=lambda code: code == "200")
    everything = processes_inside(cluster)
    assert len(cluster.pids("nginx")) == 2 and len(everything) > 8
    descriptors = opened(everything)
    cluster.down()
    await_gone(descriptors)
    servers[8001].communicate(timeout=20)
    assert_no_trace(cluster.directory)


def test_host_lists_expand():
    assert expand("t[1-3,7],gw,n[08-10]") == ["t1", "t2", "t3", "t7", "gw", "n08", "n09", "n10"]
    assert expand("(null)") == [] == expand("")
