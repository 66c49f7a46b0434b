# SPDX-License-Identifier: GPL-2.0-or-later
"""B7: a mirrored job against one that is submitted to the site directly, pair by pair, and a crowd of mirrored jobs
through one gateway. Prints what it measured as text, and with --json as JSON."""

import argparse
import json
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, *up) for up in (("..", "..", "lab"), ("..", "..", "integration"))]

import crowd  # noqa: E402  (found only now)
import pairs  # noqa: E402
import place  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.environ.get("WEIR_BUILD"), help="the build directory")
    parser.add_argument("--pairs", type=int, default=10, help="of direct and mirrored jobs, one after the other")
    parser.add_argument("--jobs", type=int, default=1000, help="mirrored at once; 0: none")
    parser.add_argument("--seconds", type=int, default=60, help="that each of these runs")
    parser.add_argument("--json", metavar="FILE", help="what was measured")
    return parser.parse_args()


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("bench_overflow: a lab needs root")
    found = {}
    with place.up(options.build, max(options.jobs, 64)) as home:
        if options.pairs:
            found["pairs"] = pairs.measure(home, options.pairs)
            print(pairs.text(found["pairs"]), flush=True)
        if options.jobs:
            found["crowd"] = crowd.measure(home, options.jobs, options.seconds)
            print(crowd.text(found["crowd"]), flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
    lost = found.get("crowd", {}).get("wrong", [])
    failed = pairs.missed(found["pairs"]) if options.pairs else []
    if lost:
        failed.append(f"{len(lost)} jobs lost, twice or with another end, the first {lost[0]}")
    if failed:
        sys.exit(f"bench_overflow: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
