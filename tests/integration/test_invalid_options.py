# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing but wrong uses of Weir's options, through the real sbatch, salloc and srun, with what each is told."""

import pytest

from submissions import LAYOUT  # noqa: F401  (for module_weir)

SIGNALS = "known: HUP, INT, QUIT, USR1, USR2, ALRM, TERM, URG, CONT, TSTP, WINCH, or a number from 1 to 64"
CHECKPOINTS = [
    ("", 'is empty (as in USR1@120)'),
    ("USR1", '"USR1" does not say within how many seconds (try USR1@120)'),
    ("USR1@", '"USR1" does not say within how many seconds (try USR1@120)'),
    ("@120", "names no signal (as in USR1@120)"),
    ("USR9@120", f'"USR9" is no signal ({SIGNALS})'),
    ("0@120", f'"0" is no signal ({SIGNALS})'),
    ("65@120", f'"65" is no signal ({SIGNALS})'),
    ("-10@120", f'"-10" is no signal ({SIGNALS})'),
    ("120", f'"120" is no signal ({SIGNALS})'),
    ("B:USR1@120", f'"B:USR1" is no signal ({SIGNALS})'),
    ("KILL@120", '"KILL" cannot be caught by any program (try USR1)'),
    ("19@120", '"19" cannot be caught by any program (try USR1)'),
    ("USR1@0", '"0s" is too short (at least 1s)'),
    ("USR1@-5", '"-5" is negative'),
    ("USR1@soon", '"soon" is not a duration (as in 90s, 15m or 1h30m)'),
    ("USR1@1.5", '"1.5" has a fraction (write whole numbers, as in 1h30m)'),
    ("USR1@2w", '"2w" has the unknown unit "w" (known: s, m, h, d)'),
    ("USR1@2d", '"2d" is too long (at most 1d)'),
    ("USR1@99999999999999999999", "is too long (at most 1d)"),
    ("USR1@120 ", '"120 "'),
    ("USR1@120,evry=10m", 'knows no "evry" (meant every?), but every=TIME and reload=TIME'),
    ("USR1@120,10m", 'knows no "10m", but every=TIME and reload=TIME'),
    ("USR1@120,every", "every has no time (try every=30m)"),
    ("USR1@120,every=", 'every: is empty'),
    ("USR1@120,every=10", 'every: "10" has no unit (try 10m)'),
    ("USR1@120,every=0m", 'every: "0m" is too short (at least 1s)'),
    ("USR1@120,every=1m,every=2m", "says every twice"),
    ("USR1@120,reload=-1m", 'reload: "-1m" is negative'),
    ("USR1@120;begin=1", '"120;begin=1"'),
    ("USR1@120\n", "120\\x0a"),
    ("\x1b[31m@1", "\\x1b[31m"),
]
NOTICES = [
    ("", "is empty (as in USR1@120)"),
    ("TERM", '"TERM" does not say within how many seconds (try TERM@120)'),
    ("R:TERM@60", f'"R:TERM" is no signal ({SIGNALS})'),
    ("STOP@60", '"STOP" cannot be caught by any program (try USR1)'),
    ("TERM@60,every=10m", '"60,every=10m"'),
    ("TERM@60s60s", "must name each unit once"),
]
CONTRADICTIONS = [
    (["sbatch", "--weir-checkpoint=USR1@120", "--no-requeue"],
     "--weir-checkpoint: a job with --no-requeue cannot start again from what it saved; leave one of the two out"),
    (["sbatch", "--weir-checkpoint=USR1@60", "--time=1"],
     "--weir-checkpoint: 1m is no shorter than the job's time limit of 1m"),
    (["sbatch", "--weir-notice=USR1@5m", "--time=2"],
     "--weir-notice: 5m is no shorter than the job's time limit of 2m"),
    (["salloc", "--weir-checkpoint=USR1@120", "true"],
     "--weir-checkpoint: only a batch script can be told to save; submit one with sbatch"),
    (["srun", "--weir-checkpoint=USR1@120", "true"],
     "--weir-checkpoint: only a batch script can be told to save; submit one with sbatch"),
    (["sbatch", "-N1", "--weir-checkpoint=USR1@120", "--no-requeue", ":", "-N1"], "a job with --no-requeue"),
]


def told(weir, argv, env=None):
    """The one line of Weir's, of a submission that failed."""
    result = weir.run(argv, user="alice", check=False, env=env, input="#!/bin/sh\ntrue\n")
    assert result.returncode != 0, f"{argv} was taken: {result.stdout}"
    assert "Submitted" not in result.stdout
    lines = [line for line in result.stderr.splitlines() if "weir: " in line]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.parametrize("value,message", CHECKPOINTS, ids=[repr(value) for value, _ in CHECKPOINTS])
def test_a_wrong_checkpoint(module_weir, value, message):
    line = told(module_weir, ["sbatch", f"--weir-checkpoint={value}"])
    assert line.startswith("sbatch: error: weir: --weir-checkpoint: ") and message in line


@pytest.mark.parametrize("value,message", NOTICES, ids=[repr(value) for value, _ in NOTICES])
def test_a_wrong_notice(module_weir, value, message):
    for argv in (["sbatch"], ["salloc", "true"], ["srun", "true"]):
        line = told(module_weir, [argv[0], f"--weir-notice={value}", *argv[1:]])
        assert line.startswith(f"{argv[0]}: error: weir: --weir-notice: ") and message in line


@pytest.mark.parametrize("argv,message", CONTRADICTIONS, ids=[" ".join(argv) for argv, _ in CONTRADICTIONS])
def test_a_value_that_contradicts_the_job(module_weir, argv, message):
    assert message in told(module_weir, argv)


def test_a_wrong_line_of_the_script_and_a_wrong_variable(module_weir):
    script = "#!/bin/sh\n#SBATCH --weir-notice=now\ntrue\n"
    result = module_weir.run(["sbatch"], user="alice", check=False, input=script)
    assert result.returncode != 0 and 'weir: --weir-notice: "now" is no signal' in result.stderr
    assert '"now" is no signal' in told(module_weir, ["sbatch"], env={"SBATCH_WEIR_NOTICE": "now"})


def test_a_checkpoint_where_jobs_are_not_requeued_unless_they_ask(lab, build_dir):
    from support import policy

    slurm = lab(layout=LAYOUT, weir=build_dir, policy=policy(), slurm_conf=["JobRequeue=0"])
    result = slurm.run(["sbatch", "--weir-checkpoint=USR1@20"], user="alice", check=False, input="#!/bin/sh\ntrue\n")
    assert "weir: --weir-checkpoint: jobs are not requeued here unless they ask for it; add --requeue" in result.stderr
    slurm.run(["sbatch", "--weir-checkpoint=USR1@20", "--requeue", "-H"], user="alice", input="#!/bin/sh\ntrue\n")
