"""Certificates for servers on loopback, of an authority that nobody else knows; made when they are needed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import services
from tests.processes.servers import folder

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"]


class Authority:
    """Signs the certificate of a server; ``host`` is whom it names."""

    def __init__(self, place: Path, host: str) -> None:
        self.file = place / "ca.crt"
        self._place = place
        subject = ["-subj", "/CN=Tests of a session storage", "-days", "2"]
        may_sign = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        self._openssl("req", "-x509", *NEW_KEY, "ca.key", "-out", "ca.crt", *subject, *may_sign)
        extensions = f"subjectAltName={host}\nauthorityKeyIdentifier=keyid\n"
        (place / "server.ext").write_text(extensions)
        self._openssl("req", *NEW_KEY, "server.key", "-out", "server.csr", "-subj", "/CN=server")
        signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
        signed = ["-in", "server.csr", "-out", "server.crt", "-extfile", "server.ext"]
        self._openssl("x509", "-req", *signed, *signer)

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self._place)

    def options(self, port: int) -> list[str]:
        """Return what lets a Redis speak TLS at ``port``, with others of its kind as well."""
        files = {"cert": "server.crt", "key": "server.key", "ca-cert": "ca.crt"}
        named = [(f"--tls-{kind}-file", str(self._place / name)) for kind, name in files.items()]
        both = [("--tls-replication", "yes"), ("--tls-cluster", "yes")]
        pairs = [("--tls-port", str(port)), ("--tls-auth-clients", "no"), *named, *both]
        return [word for pair in pairs for word in pair]

    @property
    def trusted(self) -> dict[str, str]:
        """Return the options of a connection that trusts this authority."""
        return {"ssl_ca_certs": str(self.file)}


@contextmanager
def authority(host: str = "IP:127.0.0.1") -> Iterator[Authority]:
    """Make an authority and a certificate; without the program, the test is skipped or fails."""
    services.require("openssl")
    with folder() as place:
        yield Authority(place, host)
