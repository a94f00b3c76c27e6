# SPDX-License-Identifier: Apache-2.0
"""Database backends, for ``ENGINE`` in Django's ``DATABASES``."""
