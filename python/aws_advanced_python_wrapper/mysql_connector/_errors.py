# SPDX-License-Identifier: Apache-2.0
"""The error classes of mysql-connector's face."""

from __future__ import annotations

import mysql.connector

from .._core.face_errors import make_face_errors

FACE_ERRORS = make_face_errors(mysql.connector, "aws_advanced_python_wrapper.mysql_connector")
