# SPDX-License-Identifier: GPL-2.0-or-later
"""What there is to see of the second act, look by look: the nodes of home and of the gateways, the jobs on
them, the money, and what Weir did and why."""

import dataclasses

from weirlab import expand

from live import Scene
from overflow_lab import HOME_NODES, SITES, VOUCHER, ask_sites
from watch import Journal

HOME = [f"t{number}" for number in range(1, HOME_NODES + 1)]
GATEWAYS = {site: [f"{site}-{number}" for number in range(1, count + 1)] for site, count in SITES.items()}
PLACES = ("home", *SITES)
WAITS, RUNS = ("PENDING",), ("RUNNING", "COMPLETING", "CONFIGURING")
_GLYPHS = {
    "full": ("█", "#", "34", "fills home"),
    "home": ("▓", "=", "36", "backlog, at home"),
    "away": ("▒", "+", "32", "at a site"),
    "way": ("◇", "!", "33", "between the two"),
    "idle": ("·", ".", "2", "idle"),
}


@dataclasses.dataclass
class Record:
    """A job as squeue has it."""

    state: str
    nodes: list
    reason: str

    @property
    def place(self):
        return place_of(self.nodes) if self.state in RUNS else None


@dataclasses.dataclass
class Seen:
    """One look at an arm."""

    at: float
    jobs: dict       # id: Record
    use: dict        # what the glyph of each node shows
    money: str
    sentences: list  # new since the last look
    beside: object = None  # the look at the other arm

    def count(self):
        """How many wait, run at each place, and are over."""
        records = list(self.jobs.values())
        running = [record.place for record in records if record.place]
        return (sum(record.state in WAITS for record in records), {place: running.count(place) for place in PLACES},
                sum(record.state not in WAITS + RUNS for record in records))


def place_of(nodes):
    """home, or the site whose gateway nodes these are; None for none."""
    if not nodes:
        return None
    return next((site for site, gateways in GATEWAYS.items() if nodes[0] in gateways), "home")


def _status(seen):
    waiting, running, over = seen.count()
    lines = [("", f"waiting {waiting}, running {', '.join(f'{place} {running[place]}' for place in PLACES)}, "
                  f"over {over}"), ("paid", seen.money)]
    if seen.beside:
        waiting, running, over = seen.beside.count()
        lines.append(("without", f"waiting {waiting}, running {sum(running.values())}, over {over}"))
    else:
        lines.append(("without", ""))
    return lines


SCENE = Scene([HOME, *GATEWAYS.values()], _GLYPHS, _status, 3)


class Watch:
    def __init__(self, lab):
        self._lab, self._journal = lab, Journal(lab)
        self._money = ""

    def look(self, at):
        output = self._lab.run(["squeue", "-a", "-h", "-t", "all", "-o", "%A|%T|%N|%r|%j"]).stdout
        use = {node: "idle" for node in sum(GATEWAYS.values(), HOME)}
        told, jobs = ask_sites(self._lab), {}
        running = {job["job"] for job in told.get("jobs", []) if job["stage"] == "running"}
        for line in output.splitlines():
            job, state, nodes, reason, name = line.split("|")
            record = jobs[int(job)] = Record(state, expand(nodes), reason)
            for node in record.nodes if record.place else ():
                use[node] = ("full" if name == "pretrain" else "home" if record.place == "home" else
                             "away" if job in running else "way")
        return Seen(at, jobs, use, self._paid(told), self._sentences())

    def _paid(self, told):
        """What has been settled so far; as before while weirctld does not answer."""
        if told.get("sites"):
            used = sum(voucher["used"] for site in told["sites"] for voucher in site["vouchers"]) * 3600
            spent = sum(site["spent_this_month"] for site in told["sites"])
            self._money = f"{used:.0f} of {VOUCHER} GPU-seconds of the voucher, and {spent:.2f} {told['currency']}"
        return self._money

    def _sentences(self):
        said = []
        for step in self._journal.steps():
            if not step.get("ok"):
                said.append(("failed", f"{step['do']} failed: {step.get('error')}"))
            elif step["kind"] in ("nominate", "take_back"):
                said.append(("send" if step["kind"] == "nominate" else "back", f"{step['do']}: {step['why']}"))
        return said
