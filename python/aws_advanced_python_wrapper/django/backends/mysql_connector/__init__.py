# SPDX-License-Identifier: Apache-2.0
"""``ENGINE = "aws_advanced_python_wrapper.django.backends.mysql_connector"``."""
