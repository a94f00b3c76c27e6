# SPDX-License-Identifier: Apache-2.0
"""Django over the wrapper's connections."""
