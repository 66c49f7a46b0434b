# SPDX-License-Identifier: GPL-2.0-or-later
"""The people of the lab. They exist in the lab's own /etc/passwd only, and under other names and numbers in
that of each of its sites."""

import grp
import os
import pwd

FIRST_UID = 64101
PEOPLE = ("alice", "bob", "carol", "serve")
ACCOUNTS = {"research": ("alice", "bob", "carol"), "serving": ("serve", "alice")}
DATABASE_USER, REST_USER = "mysql", "slurmrest"
_PER_LAB = 100


class People:
    """Those of one lab: number 0 is home, its sites are 1, 2, ...; a site's names have a prefix, `w-alice`."""

    def __init__(self, number=0, prefix=""):
        self.number, self.prefix = number, prefix
        self.names = tuple(prefix + name for name in PEOPLE)
        self._all = self.names + (DATABASE_USER, REST_USER)
        self._first = FIRST_UID + number * _PER_LAB

    def identity(self, name):
        """(uid, gid) of a user inside the lab, whether the machine knows the user or not."""
        if name in self._all:
            uid = self._first + self._all.index(name)
            return uid, uid
        entry = pwd.getpwnam(name)
        return entry.pw_uid, entry.pw_gid

    def accounts(self, accounts):
        """Accounts with their users' names at this lab."""
        return {account: [self.prefix + name for name in people] for account, people in accounts.items()}

    def passwd_and_group(self, directory):
        """The texts of the lab's passwd and group: the machine's, and the lab's people."""
        passwd, group = _lines("/etc/passwd", self._all), _lines("/etc/group", self._all)
        for name in self._all:
            uid = self.identity(name)[0]
            home, shell = ((f"{directory}/home/{name}", "/bin/bash") if name in self.names
                           else ("/nonexistent", "/usr/sbin/nologin"))
            passwd.append(f"{name}:x:{uid}:{uid}::{home}:{shell}")
            group.append(f"{name}:x:{uid}:")
        return "\n".join(passwd) + "\n", "\n".join(group) + "\n"


def identity(name):
    """(uid, gid) of a user of home."""
    return People().identity(name)


def _lines(path, without):
    with open(path, encoding="utf-8") as file:
        return [line for line in file.read().splitlines() if line.split(":")[0] not in without]


def become(name):
    """Turns the calling process into the user; the passwd of the calling namespace counts."""
    entry = pwd.getpwnam(name)
    if entry.pw_uid == 0:
        return
    groups = [group.gr_gid for group in grp.getgrall() if name in group.gr_mem]
    os.setgroups([entry.pw_gid, *groups])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
