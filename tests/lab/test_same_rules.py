# SPDX-License-Identifier: Apache-2.0
"""What the application demands of its link holds for those that the engine makes: PostgreSQL."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster, eventually
from psycopg import pq

from aws_advanced_python_wrapper import _engine, release_resources, statistics
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper._core.performer import ToOpen
from aws_advanced_python_wrapper._core.waits import drive
from aws_advanced_python_wrapper.psycopg._link import facts, monitor_driver
from aws_advanced_python_wrapper.psycopg._performer import Recovery
from lab_help import Background
from rules_table import Rules, Verdicts
from tls_help import Authority, give_to_server, postgres_tls_front

NAME = "instance-1.rules.us-east-1.rds.amazonaws.com"
OTHER_NAME = "instance-1.other.us-east-1.rds.amazonaws.com"
WITHIN = 10.0


@dataclass
class Target:
    """A server as somebody who stands behind a name could show it."""

    address: str
    port: int
    name: str = NAME
    dbname: str = Cluster.database


class Demand:
    """What the application says about its link, in the connection string or the environment."""

    def __init__(self, environment: dict[str, str] | None = None, /, **options: str) -> None:
        self.environment = environment or {}
        self.options = options


class Answers:
    """Stands in for the operation that a recovery answers."""

    def __init__(self) -> None:
        self.failure: str | None = None

    def opened(self, **_: Any) -> None:
        pass

    def open_failed(self, _state: Any, _code: int, message: str) -> None:
        self.failure = message


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"), "trusted")


@pytest.fixture(scope="module")
def targets(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Target]]:
    good = authority.sign(NAME)
    revoked = authority.sign(NAME, revoked=True)
    other = Authority(tmp_path_factory.mktemp("other"), "other").sign(NAME)
    with (
        Cluster(0, domain="rules-a.us-east-1.rds.amazonaws.com") as plain,
        Cluster(0, domain="rules-b.us-east-1.rds.amazonaws.com") as secured,
    ):
        switch_tls_on(secured, authority, good)
        real = secured.writer.address, secured.port
        behind = plain.writer.address, plain.port
        with ExitStack() as stack:

            def front(*args: Any, **kwargs: Any) -> Target:
                return Target(*stack.enter_context(postgres_tls_front(behind, *args, **kwargs)))

            yield {
                "without TLS": Target(*behind),
                "TLS, all well": Target(*real),
                "a certificate for another name": Target(*real, name=OTHER_NAME),
                "a certificate of another authority": front(other),
                "a certificate that was revoked": front(revoked),
                "TLS 1.2 at most": front(good, newest=ssl.TLSVersion.TLSv1_2),
                "TLS from the first byte": front(good, direct=True),
                "wants the password itself": Target(*real, dbname="asks_for_password"),
                "wants no password": Target(*real, dbname="asks_nothing"),
                "wants a client's certificate": Target(*real, dbname="asks_for_certificate"),
            }


def switch_tls_on(cluster: Cluster, authority: Authority, certificate: tuple[Path, Path]) -> None:
    folder = cluster.writer.folder
    files = {"ssl_cert_file": certificate[0], "ssl_key_file": certificate[1]}
    files["ssl_ca_file"] = authority.ca_file
    rules = folder / "pg_hba.conf"
    # The lab's own user in front, so that the cluster is watched as ever.
    rules.write_text(
        "hostssl asks_for_password john all password\n"
        "host asks_nothing john all trust\n"
        "hostssl asks_for_certificate john all scram-sha-256 clientcert=verify-ca\n"
        "host asks_for_certificate john all reject\n" + rules.read_text()
    )
    with cluster.connect(cluster.writer.id) as admin:
        for database in ("asks_for_password", "asks_nothing", "asks_for_certificate"):
            admin.execute(f"CREATE DATABASE {database}")
        for setting, path in files.items():
            copy = folder / path.name
            copy.write_bytes(path.read_bytes())
            give_to_server(copy, folder)
            admin.execute(f"ALTER SYSTEM SET {setting} = '{copy}'")
        admin.execute("ALTER SYSTEM SET ssl = on")
        admin.execute("SELECT pg_reload_conf()")
    dsn = f"host={cluster.writer.address} port={cluster.port} sslmode=require " + credentials()

    def has_tls() -> bool:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            return False
        return True

    eventually(has_tls, within=20)


def credentials() -> str:
    return f"user={Cluster.user} password={Cluster.password} dbname={Cluster.database}"


@pytest.fixture(scope="module")
def demands(authority: Authority) -> dict[str, Demand]:
    root = str(authority.ca_file)
    certificate, key = map(str, authority.sign("john"))
    made = {
        f"sslmode={mode}": Demand(sslmode=mode)
        for mode in ("disable", "allow", "prefer", "require")
    }
    made |= {
        f"sslmode={mode} sslrootcert=FILE": Demand(sslmode=mode, sslrootcert=root)
        for mode in ("require", "verify-ca", "verify-full")
    }
    made |= {
        "nothing": Demand(),
        "sslrootcert=FILE": Demand(sslrootcert=root),
        "sslmode=verify-full sslrootcert=FILE sslcrl=FILE": Demand(
            sslmode="verify-full", sslrootcert=root, sslcrl=str(authority.crl_file)
        ),
        "sslrootcert=system, SSL_CERT_FILE": Demand({"SSL_CERT_FILE": root}, sslrootcert="system"),
        "PGSSLMODE=verify-full, PGSSLROOTCERT": Demand(
            {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": root}
        ),
        "channel_binding=require": Demand(channel_binding="require"),
        "require_auth=scram-sha-256": Demand(require_auth="scram-sha-256"),
        "require_auth=!password,!none": Demand(require_auth="!password,!none"),
        "PGREQUIREAUTH=scram-sha-256": Demand({"PGREQUIREAUTH": "scram-sha-256"}),
        "sslmode=require ssl_min_protocol_version=TLSv1.3": Demand(
            sslmode="require", ssl_min_protocol_version="TLSv1.3"
        ),
        "sslmode=require sslnegotiation=direct": Demand(sslmode="require", sslnegotiation="direct"),
        "gssencmode=require": Demand(gssencmode="require"),
        "sslmode=require sslcert=FILE sslkey=FILE": Demand(
            sslmode="require", sslcert=certificate, sslkey=key
        ),
        "sslmode=require sslcertmode=disable": Demand(sslmode="require", sslcertmode="disable"),
    }
    return made


def parameters(demand: Demand, target: Target) -> dict[str, Any]:
    return {
        "host": target.name,
        "hostaddr": target.address,
        "port": target.port,
        "dbname": target.dbname,
        "user": Cluster.user,
        "password": Cluster.password,
        **demand.options,
    }


def of_the_application(demand: Demand, target: Target) -> psycopg.Connection[Any] | str:
    try:
        return face.connect(**parameters(demand, target), connect_timeout=10, wrapper_dialect="pg")
    except psycopg.OperationalError as error:
        return str(error)


def of_the_failover(connection: Any, target: Target) -> str | None:
    recovery = Recovery(connection, connection._aws_session, False)
    recovery._parameters["dbname"] = target.dbname
    host = type("Host", (), {"name": target.name, "port": target.port})
    answers: Any = Answers()
    drive(recovery._open(answers, ToOpen(1, host, target.address, {}, WITHIN)))
    recovery.close_links()
    failure: str | None = answers.failure
    return failure


def of_the_monitor(connection: Any, target: Target) -> str | None:
    options = connection._aws_session.monitor_options(facts(connection.pgconn)["options"])
    options["dbname"] = target.dbname
    return monitor_driver().try_to_connect(
        target.name, target.address, target.port, options, WITHIN
    )


def test_no_link_of_the_engine_is_weaker_than_the_applications(
    targets: dict[str, Target], demands: dict[str, Demand], rules_table: Rules
) -> None:
    assert pq.version() >= 180000, "the libpq of these tests knows every option of the table"
    for wanted, demand in demands.items():
        with pytest.MonkeyPatch.context() as patch:
            for name, value in demand.environment.items():
                patch.setenv(name, value)
            own = {name: of_the_application(demand, target) for name, target in targets.items()}
            live = next((link for link in own.values() if not isinstance(link, str)), None)
            for name in filter(lambda name: name.startswith("PG"), demand.environment):
                patch.delenv(name)  # what held for the live link still has to
            for name, target in targets.items():
                verdicts = Verdicts(application=refusal(own[name]))
                if live is not None:
                    verdicts.failover = of_the_failover(live, target)
                    verdicts.monitor = of_the_monitor(live, target)
                rules_table.add("PostgreSQL", wanted, name, verdicts)
        for link in own.values():
            if not isinstance(link, str):
                link.close()
    rules_table.check("PostgreSQL")


def refusal(outcome: Any) -> str | None:
    return outcome if isinstance(outcome, str) else None


def test_monitors_verify_what_the_application_verifies_by_itself(
    tls_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # libpq takes sslrootcert=system for sslmode=verify-full.
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_cluster.ca_file))
    with (
        face.connect(tls_cluster.dsn(), sslrootcert="system", autocommit=True) as connection,
        tls_cluster.connect(tls_cluster.writer.id) as admin,
    ):
        asks = (
            "SELECT s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
            f"WHERE a.usename = '{Cluster.user}' AND a.pid <> {connection.info.backend_pid}"
        )
        # A statement that takes a while has its host asked.
        waiting = Background(lambda: connection.execute("SELECT pg_sleep(3)"))
        links = eventually(lambda: admin.execute(asks).fetchall())
        waiting.join()
        assert links == [(True,)]
        assert tls_cluster.truth().writer == connection.current_host


def test_environment_chooses_no_server_for_the_monitors(
    tls_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTARGETSESSIONATTRS", "read-write")
    monkeypatch.setenv("PGOPTIONS", "-c no.such=x -c work_mem=none")
    reader = tls_cluster.readers[0]
    with face.connect(tls_cluster.dsn(), options="", autocommit=True) as connection:
        options = connection._aws_session.monitor_options(facts(connection.pgconn)["options"])
    where = reader.endpoint, reader.address, tls_cluster.port
    assert monitor_driver().try_to_connect(*where, options, WITHIN) is None


def test_certificate_that_a_monitor_refuses_is_named(
    tls_cluster: Cluster, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"sslmode": "verify-full", "sslrootcert": str(tls_cluster.ca_file)}
    others = {"monitoring-sslrootcert": str(authority.ca_file)}
    dsn = tls_cluster.dsn()
    with face.connect(dsn, autocommit=True, **given, **others) as connection:
        writer = f"{tls_cluster.writer.endpoint}:{tls_cluster.port}"

        def is_told() -> bool:
            # A statement that takes a while has its host asked; what can't be asked isn't dead.
            assert connection.execute("SELECT 1 FROM pg_sleep(1.5)").fetchone() == (1,)
            refusals = statistics()["clusters"][0]["refusals"]
            return "certificate verify failed" in refusals.get(writer, "")

        eventually(is_told, within=30)
    told = [record.message for record in caplog.records if writer in record.message]
    assert sum("certificate verify failed" in text for text in told) == 1


def test_file_that_a_monitor_misses_is_named_and_no_verdict_about_a_host(
    tls_cluster: Cluster, tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(Path(tls_cluster.ca_file).read_bytes())
    given = {"sslmode": "verify-full", "sslrootcert": str(roots), "suspect_after_ms": 200}
    rule = {"failure_detection_time_ms": 200, "failure_detection_interval_ms": 100}
    with face.connect(
        tls_cluster.dsn(), autocommit=True, failure_detection_count=2, **given, **rule
    ) as connection:
        connection.execute("SELECT 1")
        roots.unlink()
        release_resources()  # the monitor has no link now, and begins anew with the next call
        assert connection.execute("SELECT 'went on' FROM pg_sleep(3)").fetchone() == ("went on",)
        told = statistics()["clusters"][0]
        assert f'root certificate file "{roots}" does not exist' in next(
            iter(told["refusals"].values())
        )
        assert told["questions_unasked"] > 0
        assert told["probes_failed"] == 0


def test_connections_of_different_demands_do_not_share_monitors(tls_cluster: Cluster) -> None:
    demands = ("require", "disable", "require", "disable")
    links = [face.connect(tls_cluster.dsn(), sslmode=mode) for mode in demands]
    told = statistics()["clusters"]
    assert [cluster["connections"] for cluster in told] == [2, 2]
    for link in links:
        link.close()


def test_option_that_only_a_monitor_gets_and_libpq_lacks_is_told(
    targets: dict[str, Target], caplog: pytest.LogCaptureFixture
) -> None:
    target = targets["without TLS"]
    session = _engine.Session(
        _engine.parse_settings({"monitoring-no_such_option": "x"}), NAME, monitor_driver()
    )
    options = session.monitor_options({"user": Cluster.user, "password": Cluster.password})
    why = monitor_driver().try_to_connect(target.name, target.address, target.port, options, WITHIN)
    assert why == 'libpq has no connection option "no_such_option"'
    assert not caplog.records
