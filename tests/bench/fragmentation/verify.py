#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the placements that B4 wrote (tests/bench/run B4 --placements DIR --json FILE) against the trace alone: at
every step each node and GPU holds what it can and GPUs are of a model that the task allows; every task that arrives is
placed once or dropped; only tasks marked as movable move, and only when the task that has just arrived is then placed;
those that arrive are the list once, then tasks of it, until they ask for 1.3 times the GPUs, the same in each arm; and
the figures in FILE are what follows from the placements.
Usage: verify.py [--json FILE] DIR. The trace is $WEIR_DATA/openb."""

import argparse
import csv
import gzip
import json
import os
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("WEIR_DATA", ROOT.parent / "shared" / "data")) / "openb"
WHOLE = 1000


class Wrong(Exception):
    """What is not as it should be."""


def check(true, what):
    if not true:
        raise Wrong(what)


def read(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


class Task:
    """What a task of a list asks for."""

    def __init__(self, row):
        self.cpus, self.memory = int(row["cpu_milli"]), int(row["memory_mib"])
        self.gpus = int(row["num_gpu"])
        self.each = int(row["gpu_milli"]) if self.gpus else 0
        self.models = row.get("gpu_spec") or ""
        self.whole = self.gpus * self.each

    def allows(self, model):
        return not self.models or model in self.models.split("|")


class Node:
    """What is left of a node."""

    def __init__(self, row):
        self.cpus, self.memory = int(row["cpu_milli"]), int(row["memory_mib"])
        self.free = [WHOLE] * int(row["gpu"])
        self.model = row["model"]

    def take(self, task, gpus):
        check(len(set(gpus)) == len(gpus) == task.gpus, f"{len(gpus)} GPUs for a task of {task.gpus}")
        check(task.allows(self.model), f"a {self.model} for a task that allows {task.models}")
        self.cpus -= task.cpus
        self.memory -= task.memory
        for gpu in gpus:
            check(gpu < len(self.free), f"GPU {gpu} of {len(self.free)}")
            self.free[gpu] -= task.each
        check(self.cpus >= 0, "more CPUs than there are")
        check(self.memory >= 0, "more memory than there is")
        check(min(self.free, default=0) >= 0, "more of a GPU than there is")

    def give(self, task, gpus):
        self.cpus += task.cpus
        self.memory += task.memory
        for gpu in gpus:
            self.free[gpu] += task.each


class Run:
    """What happened in one run, replayed."""

    def __init__(self, tasks, nodes):
        self.tasks = tasks
        self.nodes = {row["sn"]: Node(row) for row in nodes}
        self.arrived, self.movable = [], []
        self.at = {}  # sequence -> node, GPUs
        self.moves, self.moved_for = 0, None
        self.open = None  # the task that has arrived and is not yet placed or dropped

    def event(self, row):
        sequence, kind = int(row["sequence"]), row["event"]
        if kind == "arrived":
            check(self.open is None, "a task arrives before the last is placed or dropped")
            check(sequence == len(self.arrived), f"{sequence} arrives after {len(self.arrived)} tasks")
            check(row["name"] in self.tasks, f"no task {row['name']} in the list")
            self.arrived.append(row["name"])
            self.movable.append(row["movable"] == "1")
            self.open = sequence
        elif kind == "moved":
            check(self.movable[sequence], "a task that may not be moved is moved")
            check(self.open is not None, "a task is moved when none is waiting")
            task, gpus = self.task(sequence), indices(row["from_gpus"])
            check(self.at.get(sequence) == (row["from_node"], gpus), "it is moved from where it is not")
            self.nodes[row["from_node"]].give(task, gpus)
            self.settle(sequence, row)
            self.moves += 1
            self.moved_for = self.open
        else:
            check(self.open == sequence, f"{kind} is not the task that has just arrived")
            self.open = None
            if kind == "placed":
                self.settle(sequence, row)
            else:
                check(kind == "dropped", f"unknown event {kind}")
                check(self.moved_for != sequence, "dropped after others were moved for it")

    def settle(self, sequence, row):
        task, gpus = self.task(sequence), indices(row["gpus"])
        check(int(row["thousandths"]) == task.each, f"{row['thousandths']} of each GPU instead of {task.each}")
        check(row["node"] in self.nodes, f"no node {row['node']}")
        self.nodes[row["node"]].take(task, gpus)
        self.at[sequence] = row["node"], gpus

    def task(self, sequence):
        return self.tasks[self.arrived[sequence]]

    def capacity(self):
        return WHOLE * sum(len(node.free) for node in self.nodes.values())

    def check_arrivals(self):
        check(self.open is None, "the last task is neither placed nor dropped")
        demand, goal = [self.tasks[name].whole for name in self.arrived], 1.3 * self.capacity()
        check(sum(demand) >= goal > sum(demand[:-1]), f"they ask for {sum(demand)} GPU thousandths, not {goal:.0f}")
        first = self.arrived[: len(self.tasks)]
        check(len(set(first)) == len(first), "a task of the list comes twice before all have come")

    def figures(self):
        allocated = sum(self.task(sequence).whole for sequence in self.at)
        free = sum(sum(node.free) for node in self.nodes.values())
        check(allocated + free == self.capacity(), "what is placed and what is free are not the whole")
        return {
            "allocated_pct": 100 * allocated / self.capacity(),
            "fragmented_pct": 100 * self.unusable() / self.capacity(),
            "moves_per_1000": 1000 * self.moves / len(self.arrived),
            "arrived": len(self.arrived),
            "placed": len(self.at),
            "moves": self.moves,
        }

    def unusable(self):
        """FGD's fragmentation: GPU thousandths that one of the tasks that are typical could not use, on average."""
        typical, kept = typical_tasks(self.tasks.values())
        total = 0
        for node in self.nodes.values():
            for (cpus, each, gpus, models), count in typical:
                fitting = [free for free in node.free if free >= each]
                fits = 0 < gpus <= len(fitting) and cpus <= node.cpus
                if fits and (not models or node.model in models.split("|")):
                    total += count * (sum(node.free) - sum(fitting))
                else:
                    total += count * sum(node.free)
        return total / kept


