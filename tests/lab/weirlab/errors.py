# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong in a lab, said in one sentence (and a log's tail where there is one)."""


class LabError(RuntimeError):
    """The lab could not do what was asked."""


class CommandError(LabError):
    """A command ended with a status other than 0."""


class LabTimeout(LabError, AssertionError):
    """Something awaited did not come; the message says what was last seen."""
