# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab's remote sites: whole clusters of other organisations, and the faults that they and the way to them have."""

import contextlib
import json
import os

from . import network, site_secrets, site_services, tokens, users
from .lab import Lab
from .site_root import SCRATCH

_SLOW = 30  # seconds that rest_answers("slow") takes
_KINDS = (None, "500", "truncated", "cut", "garbage", "other", "slow", "lost_submit", "late_submit")


class Site(Lab):
    """One of them. All that a Lab has works for it, with its own users and daemons; it goes down with its home."""

    def __init__(self, home, number, plan, facts=None):
        people = users.People(number, plan["prefix"])
        super().__init__(home.namespace.of_site(number, plan["name"]), facts, people)
        self.home, self.number, self.name, self.plan = home, number, plan["name"], plan
        self._seconds, self._kind, self._more = 0, None, {}

    def down(self):
        """A site alone cannot: its home does that."""

    def accounts(self):
        """{user at home: the account here}"""
        return {name: self.people.prefix + name for name in users.PEOPLE}

    @property
    def host_key_sha256(self):
        """The fingerprint of sshd's key now, as ssh-keygen prints it after `SHA256:`."""
        return self.facts["host_key_sha256"]

    @property
    def rest_url(self):
        return site_services.rest_url(self.name)

    def _remember(self, **facts):
        self.facts |= facts
        self.write("lab.json", json.dumps(self.facts))

    # What home holds

    def token(self, user, lifespan=86400):
        """A token for the user's account; with a lifespan below zero one that has run out."""
        with open(self.path(site_secrets.JWT_KEY), "rb") as file:
            return tokens.token(file.read(), self.people.prefix + user.removeprefix(self.people.prefix), lifespan)

    def renew(self, user, lifespan=86400):
        """Replaces the user's token at home, and returns it."""
        fresh, local = self.token(user, lifespan), user.removeprefix(self.people.prefix)
        for name in {local, self.people.prefix + local}:
            path = f"etc/sites/{self.name}/{name}.jwt"
            self.home.write(f"{path}.new", fresh + "\n", owner="slurm", mode=0o600)
            os.replace(self.home.path(f"{path}.new"), self.home.path(path))
        return fresh

    def ask(self, path, user="alice", *options):
        """What curl at home, as slurm and with the user's token, says to a REST path here: a CompletedProcess."""
        folder = self.home.inside(f"etc/sites/{self.name}")
        name = self.people.prefix + user.removeprefix(self.people.prefix)
        return self.home.run(["curl", "-sS", "--cacert", f"{folder}/ca.pem", "-H", f"X-SLURM-USER-NAME: {name}",
                              "-H", f"X-SLURM-USER-TOKEN: {self.token(name)}", *options, self.rest_url + path],
                             user="slurm", check=False)

    def serve(self, home):
        """Has another lab's home reach this site in place of its own of that name and number: with the link, all
        that this site's own home was given, and its policy's host key."""
        network.join_another(home, self)
        given = [f"etc/sites/{self.name}/{name}" for name in os.listdir(self.home.path(f"etc/sites/{self.name}"))
                 if name != "renew"]
        for path in (*given, f"private/{self.name}.jwt_hs256.key"):
            mode = os.stat(self.home.path(path)).st_mode & 0o777
            with open(self.home.path(path), "rb") as file:
                home.write(path, file.read(), owner="slurm", mode=mode)
        policy = home.read("etc/weir.yaml").replace(home.sites[self.name].host_key_sha256, self.host_key_sha256)
        home.write("etc/weir.yaml", policy, owner="slurm")

    # Faults

    def link(self, up):
        """Cuts the link to home, or joins it again."""
        network.switch(self, up)

    def slow(self, milliseconds):
        """Has every answer take so long, 0 for as long as it takes; where the kernel has no netem REST's only."""
        if not network.delay(self.home, self, milliseconds):
            self._seconds = milliseconds / 1000
        elif not milliseconds:
            self._seconds = 0
        self._misbehave()

    def rest_answers(self, kind, part=0.5, only="", late=30):
        """How REST fails from now on, maybe only where the path ends so; None: not at all. `slow` takes half a
        minute, the others are in rest_relay.py, also what `part` and `late` are."""
        if kind not in _KINDS:
            raise ValueError(f"rest_answers: no {kind!r} (there are {', '.join(map(str, _KINDS))})")
        self._kind, self._more = kind, {"part": part, "only": only, "late": late}
        self._misbehave()

    def _misbehave(self):
        seconds = _SLOW if self._kind == "slow" else self._seconds
        path = self.path(site_services.FAULT)
        if not self._kind and not seconds:
            if os.path.exists(path):
                os.unlink(path)
            return
        self.write(f"{site_services.FAULT}.new", json.dumps({"kind": self._kind, "seconds": seconds} | self._more))
        site_services.start_relay(self)
        os.replace(f"{path}.new", path)

    def new_authority(self):
        """REST shows from now on a certificate of an authority that home does not know."""
        site_secrets.authority(self)
        self.new_certificate()

    def new_certificate(self, host=None, days=2):
        """REST shows from now on another certificate of the same authority, for so many days or of that host."""
        site_secrets.certificate(self, host, days)
        self.restart("nginx", site_services.REST_PORT)

    def new_host_key(self):
        """sshd has from now on another host key; returns its fingerprint."""
        self._remember(host_key_sha256=site_secrets.host_key(self))
        self.restart("sshd", 22)
        return self.host_key_sha256

    def restart(self, name, port):
        """Ends a service, and all its connections, and starts it again."""
        self.kill(name)
        self.wait(lambda: not self.pids(name), 20, f"{name} to be gone")
        self.start(name)
        self.ready(name, lambda: site_services.listening(self, port), 20)

    def scratch(self, user, path=""):
        """Where this process reaches a file of the user's on the site's shared file system."""
        account = self.people.prefix + user.removeprefix(self.people.prefix)
        return self.path(f"{SCRATCH}/{account}/{path}")

    def fill(self, user):
        """Leaves no room on the shared file system, with a file of the user's."""
        with open(self.scratch(user, ".full"), "ab") as file:
            os.fchown(file.fileno(), *self.people.identity(self.people.prefix + user.removeprefix(self.people.prefix)))
            while room := os.fstatvfs(file.fileno()).f_bavail:
                with contextlib.suppress(OSError):  # others write, too
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size,
                                       room * os.fstatvfs(file.fileno()).f_frsize)

    def free(self, user):
        """Takes back what fill did."""
        os.unlink(self.scratch(user, ".full"))
