#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Trains in the shape of a PyTorch script, without PyTorch: fits a line to points by gradient descent.

What makes it fit to be moved: it saves all that it needs to go on, whole or not at all; it begins from there when
there is something; and on SIGUSR1 it finishes the step, saves and has Slurm requeue it.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import time


class Checkpoint:
    """Model, optimiser's place and random state in one file (with PyTorch: torch.save of their state_dicts)."""

    def __init__(self, path):
        self.path = path

    def load(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                state = json.load(file)
        except FileNotFoundError:
            return None
        version, numbers, gauss = state["random"]
        state["random"] = (version, tuple(numbers), gauss)
        return state

    def save(self, **state):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)


def my_job():
    """What Slurm's commands call this job. The number alone would, for one of its tasks, name a whole array."""
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{os.environ['SLURM_ARRAY_JOB_ID']}_{task}" if task else os.environ["SLURM_JOB_ID"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=int(os.environ.get("TRAIN_STEPS", "100000")))
    parser.add_argument("--pause", type=float, default=float(os.environ.get("TRAIN_PAUSE", "0.05")),
                        help="seconds a step takes")
    parser.add_argument("--every", type=float, default=float(os.environ.get("TRAIN_EVERY", "600")),
                        help="seconds between saves")
    return parser.parse_args()


def main():
    options = arguments()
    told = []
    signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))
    checkpoint = Checkpoint(options.checkpoint)
    state = checkpoint.load() or {"step": 0, "weight": 0.0, "bias": 0.0, "random": random.Random(1).getstate()}
    step, weight, bias = state["step"], state["weight"], state["bias"]
    draw = random.Random()
    draw.setstate(state["random"])
    print(f"begins at step {step}", flush=True)
    saved = time.monotonic()
    while step < options.steps:
        x = draw.uniform(-1, 1)
        error = weight * x + bias - (3 * x + 1)
        weight -= options.rate * error * x
        bias -= options.rate * error
        step += 1
        time.sleep(options.pause)
        if told or time.monotonic() - saved >= options.every:
            checkpoint.save(step=step, weight=weight, bias=bias, random=draw.getstate())
            saved = time.monotonic()
            print(f"saved at step {step}", flush=True)
        if told:
            # A job that requeues itself while it runs leaves those that depend on it waiting.
            subprocess.run(["scontrol", "requeue", my_job()], check=True)
            return
    print(f"result {weight!r} {bias!r}", flush=True)


if __name__ == "__main__":
    main()
