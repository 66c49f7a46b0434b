# SPDX-License-Identifier: GPL-2.0-or-later
"""Two acts on a private Slurm: a day in miniature, run three ways, and a backlog that overflows to remote sites. See
README.md; start it with ./run."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lab"))

import arms  # noqa: E402  (weirlab is found only now)
import live  # noqa: E402
import measure  # noqa: E402
import overflow_run  # noqa: E402
import overflow_watch  # noqa: E402
import report  # noqa: E402
import watch  # noqa: E402
import workload  # noqa: E402
from weirlab import LabError  # noqa: E402

DAY, QUICK_DAY = 240, 60  # seconds


def options():
    parser = argparse.ArgumentParser(
        prog="run", description="Two acts on a private, real Slurm. First a day in miniature: training leaves nodes "
        "idle, an inference service's load rises and falls, a burst of training wants its nodes "
        "back. The same day passes in three set-ups; Slurm's accounting and the requests say how "
        "each did. Then a backlog of training overflows to two remote sites, and comes home.")
    parser.add_argument("--quick", action="store_true",
                        help=f"a day of {QUICK_DAY} s in place of {DAY} s, a backlog half as long; under 7 minutes "
                        "in all")
    parser.add_argument("--act", choices=("1", "2", "both"), default="both", help="which (%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    parser.add_argument("--seed", type=int, default=1, help="of the workload (%(default)s)")
    parser.add_argument("--arms", default=",".join(arms.ARMS), metavar="A,B",
                        help="which set-ups of the first act, in this order (%(default)s)")
    parser.add_argument("--build-dir", metavar="DIR",
                        help="a build of Weir; otherwise one is made in build/release")
    parser.add_argument("--labs", help=argparse.SUPPRESS)
    parser.add_argument("--only-check-arguments", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    chosen.arms = chosen.arms.split(",")
    unknown = [arm for arm in chosen.arms if arm not in arms.ARMS]
    if unknown or len(set(chosen.arms)) != len(chosen.arms):
        parser.error(f"--arms takes some of {', '.join(arms.ARMS)}, each once")
    if chosen.json:
        folder = os.path.dirname(os.path.abspath(chosen.json))
        if not os.path.isdir(folder) or os.path.isdir(chosen.json):
            parser.error(f"--json {chosen.json}: no such folder, or not a file")
    chosen.build_dir = chosen.build_dir or os.path.join(ROOT, "build", "release")
    return chosen


def write_json(path, results):
    """Writes the figures, as a file of whoever called sudo."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=2)
        file.write("\n")
    if os.geteuid() == 0 and "SUDO_UID" in os.environ:
        os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))


def run_arm(arm, number, chosen, labs, view):
    """One arm in a lab of its own, which is down again when this returns or raises."""
    day = QUICK_DAY if chosen.quick else DAY
    jobs = workload.make(chosen.seed, day)
    title = f"{number} of {len(chosen.arms)}  {arm}"
    view.stage(f"{title}: a Slurm of its own comes up")
    directory = os.path.join(labs, arm)
    lab = arms.start(arm, directory, chosen.build_dir, lambda line: None)
    try:
        view.begin(watch.SCENE, title, arms.ABOUT[arm], day)
        submitted, records = arms.run_day(arm, lab, jobs, day, chosen.seed, view.show)
        view.end()
        view.stage("reading Slurm's accounting")
        return measure.measure(arm, lab, submitted, records, day)
    except LabError as error:
        if arm == "weir" and not lab.pids("weirctld", zombies=False):
            raise LabError(f"{error}\nweirctld is not running; its log ends:\n"
                           f"{lab.log('weirctld', 20)}") from error
        raise
    finally:
        with undisturbed():
            lab.down()


def first_act(chosen, labs, view):
    """All arms: their figures, and what Weir lost."""
    results = {arm: run_arm(arm, number, chosen, labs, view) for number, arm in enumerate(chosen.arms, 1)}
    view.say(report.text(results))
    weir = results.get("weir", {})
    lost = [what for what in ("jobs", "requests") if weir.get(f"{what}_lost")]
    return results, [f"{' and '.join(lost)} were lost with Weir"] if lost else []


def second_act(chosen, labs, view):
    """The backlog: its figures, and what is wrong with them."""
    results, wrong, text = overflow_run.act(chosen.seed, chosen.quick, labs, chosen.build_dir, view, undisturbed)
    view.say(text)
    return {"overflow": results}, wrong


@contextlib.contextmanager
def undisturbed():
    """What is done here is not to be cut short."""
    before = signal.getsignal(signal.SIGINT)
    on_signals(signal.SIG_IGN)
    try:
        yield
    finally:
        on_signals(before)


def interrupted(*_):
    """Once: whoever is impatient does not keep the labs from going down."""
    on_signals(signal.SIG_IGN)
    raise KeyboardInterrupt


def on_signals(what):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, what)


def run(chosen, labs, view):
    """The acts; 0 where each ran and nothing was lost."""
    results, wrong = {}, []
    for act, name in ((first_act, "1"), (second_act, "2")):
        if chosen.act in (name, "both"):
            figures, problems = act(chosen, labs, view)
            results |= figures
            wrong += problems
    view.close()
    if chosen.json:
        write_json(chosen.json, results)
    for what in wrong:
        print(f"demo: {what}", file=sys.stderr)
    return 1 if wrong else 0


def main():
    chosen = options()
    if chosen.only_check_arguments:
        return 0
    if os.geteuid() != 0:
        print("demo: the lab needs root: start it with contrib/demo/run", file=sys.stderr)
        return 1
    on_signals(interrupted)
    labs = chosen.labs or tempfile.mkdtemp(prefix="weir-demo.")
    os.chmod(labs, 0o755)  # the lab's users pass through it
    view = live.make([watch.SCENE, overflow_watch.SCENE])
    try:
        return run(chosen, labs, view)
    except KeyboardInterrupt:
        view.close()
        print("\ndemo: interrupted; everything is down again", file=sys.stderr)
        return 130
    except (LabError, OSError, subprocess.TimeoutExpired) as error:
        view.close()
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    finally:
        view.close()
        if not chosen.labs:
            os.rmdir(labs)


if __name__ == "__main__":
    sys.exit(main())
