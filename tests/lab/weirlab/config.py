# SPDX-License-Identifier: GPL-2.0-or-later
"""The text of a lab's configuration files, from its layout."""

import glob

from .errors import LabError
from .hostlist import expand
from .layout import node_names

STOCK_PLUGINS = next(iter(glob.glob("/usr/lib/*-linux-gnu/slurm-wlm")), "/usr/lib64/slurm")
FIRST_NODE_PORT = 20001
SLURMCTLD_PORT, SLURMDBD_PORT = 6817, 6819
_REPEATED = ("nodename", "partitionname", "nodeset", "downnodes", "include")


def settings(directory, plugin_dir=STOCK_PLUGINS):
    """slurm.conf's plain keys: a home cluster with everything that waits turned down."""
    return {
        "ClusterName": "home", "SlurmctldHost": "lab(127.0.0.1)",
        "SlurmctldPort": str(SLURMCTLD_PORT), "SlurmUser": "slurm",
        "AuthType": "auth/munge", "CredType": "cred/munge", "PluginDir": plugin_dir,
        "StateSaveLocation": f"{directory}/state/slurmctld",
        "SlurmdSpoolDir": f"{directory}/spool/%n",
        "SlurmctldPidFile": "/run/slurm/slurmctld.pid",
        "SlurmdPidFile": "/run/slurm/slurmd.%n.pid",
        "SlurmctldLogFile": f"{directory}/log/slurmctld.log",
        "SlurmdLogFile": f"{directory}/log/slurmd.%n.log",
        "SlurmctldDebug": "debug", "SlurmdDebug": "verbose", "LogTimeFormat": "iso8601_ms",
        "SelectType": "select/cons_tres", "SelectTypeParameters": "CR_Core_Memory",
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "bf_interval=1,bf_continue,sched_interval=2,sched_min_interval=0,"
                               "batch_sched_delay=0",
        "PriorityType": "priority/basic", "GresTypes": "gpu",
        "ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/none", "MpiDefault": "none",
        "JobCompType": "jobcomp/none", "MailProg": "/bin/true", "SwitchType": "switch/none",
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": "localhost", "AccountingStoragePort": str(SLURMDBD_PORT),
        "AccountingStorageTRES": "gres/gpu", "AccountingStorageEnforce": "associations",
        "SlurmdParameters": "config_overrides", "ReturnToService": "2", "JobRequeue": "1",
        "KillWait": "3", "MinJobAge": "600", "InactiveLimit": "0", "MessageTimeout": "10",
        "SlurmdTimeout": "30", "SlurmctldTimeout": "5", "TCPTimeout": "5",
        "BatchStartTimeout": "20", "CompleteWait": "0", "EpilogMsgTime": "0",
        "MaxArraySize": "10001", "MaxJobCount": "50000", "DefMemPerCPU": "1000",
    }


def merge(keys, lines):
    """Lets `Key=value` lines replace keys and `Key+=value` append to them; returns the rest."""
    rest, known = [], {key.lower(): key for key in keys}
    for line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise LabError(f"slurm.conf: {line!r} is no Key=value line")
        appended = key.endswith("+")
        key = key.rstrip("+").strip()
        if key.lower() in _REPEATED:
            rest.append(line)
            continue
        name = known.setdefault(key.lower(), key)
        before = keys.get(name)
        keys[name] = f"{before},{value}" if appended and before else value
    return rest


def slurm_conf(directory, layout, plugin_dir, extra, addresses=None):
    """slurm.conf; `extra` is a list of lines that win over the lab's own, `addresses` each node's NodeAddr."""
    keys = settings(directory, plugin_dir)
    if layout.get("topology"):
        keys["TopologyPlugin"] = "topology/tree"
    rest = merge(keys, list(layout.get("slurm_conf", [])) + list(extra))
    lines = [f"{key}={value}" for key, value in keys.items()] + rest
    port = FIRST_NODE_PORT
    for kind in layout["nodes"]:
        names = expand(kind["names"])
        ports = str(port) if len(names) == 1 else f"[{port}-{port + len(names) - 1}]"
        port += len(names)
        address = ",".join(addresses[name] for name in names) if addresses else "127.0.0.1"
        cpus = int(kind.get("cpus", 64))
        sockets = 2 if cpus % 2 == 0 else 1
        lines.append(
            f"NodeName={kind['names']} NodeHostname=localhost NodeAddr={address} Port={ports}"
            f" CPUs={cpus} Sockets={sockets} CoresPerSocket={cpus // sockets} ThreadsPerCore=1"
            f" RealMemory={kind.get('memory', 512000)} Weight={kind.get('weight', 1)}"
            + (f" Gres=gpu:{kind['gpus']}" if kind.get("gpus") else "")
            + (f" {kind['extra']}" if kind.get("extra") else ""))
    for partition in layout.get("partitions", []):
        lines.append(
            f"PartitionName={partition['name']} Nodes={partition['nodes']}"
            f" Default={'YES' if partition.get('default') else 'NO'}"
            + ("" if "MaxTime=" in partition.get("extra", "") else " MaxTime=7-0")
            + ("" if "State=" in partition.get("extra", "") else " State=UP")
            + (f" {partition['extra']}" if partition.get("extra") else ""))
    return "\n".join(lines) + "\n"


def gpu_count(kind):
    """GPUs a node of the kind has: `h100:8`, `8` or nothing."""
    return int(kind["gpus"].rsplit(":", 1)[-1]) if kind.get("gpus") else 0


def gres_conf(directory, layout):
    """gres.conf with one device file a GPU: Slurm then keeps each GPU's index."""
    if "gres_conf" in layout:
        return "\n".join(layout["gres_conf"]) + "\n"
    lines = []
    for kind in layout["nodes"]:
        count = gpu_count(kind)
        if count:
            model = kind["gpus"].rpartition(":")[0]
            files = f"nvidia[0-{count - 1}]" if count > 1 else "nvidia0"
            lines.append(f"NodeName={kind['names']} Name=gpu"
                         + (f" Type={model}" if model else "") + f" File={directory}/dev/{files}")
    return "\n".join(lines) + "\n"


def topology_conf(layout):
    """topology.conf: the layout's switches, one for the nodes it left out, and a root."""
    lines, below, switches, covered = [], set(), [], set()
    for entry in layout["topology"]:
        switches.append(entry["switch"])
        if "switches" in entry:
            below |= set(expand(entry["switches"]))
            lines.append(f"SwitchName={entry['switch']} Switches={entry['switches']}")
        else:
            covered |= set(expand(entry["nodes"]))
            lines.append(f"SwitchName={entry['switch']} Nodes={entry['nodes']}")
    left = [name for name in node_names(layout) if name not in covered]
    if left:
        switches.append("unplaced")
        lines.append(f"SwitchName=unplaced Nodes={','.join(left)}")
    tops = [name for name in switches if name not in below]
    if len(tops) > 1:
        lines.append(f"SwitchName=root Switches={','.join(tops)}")
    return "\n".join(lines) + "\n"


def slurmdbd_conf(directory, extra=()):
    return "\n".join([
        "DbdHost=localhost", f"DbdPort={SLURMDBD_PORT}", "SlurmUser=slurm", "AuthType=auth/munge",
        "StorageType=accounting_storage/mysql", "StorageHost=localhost", "StorageUser=slurm",
        "StoragePass=lab", "StorageLoc=slurm_acct_db", "DebugLevel=info",
        f"LogFile={directory}/log/slurmdbd.log", "PidFile=/run/slurm/slurmdbd.pid",
        f"PluginDir={STOCK_PLUGINS}", "MessageTimeout=10", *extra]) + "\n"
