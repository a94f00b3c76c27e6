# SPDX-License-Identifier: Apache-2.0
"""The SQLAlchemy dialects, found by their entry points."""
