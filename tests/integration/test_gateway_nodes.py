# SPDX-License-Identifier: GPL-2.0-or-later
"""Gateway nodes as contrib/gateway starts them: they say that they have what their host has not, and everywhere else
Slurm goes on comparing."""

import glob
import os

import pytest

from conftest import ROOT

from mirroring import ended, left_at, output, own, send
from overflowing import overflowing

EXAMPLES = ROOT / "contrib" / "gateway"
NODES = [f"west-{number}" for number in range(1, 5)]


def example(lab, name):
    """A file of contrib/gateway with the lab's paths; where the lab has it."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    for path, here in (("/etc/slurm/", f"{lab.directory}/etc/"),
                       ("/usr/lib/x86_64-linux-gnu/weir/slurm/", f"{lab.directory}/plugins/"),
                       ("/usr/libexec/weir/weir-gateway-prolog", str(ROOT / "packaging" / "etc" / "weir-gateway-prolog")),
                       ("/usr/libexec/weir/", f"{lab.directory}/plugins/")):
        text = text.replace(path, here)
    lab.write(f"etc/{name}", text)
    return lab.inside(f"etc/{name}")


def environment(lab):
    """What the unit's Environment= gives a slurmd."""
    [line] = [line for line in (EXAMPLES / "weir-gateway-slurmd@.service").read_text(encoding="utf-8").splitlines()
              if line.startswith("Environment=")]
    values = dict(word.split("=", 1) for word in line.removeprefix("Environment=").split())
    values["WEIR_NODE_MEMORY"] = "256000"  # of the lab's sites
    return values | {"LD_PRELOAD": lab.inside("weir/lib/weir_declared_memory.so")}


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    lab = overflowing(module_lab, build_dir)
    for name in ["t1", "t2", *NODES]:
        lab.stop(f"slurmd@{name}")
    conf = lab.read("etc/slurm.conf")
    assert "SlurmdParameters=config_overrides\n" in conf
    lab.write("etc/slurm.conf", conf.replace("SlurmdParameters=config_overrides\n", ""))
    lab.gateway_plugstack("")  # gateway.conf names its own
    example(lab, "gateway-plugstack.conf")
    gateway = example(lab, "gateway.conf")
    for name in NODES:
        lab.facts["daemons"][f"slurmd@{name}"]["argv"] += ["-f", gateway]
        lab.facts["daemons"][f"slurmd@{name}"]["env"] = lab.facts["daemons"][f"slurmd@{name}"]["env"] | environment(lab)
    lab.stop("slurmctld")
    lab.start("slurmctld")
    for name in ["t1", *NODES]:
        lab.start(f"slurmd@{name}")
    return lab


def idle(home):
    for name in NODES:
        home.wait(lambda name=name: home.node(name), 60, f"{name} to be idle", until=lambda node: node["State"] == "IDLE")


def test_they_have_what_the_site_has_and_stay_so_through_restarts_and_reconfiguration(home):
    idle(home)
    for name in NODES:
        node = home.node(name)
        assert (node["CPUTot"], node["RealMemory"], node["Gres"]) == ("32", "256000", "gpu:a100:4"), node
    began = home.run("date +%s").stdout.strip()
    home.run(["scontrol", "reconfigure"], user="slurm")
    home.kill("slurmctld")
    home.start("slurmctld")
    for name in NODES:
        home.kill(f"slurmd@{name}")
        home.start(f"slurmd@{name}")
    home.wait(lambda: home.run("scontrol ping").stdout, 30, "slurmctld", until=lambda text: "is UP" in text)
    for name in NODES:
        home.wait(lambda name=name: home.run(f"scontrol -o show node {name}", env={"SLURM_TIME_FORMAT": "%s"}).stdout, 60,
                  f"{name} to have registered again",
                  until=lambda text: began <= text.split("SlurmdStartTime=")[1].split()[0] < "None")
    idle(home)


