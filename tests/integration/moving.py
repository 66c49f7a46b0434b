# SPDX-License-Identifier: GPL-2.0-or-later
"""Jobs that are moved, in a lab: its policy, jobs that save when they are told to and jobs that do otherwise, and
what their logs tell."""

import re

from conftest import ROOT

import support

JOBS = ROOT / "contrib" / "jobs"
SECTION = {"after": "1s", "min_run": "2s", "min_gain": 1, "cooldown": "10m", "start": "20s", "at_once": 4,
           "per_hour": 3600}
LEFT = 60  # steps that a job that was moved has left, three seconds
# The first time there is no end to it; when it begins again it has so many steps left.
TRAINS = (JOBS / "train.sbatch").read_text(encoding="utf-8").replace("\nexec ", f"""
export TRAIN_STEPS=1000000 TRAIN_PAUSE=0.05
saved() {{ sed -n 's/^{{"step": \\([0-9]*\\).*/\\1/p' "train.$SLURM_JOB_ID.json"; }}
[ "${{SLURM_RESTART_COUNT:-0}}" -eq 0 ] || TRAIN_STEPS=$(($(saved) + ${{LEFT:-{LEFT}}}))
exec """)
# The same, but that it waits for a word (go) before it saves.
LATE = """trap 'until [ -e "go.$SLURM_JOB_ID" ]; do sleep 0.1; done; kill -USR1 $!' USR1"""
SAVES_LATE = (TRAINS.replace("trap '' USR1", LATE).replace("exec python3", "python3").rstrip() +
              " &\nwhile kill -0 $! 2>/dev/null; do wait $!; done\n")
CHECKPOINT = "--weir-checkpoint=USR1@20,every=1s,reload=1s"


def does(what):
    """A script that does this when it is told to save; the second time it runs on."""
    return f"""trap '{what}' USR1
echo "begins for time ${{SLURM_RESTART_COUNT:-0}}"
while :; do sleep 0.1; done"""


def policy(*rules, mode="act", **changes):
    """weir.yaml with lending and consolidation; keys of the latter may be changed, None takes one away."""
    keys = {key: value for key, value in (SECTION | changes).items() if value is not None}
    section = ", ".join(f"{key}: {value}" for key, value in keys.items())
    return support.policy(*rules, mode=mode) + f"consolidate: {{{section}}}\n"


def is_of_move(reservation):
    return reservation.startswith(("weir_move_", "weir_clear_"))


