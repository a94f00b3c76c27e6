# SPDX-License-Identifier: Apache-2.0
"""TLS ends in the relay, with certificates that are good for every name and for no other."""

from __future__ import annotations

import mysql.connector
import pytest
from aurora_lab import Cluster

from mysql_help import connect, run

CIPHER = "SHOW STATUS LIKE 'Ssl_cipher'"


def verified(cluster: Cluster, endpoint: str | None = None, **params: object) -> object:
    given = {"ssl_ca": cluster.ca_file, "ssl_verify_cert": True, "ssl_verify_identity": True}
    return connect(cluster, endpoint, **{**given, **params})


def test_a_verified_identity_is_accepted_for_every_name(mysql_tls_cluster: Cluster) -> None:
    cluster = mysql_tls_cluster
    names = [
        cluster.writer_endpoint,
        cluster.reader_endpoint,
        cluster.custom_endpoint("any", ["instance-1", "instance-2"]),
        *[i.endpoint for i in cluster.instances.values()],
    ]
    for name in names:
        with verified(cluster, name) as connection:
            assert connection._socket.sock.version() == "TLSv1.3"
            # The server, behind the relay, speaks TLS as well.
            assert run(connection, CIPHER)[0][1]


def test_statements_are_rewritten_inside_tls(mysql_tls_cluster: Cluster) -> None:
    cluster = mysql_tls_cluster
    with verified(cluster) as connection:
        assert run(connection, "SELECT @@aurora_server_id") == [(cluster.writer.id,)]
        text = "x" * (20 << 20)
        assert run(connection, "SELECT LENGTH(%s), @@innodb_read_only", [text]) == [(len(text), 0)]
        rows = run(connection, "SELECT REPEAT('y', 1000000) FROM seq_1_to_30")
        assert rows == [("y" * 1000000,)] * 30


def test_a_verified_identity_still_works_after_failover(mysql_tls_cluster: Cluster) -> None:
    mysql_tls_cluster.failover(how="crash")
    with verified(mysql_tls_cluster) as connection:
        writer = mysql_tls_cluster.truth().writer
        assert run(connection, "SELECT @@aurora_server_id") == [(writer,)]


def test_another_name_is_refused(mysql_tls_cluster: Cluster) -> None:
    """The resolver's own name of the address isn't in the certificate."""
    address = mysql_tls_cluster.writer.public_address
    tag = mysql_tls_cluster.resolver.new_tag()
    name = "database.cluster-abc.us-east-1.rds.amazonaws.com"
    mysql_tls_cluster.resolver.put(tag, {name: address})
    try:
        with pytest.raises(mysql.connector.Error, match="Hostname mismatch"):
            verified(mysql_tls_cluster, name)
        with verified(mysql_tls_cluster, name, ssl_verify_identity=False) as connection:
            assert run(connection, "SELECT 1") == [(1,)]
    finally:
        mysql_tls_cluster.resolver.put(tag, {})


def test_another_authority_is_refused(mysql_tls_cluster: Cluster) -> None:
    domain = "othermysql.us-east-1.rds.amazonaws.com"
    with (
        Cluster(0, engine="mysql", tls=True, domain=domain) as other,
        pytest.raises(mysql.connector.Error, match="certificate verify failed"),
    ):
        verified(mysql_tls_cluster, ssl_ca=other.ca_file)
    with verified(mysql_tls_cluster) as connection:
        assert run(connection, "SELECT 1") == [(1,)]


def test_plain_text_is_possible_too(mysql_tls_cluster: Cluster) -> None:
    with connect(mysql_tls_cluster, ssl_disabled=True) as connection:
        assert run(connection, CIPHER)[0][1] == ""
        assert run(connection, "SELECT @@aurora_server_id") == [(mysql_tls_cluster.writer.id,)]


def test_a_user_that_requires_tls_can_log_in(mysql_tls_cluster: Cluster) -> None:
    with mysql_tls_cluster.connect(mysql_tls_cluster.writer.id) as connection:
        run(connection, "ALTER USER john REQUIRE SSL")
    try:
        with verified(mysql_tls_cluster) as connection:
            assert run(connection, "SELECT 1") == [(1,)]
        with pytest.raises(mysql.connector.Error, match="1045"):
            connect(mysql_tls_cluster, ssl_disabled=True)
    finally:
        with mysql_tls_cluster.connect(mysql_tls_cluster.writer.id) as connection:
            run(connection, "ALTER USER john REQUIRE NONE")


def test_without_a_relay_the_servers_have_the_certificates() -> None:
    domain = "tlsplainmysql.us-east-1.rds.amazonaws.com"
    with (
        Cluster(0, "multi-az", engine="mysql", tls=True, domain=domain) as cluster,
        verified(cluster) as connection,
    ):
        assert run(connection, CIPHER)[0][1]


def test_a_client_of_a_relay_without_tls_is_told_so(mysql_cluster: Cluster) -> None:
    with pytest.raises(mysql.connector.Error, match="SSL"):
        connect(mysql_cluster, ssl_ca="/etc/ssl/certs/ca-certificates.crt", ssl_verify_cert=True)
