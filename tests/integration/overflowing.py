# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of overflow share these sites, with what they add to their terms and to the policy."""

import json
import tempfile

from support import Weir
from weirlab import site_policy

TERMS = "    price: {currency: USD, gpu_hour: {other: 0.60}}\n"
POLICY = """mode: act
{top}sites:
{sites}overflow:
  - {{name: spill, partitions: [train], default: never, value_of_time: 0.20{rule}}}
"""


def policy(directory, sites, top="", rule="", wait="5s"):
    """weir.yaml with these sites, {name: terms}."""
    texts = [site_policy.site(name, 4, directory, f"    max_remote_wait: {wait}\n{terms}")
             for name, terms in sites.items()]
    return POLICY.format(top=top, sites="".join(texts), rule=rule)


def overflowing(module_lab, weir, top="", terms=TERMS, rule="", sites=None, wait="5s", nodes=2, **options):
    """A lab with the site west, or with these, {name: terms}."""
    directory = tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    sites = sites or {"west": terms}
    return module_lab(directory=directory, nodes=nodes, sites=[f"{name}:4" for name in sites], weir=weir,
                      policy=policy(directory, sites, top, rule, wait), **options)


class Overflow:
    """A lab with sites and the whole of Weir, and the words that tests of who is sent where are told in."""

    def __init__(self, home, **terms):
        self.home, self.wait, self.run, self.terms = home, home.wait, home.run, terms
        self.weir = Weir(home)

    # What is set

    def apply(self, tell=None, more="", **changes):
        """Has weirctld read its policy with these changes (sites, top, rule, wait) and more for the rule, by SIGHUP or
        as `tell` does."""
        terms = self.terms | changes
        text = policy(self.home.directory, **terms | {"rule": terms["rule"] + more})
        assert not self.weir.apply(self.home.with_host_keys(text), tell)
        self.weir.cycles(1)

    def fill(self):
        """Nobody can start in train until the job that this returns ends."""
        count = sum(name.startswith("t") for name in self.home.facts["nodes"])
        job = self.home.sbatch(["--time=60", "--exclusive", f"--nodes={count}"], script="sleep 3600", user="bob",
                               partition="train")
        self.home.wait_state(job, "RUNNING", timeout=60)
        return job

    def open(self):
        """Waits until every site takes jobs."""
        self.wait(lambda: {site["name"]: site["state"] for site in self.ask("sites")["sites"]}, 90, "sites to be open",
                  until=lambda states: set(states.values()) == {"open"})

    def submit(self, *options, script="true", user="alice", gpus=1, minutes=60):
        return self.home.sbatch([f"--time={minutes}", f"--gpus-per-node={gpus}", *options], script=script, user=user,
                                partition="train")

    def cancel(self, *jobs):
        self.run(["scancel", *map(str, jobs)])
        for job in jobs:
            self.home.wait_state(job, "CANCELLED", timeout=60)

    # What is seen

    def ask(self, *words):
        """What `weir` answers as JSON."""
        return json.loads(self.run(["weir", "--json", *words]).stdout)

    def told(self, *words, columns=80):
        """What it prints for people."""
        return self.run(["weir", *words], env={"COLUMNS": str(columns)}).stdout

    def site(self, name="west"):
        return next(site for site in self.ask("sites")["sites"] if site["name"] == name)

    def vouchers(self, site="west"):
        return {voucher["name"]: voucher for voucher in self.site(site)["vouchers"]}

    def budget(self):
        return self.ask("sites")["budgets"][0]

    def explained(self, job):
        return self.ask("explain", str(job))["jobs"][0]

    def why(self, job, text, timeout=60):
        """Waits until a sentence of why the job is where it is holds the text; returns them all."""
        return self.wait(lambda: self.explained(job)["why"], timeout, f"job {job} to be explained by {text!r}",
                         until=lambda said: any(text in sentence for sentence in said))

    def ended(self, job, state="COMPLETED", timeout=120):
        """Waits for the end of a job; returns the site where it ran, or "home"."""
        nodes = self.home.wait_state(job, state, timeout)["NodeList"]
        return next((name for name in self.terms["sites"] if nodes.startswith(f"{name}-")), "home")

    def raw_ids(self, job):
        """The ids under which Slurm knows a job or each of its tasks."""
        lines = self.run(["sacct", "-X", "-n", "-P", "-D", "-j", str(job), "-o", "jobidraw"]).stdout.split()
        return sorted({int(line) for line in lines})

    def copies(self, *jobs, site):
        """What the site's accounting has of the jobs' copies: dicts of job, id, state, seconds, gpus and nodes."""
        fields = "jobid,jobname,state,elapsedraw,nnodes,alloctres"
        lines = self.home.sites[site].run(["sacct", "-a", "-X", "-n", "-P", "-o", fields]).stdout.splitlines()
        found = []
        for number, name, state, seconds, nodes, tres in (line.split("|") for line in lines):
            if not name.startswith("weir.") or int(name.split(".")[2]) not in jobs:
                continue
            gpus = next((int(one.rpartition("=")[2]) for one in tres.split(",") if one.startswith("gres/gpu=")), 0)
            found.append({"job": int(name.split(".")[2]), "id": int(number), "state": state.split()[0],
                          "seconds": int(seconds), "gpus": gpus, "nodes": int(nodes)})
        return found

    def ran(self, *jobs, site):
        """Waits until the site's accounting says that exactly one copy of each of the jobs ran there and completed."""
        return self.wait(lambda: self.copies(*jobs, site=site), 60, f"one copy of each of {jobs} at {site}",
                         until=lambda seen: sorted((one["job"], one["state"]) for one in seen)
                         == [(job, "COMPLETED") for job in sorted(jobs)])
