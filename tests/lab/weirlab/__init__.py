# SPDX-License-Identifier: GPL-2.0-or-later
"""A private, real Slurm on one machine, started in seconds and taken down without a trace."""

from .errors import LabError, LabTimeout
from .hostlist import expand
from .lab import Lab, default_directory

__all__ = ["Lab", "LabError", "LabTimeout", "default_directory", "expand"]
