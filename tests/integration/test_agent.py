# SPDX-License-Identifier: GPL-2.0-or-later
"""weir-agent, the real one, on the fake NVML: what it serves while drivers and GPUs come, hang and go."""

import json
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from agents import MODEL, Node


@pytest.fixture
def node(build_dir, tmp_path):
    made = Node(build_dir, tmp_path)
    yield made
    for agent in made.running:
        agent.process.kill()
        agent.process.wait()


def test_metrics_follow_what_gpus_do(node):
    node.say("gpu0", "busy")
    agent = node.start("--node", "t1")
    agent.wait_health(200, "ok: 2 GPUs")
    seen = agent.metrics()
    assert [seen["DCGM_FI_DEV_GPU_UTIL", gpu] for gpu in "01"] == [97, 0]
    assert [seen["DCGM_FI_DEV_POWER_USAGE", gpu] for gpu in "01"] == [600, 70]
    assert [seen["DCGM_FI_DEV_FB_USED", gpu] + seen["DCGM_FI_DEV_FB_FREE", gpu] for gpu in "01"] == [80 << 10] * 2
    assert [seen["weir_gpu_processes", gpu] for gpu in "01"] == [1, 0]
    assert seen["weir_agent_up_nvml", None] == 1 and seen["process_cpu_seconds_total", None] > 0
    assert ("DCGM_FI_DEV_XID_ERRORS", "0") not in seen and ("weir_gpu_mig", "0") not in seen
    assert ('DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-0",pci_bus_id="00000000:3B:00.0",device="nvidia0",'
            f'modelName="{MODEL}",Hostname="t1"}} 97\n') in agent.get("/metrics")[1]
    for word, figures in {"hung": (100, 90, 1), "idle": (0, 72, 1), "empty": (0, 70, 0)}.items():
        node.say("gpu0", word)
        wanted = {("DCGM_FI_DEV_GPU_UTIL", "0"): figures[0], ("DCGM_FI_DEV_POWER_USAGE", "0"): figures[1],
                  ("weir_gpu_processes", "0"): figures[2]}
        agent.wait(lambda wanted=wanted: wanted.items() <= agent.metrics().items(), word)


def test_the_exposition_is_one(node):
    if not shutil.which("promtool"):
        pytest.skip("promtool (Debian's package prometheus) is not there")
    node.facts["gpus"][0] |= {"energy": 1, "ecc": 0, "xid": 63, "fabric": {"cluster_uuid": "a0" * 16}}
    node.facts["gpus"][1]["mig"] = [{"name": "MIG 1g.10gb", "uuid": "MIG-1", "memory": 1 << 30, "gpu_instance": 7}]
    node.write_facts()
    agent = node.start()
    agent.wait(lambda: ("DCGM_FI_DEV_XID_ERRORS", "0") in agent.metrics(), "an XID")
    checked = subprocess.run(["promtool", "check", "metrics"], input=agent.get("/metrics")[1], text=True,
                             capture_output=True, check=False)
    # It also has opinions on names, and those are dcgm-exporter's.
    opinions = re.compile(r'^(DCGM_FI_DEV_\w+|weir_gpu_\w+|weir_agent_\w+) ')
    assert [line for line in checked.stderr.splitlines() if not opinions.match(line)] == [], checked.stderr


def test_a_gpu_that_falls_off_the_bus_is_told_of_and_the_others_go_on(node):
    agent = node.start()
    agent.wait_health(200, "ok: 2 GPUs")
    agent.wait(lambda: len(json.loads(agent.get("/topology")[1])["gpus"]) == 2, "both GPUs in the topology")
    node.say("gpu1", "gone")
    agent.wait_health(200, "ok: 2 GPUs, lost: 1")
    seen = agent.metrics()
    assert (seen["weir_gpu_lost", "0"], seen["weir_gpu_lost", "1"]) == (0, 1)
    assert {name for name, gpu in seen if gpu == "1"} == {"weir_gpu_lost"}
    assert 'weir_gpu_lost{gpu="1",UUID="GPU-1",' in agent.get("/metrics")[1]
    agent.wait(lambda: [gpu["uuid"] for gpu in json.loads(agent.get("/topology")[1])["gpus"]] == ["GPU-0"],
               "a topology without it")
    agent.logged(r"info: 2 GPUs, lost: 1$")
    node.say("gpu1", "busy")
    agent.wait(lambda: agent.metrics().get(("DCGM_FI_DEV_GPU_UTIL", "1")) == 97, "its return")


