# SPDX-License-Identifier: Apache-2.0
"""What the wrapper costs when all is well, and how fast it is when not: ``make bench``."""