def test_an_ordinary_node_that_has_less_than_it_should_is_still_found_out(home):
    seen = home.wait(lambda: home.node("t1"), 60, "t1 to be found out", until=lambda node: "Reason" in node)
    assert "Low" in seen["Reason"] and ("DRAIN" in seen["State"] or "INVAL" in seen["State"]), seen


def large_job(home):
    """A job that asks for more than the gateway host has, and runs at the site until it is let end."""
    idle(home)
    job = send(home, "--gpus-per-node=4", "--cpus-per-task=32", "--mem=200000", "--nodes=1",
               script='echo "$SLURM_CPUS_ON_NODE $CUDA_VISIBLE_DEVICES"; while [ ! -e go ]; do sleep 0.2; done')
    home.wait(lambda: own(output(home, job)), 60, "it to run")
    return job


def ends_with_what_it_asked_for(home, job):
    west = home.sites["west"]
    [folder] = [name for name in left_at(west, job) if not name.endswith(".out")]
    west.run(["touch", f"/scratch/w-alice/{folder}/go"], user="w-alice")
    home.wait_state(job, "COMPLETED", timeout=60)
    assert own(output(home, job)) == ["32 0,1,2,3"]
    ended(home, west, job, "COMPLETED")


def test_jobs_with_gpus_cpus_and_memory_that_the_host_has_not_run_at_the_site(home):
    job = large_job(home)
    step = home.run(["pgrep", "-f", f"slurmstepd: .{job}[.]"]).stdout.split()[0]
    assert "LD_PRELOAD" not in home.run(["cat", f"/proc/{step}/environ"]).stdout  # it sees its host as it is
    ends_with_what_it_asked_for(home, job)


CONTROLLERS = ("cpuset", "devices", "freezer", "memory")
CONFINED = """CgroupPlugin=cgroup/v1
ConstrainCores=yes
ConstrainDevices=yes
ConstrainRAMSpace=yes
"""


def control_groups():
    """Makes a group in each hierarchy that Slurm needs, and takes it away again; whether that was possible."""
    paths = [f"/sys/fs/cgroup/{controller}/weir-test-{os.getpid()}" for controller in CONTROLLERS]
    try:
        for path in paths:
            os.mkdir(path)
        return True
    except OSError:
        return False
    finally:
        for path in paths:
            if os.path.isdir(path):
                os.rmdir(path)


@pytest.fixture
def confined(home):
    """The cluster with its jobs in control groups, which are the machine's: what Slurm leaves there is removed."""
    if not control_groups():
        pytest.skip(f"no control groups of version 1 can be made here ({', '.join(CONTROLLERS)} below /sys/fs/cgroup)")
    conf = home.read("etc/slurm.conf")
    for before, now in (("ProctrackType=proctrack/linuxproc", "ProctrackType=proctrack/cgroup"),
                        ("TaskPlugin=task/none", "TaskPlugin=task/cgroup,task/affinity")):
        assert before in conf
        conf = conf.replace(before, now)
    home.write("etc/slurm.conf", conf)
    home.write("etc/cgroup.conf", CONFINED)
    for name in ("slurmctld", *(f"slurmd@{node}" for node in NODES)):
        home.stop(name)
        home.start(name)
    yield home
    for node in NODES:
        home.stop(f"slurmd@{node}")
    for controller in CONTROLLERS:
        for top in glob.glob(f"/sys/fs/cgroup/{controller}/slurm_west-*"):
            for folder, _, _ in os.walk(top, topdown=False):
                os.rmdir(folder)


def test_they_hold_where_jobs_are_confined_to_their_cores_devices_and_memory(confined):
    job = large_job(confined)
    relay = confined.run(["pgrep", "-f", f"weir-relay.*--job {job} "]).stdout.split()[0]
    groups = dict(line.split(":")[1:] for line in confined.read(f"/proc/{relay}/cgroup").splitlines())
    for controller in CONTROLLERS:
        assert f"/job_{job}/step_batch" in groups[controller], groups
    ends_with_what_it_asked_for(confined, job)
