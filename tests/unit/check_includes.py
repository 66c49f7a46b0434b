#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks that the folders depend on one another only as the design has it; prints every include that does not."""

import re
import sys
from pathlib import Path

# What a folder may include, beside itself, by path from the root. policies/ knows the standard library alone.
ALLOWED = {
    "policies/model": [],
    "policies/lend": ["policies/model"],
    "policies/idle": ["policies/model"],
    "policies/services": ["policies/model"],
    "policies/consolidate": ["policies/model", "policies/lend"],
    "policies/overflow": ["policies/model"],
    "topology": ["policies/model"],
    "topology/xml": ["plugin/result.h"],
    "topology/hwloc": ["policies/model", "topology/reading.h", "topology/xml", "plugin/result.h"],
    "topology/nccl": ["policies/model", "topology/reading.h", "topology/xml", "plugin/result.h"],
    "topology/nvml": ["policies/model", "topology/reading.h", "plugin/result.h"],
    "topology/live": ["topology/reading.h", "topology/hwloc", "topology/nvml", "plugin/result.h"],
    "topology/show": ["policies/model", "plugin/result.h"],
    "topology/agent": ["policies/model", "topology/hwloc", "topology/live", "topology/nvml", "topology/show",
                       "plugin/result.h"],
    "topology/cuda": [],
    "plugin": [],
    "plugin/config": ["policies", "plugin/result.h"],
    "plugin/slurm": ["policies/model", "plugin/result.h"],
    "plugin/spank": ["policies/model", "plugin/config/values.h", "plugin/config/words.h"],
    "plugin/job_submit": ["policies/model", "plugin/slurm/tres.h", "plugin/spank", "plugin/result.h"],
    "plugin/net": ["plugin/result.h"],
    "plugin/observe": ["policies/model", "plugin/slurm", "plugin/job_submit", "plugin/net", "plugin/result.h"],
    "plugin/actuate": ["policies", "plugin/slurm", "plugin/job_submit", "plugin/result.h"],
    "plugin/gateway": ["policies/model", "policies/overflow/rule.h", "plugin/config", "plugin/net", "plugin/slurm",
                       "plugin/spank", "plugin/job_submit", "plugin/actuate/file.h", "plugin/result.h"],
    "plugin/controller": ["policies", "plugin"],
    "plugin/cli": ["policies", "plugin", "topology"],
    "plugin/sched": [],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)
STANDARD = re.compile(r"^[a-z_]+$")  # <vector>, <chrono>: a name without folder or suffix


def folder_of(path):
    parts = path.parts[:-1]
    return "/".join(parts[:2])


def violations(root):
    for top in ("policies", "topology", "plugin"):
        for source in sorted((root / top).rglob("*")):
            if source.suffix not in {".h", ".cpp", ".c"}:
                continue
            relative = source.relative_to(root)
            folder = folder_of(relative)
            if folder not in ALLOWED:
                yield f"{relative}: folder {folder} is unknown to {Path(__file__).name}; say what it may include"
                continue
            for quote, included in INCLUDE.findall(source.read_text()):
                if quote == "<":
                    if top == "policies" and not STANDARD.match(included):
                        yield f"{relative}: <{included}> is not of the C++ standard library"
                elif not any(included.startswith(prefix) for prefix in [folder + "/", *ALLOWED[folder]]):
                    yield f"{relative}: {folder} may not include {included}"


def main():
    found = list(violations(Path(sys.argv[1])))
    print("\n".join(found) or "every include keeps to the design")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
