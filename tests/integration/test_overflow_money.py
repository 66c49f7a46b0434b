# SPDX-License-Identifier: GPL-2.0-or-later
"""What is set aside and paid for jobs at two sites, from end to end on real Slurm: vouchers, then money, never more
than there is, and exactly once whatever is killed or lost. A GPU-second costs a cent at west and two at north, so that
sums are exact."""

import os
import re
import signal
from datetime import date, timedelta

import pytest

from mirroring import output, own, told
from overflowing import Overflow, overflowing
from support import STATE

TOP = """cycle: 1s
home:
  price: {gpu_hour: {other: 200}}
"""
CENTS = {"west": 1, "north": 2}  # a GPU-second
EGRESS = {"west": 0, "north": 1000}  # USD for 10^9 bytes
WAIT = "20s"


def with_vouchers(**vouchers):
    """Sites with these vouchers, {site: text}."""
    price = "    price: {{currency: USD, gpu_hour: {{other: {hour}}}, egress_gb: {egress}}}\n"
    return {name: price.format(hour=36 * cents, egress=EGRESS[name]) +
            (f"    vouchers: [{vouchers[name]}]\n" if name in vouchers else "") for name, cents in CENTS.items()}


def voucher(name, gpu_seconds, more=""):
    return f"{{name: {name}, gpu_hours: {gpu_seconds / 3600:.6f}{more}}}"


TERMS = {"sites": with_vouchers(), "top": TOP, "rule": ", stay: 1s", "wait": WAIT}


@pytest.fixture(scope="module")
def sites(module_lab, build_dir):
    """Home, whose train is full, and two sites."""
    by_hand = {"WEIR_CONTROLLER": "/bin/true"}  # slurmctld would wait longer after each death of weirctld
    overflow = Overflow(overflowing(module_lab, build_dir, nodes=3, env=by_hand, **TERMS), **TERMS)
    overflow.home.start("weirctld")
    overflow.weir.status(60)
    overflow.full = overflow.fill()
    overflow.open()
    return overflow


@pytest.fixture(autouse=True)
def full(sites):
    if sites.home.job(sites.full)["JobState"] != "RUNNING":
        sites.full = sites.fill()


def seconds(gpu_hours):
    return round(gpu_hours * 3600)


class Books:
    """What was used and spent since this was made, by what weir tells."""

    def __init__(self, sites, site="west"):
        self.sites, self.site, self.before = sites, site, self.now(sites, site)

    @staticmethod
    def now(sites, site):
        told_now = sites.site(site)
        used = {one["name"]: seconds(one["used"]) for one in told_now["vouchers"]}
        return used, round(100 * told_now["spent_this_month"]), seconds(told_now["gpu_hours_this_month"])

    def since(self):
        used, cents, work = self.now(self.sites, self.site)
        return ({name: amount - self.before[0].get(name, 0) for name, amount in used.items()},
                cents - self.before[1], work - self.before[2])

    def settled(self, *jobs):
        """Waits until nothing is set aside and the work of all jobs' copies, by the site's own accounting, is in
        the sums; returns what was used of vouchers, cents and GPU-seconds."""
        copies = self.sites.ran(*jobs, site=self.site)
        ran = sum(copy["seconds"] * copy["gpus"] for copy in copies)
        seen = self.sites.wait(self.since, 60, f"{ran} GPU-seconds at {self.site} to be settled",
                               until=lambda since: since[2] >= ran)
        assert seen[2] == ran
        assert set(vouchers_aside(self.sites, self.site)) <= {0}
        return seen


def vouchers_aside(sites, site):
    return [one["aside"] for one in sites.site(site)["vouchers"]]


