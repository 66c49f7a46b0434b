# SPDX-License-Identifier: GPL-2.0-or-later
"""What scontrol prints, as dicts."""

import re

_KEY = re.compile(r"(?:^|(?<=\s))([A-Z][A-Za-z0-9_:/]*)=")


def record(line):
    """One `scontrol show -o` line. The first of a repeated key wins.

    Values may have spaces, but a comment with ` Word=` in it looks like one more key: Slurm quotes
    nothing.
    """
    fields, found = {}, list(_KEY.finditer(line))
    for index, match in enumerate(found):
        stop = found[index + 1].start() if index + 1 < len(found) else len(line)
        fields.setdefault(match.group(1), line[match.end():stop].strip())
    return fields


def job(line):
    """A line of `scontrol show job -d -o`, with "details": a dict a group of like nodes."""
    groups = re.findall(r"\bNodes=(\S+) CPU_IDs=(\S*) Mem=(\S*) GRES=(\S*)", line)
    fields = record(re.sub(r"\bNodes=\S+ CPU_IDs=\S* Mem=\S* GRES=\S*", "", line))
    fields["details"] = [dict(zip(("Nodes", "CPU_IDs", "Mem", "GRES"), group)) for group in groups]
    return fields


def records(output, parse=record):
    return [parse(line) for line in output.splitlines() if "=" in line.split(" ")[0]]
