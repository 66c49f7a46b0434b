# SPDX-License-Identifier: GPL-2.0-or-later
"""GPU telemetry of a lab: a weir-agent for each node with GPUs, on a fake NVML, and a real Prometheus that
scrapes them, weirctld and the replicas of services, and loads every etc/*.rules.yml."""

import json
import os
import shutil

from .config import gpu_count
from .errors import LabError
from .hostlist import expand

AGENT_PORT = 9810
SERVICES = "/run/weir/*.json"  # where weirctld writes which replicas are ready
PROMETHEUS = "127.0.0.1:9090"
CONTROLLER = "127.0.0.1:9811"  # where weirctld serves metrics unless weir.yaml says otherwise
MODELS = {"h100": ("NVIDIA H100 80GB HBM3", 80), "a100": ("NVIDIA A100-SXM4-80GB", 80)}  # name, GiB
MOST_NODES = 254


def addresses(layout):
    """{node: its own loopback address}, which is its NodeAddr: agents all listen on one port."""
    names = [name for kind in layout["nodes"] for name in expand(kind["names"])]
    if len(names) > MOST_NODES:
        raise LabError(f"a lab with telemetry has at most {MOST_NODES} nodes, not {len(names)}")
    return {name: f"127.1.0.{number}" for number, name in enumerate(names, 1)}


def nodes_with_gpus(layout):
    return {name: kind for kind in layout["nodes"] if gpu_count(kind) and "gateway" not in kind
            for name in expand(kind["names"])}


def check(weir):
    for file in ("bin/weir-agent", "lib/fake_nvml.so"):
        if not weir or not os.path.exists(f"{weir}/{file}"):
            raise LabError(f"telemetry needs {file} in the build directory ({weir or 'none given'})")
    if not shutil.which("prometheus"):
        raise LabError("telemetry needs Prometheus (Debian's package prometheus)")


def files(directory, layout, period):
    """{path: text} of what the agents and Prometheus read."""
    texts = {}
    for node, kind in nodes_with_gpus(layout).items():
        model, memory = MODELS.get(kind["gpus"].rpartition(":")[0], MODELS["h100"])
        texts[f"etc/nvml.{node}.json"] = json.dumps({"gpus": [
            {"pci": f"0000:{index + 1:02x}:00.0", "name": model, "uuid": f"GPU-{node}-{index}", "minor": index,
             "memory": memory << 30, "ecc": 0, "state_file": f"{directory}/gpu/{node}/{index}"}
            for index in range(gpu_count(kind))]})
    own = addresses(layout)
    targets = [f"{own[node]}:{AGENT_PORT}" for node in nodes_with_gpus(layout)]
    texts["etc/prometheus.yml"] = json.dumps({  # JSON is YAML
        "global": {"scrape_interval": f"{period}s", "scrape_timeout": f"{period}s",
                   "evaluation_interval": f"{period}s"},
        "rule_files": [f"{directory}/etc/*.rules.yml"],
        "scrape_configs": [{"job_name": "weir-agent", "static_configs": [{"targets": targets}]},
                           {"job_name": "weirctld", "static_configs": [{"targets": [CONTROLLER]}]},
                           {"job_name": "services", "file_sd_configs": [
                               {"files": [SERVICES], "refresh_interval": "1s"}]}]})
    return texts


def specifications(directory, layout, period, one):
    """Their entries in the table of daemons; `one` makes one."""
    table = {"prometheus": one(
        "prometheus", "nobody", "prometheus", f"--config.file={directory}/etc/prometheus.yml",
        f"--storage.tsdb.path={directory}/state/prometheus", f"--web.listen-address={PROMETHEUS}",
        "--scrape.discovery-reload-interval=1s")}
    own = addresses(layout)
    for node in nodes_with_gpus(layout):
        agent = one(f"weir-agent@{node}", "nobody", f"{directory}/weir/bin/weir-agent",
                    "--listen", f"{own[node]}:{AGENT_PORT}", "--period", f"{period}s", "--node", node)
        agent["env"] = agent["env"] | {"WEIR_NVML": f"{directory}/weir/lib/fake_nvml.so",
                                       "WEIR_FAKE_NVML": f"{directory}/etc/nvml.{node}.json"}
        table[f"weir-agent@{node}"] = agent
    return table
