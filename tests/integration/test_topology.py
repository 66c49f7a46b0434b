# SPDX-License-Identifier: GPL-2.0-or-later
"""`weir topology` on files of real machines (WEIR_DATA), and its gres.conf in a real slurmd."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("WEIR_DATA", ROOT.parent / "shared" / "data")) / "topologies"

# file: NUMA nodes, cores, GPUs at each NUMA node, NICs, (pairs linked, lanes of each)
MACHINES = {
    "hwloc/nvidiaDGX2.xml": (2, 4, {0: 8, 1: 8}, 0, (120, 6)),
    "hwloc/power8gpudistances.xml": (2, 8, {0: 2, 1: 2}, 0, (2, 2)),
    "hwloc/nvidia-dgx-gb10.xml": (1, 20, {}, 0, None),
    "nccl/azure-ndv5-topo.xml": (2, 0, {0: 4, 1: 4}, 8, None),
    "nccl/azure-ndv4-topo.xml": (4, 0, {0: 2, 1: 2, 2: 2, 3: 2}, 8, None),
    "nccl/azure-ndv2-topo.xml": (2, 0, {0: 4, 1: 4}, 1, None),
    "nccl/azure-ncv4-topo.xml": (4, 0, {0: 1, 1: 1, 2: 1, 3: 1}, 1, None),
    "nccl/aws-p4d-24xl-topo.xml": (2, 0, {0: 4, 1: 4}, 4, None),
    "nccl/aws-p4de-24xl-topo.xml": (2, 0, {0: 4, 1: 4}, 4, None),
    "nccl/aws-g5.48xl-topo.xml": (2, 0, {}, 0, None),
}


def data(name):
    if not (DATA / name).exists():
        pytest.skip(f"{name}: not in the data folder {DATA} (WEIR_DATA names another)")
    return str(DATA / name)


@pytest.fixture
def topology(build_dir):
    """topology(argument ...) runs `weir topology`; returns its CompletedProcess."""
    def run(*arguments, check=True):
        return subprocess.run([f"{build_dir}/bin/weir", "topology", *arguments], capture_output=True, text=True,
                              timeout=60, check=check)

    return run


@pytest.mark.parametrize("name", MACHINES)
def test_a_real_machines_file_is_read_right(topology, name):
    machine = json.loads(topology("--from", data(name), "--json").stdout)
    numa, cores, gpus, nics, links = MACHINES[name]
    at = [gpu["numa"] for gpu in machine["gpus"]]
    assert {number: at.count(number) for number in set(at)} == gpus
    assert [len(machine[what]) for what in ("numa", "cores", "nics")] == [numa, cores, nics]
    assert [gpu["pci"] for gpu in machine["gpus"]] == sorted({gpu["pci"] for gpu in machine["gpus"]})
    if links:
        assert len(machine["links"]) == links[0] and {link["lanes"] for link in machine["links"]} == {links[1]}
    else:
        assert not machine["links"]


def test_what_a_real_machine_is_called_and_how_its_gpus_are_linked_is_told(topology):
    said = topology("--from", data("hwloc/nvidiaDGX2.xml")).stdout
    assert said.startswith("NVIDIA DGX-2H: 2 packages, 2 NUMA nodes, 4 cores, 16 GPUs\n")
    assert "\n      GPU 1  0000:36:00.0  Tesla V100-SXM3-32GB-H\n" in said
    assert said.endswith("\nNVSwitch, 6 lanes: all of GPUs 0-15\n")
    nics = [line for line in topology("--from", data("nccl/azure-ndv5-topo.xml")).stdout.splitlines() if "NIC" in line]
    assert nics[1:] == [f"    NIC 010{number}:00:00.0  infiniband" for number in range(1, 9)]


def test_this_machine_is_shown_too(topology):
    machine = json.loads(topology("--json").stdout)
    assert len(machine["cores"]) >= 1 and machine["numa"]
    assert " core" in topology().stdout.splitlines()[0]


def test_what_is_no_description_of_a_machine_is_refused(topology, tmp_path):
    graph = topology("--from", data("nccl/azure-ncv4-graph.xml"), check=False)
    assert graph.returncode == 1 and graph.stdout == "" and "a graph of NCCL" in " ".join(graph.stderr.split())
    for number, (text, complaint) in enumerate({
            "": "no XML", "<html/>": "<html>; hwloc writes <topology>", "<topology version='2.0'><object": "no XML",
            "<system><cpu/></system>": "numaid"}.items()):
        path = tmp_path / f"{number}.xml"
        path.write_text(text, encoding="utf-8")
        refused = topology("--from", str(path), check=False)
        assert refused.returncode == 1 and refused.stdout == ""
        assert complaint in " ".join(refused.stderr.split()) and f"{number}.xml" in refused.stderr
    assert topology("--gres-conf", "--dot", check=False).returncode == 2


def two_sockets():
    """hwloc's XML of a machine with two sockets of two cores and a GPU at each, three NVLinks apart."""
    def socket(number):
        cores = "".join(f'<object type="Core" os_index="{core}" cpuset="0x{1 << core:x}" nodeset="0x{1 << number:x}"/>'
                        for core in (2 * number, 2 * number + 1))
        return (f'<object type="Package" os_index="{number}" nodeset="0x{1 << number:x}">'
                f'<object type="NUMANode" os_index="{number}" nodeset="0x{1 << number:x}"/>{cores}'
                f'<object type="PCIDev" gp_index="{number}" pci_busid="0000:0{number + 1}:00.0" '
                'pci_type="0302 [10de:2330] [10de:0000] a1 00"><object type="OSDev" name="nvml">'
                '<info name="Backend" value="NVML"/><info name="GPUModel" value="NVIDIA H100 80GB HBM3"/>'
                '</object></object></object>')

    return ('<topology version="2.0"><object type="Machine" nodeset="0x3">' + socket(0) + socket(1) + "</object>"
            '<distances2 type="PCIDev" nbobjs="2" name="NVLinkBandwidth"><indexes>0 1</indexes>'
            "<u64values>0 75000 75000 0</u64values></distances2></topology>")


def test_slurmd_takes_its_gres_conf_and_places_gpus_at_their_sockets(topology, lab, tmp_path):
    path = tmp_path / "machine.xml"
    path.write_text(two_sockets(), encoding="utf-8")
    text = topology("--from", str(path), "--gres-conf").stdout
    assert text.splitlines()[2:] == ["Name=gpu Type=h100 File=/dev/nvidia0 Cores=0-1 Links=-1,3",
                                     "Name=gpu Type=h100 File=/dev/nvidia1 Cores=2-3 Links=3,-1"]
    directory = tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    cluster = lab(directory=directory, layout={
        "nodes": [{"names": "t1", "gpus": "h100:2", "cpus": 4}],
        "partitions": [{"name": "train", "nodes": "t1", "default": True}],
        "gres_conf": text.replace("/dev/", f"{directory}/dev/").splitlines()})
    assert cluster.node("t1")["Gres"] == "gpu:h100:2(S:0-1)"
    for gpu, cores in ((0, "0-1"), (1, "2-3")):
        job = cluster.sbatch("-n2 --gres=gpu:h100:1 --gres-flags=enforce-binding")
        details = str(cluster.wait_state(job, "RUNNING")["details"])
        assert f"IDX:{gpu}" in details and cores in details, details
