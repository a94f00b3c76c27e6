# SPDX-License-Identifier: Apache-2.0
"""The certificates are good for every name of the cluster, and for no other."""

from __future__ import annotations

import psycopg
import pytest
from aurora_lab import Cluster, LabError


def test_verify_full_accepts_every_name(tls_cluster: Cluster) -> None:
    names = [
        tls_cluster.writer_endpoint,
        tls_cluster.reader_endpoint,
        tls_cluster.custom_endpoint("any", ["instance-1", "instance-2"]),
        *[i.endpoint for i in tls_cluster.instances.values()],
        *[i.address for i in tls_cluster.instances.values()],
    ]
    for name in names:
        dsn = tls_cluster.dsn(name, sslmode="verify-full", sslrootcert=tls_cluster.ca_file)
        with psycopg.connect(dsn) as connection:
            assert connection.pgconn.ssl_in_use


def test_verify_full_still_works_after_failover(tls_cluster: Cluster) -> None:
    tls_cluster.failover(how="crash")
    dsn = tls_cluster.dsn(sslmode="verify-full", sslrootcert=tls_cluster.ca_file)
    with psycopg.connect(dsn) as connection:
        assert connection.pgconn.ssl_in_use


def test_verify_full_refuses_another_name(tls_cluster: Cluster) -> None:
    address = tls_cluster.lookup(tls_cluster.writer_endpoint)
    dsn = tls_cluster.dsn(
        "database.cluster-abc.us-east-1.rds.amazonaws.com",
        hostaddr=address,
        sslmode="verify-full",
        sslrootcert=tls_cluster.ca_file,
    )
    with pytest.raises(psycopg.OperationalError, match="does not match"):
        psycopg.connect(dsn)


def test_verify_ca_refuses_another_authority(tls_cluster: Cluster) -> None:
    with Cluster(0, tls=True, domain="other.us-east-1.rds.amazonaws.com") as other:
        dsn = tls_cluster.dsn(sslmode="verify-ca", sslrootcert=other.ca_file)
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            psycopg.connect(dsn)


def test_plain_text_is_possible_too(tls_cluster: Cluster) -> None:
    with psycopg.connect(tls_cluster.dsn(sslmode="disable")) as connection:
        assert not connection.pgconn.ssl_in_use


def test_ca_file_without_tls_is_an_error(aurora_cluster: Cluster) -> None:
    with pytest.raises(LabError, match="tls=True"):
        _ = aurora_cluster.ca_file
