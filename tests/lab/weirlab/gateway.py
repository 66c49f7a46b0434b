# SPDX-License-Identifier: GPL-2.0-or-later
"""The gateway host of a lab: where the slurmds of the gateway nodes run, and weir-gateway where the build has it.
The latter is started with the lab if the policy has
sites. The host is home's machine under another name, with another plugstack.conf and a Prolog, and gives nobody a
shell (weirlab.host)."""

import os
import shutil
from pathlib import Path

from .errors import LabError
from .hostlist import expand

HOST, URL = "gw1", "http://127.0.0.1:9812/sites"
_PROLOG = Path(__file__).resolve().parents[3] / "packaging" / "etc" / "weir-gateway-prolog"
_KEYS = {"site", "names", "gpus", "cpus", "memory", "partition", "host"}


def add(layout, gateways, sites):
    """The layout with its gateway nodes and their partitions; returns it and {gateway node: its host}."""
    layout = layout | {"nodes": list(layout["nodes"]), "partitions": list(layout.get("partitions", []))}
    layout.pop("gateways", None)
    hosts = {}
    for gateway in gateways:
        unknown = set(gateway) - _KEYS
        if unknown or not {"site", "names"} <= set(gateway):
            raise LabError(f"layout's gateways: {gateway!r} has no site, no names, or the unknown key "
                           f"{sorted(unknown)[:1]} (known: {', '.join(sorted(_KEYS))})")
        if gateway["site"] not in sites:
            raise LabError(f"layout's gateways: no site {gateway['site']!r}")
        names = gateway["names"] if isinstance(gateway["names"], str) else ",".join(gateway["names"])
        kind = {key: gateway[key] for key in ("gpus", "cpus", "memory") if key in gateway}
        for part in _parts(names):
            layout["nodes"].append(kind | {"names": part, "gateway": gateway.get("host", HOST)})
        layout["partitions"].append({"name": gateway.get("partition", gateway["site"]), "nodes": names})
        hosts |= {name: gateway.get("host", HOST) for name in expand(names)}
    if len(set(hosts.values())) > 1:
        raise LabError(f"a lab has one gateway host, not {', '.join(sorted(set(hosts.values())))}")
    return layout, hosts


def _parts(names):
    """A host list's parts: a NodeName line has one."""
    parts, depth = [""], 0
    for letter in names:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def plugstack(directory, weir):
    """The gateway host's plugstack.conf: without a working spank_weir nothing may run there."""
    if not weir or not os.path.exists(f"{weir}/lib/spank_weir.so"):
        return ""
    return (f"required {directory}/plugins/spank_weir.so gateway=/run/weir/gateway.sock "
            f"relay={directory}/plugins/weir-relay\n")


def slurm_conf(directory, gateways, weir):
    """Lines of slurm.conf: a Prolog, which is another program on the gateway host."""
    return [f"Prolog={directory}/etc/prolog"] if gateways and plugstack(directory, weir) else []


def start_host(lab, weir):
    """Makes the gateway host, if the lab has one."""
    text = plugstack(lab.directory, weir)
    if text:
        shutil.copyfile(f"{weir}/bin/weir-relay", lab.path("plugins/weir-relay"))
        os.chmod(lab.path("plugins/weir-relay"), 0o755)
        lab.write("etc/prolog", "#!/bin/sh\n", mode=0o755)
    for host in set(lab.facts["gateways"].values()):
        own = {"plugstack.conf": text, "passwd": lab.read("private/passwd").replace("/bin/bash", "/usr/sbin/nologin")}
        files = {"plugstack.conf": [f"{lab.directory}/etc/plugstack.conf"], "passwd": ["/etc/passwd"]}
        files["plugstack.conf"] += ["/etc/slurm/plugstack.conf"] if os.path.isdir(lab.path("/etc/slurm")) else []
        if text:
            own["prolog"], files["prolog"] = _PROLOG.read_text(encoding="utf-8"), [f"{lab.directory}/etc/prolog"]
        for name, content in own.items():
            lab.write(f"private/{host}.{name}", content, mode=0o755 if name == "prolog" else 0o644)
        seen = {path: lab.inside(f"private/{host}.{name}") for name, paths in files.items() for path in paths}
        lab.facts["hosts"][host] = lab.namespace.ask(do="host", name=host, files=seen)["pid"]


def specifications(directory, weir, hosts, one):
    """Its own entry in the table of daemons; `one` makes one."""
    if not hosts or not weir or not os.access(f"{weir}/bin/weir-gateway", os.X_OK):
        return {}
    host = next(iter(hosts.values()))
    return {"weir-gateway": one("weir-gateway", "slurm", f"{directory}/weir/bin/weir-gateway", "--host", host,
                                "--state", f"{directory}/state/weir-gateway")
            | {"host": host}}


class Gateway:
    """Part of Lab: what concerns its gateway host."""

    def gateway_plugstack(self, text):
        """Replaces the gateway host's plugstack.conf, which every new step reads."""
        for host in self.facts["hosts"]:
            self.write(f"private/{host}.plugstack.conf", text)

    def small_disk(self, path, kib, owner):
        """Puts a file system of that size over a folder of the lab's, as the gateway host alone sees it."""
        [host] = self.facts["hosts"]
        uid, gid = self.people.identity(owner)
        self.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0755,uid={uid},gid={gid}", "small",
                  self.inside(path)], host=host)

    def start_gateway(self):
        """weir-gateway, until it answers."""
        self.start("weir-gateway")
        self.ready("weir-gateway", lambda: self.run(["curl", "-sf", URL]).stdout, 20)
