# SPDX-License-Identifier: Apache-2.0
"""The version, as the engine was built with it."""

from ._engine import __version__

__all__ = ["__version__"]