def test_a_driver_restart_is_survived_and_logged_once(node):
    agent = node.start()
    agent.wait_health(200, "ok: 2 GPUs")
    node.say("driver", "restarting")
    agent.wait_health(503, f"NVML: {node.environment['WEIR_NVML']}: Driver Not Loaded (9)")
    seen = agent.metrics()
    assert seen["weir_agent_up_nvml", None] == 0 and not [gpu for _, gpu in seen if gpu]
    assert json.loads(agent.get("/topology")[1])["cores"]
    agent.logged("warning: NVML: .*Driver Not Loaded")
    lines = len(agent.log)
    node.say("gpu0", "busy")
    node.say("driver", "fine")
    agent.wait_health(200, "ok: 2 GPUs")
    assert agent.metrics()["DCGM_FI_DEV_GPU_UTIL", "0"] == 97
    assert agent.end() == 0
    assert all("Driver Not Loaded" not in line for line in agent.log[lines:])


def test_without_the_library_there_is_the_topology_until_it_comes(node, tmp_path):
    library = tmp_path / "libnvidia-ml.so.1"
    agent = node.start(WEIR_NVML=str(library))
    missing = f"topology only: NVML: {library}: cannot open shared object file: No such file or directory"
    agent.wait_health(200, "ok: " + missing)
    agent.wait(lambda: agent.get("/topology")[0] == 200, "a topology")
    assert json.loads(agent.get("/topology")[1])["cores"]
    assert {name for name, _ in agent.metrics()} == {"weir_agent_up_nvml", "weir_agent_samples_total",
                                                     "process_cpu_seconds_total"}
    agent.logged("topology only")
    library.symlink_to(node.environment["WEIR_NVML"])
    agent.wait_health(200, "ok: 2 GPUs")
    assert len([line for line in agent.log if "topology only" in line]) == 1


def test_a_driver_that_hangs_hangs_nothing_else(node):
    agent = node.start()
    agent.wait_health(200, "ok: 2 GPUs")
    node.say("gpu1", "hang")
    agent.wait_health(503, "NVIDIA's driver has not answered for three periods")
    assert not [gpu for _, gpu in agent.metrics() if gpu]
    assert agent.get("/topology")[0] == 200
    node.say("gpu1", "idle")
    agent.wait_health(200, "ok: 2 GPUs")
    node.say("driver", "hang")
    agent.wait_health(503, "NVIDIA's driver has not answered for three periods")
    begun = time.monotonic()
    assert agent.end() == 0 and time.monotonic() - begun < 1


def test_a_driver_that_hangs_from_the_start_hides_no_topology(node):
    node.say("driver", "hang")
    agent = node.start()
    agent.wait(lambda: agent.get("/topology")[0] == 200, "a topology")
    agent.wait_health(503, "NVIDIA's driver has not answered for three periods")
    node.say("driver", "fine")
    agent.wait_health(200, "ok: 2 GPUs")
    agent.wait(lambda: len(json.loads(agent.get("/topology")[1])["gpus"]) == 2, "its GPUs")


