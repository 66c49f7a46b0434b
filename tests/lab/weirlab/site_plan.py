# SPDX-License-Identifier: GPL-2.0-or-later
"""What a site is asked to be: `west`, `west:4` (nodes) or a dict with
  name, nodes   how many; its nodes are n1, n2, ... in the partition batch
  gpus          "a100:4" of each node; cpus, memory (MiB)
  prefix        of its accounts' names, "w-" unless said
  scratch_mib   the size of its shared file system
  slurm_conf    lines that win over the lab's
  root          the folder of another Debian release, whose programs it runs (tests/releases makes one); else
                $WEIR_SITE_ROOT, else this machine's
"""

import os
import re

from . import users
from .errors import LabError

_DEFAULTS = {"name": None, "nodes": 2, "gpus": "a100:4", "cpus": 32, "memory": 256000, "prefix": None,
             "scratch_mib": 256, "slurm_conf": (), "root": None}
_TAKEN = {"etc", "log", "plugins", "home", "tmp", "state", "spool", "dev", "gpu", "private", "weir"}
_IN_A_ROOT = ("etc/passwd", "etc/group", "etc/hosts", "etc/slurm", "usr/sbin/slurmctld", "usr/sbin/slurmrestd")
MOST = 8


def check(sites):
    """The sites as dicts with every key."""
    plans = [_one(site) for site in sites]
    names = [plan["name"] for plan in plans]
    if len(set(names)) != len(names):
        raise LabError(f"sites: {', '.join(names)} names one twice")
    if len(plans) > MOST:
        raise LabError(f"a lab has at most {MOST} sites, not {len(plans)}")
    return plans


def _one(site):
    if isinstance(site, str):
        name, _, nodes = site.partition(":")
        if nodes and not nodes.isdigit():
            raise LabError(f"site {site!r}: {nodes!r} is no number of nodes")
        site = {"name": name} | ({"nodes": int(nodes)} if nodes else {})
    unknown = set(site) - set(_DEFAULTS)
    if unknown:
        raise LabError(f"sites: unknown key {sorted(unknown)[0]!r} (known: {', '.join(sorted(_DEFAULTS))})")
    plan = _DEFAULTS | site
    if not re.fullmatch(r"[a-z][a-z0-9]{0,13}", plan["name"] or "") or plan["name"] in _TAKEN | {"lo", "home"}:
        raise LabError(f"sites: {plan['name']!r} is no name for a site (small letters and digits, at most 14)")
    plan["prefix"] = plan["prefix"] or f"{plan['name'][0]}-"
    plan["slurm_conf"] = list(plan["slurm_conf"])
    plan["root"] = plan["root"] or os.environ.get("WEIR_SITE_ROOT")
    plan["root"] = plan["root"] and os.path.abspath(plan["root"])
    if plan["root"] == "/":
        plan["root"] = None
    if plan["root"]:
        for path in _IN_A_ROOT:
            if not os.path.lexists(f"{plan['root']}/{path}"):
                raise LabError(f"sites: {plan['root']} is no release's root for a site: it has no {path}")
    return plan


def hosts(prefix, count):
    """`n[1-3]`, or `n1`."""
    return f"{prefix}[1-{count}]" if count > 1 else f"{prefix}1"


def layout(plan):
    """The site's own layout."""
    nodes = hosts("n", plan["nodes"])
    return {"nodes": [{"names": nodes, "gpus": plan["gpus"], "cpus": plan["cpus"], "memory": plan["memory"]}],
            "partitions": [{"name": "batch", "nodes": nodes, "default": True}],
            "accounts": users.People(prefix=plan["prefix"]).accounts(users.ACCOUNTS)}


def gateways(plans):
    """The gateway nodes that home has unless its layout says: as many as the site has nodes, of their size."""
    return [{"site": plan["name"], "names": hosts(plan["name"] + "-", plan["nodes"]), "gpus": plan["gpus"],
             "cpus": plan["cpus"], "memory": plan["memory"], "partition": plan["name"]} for plan in plans]
