# SPDX-License-Identifier: Apache-2.0
"""``python -m aurora_lab`` is the command ``aurora-lab``."""

import sys

from .cli import main

sys.exit(main())
