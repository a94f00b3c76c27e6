# SPDX-License-Identifier: Apache-2.0
"""Authorities, certificates, and servers that show them, for tests of what a link demands."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)
_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16/"


class Authority:
    """Signs certificates; ``ca_file`` is its own, ``crl_file`` names the serials it took back."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._revoked: list[int] = []
        self.ca_file = folder / f"{name}.pem"
        root = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(self._key_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        self.crl_file = folder / f"{name}.crl"
        self._write_crl()

    def sign(
        self, common_name: str, *, revoked: bool = False, expired: bool = False
    ) -> tuple[Path, Path]:
        """Write a certificate for a host name, or a user's, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = (
            self._builder(subject, key, -_DAY / 2 if expired else _DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(common_name)]), critical=False)
            .add_extension(
                # Wanted from Python 3.13 on, and by nobody before.
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._key_id),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        if revoked:
            self._revoked.append(certificate.serial_number)
            self._write_crl()
        stem = f"{self.ca_file.stem}-{certificate.serial_number}"
        paths = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].touch(0o600)
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: datetime.timedelta = _DAY
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + lasts)
        )

    def _write_crl(self) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - _DAY)
            .next_update(now + _DAY)
        )
        for serial in self._revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(now - _DAY)
                .build()
            )
        crl = builder.sign(self._key, hashes.SHA256())
        self.crl_file.write_bytes(crl.public_bytes(serialization.Encoding.PEM))


@contextmanager
def postgres_tls_front(
    behind: tuple[str, int],
    certificate: tuple[Path, Path],
    *,
    direct: bool = False,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> Iterator[tuple[str, int]]:
    """TLS in front of a PostgreSQL server that has none: with this certificate, up to this version.

    ``direct`` is what libpq calls so: TLS from the first byte on.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.maximum_version = newest
    context.set_alpn_protocols(["postgresql"])
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(behind) as server:
            if not direct:
                if client.recv(len(_SSL_REQUEST), socket.MSG_WAITALL) != _SSL_REQUEST:
                    return  # it speaks without TLS, which this server does not
                client.sendall(b"S")
            with context.wrap_socket(client, server_side=True) as inside:
                back = threading.Thread(target=_copy, args=[server, inside], daemon=True)
                back.start()
                _copy(inside, server)
                server.shutdown(socket.SHUT_RDWR)
                back.join()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=serve, args=[client], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def give_to_server(path: Path, folder: Path) -> None:
    """Let the user that owns a server's folder, and nobody else, read a file."""
    owner = folder.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(0o600)