def test_a_voucher_is_used_up_and_then_money_is_paid_and_what_comes_back_too(sites):
    soon = date.today() + timedelta(days=3)
    sites.apply(sites=with_vouchers(west=", ".join([
        voucher("gift", 30, f", until: {soon}"), voucher("old", 99999, f", until: {date.today() - timedelta(days=1)}"),
        voucher("serving", 99999, ", accounts: [serving]"), voucher("h100", 99999, ", gpus: [h100]")])),
        more=", budget: {per_day: 50}")
    text = sites.told("sites")
    assert f"voucher gift: 0.0 of 0.0 GPU-hours left, until {soon}" in text, text
    books = Books(sites)
    first = sites.submit("--weir-overflow=allow:west", gpus=2, minutes=1, script="sleep 17")
    aside = sites.wait(lambda: (seconds(sites.vouchers()["gift"]["aside"]), sites.budget()["aside"]), 30,
                       "the worst case to be set aside", until=lambda seen: seen[0])
    assert aside == (30, pytest.approx(2.10))  # of 240 GPU-seconds: a minute, and one of overtime
    assert sites.ended(first) == "west"
    used, cents, work = books.settled(first)
    assert work > 30 and used == {"gift": 30, "old": 0, "serving": 0, "h100": 0} and cents == work - 30
    assert sites.vouchers()["gift"]["left"] == 0 and sites.budget()["today"] == pytest.approx(cents / 100)
    books, north = Books(sites), Books(sites, "north")
    second = sites.submit("--weir-overflow=allow:west", minutes=1, script="sleep 2")
    serving = sites.submit("--weir-overflow=allow:west", "--account=serving", minutes=1, script="sleep 2")
    heavy = sites.submit("--weir-overflow=prefer:north", "--weir-stage-out=result", minutes=1,
                         script="head -c 2000000 /dev/zero >result; sleep 1", user="bob")
    assert [sites.ended(job) for job in (second, serving, heavy)] == ["west", "west", "north"]
    used, cents, work = books.settled(second, serving)
    [copy] = sites.copies(serving, site="west")
    assert used == {"gift": 0, "old": 0, "serving": copy["seconds"], "h100": 0}
    assert cents == work - copy["seconds"] > 0
    used, cents, work = north.settled(heavy)
    assert cents == 2 * work + 200 and work > 0  # two dollars for what came back


def under_way(sites, site):
    """How many jobs may start at the site, or wait or run there. Asked in this order none is counted twice."""
    there = sites.home.sites[site].run(["squeue", "-h", "-t", "PD,R", "-o", "%j"]).stdout.split()
    nominated = sites.run(["squeue", "-h", "-r", "-t", "PD", "-o", "%P"]).stdout.split()
    return sum(site in names.split(",") for names in nominated) + len(there)


def test_ten_jobs_at_once_never_overdraw_a_voucher_or_a_budget(sites):
    # A job can cost 120 GPU-seconds: of a voucher at west, of the budget at north, where it brings back less than the
    # cent's worth that it is reckoned to; both cover three.
    before = sites.budget()["today"]
    sites.apply(sites=with_vouchers(west=voucher("three", 360)),
                more=f", egress: 10kB, budget: {{per_day: {before + 3 * (120 * 0.02 + 0.01):.6f}}}")
    books = {site: Books(sites, site) for site in ("west", "north")}
    script = 'echo "ran"; sleep 4'
    for_nothing = ("--weir-overflow=prefer:west", "--weir-max-cost=0")
    west = [sites.submit(*for_nothing, minutes=1, script=script) for _ in range(10)]
    north = [sites.submit("--weir-overflow=prefer:north", minutes=1, script=script, user="bob") for _ in range(10)]
    most, freed = {"west": 0, "north": 0}, False

    def look():
        """Asserts that all is covered at this moment; returns the jobs that are not over."""
        nonlocal freed
        told_now = sites.ask("sites")
        [three] = next(site for site in told_now["sites"] if site["name"] == "west")["vouchers"]
        assert three["used"] + three["aside"] <= three["gpu_hours"] + 1e-9 and three["left"] >= 0
        budget = told_now["budgets"][0]
        assert budget["today"] + budget["aside"] <= budget["per_day"] + 1e-9
        for site in most:
            most[site] = max(most[site], under_way(sites, site))
        left = set(map(int, sites.run(["squeue", "-h", "-o", "%A"]).stdout.split()))
        if not freed and len(left & set(west)) <= 7 and len(left & set(north)) <= 7:
            sites.cancel(sites.full)  # the others may run at home, too
            freed = True
        return left & set(west + north)

    sites.wait(look, 240, "all jobs to be over", until=lambda left: not left)
    assert most == {"west": 3, "north": 3}
    where = {job: sites.ended(job) for job in west + north}
    ran = {site: [job for job, place in where.items() if place == site] for site in ("west", "north", "home")}
    assert set(ran["west"]) < set(west) and set(ran["north"]) < set(north) and ran["home"]
    assert len(ran["west"]) >= 3 and len(ran["north"]) >= 3
    used, cents, work = books["west"].settled(*ran["west"])
    assert used == {"three": work} and cents == 0 and work <= 360
    used, cents, work = books["north"].settled(*ran["north"])
    assert not used and cents == 2 * work <= 720
    for site in ("west", "north"):  # of the others it has never heard
        assert not sites.copies(*(set(west + north) - set(ran[site])), site=site)
    for job in west + north:
        assert own(output(sites.home, job, "alice" if job in west else "bob")) == ["ran"]


