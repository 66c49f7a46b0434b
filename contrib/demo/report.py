# SPDX-License-Identifier: GPL-2.0-or-later
"""The arms side by side, and what that shows in a few sentences made from the figures."""

import textwrap

_ROWS = (
    ("requests sent", "requests_sent"),
    ("requests lost", "requests_lost"),
    ("  answered within, p50 s", "request_seconds_p50"),
    ("  answered within, p95 s", "request_seconds_p95"),
    ("seconds short of replicas", "shortage_seconds"),
    ("GPU-seconds of replicas", "replica_gpu_seconds"),
    ("  of these without requests", "replica_idle_gpu_seconds"),
    ("replicas that had to move", "replicas_moved"),
    ("idle GPU-seconds in the day", "idle_gpu_seconds"),
    ("training waits, mean s", "training_wait_seconds_mean"),
    ("  submission to end, mean s", "training_turnaround_seconds_mean"),
    ("batches wait, mean s", "batch_wait_seconds_mean"),
    ("  submission to end, mean s", "batch_turnaround_seconds_mean"),
    ("runs cut short", "runs_cut"),
    ("GPU-seconds thrown away", "preempted_gpu_seconds"),
    ("last job ended after, s", "last_job_ended_seconds"),
    ("jobs submitted", "jobs_submitted"),
    ("jobs completed", "jobs_completed"),
    ("jobs lost", "jobs_lost"),
    ("nodes lent", "loans"),
    ("nodes taken back", "reclaims"),
)
_NEAR = 0.05  # a difference below this part of the larger value is called none


def table(results):
    """The figures as lines of at most 80 columns."""
    def shown(value):
        if value is None:
            return "none"
        return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"

    lines = [f"{'':<30}" + "".join(f"{arm:>16}" for arm in results)]
    for label, key in _ROWS:
        lines.append(f"{label:<30}" + "".join(f"{shown(results[arm][key]):>16}" for arm in results))
    return "\n".join(lines)


def _compare(mine, other):
    """-1 where mine is the smaller one, 0 where they are near, 1 where it is the larger."""
    if abs(mine - other) <= _NEAR * max(abs(mine), abs(other)):
        return 0
    return -1 if mine < other else 1


def _against(mine, other, name):
    """One sentence: what Weir gains against another arm, and what it costs."""
    words = (
        ("requests_lost", "requests lost", "d"),
        ("shortage_seconds", "seconds short of replicas", "d"),
        ("request_seconds_p95", "s for 95 of 100 answers", ".1f"),
        ("replica_gpu_seconds", "GPU-seconds of replicas", ",.0f"),
        ("idle_gpu_seconds", "idle GPU-seconds", ",.0f"),
        ("training_wait_seconds_mean", "s of training waiting", ".1f"),
        ("batch_wait_seconds_mean", "s of batches waiting", ".1f"),
        ("preempted_gpu_seconds", "GPU-seconds thrown away", ",.0f"),
        ("jobs_lost", "jobs lost", "d"),
    )
    better, same, worse = [], [], []
    for key, what, form in words:
        if mine[key] is None or other[key] is None:  # nothing was answered
            continue
        text = f"{format(mine[key], form)} {what} against {format(other[key], form)}"
        {-1: better, 0: same, 1: worse}[_compare(mine[key], other[key])].append((what, text))
    parts = []
    if better:
        parts.append("has less: " + ", ".join(text for _, text in better))
    if worse:
        parts.append(("but more: " if better else "has more: ")
                     + ", ".join(text for _, text in worse))
    if same:
        names = ", ".join(what for what, _ in same)
        parts.append(f"about the same in {names}")
    return f"Against {name}, Weir " + "; ".join(parts) + "."


def sentences(results):
    """What the table shows, good or bad."""
    said = []
    weir = results.get("weir")
    if weir:
        said.append(f"Weir lent {weir['loans']} times a node and took {weir['reclaims']} back for "
                    f"training; {weir['jobs_completed']} of {weir['jobs_submitted']} jobs completed"
                    + (f" and {weir['jobs_lost']} were LOST" if weir["jobs_lost"] else "")
                    + (f"; {weir['requests_lost']} requests were LOST" if weir["requests_lost"]
                       else "; no request was lost") + ".")
        said += [_against(weir, results[arm], arm) for arm in results if arm != "weir"]
    else:
        said += [f"{arm}: {figures['jobs_completed']} of {figures['jobs_submitted']} jobs completed."
                 for arm, figures in results.items()]
    return said


def text(results):
    """The whole summary."""
    said = "\n".join(textwrap.fill(sentence, 79) for sentence in sentences(results))
    return f"{table(results)}\n\n{said}"
