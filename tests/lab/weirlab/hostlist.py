# SPDX-License-Identifier: GPL-2.0-or-later
"""Slurm's host lists: `t[1-3,7],i1` to names."""

import re

_PART = re.compile(r"[^,\[]+(?:\[[^\]]*\])?[^,\[]*")


def expand(text):
    """The names of a host list, in order; nothing for an empty one. One bracket a part."""
    if not text or text == "(null)":
        return []
    names = []
    for part in _PART.findall(text):
        match = re.fullmatch(r"([^\[]*)\[([^\]]*)\](.*)", part)
        if not match:
            names.append(part)
            continue
        prefix, ranges, suffix = match.groups()
        for item in ranges.split(","):
            first, _, last = item.partition("-")
            for number in range(int(first), int(last or first) + 1):
                names.append(f"{prefix}{number:0{len(first)}d}{suffix}")
    return names
