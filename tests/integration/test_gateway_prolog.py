# SPDX-License-Identifier: GPL-2.0-or-later
"""A gateway host whose spank_weir is missing, broken or not required: its Prolog has jobs held and says why."""

import os

import pytest

from mirroring import copies, ended, output, own, send
from overflowing import overflowing


@pytest.fixture(scope="module")
def home(module_lab, build_dir):
    lab = overflowing(module_lab, build_dir)
    lab.run(["mkdir", "-m", "1777", lab.inside("tmp/marks")])
    return lab


def refused(home, reason):
    """A job of which nothing runs for that reason; it is held. Returns it and the node that takes no more."""
    mark = home.inside("tmp/marks/ran")
    job = send(home, script=f"[ $(id -un) = w-alice ] || touch {mark}; echo ran")
    home.wait(lambda: home.job(job), 60, "it to be held", until=lambda seen:
              (seen["Restarts"], seen["JobState"], seen["Reason"]) == ("1", "PENDING", "launch_failed_requeued_held"))
    drained = {name: node for name, node in home.nodes().items() if "DRAIN" in node["State"]}
    assert len(drained) == 1
    [node] = drained
    assert reason in home.run(["scontrol", "show", "node", node]).stdout
    assert os.listdir(home.path("tmp/marks")) == [] and copies(home.sites["west"], job) == {}
    assert output(home, job) == "Error running slurm prolog: 1\n"
    return job, node


def runs(home, job, node, held=False):
    """Jobs do, once that is repaired: the one that was held, for which the site of a ledger so young is searched for a
    minute, or one in its place."""
    home.run(["scontrol", "update", f"nodename={node}", "state=resume"])
    if held:
        home.run(["scontrol", "release", str(job)])
        home.run(["scontrol", "update", f"jobid={job}", "starttime=now+2"])
    else:
        home.run(["scancel", str(job)])
        job = send(home, script="echo ran")
    home.wait_state(job, "COMPLETED", timeout=180)
    assert own(output(home, job)) == ["ran"]
    ended(home, home.sites["west"], job, "COMPLETED")
    assert os.listdir(home.path("tmp/marks")) == []


@pytest.mark.parametrize("name", ["spank_weir.so", "weir-relay"])
def test_where_a_file_is_missing_no_job_runs_and_none_is_lost(home, name):
    path = home.path(f"plugins/{name}")
    os.rename(path, f"{path}.away")
    job, node = refused(home, f"weir: {home.inside(f'plugins/{name}')} is missing")
    os.rename(f"{path}.away", path)
    runs(home, job, node, held=name == "spank_weir.so")


def test_where_the_plugin_is_of_another_slurm_no_job_runs(home):
    path = home.path("plugins/spank_weir.so")
    os.rename(path, f"{path}.away")
    home.write("plugins/spank_weir.so", "of another Slurm", mode=0o755)
    job, node = refused(home, f"weir: {home.inside('plugins/spank_weir.so')} is not built for Slurm ")
    os.rename(f"{path}.away", path)
    runs(home, job, node)


def test_where_others_can_change_the_relay_no_job_runs(home):
    path = home.path("plugins/weir-relay")
    os.chmod(path, 0o775)
    job, node = refused(home, f"weir: {home.inside('plugins/weir-relay')}: others than root can change")
    os.chmod(path, 0o755)
    runs(home, job, node)


@pytest.mark.parametrize("change, reason", [
    (lambda text: "", "has no line for spank_weir.so"),
    (lambda text: text.replace("required", "optional"), "spank_weir.so is optional there, not required"),
    (lambda text: text.split(" relay=")[0], "spank_weir.so lacks gateway=SOCKET or relay=PROGRAM")],
    ids=["no-line", "optional", "no-relay"])
def test_where_plugstack_conf_does_not_require_it_no_job_runs(home, change, reason):
    [host] = home.facts["hosts"]
    text = home.read(f"private/{host}.plugstack.conf")
    home.gateway_plugstack(change(text))
    job, node = refused(home, reason)
    home.gateway_plugstack(text)
    runs(home, job, node)


def test_a_line_that_is_included_counts(home):
    [host] = home.facts["hosts"]
    text = home.read(f"private/{host}.plugstack.conf")
    home.make_directory("etc/plugstack.d")
    home.write("etc/plugstack.d/weir.conf", text)
    home.gateway_plugstack("# ours\ninclude plugstack.d/*.conf\n")
    job = send(home, script="echo ran")
    home.wait_state(job, "COMPLETED", timeout=60)
    assert own(output(home, job)) == ["ran"]
    ended(home, home.sites["west"], job, "COMPLETED")
    home.gateway_plugstack(text)


def test_where_the_gateway_has_not_been_started_no_job_runs(home):
    home.kill("weir-gateway")
    os.unlink(home.path("/run/weir/gateway.sock"))
    job, node = refused(home, "weir: weir-gateway does not run: no socket /run/weir/gateway.sock")
    home.start_gateway()
    runs(home, job, node)


def test_where_the_gateway_has_died_a_job_waits_for_it(home):
    home.kill("weir-gateway")
    job = send(home, script="echo ran")
    home.wait(lambda: output(home, job), 60, "it to be told",
              until=lambda text: "weir: the gateway does not answer" in text)
    assert home.job(job)["JobState"] == "RUNNING"
    home.start_gateway()
    home.wait_state(job, "COMPLETED", timeout=60)
    assert own(output(home, job)) == ["ran"]
    ended(home, home.sites["west"], job, "COMPLETED")
