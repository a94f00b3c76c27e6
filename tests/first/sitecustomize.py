# SPDX-License-Identifier: Apache-2.0
"""On the module path of a test run, so that the interpreter begins with this.

mysql-connector's C build brings an OpenSSL that may be newer than the system's and has its name, so
that it can't be loaded after the system's, which pytest needs.
"""

import contextlib

with contextlib.suppress(ImportError):
    import _mysql_connector  # noqa: F401
