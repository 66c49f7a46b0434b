# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast Weir lends, and that jobs start as fast beside it as without."""

import contextlib
import threading
import time

from support import QUIET, answering, layout, policy, quantile, seconds

CYCLE = 1
SAMPLES = 16
LAYOUT = layout("i[1-2]", "t[1-8]")
SMALL = {
    "nodes": [{"names": "i1,x[1-2]", "gpus": "h100:8"}, {"names": "o1,t[1-4]", "gpus": "h100:8", "cpus": 20}],
    "partitions": [{"name": "train", "nodes": "o1,t[1-4],x[1-2]", "default": True},
                   {"name": "inference", "nodes": "i1,x[1-2]"}],
}


def test_an_inference_job_starts_within_two_cycles_and_three_seconds_on_a_node_not_lent_before(fresh, tell):
    weir = fresh({"min_loan": "0s", "idle_return": "1s"})
    waits = []
    while len(waits) < SAMPLES:
        weir.cancel_all()
        weir.wait_lent(0)
        weir.running(*[weir.serve() for _ in range(2)])
        before = set()
        for _ in range(min(8, SAMPLES - len(waits))):
            job = weir.serve()
            nodes = weir.running(job)
            assert not nodes & (before | {"i1", "i2"}), "that node was lent before"
            before |= nodes
            record = weir.lab.job(job)
            waits.append(seconds(record["StartTime"]) - seconds(record["SubmitTime"]))
    tell(f"from sbatch to start on a node not lent before (Slurm's records, whole seconds), {len(waits)} samples: "
         f"p50 {quantile(waits, 0.5):.0f} s, p99 {quantile(waits, 0.99):.0f} s, all {sorted(map(int, waits))}")
    assert max(waits) <= 2 * CYCLE + 3


def start_400(lab, deadline=120):
    """400 one-CPU jobs behind a large one that waits, beside a borrower's load that comes and goes;
    returns the seconds until the last of them has started."""
    blocker = lab.sbatch("--exclusive -w o1 -t60", script="sleep 600", user="bob", partition="train")
    lab.wait_state(blocker, "RUNNING")
    large = lab.sbatch("--exclusive -N5 -t60 --exclude=x[1-2]", script="sleep 600", user="bob", partition="train")
    array = lab.sbatch("--array=1-400 -n1 -t1 --mem=100 --exclude=x[1-2] --hold -o /dev/null", script="sleep 2",
                       user="alice", partition="train")
    over = threading.Event()

    def oscillate():
        # Long enough apart for the nodes to go home in between.
        while not over.wait(3):
            for _ in range(2):
                with contextlib.suppress(Exception):
                    lab.sbatch("-N1 --gpus-per-node=8 -t1 --mem=100 -o /dev/null", script="sleep 1", user="serve",
                               partition="inference")

    load = threading.Thread(target=oscillate)
    load.start()
    try:
        lab.wait(lambda: lab.run("squeue -h -t R -p inference -o %i").stdout, 20, "the borrower's load to run")
        began = time.monotonic()
        lab.run(f"scontrol release {array}")
        lab.wait(lambda: lab.run(f"squeue -h -r -t PD -j {array} -o %i").stdout.count("\n"), deadline,
                 "400 jobs to have started", until=lambda left: left == 0, step=0.1)
        took = time.monotonic() - began
    finally:
        over.set()
        load.join()
    assert lab.job(large)["JobState"] == "PENDING"
    return took


def test_400_backfillable_jobs_start_as_fast_as_without_weir_while_loans_change(lab, build_dir, tell):
    plain = lab(layout=SMALL)
    without = start_400(plain)
    plain.down()
    weir = answering(lab(layout=SMALL, weir=build_dir,
                         policy=policy(QUIET | {"idle_return": "1s", "max_lent": 2})))
    weir.wait(weir.reserved, 20, "the reservation")
    mark = weir.mark()
    beside = start_400(weir.lab)
    writes = len(weir.steps("set_reservation", mark))
    tell(f"400 backfillable jobs all started after {without:.1f} s without Weir, {beside:.1f} s with it "
         f"({writes} changes of the reservation meanwhile)")
    assert writes >= 1
    assert beside <= 1.5 * without + 3
