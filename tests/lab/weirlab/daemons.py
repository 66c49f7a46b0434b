# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemons of a lab: how each is started, and how its processes are recognised.

A specification is {"argv", "env", "user", "log", "cwd"}, with "host" where it runs on the gateway host; the
names are munged, mariadbd, slurmdbd, slurmctld, slurmd@NODE and weirctld; with telemetry prometheus and weir-agent@NODE, with a balancer nginx, with
sites weir-gateway. A site has slurmrestd, nginx and sshd as well (weirlab.site_services).
"""

import os

from . import balancer, gateway, site_services, telemetry
from .users import DATABASE_USER


def specifications(directory, nodes, environment, weir, layout, period=0, services=(), gateways=None, site=False):
    """All of a lab's daemons, by name; weirctld's only where a build directory gives one, those of
    telemetry only where it has a period, nginx only where it has services to balance; `gateways` says on which
    host a node's slurmd runs; `site` adds those of a site."""
    common = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
              "SLURM_CONF": f"{directory}/etc/slurm.conf", "TMPDIR": f"{directory}/tmp"}
    controller = f"{directory}/weir/bin/weirctld"
    if weir:
        common["WEIR_CONTROLLER"] = controller
    common.update(environment)

    def one(name, user, *argv):
        return {"argv": list(argv), "env": common, "user": user, "cwd": f"{directory}/tmp",
                "log": f"{directory}/log/{name}.out"}

    def database_client(daemon):
        # A release's library may look for the socket at another place.
        return daemon | {"env": daemon["env"] | {"MYSQL_UNIX_PORT": "/run/mysqld/mysqld.sock"}}

    every = {
        "munged": one(
            "munged", "munge", "munged", "--foreground", "--num-threads=4",
            f"--key-file={directory}/state/munge/munge.key",
            f"--seed-file={directory}/state/munge/seed",
            f"--log-file={directory}/state/munge/munged.log",
            "--pid-file=/run/munge/munged.pid", "--socket=/run/munge/munge.socket.2"),
        "mariadbd": one(
            "mariadbd", DATABASE_USER, "mariadbd", "--no-defaults",
            f"--datadir={directory}/state/mysql", "--socket=/run/mysqld/mysqld.sock",
            "--pid-file=/run/mysqld/mysqld.pid", f"--tmpdir={directory}/tmp", "--skip-networking",
            "--skip-grant-tables", "--skip-name-resolve", "--innodb-use-native-aio=0",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync",
            "--innodb-doublewrite=0", "--innodb-log-file-size=16M",
            "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900",
            "--performance-schema=OFF", "--aria-log-file-size=8M"),
        "slurmdbd": database_client(one("slurmdbd", "root", "slurmdbd", "-D")),
        "slurmctld": one("slurmctld", "root", "slurmctld", "-D"),
    }
    for node in nodes:
        every[f"slurmd@{node}"] = one(f"slurmd@{node}", "root", "slurmd", "-D", "-N", node)
        if node in (gateways or {}):
            every[f"slurmd@{node}"]["host"] = gateways[node]
    every |= gateway.specifications(directory, weir, gateways, one)
    if site:
        every |= site_services.specifications(directory, one)
    if period:
        every |= telemetry.specifications(directory, layout, period, one)
    if services:
        every |= balancer.specifications(directory, one)
    if weir and os.access(f"{weir}/bin/weirctld", os.X_OK):
        every["weirctld"] = one("weirctld", "slurm", controller)
    return every


def log_of(directory, name):
    """The files in which to look for what a daemon said, the telling one first."""
    base, _, node = name.partition("@")
    own = {"munged": "state/munge/munged.log", "slurmd": f"log/slurmd.{node}.log"}
    first = own.get(base, f"log/{base}.log")
    return [f"{directory}/{first}", f"{directory}/log/{name}.out"]


def said_by_child(parent_output):
    """What a child of slurmctld wrote to the stderr that it shares with slurmctld."""
    return "\n".join(line for line in parent_output.splitlines()
                     if not line.startswith(("slurmctld: ", "slurmscriptd: ")))


def matches(process, name):
    """Whether a process (of Namespace.processes) is the daemon's; nginx's workers are too. A zombie has a
    name only."""
    base, _, node = name.partition("@")
    if process["name"] not in (base[:15], f"{base}-session"):  # the latter are sshd's, from OpenSSH 9.8 on
        return False
    return not node or node in process["argv"]