def test_what_jobs_are_reckoned_to_bring_back_is_set_aside_too(sites):
    # At most 2.40 for 120 GPU-seconds and 2.00 for 2 MB; the budget covers two, and then some.
    before, each = sites.budget()["today"], 4.40
    sites.apply(sites=with_vouchers(), more=f", egress: 2MB, budget: {{per_day: {before + 2 * each + 1.50:.6f}}}")
    books, most = Books(sites, "north"), 0
    jobs = [sites.submit("--weir-overflow=prefer:north", f"--weir-stage-out=result-{number}", minutes=1, user="bob",
                         script=f"head -c 1500000 /dev/zero >result-{number}; sleep 3") for number in range(4)]

    def look():
        nonlocal most
        budget = sites.budget()
        assert budget["today"] + budget["aside"] <= budget["per_day"] + 1e-9
        most = max(most, round(budget["aside"] / each, 6))
        return set(jobs) & set(map(int, sites.run(["squeue", "-h", "-o", "%A"]).stdout.split()))

    sites.wait(look, 180, "all jobs to be over", until=lambda left: not left)
    assert [sites.ended(job) for job in jobs] == ["north"] * 4
    used, cents, work = books.settled(*jobs)
    assert most == 2 and cents == 2 * work + 4 * 150


def lose_node(sites, job):
    """The gateway node of a job is lost, with all that ran on it; returns its name."""
    node = sites.home.job(job)["NodeList"]
    sites.home.kill(f"slurmd@{node}")
    pattern = f"(weir-relay.*--job {job} |slurmstepd: .{job}[.])"
    for pid in re.findall(r"^\s*(\d+)", sites.run(["pgrep", "-f", pattern], check=False).stdout, re.MULTILINE):
        sites.run(["kill", "-9", pid], check=False)
    sites.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], user="slurm")
    return node


def test_a_copy_whose_gateway_node_is_lost_is_taken_up_again_and_paid_once(sites):
    sites.apply(sites=with_vouchers(west=voucher("some", 5)))
    books = Books(sites)
    job = sites.submit("--weir-overflow=prefer:west", script="for i in $(seq 1 30); do echo $i; sleep 0.5; done")
    sites.wait(lambda: "2" in own(output(sites.home, job)), 60, "it to run")
    assert sites.home.job(job)["NodeList"].startswith("west-")
    node = lose_node(sites, job)
    sites.wait(lambda: sites.home.job(job)["Restarts"], 60, "it to be requeued", until=lambda count: count == "1")
    sites.home.wait_state(job, "RUNNING", 60)
    assert sites.ended(job) == "west"
    assert own(output(sites.home, job)) == [str(i) for i in range(1, 31)]
    used, cents, work = books.settled(job)
    assert used == {"some": 5} and cents == work - 5 and work >= 15
    assert [run["job"] for run in finished(sites, "west")].count(job) == 1
    sites.home.start(f"slurmd@{node}")
    sites.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False)  # it may be up by itself
    sites.wait(lambda: sites.home.node(node)["State"], 60, f"{node} to be up", until=lambda state: "DOWN" not in state)