class Moving(support.Weir):
    """A Weir that moves jobs."""

    def begin(self, *rules, **changes):
        """No jobs, no moves, no loans; then these rules."""
        self.status(40)
        self.cancel_all()
        self.nothing_left()
        self.wait(lambda: [self.loans(), *self.lent()], 30, "every loan to be home", until=lambda seen: seen == [{}])
        assert not self.apply(policy(*rules, **changes))
        self.cycles(0)
        return self

    # What users do

    def trains(self, gpus=2, args="", script=TRAINS, partition="train", left=LEFT, began="{}", **options):
        """A job that may be moved; waits until it runs and, if it is train.sbatch's, listens."""
        files = {"TRAIN_DIR": str(JOBS), "TRAIN_EVERY": "1", "LEFT": str(left)}
        usual = f"-N1 --gpus-per-node={gpus} -t60 --requeue --open-mode=append -o%j.out {CHECKPOINT}"
        job = self.lab.sbatch(f"{usual} {args}", script=script, partition=partition, env=files, **options)
        self.jobs.append(job)
        self.running(job)
        self.wait(lambda: "begins" in self.output(began.format(job)), 20, f"job {job} to begin")
        return job

    def stays(self, node, gpus, partition="train"):
        """A job of others that cannot be moved away from there."""
        return self.train(f"-w{node} --gpus-per-node={gpus} -t60", user="bob", partition=partition)

    def scattered(self, pool, gpus=2, others=4, partition=None, **options):
        """A pool of nodes: a job that may be moved has a part of the first, others' one of the second; returns both."""
        job = self.trains(gpus, partition=partition or pool, **options)
        assert self.lab.job_nodes(job) == {f"{pool}1"}
        other = self.stays(f"{pool}2", others, partition=partition or pool)
        self.running(other)
        return job, other

    def go(self, *jobs):
        """Lets jobs that SAVE_LATE save and requeue themselves."""
        for job in jobs:
            self.lab.write(f"home/alice/go.{job}", "", owner="alice")

    def wants(self, pool="train", args=""):
        """A job of a whole node, which nothing but a move gives it."""
        return self.train(f"-t60 {args}", user="bob", partition=pool)

    # What is seen

    def output(self, job, user="alice"):
        try:
            return self.lab.read(f"home/{user}/{job}.out")
        except FileNotFoundError:
            return ""

    def moves(self):
        """What `weir moves` tells; nothing while no weirctld answers."""
        return self.ask("moves") or {"moves": [], "past": [], "clearings": []}

    def under_way(self, job):
        """The move of a job that is on its way."""
        return next((move for move in self.moves()["moves"] if move["job"] == str(job)), None)

    def past(self, job):
        """The moves of a job that are over."""
        return [move for move in self.moves()["past"] if move["job"] == str(job)]

    def over(self, job, timeout=60):
        """Waits until a job's move is over; returns it."""
        return self.wait(lambda: self.past(job), timeout, f"the move of job {job} to be over", step=0.2)[-1]

    def begins(self, job, times):
        """Waits until a job has begun so often."""
        self.wait(lambda: self.output(job).count("begins"), 20, f"job {job} to begin for time {times}",
                  until=lambda count: count >= times)

    def asked(self, job, timeout=40, since=0, times=1):
        """Waits until a job was told to save so often; returns the last of these steps."""
        def steps():
            return [step for step in self.steps("ask_to_save", since) if str(step["job"]) == str(job) and step["ok"]]

        return self.wait(steps, timeout, f"job {job} to be told to save", until=lambda seen: len(seen) >= times)[-1]

    def requeued_itself(self, job):
        """Waits until a job has saved and waits to begin again."""
        self.wait(lambda: self.lab.job(job), 30, f"job {job} to have requeued itself",
                  until=lambda seen: (seen["JobState"], seen["Restarts"]) == ("PENDING", "1"))

    def explain(self, job, user="root"):
        return " ".join(self.run(f"weir explain {job}", user=user).stdout.split())

    def tells(self, job, words, user="root"):
        """Waits until `weir explain` says so of a job."""
        self.wait(lambda: self.explain(job, user), 20, f"`weir explain {job}` to say: {words}",
                  until=lambda text: words in text, step=0.2)

    def plan(self):
        return " ".join(self.run("weir plan").stdout.split())

    def counted(self):
        """{metric: value} of the moves that are over and of what they cost."""
        text = self.run("curl -sf http://127.0.0.1:9811/metrics").stdout
        return {name: float(value) for name, value in re.findall(r"^(weir_moves_\S+) (\S+)$", text, re.MULTILINE)}

    # What shall be

    def nothing_left(self, timeout=30):
        """Waits until nothing of a move is left: no reservation, no job that names one, nothing under way."""
        def left():
            jobs = [number for number, job in self.lab.jobs().items() if is_of_move(job.get("Reservation", ""))]
            told = self.moves()
            # One that failed is only watched, until the job runs again.
            moves = [move for move in told["moves"] if move["stage"] != "undoing"]
            return [*filter(is_of_move, self.lab.resvs()), *jobs, *moves, *told["clearings"]]

        self.wait(left, timeout, "nothing of moves to be left", until=lambda seen: not seen, step=0.2)

    def goes_on(self, job):
        """Asserts that each time a job began where it had saved last; returns where it began last and its result."""
        place, began, result = 0, 0, None
        for line in self.output(job).splitlines():
            if begins := re.fullmatch(r"begins at step (\d+)", line):
                began = int(begins[1])
                assert began == place, self.output(job)
            elif saved := re.fullmatch(r"saved at step (\d+)", line):
                assert int(saved[1]) > place or int(saved[1]) == began, self.output(job)
                place = int(saved[1])
            elif line.startswith("result "):
                result = line
        return began, result

    def ends_as_unmoved(self, job, left=LEFT, timeout=40):
        """Waits for the end of a job that was moved; asserts that its result is what it would have been."""
        seen = self.lab.wait_state(job, "COMPLETED", timeout)
        assert seen["ExitCode"] == "0:0"
        began, result = self.goes_on(job)
        assert began > 0 and result == self.result(began + left), self.output(job)

    def result(self, steps):
        """What train.py comes to when nobody disturbs it."""
        file = f"{self.lab.inside('tmp')}/train.{steps}.json"
        said = self.run(["python3", "-B", f"{JOBS}/train.py", f"--checkpoint={file}", f"--steps={steps}", "--pause=0"])
        return said.stdout.splitlines()[-1]

    def moved(self, job, start, to=None, timeout=60):
        """Waits until a job was moved; asserts that it is where it should be and free of what moved it; returns its
        move."""
        move = self.over(job, timeout)
        assert move["stage"] == "moved" and not move["failure"], move
        assert set(move["from"]) == start and not start & set(move["to"]), move
        assert to is None or set(move["to"]) == to, move
        seen = self.lab.job(job)
        assert seen["JobState"] in ("RUNNING", "COMPLETED") and seen["Restarts"] == "1", seen
        assert self.lab.job_nodes(job) == set(move["to"])
        self.free(job)
        return move

    def free(self, job):
        """Asserts that nothing is left on a job of what a move does to it."""
        seen = self.lab.job(job)
        assert seen["Priority"] != "0" and "Reservation" not in seen and seen["ReqNodeList"] == "(null)", seen
