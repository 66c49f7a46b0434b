# SPDX-License-Identifier: GPL-2.0-or-later
"""The arms side by side, and what that shows in a few sentences made from the figures."""

import textwrap

_ROWS = (
    ("idle GPU-seconds in the day", "idle_gpu_seconds"),
    ("inference waits, mean s", "inference_wait_seconds_mean"),
    ("  submission to end, mean s", "inference_turnaround_seconds_mean"),
    ("training waits, mean s", "training_wait_seconds_mean"),
    ("  submission to end, mean s", "training_turnaround_seconds_mean"),
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
        ("idle_gpu_seconds", "idle GPU-seconds", ",.0f"),
        ("inference_wait_seconds_mean", "s of inference waiting", ".1f"),
        ("inference_turnaround_seconds_mean", "s from submission to end of inference", ".1f"),
        ("training_wait_seconds_mean", "s of training waiting", ".1f"),
        ("preempted_gpu_seconds", "GPU-seconds thrown away", ",.0f"),
        ("jobs_lost", "jobs lost", "d"),
    )
    better, same, worse = [], [], []
    for key, what, form in words:
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
                    + (f" and {weir['jobs_lost']} were LOST." if weir["jobs_lost"] else "."))
        said += [_against(weir, results[arm], arm) for arm in results if arm != "weir"]
    else:
        said += [f"{arm}: {figures['jobs_completed']} of {figures['jobs_submitted']} jobs completed."
                 for arm, figures in results.items()]
    return said


def text(results):
    """The whole summary."""
    said = "\n".join(textwrap.fill(sentence, 79) for sentence in sentences(results))
    return f"{table(results)}\n\n{said}"