def finished(sites, site):
    """The copies that have ended, as the gateway tells."""
    return next(one for one in told(sites.home)["sites"] if one["name"] == site)["finished"]


def dead(sites):
    return not sites.home.pids("weirctld", zombies=False)


def kill(sites, at_point=0):
    """weirctld is killed, and started again; that one kills itself at its n-th crash point, if one is given."""
    sites.home.kill("weirctld", signal.SIGKILL)
    sites.wait(lambda: dead(sites), 20, "weirctld to be dead")
    if at_point:
        sites.home.write(f"{STATE}/crash_at", str(at_point), owner="slurm", mode=0o600)
    sites.home.start("weirctld")


def test_weirctld_killed_at_any_point_goes_on_and_pays_once(sites):
    sites.apply(sites=with_vouchers(west=voucher("any", 20)))
    books = Books(sites)
    jobs = []
    for point in range(1, 13):  # its leaning noted; its nomination noted, written, noted as written, ...
        kill(sites, point)
        for _ in range(5):  # cycles that are far apart pass fewer points for a job
            jobs.append(sites.submit("--weir-overflow=prefer:west", script="echo ran; sleep 3"))
            sites.wait(lambda: dead(sites) or sites.home.job(jobs[-1])["JobState"] == "COMPLETED", 60,
                       f"weirctld to die at point {point}, or its job to be over")
            if dead(sites):
                break
        assert dead(sites), point
    kill(sites)
    sites.home.wait_state(jobs[-1], {"RUNNING", "COMPLETED"}, 60)
    kill(sites)  # while it runs
    assert {sites.ended(job) for job in jobs} == {"west"}
    kill(sites)  # has just ended
    used, cents, work = books.settled(*jobs)
    assert 0 < used["any"] <= 20 and cents == work - used["any"]
    for job in jobs:
        assert own(output(sites.home, job)) == ["ran"]


def test_a_lost_ledger_is_made_up_from_what_the_gateway_tells(sites):
    sites.apply(sites=with_vouchers(west=voucher("late", 25)))
    _, _, west = Books.now(sites, "west")
    north = Books.now(sites, "north")
    running = sites.submit("--weir-overflow=prefer:west", minutes=1, script="echo ran; sleep 15")
    sites.home.wait_state(running, "RUNNING", 60)
    sites.wait(lambda: "ran" in own(output(sites.home, running)), 60, "it to run there")
    sites.home.kill("weirctld", signal.SIGSTOP)  # it writes no more
    os.unlink(sites.home.path(f"{STATE}/ledger.json"))
    kill(sites)
    sites.weir.status(60)
    # All that ever ran is in the sums again, what runs is set aside.
    for site, sums in (("west", ({"late": 25}, west - 25, west)), ("north", north)):
        sites.wait(lambda site=site: Books.now(sites, site), 60, f"{site}'s runs to be in the sums",
                   until=lambda seen, sums=sums: seen == sums)
    sites.wait(lambda: sites.budget()["aside"], 60, "what runs to be set aside", until=lambda aside: aside == 1.20)
    books = Books(sites)
    assert sites.ended(running) == "west" and own(output(sites.home, running)) == ["ran"]
    used, cents, ran = books.settled(running)
    assert used == {"late": 0} and cents == ran >= 15
    sites.wait(lambda: sites.budget()["aside"], 60, "nothing to be set aside", until=lambda aside: aside == 0)
