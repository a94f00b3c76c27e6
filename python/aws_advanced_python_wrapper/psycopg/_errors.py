# SPDX-License-Identifier: Apache-2.0
"""The error classes of psycopg's face."""

from __future__ import annotations

import psycopg

from .._core.face_errors import make_face_errors

FACE_ERRORS = make_face_errors(psycopg, "aws_advanced_python_wrapper.psycopg")
