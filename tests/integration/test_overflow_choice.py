# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of two sites a job goes to, and whether it goes at all, from end to end on real Slurm; and that what went there
ran there once."""

import time
from datetime import datetime, timedelta

import pytest

from mirroring import output, own
from overflowing import Overflow, overflowing

TOP = """cycle: 1s
home:
  price: {gpu_hour: {other: 2.00}}
"""
LATENCY = {"west": "2s", "north": "900ms"}
WAIT = "12s"


def at(west=0.60, north=0.90):
    """Sites at these prices, west the farther one."""
    return {name: f"    price: {{currency: USD, gpu_hour: {{other: {price:.2f}}}}}\n    latency: {LATENCY[name]}\n"
            for name, price in (("west", west), ("north", north))}


TERMS = {"sites": at(), "top": TOP, "rule": ", stay: 1s", "wait": WAIT}


@pytest.fixture(scope="module")
def sites(module_lab, build_dir):
    """Home, whose train is full, and two sites."""
    overflow = Overflow(overflowing(module_lab, build_dir, nodes=3, **TERMS), **TERMS)
    overflow.full = overflow.fill()
    overflow.open()
    overflow.outlives = overflow.submit("--weir-overflow=prefer:north", minutes=1, script="sleep 600")
    overflow.home.wait_state(overflow.outlives, "RUNNING", 60)
    return overflow


def places(comparison):
    return {place["place"]: place for place in comparison["places"]}


def test_places_are_compared_by_money_and_time_in_explain_and_plan(sites):
    sites.apply(more=", mode: advise")
    job = sites.submit("--weir-overflow=allow", gpus=2)
    other = sites.submit("--weir-overflow=allow:north", user="bob")
    sites.why(job, "Weir would let it start at site west: at west it is done in")
    sites.why(other, "Weir would let it start at site north")
    one = sites.explained(job)["comparison"]
    assert (one["job"], one["rule"], one["chosen"]) == (str(job), "spill", "west")
    seen = places(one)
    assert list(seen) == ["home", "north", "west"]  # home first, then by name
    for name, price in (("west", 0.60), ("north", 0.90)):
        place = seen[name]
        assert (place["gpu_type"], place["run_seconds"], place["excluded"]) == ("a100", 3600, "")
        assert (place["price"], place["at_most"]) == pytest.approx((2 * price, 2 * price * 61 / 60))  # overtime
        assert place["time"] == pytest.approx(2 * 0.20 * place["done_in_seconds"] / 3600, abs=1e-6)
        assert place["total"] == pytest.approx(place["price"] + place["time"])
        assert place["done_in_seconds"] == place["wait_seconds"] + 3600 < 3700
    home = seen["home"]
    assert (home["gpu_type"], home["price"], home["at_most"]) == ("h100", 4.0, None)
    assert 3000 < home["wait_seconds"] < 3700  # until the job that fills it is over, or as unknown_wait says
    compared = {line["job"]: line for line in sites.ask("plan")["comparisons"]}
    assert compared[str(job)]["places"] == sites.explained(job)["comparison"]["places"]
    assert "its user names other sites" in places(compared[str(other)])["west"]["excluded"]
    text = sites.told("explain", str(job))
    assert max(map(len, text.splitlines())) <= 80
    table = [line.split() for line in text.splitlines() if line.split()[:1] in (["home"], ["north"], ["west"])]
    assert [row[:2] for row in table] == [["home", "h100"], ["north", "a100"], ["west", "a100"]]
    assert [row[-3] for row in table] == ["4.00", "1.80", "1.20"]
    assert [row[-1] for row in table] == ["-", "1.83", "1.22"]
    text = sites.told("plan")
    assert max(map(len, text.splitlines())) <= 80
    assert "What jobs would take here and elsewhere, in USD:" in text and "so: it may start at west, too" in text
    # Bob does not see what alice's job would cost.
    seen = sites.run(["weir", "plan"], user="bob", env={"COLUMNS": "80"}).stdout
    assert str(other) in seen
    assert sites.home.job(job)["Partition"] == "train"  # it was only advised
    sites.cancel(job, other)


def test_the_cheaper_site_is_taken_and_the_other_one_when_prices_have_swapped(sites):
    sites.apply()
    cheap = sites.submit("--weir-overflow=allow")
    named = sites.submit("--weir-overflow=prefer:north", user="bob")
    listed = sites.submit("--weir-overflow=allow:north", user="bob")
    assert [sites.ended(job) for job in (cheap, named, listed)] == ["west", "north", "north"]
    sites.apply(sites=at(west=0.90, north=0.60), tell=lambda: sites.run(["scontrol", "reconfigure"]))
    cheap_now = sites.submit("--weir-overflow=allow")
    named_now = sites.submit("--weir-overflow=prefer:west", user="bob")
    assert [sites.ended(job) for job in (cheap_now, named_now)] == ["north", "west"]
    sites.ran(cheap, named_now, site="west")
    sites.ran(named, listed, cheap_now, site="north")
    assert not sites.copies(cheap, named_now, site="north") and not sites.copies(named, listed, cheap_now, site="west")


def band(start, end):
    """Hours of a day, from and to so many minutes from now."""
    now = datetime.now()
    return [(now + timedelta(minutes=minutes)).strftime("%H:%M") for minutes in (start, end)]


def powered(west, north):
    """Sites of one price, where power is cheap from and to so many minutes from now."""
    terms = at(0.40, 0.40)
    for name, hours in (("west", west), ("north", north)):
        begin, end = band(*hours)
        terms[name] += (f'    power: {{pue: 1.2, watts: {{a100: 500}}, tariff: [{{from: "{begin}", to: "{end}", '
                        "kwh: 0.10}, {kwh: 2.00}]}\n")
    return terms


def test_the_choice_follows_the_tariff_of_the_hour(sites):
    begun, over = (-1, 180), (-180, -1)
    sites.apply(sites=powered(west=begun, north=over))
    kwh = 0.5 * 1.2
    prices = {name: sites.site(name)["gpus"][0] for name in ("west", "north")}
    assert {name: (price["hour"], price["power"]) for name, price in prices.items()} == {
        "west": pytest.approx((0.40 + 0.10 * kwh, 0.10 * kwh)), "north": pytest.approx((0.40 + 2.00 * kwh, 2.00 * kwh))}
    text = sites.told("sites")
    assert "an hour of a GPU: a100 0.46 USD (0.06 of it power)" in text and max(map(len, text.splitlines())) <= 80
    change = sites.site("west")["next_tariff"]
    assert change % 60 == 0 and 178 * 60 < change - time.time() < 180 * 60
    first = sites.submit("--weir-overflow=allow", minutes=30)
    assert sites.ended(first) == "west"
    sites.apply(sites=powered(west=over, north=begun))
    second = sites.submit("--weir-overflow=allow", minutes=30)
    assert sites.ended(second) == "north"


def test_a_job_stays_for_a_bound_that_no_site_keeps_and_weir_explain_says_which(sites):
    sites.apply()
    near = sites.submit("--weir-overflow=allow", "--weir-latency=500ms")
    nearer = sites.submit("--weir-overflow=allow", "--weir-latency=1500ms", user="bob")
    dear = sites.submit("--weir-overflow=allow", "--weir-max-cost=0.10")
    cheap = sites.submit("--weir-overflow=allow", "--weir-max-cost=0.70", "--ntasks=1")
    never = sites.submit("--weir-overflow=never")
    untold = sites.submit(user="bob")
    featured = sites.submit("--weir-overflow=allow", "--nodelist=t1")
    spread = sites.submit("--weir-overflow=allow", "--ntasks=4", user="bob")
    settled = sites.submit("--weir-overflow=allow", "--ntasks=4", "--nodes=1", user="bob")
    assert sites.ended(settled) == "west"
    assert sites.ended(nearer) == "north"  # the dearer one, and the only one that is near enough
    assert sites.ended(cheap) == "west"
    sites.why(near, "it is not sent elsewhere now: ")
    excluded = {name: place["excluded"] for name, place in places(sites.explained(near)["comparison"]).items()}
    assert excluded == {"home": "", "west": "it is 2000ms away, and its user wants at most 500ms",
                        "north": "it is 900ms away, and its user wants at most 500ms"}
    sites.why(dear, "it could cost 0.61 USD there, and its user allows 0.10")
    for job in (never, untold):
        sites.why(job, "it is not sent elsewhere: its user has not asked for it (sbatch --weir-overflow)")
    sites.why(featured, "it is not sent elsewhere: it names nodes here (--nodelist)")
    sites.why(spread, "it is not sent elsewhere: its number of nodes is open; --nodes=N would fix it")
    stayed = [near, dear, never, untold, featured, spread]
    for job in stayed:
        record = sites.home.job(job)
        assert (record["JobState"], record["Partition"]) == ("PENDING", "train"), record
    sites.cancel(*stayed)
    assert not [copy for site in ("west", "north") for copy in sites.copies(*stayed, site=site)]


def test_tasks_of_an_array_jobs_of_two_nodes_and_dependants_run_once_each(sites):
    sites.apply()
    array = sites.submit("--array=1-20", "--weir-overflow=allow",
                         script='echo "task $SLURM_ARRAY_TASK_ID of $SLURM_ARRAY_JOB_ID"; sleep 1')
    wide = sites.submit("--nodes=2", "--ntasks=2", "--weir-overflow=allow", user="bob",
                        script='echo "$SLURM_JOB_NUM_NODES nodes, $SLURM_NTASKS tasks"; exit 3')
    after = sites.submit(f"--dependency=afterok:{array}", "--weir-overflow=allow")
    afternot = sites.submit(f"--dependency=afternotok:{wide}", "--weir-overflow=allow", user="bob")
    place = sites.ended(wide, "FAILED")
    assert place in ("west", "north") and sites.home.job(wide)["ExitCode"] == "3:0"
    ended = sites.wait(lambda: sites.run(["sacct", "-X", "-n", "-P", "-j", str(array), "-o",
                                          "jobid,jobidraw,state,exitcode,nodelist"]).stdout.split(), 240, "20 tasks",
                       until=lambda lines: len(lines) == 20 and all("|COMPLETED|" in line for line in lines))
    tasks = {line.split("|")[0]: line.split("|") for line in ended}
    assert set(tasks) == {f"{array}_{task}" for task in range(1, 21)}
    assert all(row[3] == "0:0" and row[4].split("-")[0] in ("west", "north") for row in tasks.values())
    for site in ("west", "north"):
        here = [int(row[1]) for row in tasks.values() if row[4].startswith(site)]
        if here:
            sites.ran(*here, site=site)
    for task in range(1, 21):
        assert own(output(sites.home, f"{array}_{task}")) == [f"task {task} of {array}"]
    [copy] = sites.copies(wide, site=place)
    assert (copy["state"], copy["nodes"], copy["gpus"]) == ("FAILED", 2, 2)
    assert own(output(sites.home, wide, user="bob")) == ["2 nodes, 2 tasks"]
    assert {sites.ended(after), sites.ended(afternot)} <= {"west", "north"}
    last = max(float(sites.run(["sacct", "-X", "-n", "-P", "-j", str(array), "-o", "end"],
                               env={"SLURM_TIME_FORMAT": "%s"}).stdout.split()[-1]), 0)
    begun = float(sites.run(["sacct", "-X", "-n", "-P", "-j", str(after), "-o", "start"],
                            env={"SLURM_TIME_FORMAT": "%s"}).stdout.split()[0])
    assert begun >= last


def test_a_nomination_that_merely_stands_is_taken_back_when_its_reason_has_passed(sites):
    sites.apply()
    # On west's gateway nodes is room, but for a job before it that waits for all of them, which Slurm does not delay.
    there = sites.submit("--weir-overflow=prefer:west", minutes=30, script="sleep 1800", user="bob")
    sites.home.wait_state(there, "RUNNING", 60)
    first = sites.submit("--hold", "--nodes=4", "--exclusive", user="carol")
    for words in (["update", f"jobid={first}", "partition=west"], ["release", str(first)],
                  ["update", f"jobid={first}", "priority=4294967290"]):
        sites.run(["scontrol", *words])
    sites.wait(lambda: sites.home.job(first)["Reason"], 60, "it to wait there", until=lambda why: why == "Resources")
    aside = {False: 0.31, True: 0.92}  # of half an hour, of an hour besides; a minute of overtime each
    sites.wait(lambda: round(sites.budget()["aside"], 2), 180, "what ran before to be settled",
               until=lambda seen: seen == aside[False])
    job = sites.submit("--weir-overflow=allow:west")

    def nominated(yes):
        record = sites.wait(lambda: sites.home.job(job), 60, f"job {job} to be nominated, or no longer so ({yes})",
                            until=lambda seen: ("west" in seen["Partition"].split(",")) == yes)
        assert record["JobState"] == "PENDING" and ("site=west@" in record["AdminComment"]) == yes, record
        sites.wait(lambda: (sites.site("west")["nominated"], round(sites.budget()["aside"], 2)), 30, "it to be told",
                   until=lambda seen: seen == (int(yes), aside[yes]))

    nominated(True)
    sites.weir.cycles(2)
    nominated(True)
    sites.apply(sites=at(west=2.50))
    nominated(False)
    sites.why(job, "not better by 20%")
    sites.apply()
    nominated(True)
    sites.cancel(there, first)
    assert sites.ended(job) == "west"
    sites.ran(job, site="west")


def test_a_copy_that_waits_too_long_comes_back_rests_and_runs_at_home(sites):
    sites.apply(rule=", stay: 60s")
    north = sites.home.sites["north"]
    sites.home.kill("weir-gateway")
    sites.home.start_gateway()  # it remembers no waits
    sites.open()
    north.run(["scontrol", "update", "partitionname=batch", "state=down"])  # takes jobs and starts none
    job = sites.submit("--weir-overflow=prefer:north", script='echo "ran on $(hostname)"')
    sites.wait(lambda: output(sites.home, job), 60, "its copy to be sent", until=lambda text: "sent to north" in text)
    [copy] = sites.wait(lambda: sites.copies(job, site="north"), 60, "the site to have it")
    assert copy["state"] == "PENDING" and sites.home.job(job)["JobState"] == "RUNNING"
    sites.wait(lambda: sites.home.job(job), 90, "it to come back",
               until=lambda seen: (seen["JobState"], seen["Restarts"]) == ("PENDING", "1"))
    north.run(["scontrol", "update", "partitionname=batch", "state=up"])
    sites.wait(lambda: sites.home.job(job)["Partition"], 60, "it to be of train alone",
               until=lambda names: names == "train")
    sites.run(["scontrol", "update", f"jobid={job}", "starttime=now"])  # Slurm has it wait two minutes
    sites.why(job, "s: it has come back from north")
    for _ in range(5):
        record = sites.home.job(job)
        assert (record["Partition"], record["JobState"]) == ("train", "PENDING")
        assert "site=" not in record["AdminComment"]
        sites.weir.cycles(1)
    assert sites.explained(job)["comparison"]["chosen"] == ""
    throttle = "jobs sent there lately have waited 12s there, so one goes there when none waits"
    assert (sites.site("north")["state"], sites.site("north")["throttle"]) == ("throttled", throttle)
    assert sites.site("north")["nominated"] == sites.site("north")["waiting"] == 0 == sites.budget()["aside"]
    sites.cancel(sites.full)
    assert sites.ended(job) == "home"
    assert own(output(sites.home, job)) == ["ran on " + sites.run("hostname").stdout.strip()]
    [copy] = sites.copies(job, site="north")  # it never ran there
    assert (copy["state"], copy["seconds"], copy["id"] > 0) == ("CANCELLED", 0, True)
    starts = sites.run(["sacct", "-D", "-X", "-n", "-P", "-j", str(job), "-o", "state,nodelist"]).stdout.split()
    assert [line.split("|")[0] for line in starts] == ["REQUEUED", "COMPLETED"], starts


def test_a_job_that_outlives_its_limit_ends_within_what_was_set_aside_for_it(sites):
    assert sites.ended(sites.outlives, "TIMEOUT") == "north"
    # Where it began there in the second in which it began here nothing is added to its limit here, and either Slurm may
    # be the first to see it.
    [copy] = sites.wait(lambda: sites.copies(sites.outlives, site="north"), 60, "its copy to have ended",
                        until=lambda seen: [one["state"] for one in seen] in (["TIMEOUT"], ["CANCELLED"]))
    assert 60 <= copy["seconds"] <= 120  # its limit, and a minute of overtime
