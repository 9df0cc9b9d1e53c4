"""An authority of the tests' own, and certificates that it signs."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.deploy.programs import needed

ELSEWHERE = "DNS:elsewhere.example"
"""Another host."""


class Certificate(NamedTuple):
    certificate: Path
    key: Path
    both: Path
    """Key and certificate in one PEM file, as a broker's key store has them."""


class Authority:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._openssl = needed("openssl", "openssl")
        self.certificate, self._key = folder / "ca.pem", folder / "ca.key"
        folder.mkdir(parents=True)
        subject = ["-subj", "/CN=tests"]
        self._run(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self._key, "-out", self.certificate, *subject
        )

    def sign(self, name: str, password: str = "", host: str = "IP:127.0.0.1,DNS:localhost") -> Certificate:
        """A certificate of `host` whose common name is `name`; its key is locked by the password."""
        made = Certificate(*(self._folder / f"{name}.{ending}" for ending in ("pem", "key", "both.pem")))
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={host}\n")
        lock = ["-passout", f"pass:{password}"] if password else ["-nodes"]
        self._run("req", "-newkey", "rsa:2048", *lock, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}")
        self._run(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"),
            *("-out", made.certificate, "-extfile", extensions),
        )
        made.both.write_text(made.key.read_text() + made.certificate.read_text())
        return made

    def _run(self, *arguments: str | Path) -> None:
        subprocess.run([self._openssl, *map(str, arguments)], check=True, capture_output=True)
