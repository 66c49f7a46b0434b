# SPDX-License-Identifier: GPL-2.0-or-later
"""What `up` does inside the namespaces, stage by stage; each waits until its stage is in order."""

import os
import re
import shutil
import stat

from . import balancer, config, telemetry, users
from .errors import LabError

_SYSTEM_TABLES = "/usr/share/m*/m*_system_tables.sql"  # MariaDB has renamed both
_GPU_MAJOR = 511  # no driver has it: opening one of these fails, as it should


def files(lab, layout, policy=None, weir=None, scheduler="stock", extra=(), period=0, services=(), dbd=(),
          cgroups="cgroup/v1"):
    """Configuration, plugins and GPU device files; `dbd` are more lines for slurmdbd.conf."""
    directory, etc = lab.directory, lab.path("etc")
    plugin_dir = config.STOCK_PLUGINS
    if weir and scheduler != "stock":
        plugin_dir = f"{directory}/plugins:{plugin_dir}"
        extra = _plugins(lab, weir, scheduler) + list(extra)
    texts = {
        "slurm.conf": config.slurm_conf(directory, layout, plugin_dir, extra,
                                        telemetry.addresses(layout) if period else None),
        "gres.conf": config.gres_conf(directory, layout),
        "slurmdbd.conf": config.slurmdbd_conf(directory, dbd),
        "cgroup.conf": f"CgroupPlugin={cgroups}\n",
        "plugstack.conf": "",
    }
    if layout.get("topology"):
        texts["topology.conf"] = config.topology_conf(layout)
    if weir and scheduler != "stock" and os.path.exists(f"{weir}/lib/spank_weir.so"):
        texts["plugstack.conf"] = f"optional {directory}/plugins/spank_weir.so\n"
    if policy is not None:
        texts["weir.yaml"] = policy
    for name, text in texts.items():
        lab.write(f"etc/{name}", text, owner="slurm",
                  mode=0o600 if name == "slurmdbd.conf" else 0o644)
    if period:
        for path, text in telemetry.files(directory, layout, period).items():
            lab.write(path, text)
    if services:
        for path, text in balancer.files(directory, services).items():
            lab.write(path, text)
        for path, text in balancer.upstreams(services).items():
            lab.write(path, text, owner="slurm")
    most = max((config.gpu_count(kind) for kind in layout["nodes"]), default=0)
    for index in range(most):
        _device(lab.path(f"dev/nvidia{index}"), index)
    return etc


def _device(path, index):
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(_GPU_MAJOR, index))
    except PermissionError:  # a container without CAP_MKNOD: Slurm asks only that the file exists
        with open(path, "w", encoding="utf-8"):
            pass


def _plugins(lab, weir, scheduler):
    """Copies the build's plugins; returns the slurm.conf lines that they need."""
    lines, source = [], f"{weir}/lib"
    targets = {"sched_weir.so": "sched_backfill.so" if scheduler == "backfill" else "sched_weir.so"}
    if not os.path.exists(f"{source}/sched_weir.so"):
        raise LabError(f"{source} has no sched_weir.so: build it, or take --scheduler stock")
    for name in ("job_submit_weir.so", "spank_weir.so"):
        if os.path.exists(f"{source}/{name}"):
            targets[name] = name
    for name, target in targets.items():
        shutil.copyfile(f"{source}/{name}", lab.path(f"plugins/{target}"))
        os.chmod(lab.path(f"plugins/{target}"), 0o755)
    if scheduler == "weir":
        lines.append("SchedulerType=sched/weir")
    if "job_submit_weir.so" in targets:
        lines.append("JobSubmitPlugins=weir")
    return lines


def munge(lab):
    lab.write("state/munge/munge.key", os.urandom(128), owner="munge", mode=0o600)
    lab.start("munged")
    lab.ready("munged", lambda: os.path.exists(lab.path("/run/munge/munge.socket.2")), 10)


def database(lab):
    """MariaDB without its system tables, but for the one that stored procedures need, and an empty database for
    slurmdbd: it would make one, but MariaDB 11.8.9's library gives no result to who was refused once."""
    lab.start("mariadbd")
    lab.ready("mariadbd", lambda: os.path.exists(lab.path("/run/mysqld/mysqld.sock")), 30)
    tables = lab.run(f"cat {_SYSTEM_TABLES}").stdout
    procedures = re.search(r"^CREATE TABLE IF NOT EXISTS proc .*$", tables, re.MULTILINE)
    if not procedures:
        raise LabError(f"{_SYSTEM_TABLES} does not create the table proc on one line")
    lab.run(["mariadb", "--no-defaults", "-S", "/run/mysqld/mysqld.sock"],
            input=f"create database slurm_acct_db; create database mysql; use mysql; {procedures.group(0)}\n")


def accounting(lab, accounts):
    """slurmdbd, the cluster, and the accounts with their users."""
    lab.start("slurmdbd")
    lab.ready("slurmdbd", lambda: lab.run("sacctmgr -n show cluster"), 30)
    commands = [f"add cluster {lab.name}", f"add account {','.join(accounts)} cluster={lab.name}"]
    commands += [f"add user {','.join(people)} account={name} cluster={lab.name}"
                 for name, people in accounts.items() if people]
    for command in commands:
        lab.run(f"sacctmgr -i -Q {command}")


def controller(lab):
    lab.start("slurmctld")
    lab.ready("slurmctld", lambda: "is UP" in lab.run("scontrol -o ping").stdout, 30)


def nodes(lab, names, report):
    """The slurmds, a handful at a time so that two cores keep up, until all are idle."""
    waiting, started = list(names), []
    limit = max(8, 4 * (os.cpu_count() or 1))

    def registered():
        output = lab.run("sinfo -h -N -o '%N %T'").stdout
        return {line.split()[0] for line in output.splitlines()
                if line.split()[1] in ("idle", "mixed", "allocated")}

    def step():
        up = registered() if started else set()
        while waiting and len(started) - len(up & set(started)) < limit:
            started.append(waiting.pop(0))
            lab.start(f"slurmd@{started[-1]}")
        report(len(up))
        return len(up) == len(names)

    lab.ready("slurmctld", step, 30 + len(names), step=0.1,
              what=lambda: "nodes to be idle; missing: "
              + ",".join(sorted(set(names) - registered())[:8]),
              suspect=lambda: f"slurmd@{sorted(set(names) - registered())[0]}")


def gpu_telemetry(lab):
    """An agent for each node, and Prometheus once they answer."""
    names = [name for name in lab.facts["daemons"] if name.startswith("weir-agent@")]
    for name in names:
        lab.start(name)
    for name in names:
        url = f"http://{lab.agent_address(name.partition('@')[2])}/metrics"
        lab.ready(name, lambda url=url: "DCGM_FI_DEV_POWER_USAGE" in lab.run(["curl", "-sf", url]).stdout, 30)
    lab.start("prometheus")
    lab.ready("prometheus", lambda: lab.promql("DCGM_FI_DEV_POWER_USAGE"), 60)


def balancing(lab, services):
    """nginx, until it answers for each service (502, where none is ready)."""
    lab.start("nginx")
    for name in services:
        lab.ready("nginx", lambda name=name: lab.run(["curl", "-s", lab.balancer_address(name)]), 20)


def check_accounts(accounts):
    strangers = {name for people in accounts.values() for name in people} - set(users.PEOPLE)
    if strangers:
        raise LabError(f"accounts: the lab has no user {sorted(strangers)[0]!r} (it has "
                       f"{', '.join(users.PEOPLE)})")
    return accounts

