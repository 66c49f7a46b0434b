# SPDX-License-Identifier: GPL-2.0-or-later
"""Slurm's jobs, nodes and reservations as tests want them."""

import shlex

from . import text
from .errors import CommandError
from .hostlist import expand


class Queries:
    """Part of Lab: everything here is one Slurm command run inside."""

    def sbatch(self, args=(), script="sleep 60", user=None, partition=None, env=None):
        """Submits a bash script (its body, without #!), as alice unless told, and returns the job's id."""
        user = user or f"{self.people.prefix}alice"
        args = shlex.split(args) if isinstance(args, str) else list(args)
        if partition:
            args.append(f"--partition={partition}")
        body = script if script.startswith("#!") else f"#!/bin/bash\n{script}\n"
        result = self.run(["sbatch", "--parsable", *args], user=user, input=body, env=env)
        return int(result.stdout.split(";")[0])

    def job(self, job_id):
        """`scontrol show job -d`, as a dict with "details"; None when Slurm knows no such job."""
        result = self.run(["scontrol", "-d", "-o", "show", "job", str(job_id)], check=False)
        if result.returncode != 0:
            if "Invalid job id" in result.stderr:
                return None
            raise CommandError(f"scontrol show job {job_id}: {result.stderr.strip()}")
        return text.job(result.stdout.splitlines()[0])

    def jobs(self):
        """All jobs, by id."""
        output = self.run("scontrol -d -o show jobs").stdout
        return {int(job["JobId"]): job for job in text.records(output, text.job)}

    def job_nodes(self, job_id):
        """The names of a job's nodes."""
        return set(expand((self.job(job_id) or {}).get("NodeList", "")))

    def wait_state(self, job_id, states, timeout=30):
        """Waits until the job is in one of the states (a name or several); returns the job."""
        wanted = {states} if isinstance(states, str) else set(states)

        def seen():
            job = self.job(job_id) or {}
            keys = ("JobState", "Reason", "NodeList", "Restarts", "AdminComment", "Comment")
            return {key: job[key] for key in keys if key in job}

        self.wait(seen, timeout, f"job {job_id} to be {' or '.join(sorted(wanted))}",
                  until=lambda job: job.get("JobState") in wanted)
        return self.job(job_id)

    def node(self, name):
        """`scontrol show node -d`, as a dict."""
        return text.record(self.run(["scontrol", "-d", "-o", "show", "node", name]).stdout)

    def nodes(self):
        return {node["NodeName"]: node
                for node in text.records(self.run("scontrol -d -o show nodes").stdout)}

    def resv(self, name):
        """A reservation as a dict, or None."""
        return self.resvs().get(name)

    def resvs(self):
        """All reservations, by name."""
        output = self.run("scontrol -o show reservations").stdout
        return {entry["ReservationName"]: entry for entry in text.records(output)}

    def reservation_nodes(self, name):
        """The names of a reservation's nodes; none when there is no such reservation."""
        return set(expand((self.resv(name) or {}).get("Nodes", "")))
