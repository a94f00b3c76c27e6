# SPDX-License-Identifier: Apache-2.0
"""What all tests start from."""

import signal

# A shell without job control starts its background jobs with Ctrl-C ignored; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)
