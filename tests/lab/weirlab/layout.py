# SPDX-License-Identifier: GPL-2.0-or-later
"""Which nodes and partitions a lab has.

A layout is a dict (or JSON file) with
  nodes        [{"names": "t[1-4]", "gpus": "h100:8", "cpus": 64, "memory": 512000, "weight": 1,
                 "extra": "Features=nvlink"}]                only `names` is required
  partitions   [{"name": "train", "nodes": "t[1-4]", "default": true, "extra": "PriorityTier=2"}]
  topology     [{"switch": "s1", "nodes": "t[1-2]"}]         leaves, or {"switch", "switches"}
  slurm_conf   ["PreemptType=preempt/partition_prio", "SchedulerParameters+=bf_max_job_test=50"]
  gres_conf    ["..."]                                       in place of the lab's gres.conf
  accounts     {"research": ["alice", "bob"]}                in place of the lab's accounts
  gateways     [{"site": "west", "names": "west-[1-2]", "gpus": "a100:4", "cpus": 32, "memory": 256000,
                 "partition": "west", "host": "gw1"}]         in place of the nodes that each site gets at home
"""

from .errors import LabError
from .hostlist import expand

_KEYS = {
    "layout": {"nodes", "partitions", "topology", "slurm_conf", "gres_conf", "accounts", "gateways"},
    "nodes": {"names", "gpus", "cpus", "memory", "weight", "extra", "gateway"},
    "partitions": {"name", "nodes", "default", "extra"},
    "topology": {"switch", "nodes", "switches"},
}


def default(nodes, gpus):
    """Training's own nodes t1.., inference's own i1.., and partitions of the names of DESIGN."""
    if nodes < 1:
        raise LabError(f"a lab needs at least one node, not {nodes}")
    serving = 0 if nodes == 1 else 1 if nodes <= 4 else 2
    train = f"t[1-{nodes - serving}]" if nodes - serving > 1 else "t1"
    inference = {0: "", 1: "i1,", 2: "i[1-2],"}[serving]
    kinds = [{"names": train}] + ([{"names": inference.rstrip(",")}] if serving else [])
    for kind in kinds:
        kind["gpus"] = f"h100:{gpus}" if gpus else ""
    return {
        "nodes": kinds,
        "partitions": [
            {"name": "train", "nodes": train, "default": True},
            {"name": "inference", "nodes": f"{inference}{train}"},
        ],
    }


def check(layout):
    """The layout with its keys checked; refuses what it does not know, by name."""
    _known(layout, "layout", "layout")
    for part in ("nodes", "partitions", "topology"):
        for entry in layout.get(part, []):
            _known(entry, part, f"layout's {part}")
    names = node_names(layout)
    if not names:
        raise LabError("the layout has no nodes")
    if len(names) != len(set(names)):
        raise LabError("the layout names a node twice")
    for partition in layout.get("partitions", []):
        wrong = set(expand(partition["nodes"])) - set(names)
        if wrong:
            raise LabError(f"partition {partition['name']} has unknown nodes {sorted(wrong)}")
    return layout


def node_names(layout):
    return [name for kind in layout.get("nodes", []) for name in expand(kind["names"])]


def _known(entry, kind, where):
    unknown = set(entry) - _KEYS[kind]
    if unknown:
        raise LabError(f"{where}: unknown key {sorted(unknown)[0]!r} (known: "
                       f"{', '.join(sorted(_KEYS[kind]))})")
