# SPDX-License-Identifier: Apache-2.0
"""Recognises that upstream's distribution shares our folder."""

from __future__ import annotations

import os


def refuse_upstream() -> None:
    """Raise ImportError if files of upstream's distribution lie among ours.

    Both distributions provide the package of this name, so installing one over the other mixes
    their files. ``wrapper.py`` is upstream's and never ours.
    """
    if os.path.exists(os.path.join(os.path.dirname(__file__), "wrapper.py")):
        raise ImportError(
            "aws-advanced-python-wrapper and aws-advanced-python-wrapper-native are both "
            "installed, and both provide the package aws_advanced_python_wrapper. Uninstall both, "
            "then install the one that you want: pip uninstall aws-advanced-python-wrapper "
            "aws-advanced-python-wrapper-native"
        )
