# SPDX-License-Identifier: Apache-2.0
"""What the wrapper costs when all is well, and how fast it is when not: ``make bench``."""

# First: it loads mysql-connector's C build before what would hinder it.
import aws_advanced_python_wrapper.mysql_connector  # noqa: F401
