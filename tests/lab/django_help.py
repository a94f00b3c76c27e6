# SPDX-License-Identifier: Apache-2.0
"""Django, as the tests use it."""

from __future__ import annotations

from typing import Any

import django.db
from aurora_lab import Cluster
from django.conf import settings

BACKEND = "aws_advanced_python_wrapper.django.backends.mysql_connector"

settings.configure(DATABASES={}, USE_TZ=False)
django.setup()


def database(cluster: Cluster, backend: str = BACKEND, **options: Any) -> Any:
    """Django's connection to the cluster, as ``DATABASES["default"]`` would make it."""
    databases = {
        "default": {
            "ENGINE": backend,
            "HOST": cluster.writer_endpoint,
            "PORT": cluster.port,
            "USER": cluster.user,
            "PASSWORD": cluster.password,
            "NAME": cluster.database,
            "CONN_MAX_AGE": None,
            "OPTIONS": options,
        }
    }
    connections = django.db.connections
    connections.settings = connections.configure_settings(databases)
    if hasattr(connections._connections, "default"):
        del connections["default"]
    return connections["default"]
