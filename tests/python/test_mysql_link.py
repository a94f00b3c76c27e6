# SPDX-License-Identifier: Apache-2.0
"""What the engine's monitors are told of the driver's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aws_advanced_python_wrapper.mysql_connector._link import option


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("tls_versions", ["TLSv1.2", "TLSv1.3"], "TLSv1.2,TLSv1.3"),
        ("tls_versions", ("TLSv1.3",), "TLSv1.3"),
        ("tls_versions", "[TLSv1.3]", "[TLSv1.3]"),
        ("tls_versions", [], ""),
        ("tls_ciphersuites", {"TLS_AES_256_GCM_SHA384"}, "TLS_AES_256_GCM_SHA384"),
        ("ssl_ca", Path("/some/ca.pem"), "/some/ca.pem"),
        ("ssl_ca", b"/some/ca.pem", "/some/ca.pem"),
        ("ssl_verify_cert", True, "1"),
        ("ssl_verify_cert", "false", "1"),  # the driver takes any text for yes
        ("ssl_verify_cert", 2, "1"),
        ("ssl_disabled", 0, "0"),
        ("port", 3306, "3306"),
        ("password", "secret", "secret"),
    ],
)
def test_option_is_told_as_the_driver_takes_it(name: str, value: Any, text: str) -> None:
    assert option(name, value) == text