def test_once_prints_a_table_of_80_columns(node):
    node.say("gpu0", "busy")
    node.say("gpu1", "gone")
    once = node.run("--once")
    assert once.returncode == 0 and once.stderr == ""
    lines = once.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines] == [
        "GPU model use memory GiB power W MHz C run".split(),
        f"0 {MODEL} 97% 60.0/80.0 600/700 1755 62 1".split(), "1 - - - - - - -".split(),
        "lost: it fell off the bus or cannot be reached".split()]
    for environment, complaint in (({"WEIR_NVML": "libno.so"}, "libno.so: cannot open shared object file"),
                                   ({"WEIR_FAKE_NVML": "/nonexistent"}, "Unknown Error")):
        refused = node.run("--once", **environment)
        assert refused.returncode == 1 and refused.stdout == "" and complaint in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_what_cannot_be_done_is_refused_with_a_sentence(node):
    agent = node.start()
    port = agent.address.rpartition(":")[2]
    for arguments, status, complaint in (
            (["--listen", f"127.0.0.1:{port}"], 1, "cannot listen on 127.0.0.1:" + port + ": Address already in use"),
            (["--listen", "no.such.invalid:1"], 1, "cannot listen on no.such.invalid:1: no such host"),
            (["--listen", "9810"], 2, '"9810" is not host:port'), (["--listen", "a:b"], 2, '"a:b" is not host:port'),
            (["--period", "0s"], 2, '"0s" is not a time from 1s to 10m'), (["--period"], 2, "--period"),
            (["--bogus"], 2, "--bogus"), (["--once", "--measure"], 2, "--measure"), (["surplus"], 2, "surplus")):
        refused = node.run(*arguments)
        assert (refused.returncode, refused.stdout) == (status, ""), arguments
        assert complaint in refused.stderr, refused.stderr
    assert node.run("--help").returncode == 0 and "--period" in node.run("--help").stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", node.run("--version").stdout)
    assert agent.get("/nonsense")[0] == 404


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(node, number):
    agent = node.start(period="10m")
    begun = time.monotonic()
    assert agent.end(number) == 0 and time.monotonic() - begun < 1
    agent.logged("weir-agent ends")


def test_a_client_that_says_nothing_holds_nobody_up(node):
    agent = node.start()
    host, _, port = agent.address.rpartition(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(2)]
    agent.wait_health(200, "ok: 2 GPUs")
    for connection in silent:
        connection.close()


def test_its_own_cost_is_small(node, tell):
    agent = node.start()
    agent.wait_health(200, "ok: 2 GPUs")
    before, begun = agent.metrics(), time.monotonic()
    agent.wait(lambda: agent.metrics()["weir_agent_samples_total", None] >= before["weir_agent_samples_total", None]
               + 5, "five samples")
    after = agent.metrics()
    cost = after["process_cpu_seconds_total", None] - before["process_cpu_seconds_total", None]
    tell(f"weir-agent: {1000 * cost / 5:.1f} ms of CPU a sample of 2 GPUs, with 20 scrapes a second")
    assert cost < 0.05 * (time.monotonic() - begun)


def test_measure_runs_the_program_beside_it_and_prints_lines_for_weir_yaml(node, build_dir, tmp_path):
    program = tmp_path / "weir-measure-gpus"
    own = tmp_path / "weir-agent"
    shutil.copy(node.binary, own)
    node.binary = str(own)
    absent = node.run("--measure")
    assert absent.returncode == 1 and "built without the CUDA toolkit" in absent.stderr
    gpu = {"model": MODEL, "pci": "0000:3B:00.0", "fp16_tflops": 700, "bf16_tflops": 710, "tf32_tflops": 390,
           "memory_gigabytes_per_second": 2810.4}
    program.write_text(f"#!/bin/sh\necho '{json.dumps({'gpus': [gpu], 'pairs': []})}'\n", encoding="utf-8")
    program.chmod(0o755)
    measured = node.run("--measure")
    assert measured.returncode == 0, measured.stderr
    assert measured.stdout.endswith("\ngpu_types:\n  # 710 bf16 TFLOP/s, 2810 GB/s: what to compare other nodes with\n"
                                    "  h100: {training: 1.00, inference: 1.00, idle_watts: 70}\n")
    program.write_text("#!/bin/sh\necho 'no GPU that CUDA can use' >&2\nexit 1\n", encoding="utf-8")
    failed = node.run("--measure")
    assert failed.returncode == 1 and failed.stdout == "" and "no GPU that CUDA can use\n" in failed.stderr
    assert "the GPUs were not measured" in failed.stderr