def typical_tasks(tasks):
    """The most frequent demands, until they make 95 % of the tasks, and how many tasks they are."""
    counts = Counter((task.cpus, task.each, task.gpus, task.models) for task in tasks)
    typical, kept = [], 0
    for demand, count in sorted(counts.items(), key=lambda item: (item[1], item[0]), reverse=True):
        if kept * 100 >= len(tasks) * 95:
            break
        typical.append((demand, count))
        kept += count
    return typical, kept


def indices(text):
    return [int(index) for index in text.split()]


def replay(path, tasks, nodes):
    run = Run(tasks, nodes)
    for number, row in enumerate(read(path), start=2):
        try:
            run.event(row)
        except Wrong as wrong:
            raise Wrong(f"{path.name}, line {number}, task {row['sequence']}: {wrong}") from None
    try:
        run.check_arrivals()
        return run, run.figures()
    except Wrong as wrong:
        raise Wrong(f"{path.name}: {wrong}") from None


def check_arms(key, run, movable, seen):
    """The tasks that arrive are the same in each arm, and so are those that may be moved."""
    check(seen.setdefault(key, run.arrived) == run.arrived, "other tasks arrive than in another arm")
    check(seen.setdefault((key, movable), run.movable) == run.movable, "other tasks may be moved than in another arm")
    share = 100 * sum(run.movable) / len(run.movable)
    check(abs(share - movable) <= (3 if movable == 30 else 0), f"{share:.1f} % may be moved, not {movable}")


def check_report(path, found):
    """Each run that the report tells of is there and came out so; its means are those of its runs."""
    reported = set()
    for entry in json.loads(path.read_text())["lists"]:
        arm = entry["list"], entry["placement"], entry["movable"]
        for seed in entry["seeds"]:
            key = (*arm, seed["seed"])
            reported.add(key)
            check(key in found, f"no placements of {key}")
            for name, value in found[key].items():
                check(abs(seed[name] - value) < 1e-6, f"{key}: {name} is {value}, not {seed[name]}")
        for name in ("allocated_pct", "fragmented_pct", "moves_per_1000"):
            mean = sum(seed[name] for seed in entry["seeds"]) / len(entry["seeds"])
            check(abs(entry[name] - mean) < 1e-6, f"{arm}: {name} is {mean} on average, not {entry[name]}")
    check(reported == set(found), f"not in the report: {sorted(set(found) - reported)[:3]}")


def main():
    parser = argparse.ArgumentParser(description="checks the placements of B4 against the trace")
    parser.add_argument("--json", type=Path, help="the report that goes with them")
    parser.add_argument("placements", type=Path)
    options = parser.parse_args()
    nodes = list(read(DATA / "openb_node_list_gpu_node.csv"))
    files = sorted(options.placements.glob("*.csv.gz"))
    check(files, f"nothing in {options.placements}")
    lists, found, arms = {}, {}, defaultdict(list)
    seen, seen_list = {}, None
    for path in files:
        name, placement, movable, seed = path.name.removesuffix(".csv.gz").rsplit("-", 3)
        if name != seen_list:
            seen, seen_list = {}, name
        if name not in lists:
            lists[name] = {row["name"]: Task(row) for row in read(DATA / f"openb_pod_list_{name}.csv.gz")}
        run, figures = replay(path, lists[name], nodes)
        try:
            check_arms(seed, run, int(movable), seen)
        except Wrong as wrong:
            raise Wrong(f"{path.name}: {wrong}") from None
        found[name, placement, int(movable), int(seed)] = figures
        arms[name, placement, int(movable)].append(figures)
    if options.json:
        check_report(options.json, found)
    for (name, placement, movable), runs in sorted(arms.items()):
        mean = {key: sum(run[key] for run in runs) / len(runs) for key in runs[0]}
        print(f"{name:<12}{placement:<8}{movable:>4} %: {mean['allocated_pct']:.2f} % allocated, "
              f"{mean['fragmented_pct']:.2f} % fragmented, {mean['moves_per_1000']:.1f} moves per 1,000 tasks")
    print(f"{len(files)} runs are as they should be" + (", and as reported" if options.json else ""))


if __name__ == "__main__":
    try:
        main()
    except (Wrong, OSError, KeyError, ValueError) as error:
        sys.exit(f"verify.py: {error}")
