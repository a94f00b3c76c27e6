# SPDX-License-Identifier: Apache-2.0
"""The one exception of the lab."""

from __future__ import annotations


class LabError(Exception):
    """The lab can't do what was asked; the text says what happened and what to do."""
