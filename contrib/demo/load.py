#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Open-loop load for an inference service: requests come when they come, however late the answers are.

They arrive as a Poisson process whose rate is piecewise linear: --rates 0:2,30:12,90:2 rises from 2 a second to 12 in
30 s, then falls back to 2 until second 90. The same seed gives the same arrivals. Each answer is a line of JSON
{"at", "seconds", "status", "error"?} as it comes, and the last line the summary {"sent", "ok", "lost", "p50", …}.
"""

import argparse
import asyncio
import itertools
import json
import math
import random
import re
import resource
from urllib.parse import urlsplit

TIMEOUT = 120  # seconds
BODY = json.dumps({"model": "example", "prompt": "Once upon a time", "max_tokens": 16}).encode()


def points(text):
    """[(second, requests a second)] of `0:2,30:12`; two points at one second are a step."""
    found = [tuple(float(number) for number in point.split(":")) for point in text.split(",")]
    if any(len(point) != 2 or min(point) < 0 for point in found) or found != sorted(found, key=lambda point: point[0]):
        raise ValueError(f"{text}: not seconds:rate pairs in the order of time")
    return found


def rate(points, at):
    for (begin, low), (end, high) in itertools.pairwise(points):
        if begin <= at < end:
            return low + (high - low) * (at - begin) / (end - begin)
    return 0.0


def arrivals(seed, points):
    """The seconds at which requests arrive, in order."""
    draw, found, at = random.Random(seed), [], points[0][0]
    most = max(high for _, high in points)
    while most > 0:  # thinning: candidates at the highest rate, each kept as often as the rate there is of it
        at += draw.expovariate(most)
        if at >= points[-1][0]:
            break
        if draw.random() * most < rate(points, at):
            found.append(at)
    return found


def summary(records):
    """Counts, and percentiles of the seconds that requests answered with 200 took; None where there are none."""
    took = sorted(record["seconds"] for record in records if record["status"] == 200)
    figures = {"sent": len(records), "ok": len(took), "lost": len(records) - len(took)}
    for percent in (50, 95, 99):
        figures[f"p{percent}"] = took[math.ceil(len(took) * percent / 100) - 1] if took else None
    return figures


async def ask(url):
    """The status of one POST over a connection of its own, once the whole answer is there."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        writer.write(f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
                     f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status = re.match(rb"HTTP/1\.[01] (\d{3}) ", head)
    if not status:
        raise ConnectionError("closed without an answer")
    length = re.search(rb"\r\nContent-Length: *(\d+)", head, re.IGNORECASE)
    if length and len(body) < int(length[1]):
        raise ConnectionError(f"closed after {len(body)} of {int(length[1])} bytes")
    return int(status[1])


async def run(url, times, report=lambda record: None):
    """Sends a request at each of the times (seconds from now); returns the records, in the order of the answers."""
    loop, records = asyncio.get_running_loop(), []
    begin = loop.time()

    async def one(at):
        await asyncio.sleep(begin + at - loop.time())
        record = {"at": round(at, 4), "seconds": None, "status": 0}
        try:
            record["status"] = await asyncio.wait_for(ask(url), TIMEOUT)
        except TimeoutError:
            record["error"] = f"no answer within {TIMEOUT} s"
        except OSError as error:
            record["error"] = str(error)
        record["seconds"] = round(loop.time() - begin - at, 4)  # from when it was due: that it left late counts
        records.append(record)
        report(record)

    await asyncio.gather(*(one(at) for at in times))
    return records


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8080/v1/completions", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rates", type=points, required=True, metavar="SECOND:RATE,…", help="requests a second")
    parser.add_argument("--out", default="/dev/stdout", metavar="FILE")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each request that waits is an open file
    with open(options.out, "w", encoding="utf-8") as file:
        def report(record):
            print(json.dumps(record), file=file, flush=True)

        report(summary(asyncio.run(run(options.url, arrivals(options.seed, options.rates), report))))


if __name__ == "__main__":
    main()
