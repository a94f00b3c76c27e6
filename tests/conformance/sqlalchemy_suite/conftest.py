# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy's dialect compliance suite, as README.dialects.rst of its repository tells."""

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403
