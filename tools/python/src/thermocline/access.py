"""What a client shows to a server, and how it knows the server."""

from __future__ import annotations

import dataclasses
import os
import ssl
import stat

from .protocol import CREDENTIAL_BYTES_MAX

TOKEN_FILE_VARIABLE = "THERMOCLINE_TOKEN_FILE"
CA_VARIABLE = "THERMOCLINE_TLS_CA"
CERTIFICATE_VARIABLE = "THERMOCLINE_TLS_CERTIFICATE"
KEY_VARIABLE = "THERMOCLINE_TLS_KEY"


@dataclasses.dataclass(frozen=True)
class TLS:
    """For addresses with TLS: paths of PEM files.

    The server's certificate must come from a trusted root, be within its time, and be for the host
    or IP address that the client connects to.

    Attributes
    ----------
    ca : str, optional
        Root certificates that are trusted, and no others; the system's without it.
    certificate : str, optional
        The client's certificate, for servers that ask for one.
    key : str, optional
        Its private key, unless it is in the certificate's file.
    """

    ca: str | os.PathLike[str] | None = None
    certificate: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None

    @classmethod
    def of_environment(cls) -> TLS:
        """What the variables ``THERMOCLINE_TLS_CA``, ``_CERTIFICATE`` and ``_KEY`` name."""
        return cls(
            os.environ.get(CA_VARIABLE) or None, os.environ.get(CERTIFICATE_VARIABLE) or None,
            os.environ.get(KEY_VARIABLE) or None)

    def context(self) -> ssl.SSLContext:
        """Reads the files; ``ValueError`` for one that cannot be used."""
        if self.key and not self.certificate:
            raise ValueError("a TLS key comes with a certificate")
        reading = f"{self.ca}"
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate:
                reading = f"{self.certificate} with {self.key or 'its key'}"
                # Without a password to give, OpenSSL would ask the terminal for one.
                context.load_cert_chain(self.certificate, self.key, password="")
        except OSError as error:  # ssl.SSLError is one too.
            raise ValueError(f"cannot use {reading} for TLS: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def find_token(
    token: str | bytes | None, token_file: str | os.PathLike[str] | None
) -> bytes:
    """The token that is given, or the content of a file, or of the environment's; else none.

    Raises
    ------
    ValueError
        Both are given; no server can have such a token; or the file is open to others.
    """
    if token is not None:
        if token_file is not None:
            raise ValueError("token or token_file, not both")
        encoded = token.encode() if isinstance(token, str) else bytes(token)
        if not 1 <= len(encoded) <= CREDENTIAL_BYTES_MAX:
            raise ValueError(f"a token has 1 to {CREDENTIAL_BYTES_MAX} bytes, not {len(encoded)}")
        return encoded
    path = token_file if token_file is not None else os.environ.get(TOKEN_FILE_VARIABLE)
    return _read_token(path) if path else b""


def _read_token(path: str | os.PathLike[str]) -> bytes:
    """What a file has in it but for one newline at its end."""
    try:
        # Without waiting for whoever might write to a pipe of that name.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ValueError(f"cannot use {path}: {error.strerror}") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"cannot use {path}: it is no regular file")
        if mode & 0o077:
            raise ValueError(
                f"cannot use {path}: others than its owner may use it; say chmod 600 {path}")
        token = os.read(descriptor, CREDENTIAL_BYTES_MAX + 2)
    finally:
        os.close(descriptor)
    token = token[:-1] if token.endswith(b"\n") else token
    if not token:
        raise ValueError(f"cannot use {path}: it is empty")
    if len(token) > CREDENTIAL_BYTES_MAX:
        raise ValueError(f"cannot use {path}: a token has at most {CREDENTIAL_BYTES_MAX} bytes")
    return token
