# SPDX-License-Identifier: GPL-2.0-or-later
"""How a lab comes up: what is asked is checked, then home and its sites come up side by side."""

import concurrent.futures
import json
import os
import re
import time

from . import (balancer as balancers, daemons, gateway, layout as layouts, network, site_plan, site_release,
               site_secrets, site_services, stages, telemetry as telemetries, users, worlds)
from .errors import LabError
from .lab import passed_on
from .namespace import Namespace
from .sites import Site


class Plan:
    """What home shall be, checked; the arguments are those of Lab.up."""

    def __init__(self, nodes, gpus, policy, weir, scheduler, layout, slurm_conf, env, telemetry, balancer, sites):
        if scheduler not in ("backfill", "weir", "stock"):
            raise LabError(f"no scheduler {scheduler!r} (backfill, weir or stock)")
        if scheduler == "weir" and not weir:
            raise LabError("--scheduler weir needs --weir BUILD_DIR")
        if weir and not os.path.isdir(weir):
            raise LabError(f"no build directory {weir}")
        self.weir, self.scheduler = os.path.abspath(weir) if weir else None, scheduler
        layout = layouts.check(dict(layout) if layout else layouts.default(nodes, gpus))
        self.accounts = stages.check_accounts(layout.get("accounts", users.ACCOUNTS))
        self.sites = site_plan.check(sites or [])
        gateways = layout.get("gateways", site_plan.gateways(self.sites))
        layout, self.gateways = gateway.add(layout, gateways, {site["name"] for site in self.sites})
        self.layout, self.names = layouts.check(layout), layouts.node_names(layout)
        if telemetry:
            telemetries.check(weir)
        self.telemetry, self.services = telemetry, balancers.check(balancer or [])
        if policy is not None and "\n" not in policy:
            with open(policy, encoding="utf-8") as file:
                policy = file.read()
        self.policy, self.slurm_conf = policy, slurm_conf
        self.environment = passed_on() | dict(env or {})


def up(make, directory, plan, report):
    """The lab that the plan says; `make` makes the object. On any failure nothing is left."""
    began = time.monotonic()

    def done(what):
        report(f"lab: {time.monotonic() - began:5.1f} s  {what}")

    asked = [worlds.of_site(number, site, directory) for number, site in enumerate(plan.sites, 1)]
    lab = make(Namespace.start(directory, [worlds.home(directory, plan.weir, plan.sites), *asked]))
    workers = concurrent.futures.ThreadPoolExecutor(max(1, len(plan.sites)))
    try:
        lab.sites = {site["name"]: Site(lab, number, site) for number, site in enumerate(plan.sites, 1)}
        for each in [workers.submit(_prepare_site, site) for site in lab.sites.values()]:
            each.result()
        _prepare(lab, plan)
        coming = [workers.submit(_site, site, done) for site in lab.sites.values()]
        _home(lab, plan, done)
        for each in coming:
            each.result()
        if "weir-gateway" in lab.facts["daemons"] and re.search("^sites:", plan.policy or "", re.MULTILINE):
            lab.start_gateway()
            done("weir-gateway")
        lab.namespace.complete()
    except BaseException:
        lab.down()
        raise
    finally:
        workers.shutdown(wait=False)
    return lab


def _prepare(lab, plan):
    """Home's files."""
    lab.facts = {
        "daemons": daemons.specifications(lab.directory, plan.names, plan.environment, plan.weir, plan.layout,
                                          plan.telemetry, plan.services, plan.gateways),
        "environment": plan.environment, "nodes": plan.names, "weir": plan.weir,
        "addresses": telemetries.addresses(plan.layout) if plan.telemetry else {},
        "balancer": plan.services, "sites": plan.sites, "gateways": plan.gateways, "hosts": {}}
    for site in lab.sites.values():
        site_secrets.hand_over(lab, site)
    policy = None if plan.policy is None else lab.with_host_keys(plan.policy)
    weir = plan.weir if plan.scheduler != "stock" else None
    extra = [*gateway.slurm_conf(lab.directory, plan.gateways, weir), *plan.slurm_conf]
    stages.files(lab, plan.layout, policy, plan.weir, plan.scheduler, extra, plan.telemetry, plan.services)
    gateway.start_host(lab, weir)
    lab.write("lab.json", json.dumps(lab.facts))


def _home(lab, plan, done):
    stages.munge(lab)
    done(f"its own namespaces in {lab.directory}, munge")
    stages.database(lab)
    done("MariaDB")
    stages.accounting(lab, plan.accounts)
    done(f"slurmdbd with accounts {', '.join(plan.accounts)}")
    stages.controller(lab)
    done("slurmctld")
    stages.nodes(lab, plan.names, lambda up: None)
    done(f"{len(plan.names)} nodes idle")
    if plan.telemetry:
        stages.gpu_telemetry(lab)
        done("weir-agents, Prometheus")
    if plan.services:
        stages.balancing(lab, plan.services)
        done(f"nginx for {', '.join(plan.services)}")


def _prepare_site(site):
    """The link to it, its keys and its files."""
    network.join(site.home, site)
    layout = layouts.check(site_plan.layout(site.plan))
    names = layouts.node_names(layout)
    site.facts = {"daemons": daemons.specifications(site.directory, names, {}, None, layout, site=True),
                  "environment": {}, "nodes": names, "host_key_sha256": site_secrets.make(site)}
    jwt = ["AuthAltTypes=auth/jwt", f"AuthAltParameters=jwt_key={site.inside(site_secrets.JWT_KEY)}"]
    stages.files(site, layout, dbd=jwt, cgroups=site_release.cgroups(site), extra=[
        f"ClusterName={site.name}", f"SlurmctldHost={site.name}(127.0.0.1)", *jwt, *site.plan["slurm_conf"]])
    for path, text in site_services.files(site).items():
        site.write(path, text)
    with open(os.path.join(os.path.dirname(__file__), "rest_relay.py"), encoding="utf-8") as file:
        site.write("private/rest_relay.py", file.read())
    site.write("lab.json", json.dumps(site.facts))


def _site(site, done):
    stages.munge(site)
    stages.database(site)
    stages.accounting(site, site.people.accounts(users.ACCOUNTS))
    stages.controller(site)
    site_services.start(site)
    stages.nodes(site, site.facts["nodes"], lambda up: None)
    site_release.await_rest(site)
    done(f"site {site.name}: {len(site.facts['nodes'])} nodes idle, REST and SFTP")


def with_host_keys(text, sites):
    """A policy's text with @NAME.host_key_sha256@ replaced."""
    def replaced(match):
        if match[1] not in sites:
            raise LabError(f"the policy has {match[0]}, but the lab has no site {match[1]!r}")
        return sites[match[1]].host_key_sha256

    return re.sub(r"@(\w+)\.host_key_sha256@", replaced, text)
