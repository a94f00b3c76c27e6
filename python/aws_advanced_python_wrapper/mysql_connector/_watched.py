# SPDX-License-Identifier: Apache-2.0
"""The watched method of a connection that blocks; see ``_watched_async.py``."""

from .._engine import watched

__all__ = ["watched"]
