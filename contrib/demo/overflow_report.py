# SPDX-License-Identifier: GPL-2.0-or-later
"""The second act as a table, and what it shows in a few sentences made from the figures."""

import textwrap

from overflow_watch import PLACES

_ROWS = (
    ("jobs that ran", "jobs"),
    ("GPU-seconds", "gpu_seconds"),
    ("  prepaid by the voucher", "voucher_gpu_seconds"),
    ("paid to the site, USD", "paid"),
    ("wait, mean s", "wait_seconds_mean"),
    ("submission to end, mean s", "turnaround_seconds_mean"),
    ("last job ended after, s", "last_job_ended_seconds"),
)
_WIDTH = 11


def table(results):
    """With overflow by place and in all, and without; at most 80 columns."""
    def shown(key, value):
        if value is None:
            return "-"
        return f"{value:,.2f}" if key == "paid" else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"

    with_, without = results["with"], results["without"]
    columns = [*(with_["places"][place] for place in PLACES),
               with_ | {"jobs": with_["jobs_run"]}, without | {"jobs": without["jobs_run"]}]
    heads = [*PLACES, "in all", "without"]
    lines = [f"{'second act, with overflow':<25}" + "".join(f"{head:>{_WIDTH}}" for head in heads)]
    for label, key in _ROWS:
        lines.append(f"{label:<25}" + "".join(
            f"{shown(key, float(value) if key == 'paid' else value):>{_WIDTH}}" if value is not None
            else f"{'-':>{_WIDTH}}" for value in (column.get(key) for column in columns)))
    return "\n".join(lines)


def sentences(results, wrong):
    with_, without = results["with"], results["without"]
    away = {place: figures for place, figures in with_["places"].items() if place != "home"}
    count = sum(place["jobs"] for place in away.values())
    where = ", ".join(f"{figures['jobs']} at {place}" for place, figures in away.items())
    yield (f"Of {with_['jobs_submitted']} jobs {count} ran elsewhere ({where}) and {with_['places']['home']['jobs']} at "
           f"home; {with_['jobs_submitted'] - with_['jobs_run']} never could, as its dependency failed. The voucher "
           f"paid for {with_['voucher_gpu_seconds']} GPU-seconds, {with_['paid']:.2f} USD for the others.")
    yield _against(with_, without)
    if not wrong:
        yield (f"Slurm's books agree: {with_['jobs_recorded']} jobs at home, {with_['copies']} copies at the sites, each "
               "ended there as here; none twice, none lost; every output and result is in its user's folder at home.")
    yield from (f"WRONG, {text}." for text in wrong)


def _against(with_, without):
    def change(key, what):
        mine, other = with_[key], without[key]
        return f"{what} {mine:.1f} s with overflow and {other:.1f} s without ({(mine - other) / max(other, 0.1):+.0%})"

    return (change("wait_seconds_mean", "A job waited") + ", " +
            change("turnaround_seconds_mean", "was done after") + "; " +
            change("last_job_ended_seconds", "the last one ended after") + ".")


def text(results, wrong):
    """The whole summary."""
    said = "\n".join(textwrap.fill(sentence, 79) for sentence in sentences(results, wrong))
    return f"{table(results)}\n\n{said}"
