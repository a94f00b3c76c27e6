# SPDX-License-Identifier: Apache-2.0
"""What the suite may expect of the servers."""

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements


class PostgreSql(SuiteRequirements):
    """The suite's own defaults, and what PostgreSQL can do beyond them."""

    schemas = exclusions.open()
    json_type = exclusions.open()
    uuid_data_type = exclusions.open()
    window_functions = exclusions.open()
    ctes = exclusions.open()
    ctes_with_update_delete = exclusions.open()
    insert_from_select = exclusions.open()
    savepoints = exclusions.open()
    two_phase_transactions = exclusions.open()
    isolation_level = exclusions.open()
    server_side_cursors = exclusions.open()
    array_type = exclusions.open()
    comment_reflection = exclusions.open()
    computed_columns = exclusions.open()
    identity_columns = exclusions.open()
    regexp_match = exclusions.open()
    timestamp_microseconds = exclusions.open()
    unicode_ddl = exclusions.open()

    def get_isolation_levels(self, config):  # noqa: ARG002
        """The levels of PostgreSQL."""
        return {
            "default": "READ COMMITTED",
            "supported": [
                "AUTOCOMMIT",
                "READ UNCOMMITTED",
                "READ COMMITTED",
                "REPEATABLE READ",
                "SERIALIZABLE",
            ],
        }


class MySql(SuiteRequirements):
    """The suite's own defaults, and what MariaDB can do beyond them."""

    schemas = exclusions.open()
    json_type = exclusions.open()
    window_functions = exclusions.open()
    ctes = exclusions.open()
    insert_from_select = exclusions.open()
    savepoints = exclusions.open()
    isolation_level = exclusions.open()
    comment_reflection = exclusions.open()
    computed_columns = exclusions.open()
    regexp_match = exclusions.open()
    unicode_ddl = exclusions.open()

    def get_isolation_levels(self, config):  # noqa: ARG002
        """The levels of MariaDB."""
        return {
            "default": "REPEATABLE READ",
            "supported": [
                "AUTOCOMMIT",
                "READ UNCOMMITTED",
                "READ COMMITTED",
                "REPEATABLE READ",
                "SERIALIZABLE",
            ],
        }
