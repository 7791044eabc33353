"""The register's secret: where it is kept, the keys derived from it, sealing and opening.

One secret of 32 bytes; HKDF-SHA-256 gives each use a key of its own. Whoever has the database without
the secret has pseudonyms. Does not rotate (`identity rotate` will: every id is stored sealed as well).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from streams.errors import Unreachable, WrongUse

SECRET_BYTES = 32
_NONCE_BYTES = 12
_FORMAT = b"\x01"


class Keys:
    """Keys derived from the secret, one per use.

    Attributes:
        alias: HMAC key of ids.
        household: HMAC key of a population file's household ids and lines.
        check: stored in the register; tells whether a secret is the one it was made with.
    """

    def __init__(self, secret: bytes) -> None:
        self.alias = _derived(secret, "alias")
        self.household = _derived(secret, "household")
        self.check = hmac.digest(_derived(secret, "check"), b"identity register", "sha256")
        self._sealing = AESGCM(_derived(secret, "seal"))

    def __repr__(self) -> str:
        return "Keys(<redacted>)"

    def seal(self, text: bytes, belongs_to: bytes) -> bytes:
        """Encrypts (AES-256-GCM); the row it belongs to is authenticated with it."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._sealing.encrypt(nonce, text, belongs_to)

    def unseal(self, sealed: bytes, belongs_to: bytes) -> bytes:
        """What was sealed.

        Raises:
            WrongUse: it was changed, moved to another row, or sealed with another key.
        """
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._sealing.decrypt(nonce, text, belongs_to)
        except InvalidTag:
            raise WrongUse(
                "an entry of the identity register cannot be decrypted: it was changed, or is from another register",
                "restore the register from its backup, together with its key file",
            ) from None

    def seal_record(self, record: Mapping[str, object], belongs_to: str) -> bytes:
        """Seals a record as JSON."""
        return self.seal(orjson.dumps(record), belongs_to.encode())

    def unseal_record(self, sealed: bytes, belongs_to: str) -> dict[str, object]:
        """What `seal_record` sealed; raises as `unseal`."""
        record: dict[str, object] = orjson.loads(self.unseal(sealed, belongs_to.encode()))
        return record


def _derived(secret: bytes, use: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"headwater register {use}".encode())
    return kdf.derive(secret)


def read_secret(path: Path) -> bytes | None:
    """The secret in a file; None when there is no such file.

    Raises:
        WrongUse: the file does not hold 32 bytes in base64.
        Unreachable: the file cannot be read.
    """
    try:
        secret = base64.b64decode(path.read_bytes().strip(), validate=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreachable(f"the key file {path} cannot be read: {error.strerror}", "make it readable") from None
    except binascii.Error:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise WrongUse(
            f"the key file {path} does not hold {SECRET_BYTES} bytes in base64",
            "restore it from its backup; for a new register: `openssl rand -base64 32`",
        )
    return secret


def make_secret(path: Path) -> bytes:
    """Makes the key file, readable for its owner only; of several at once the first wins.

    Raises:
        Unreachable: the file cannot be made there.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_draft(draft)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise Unreachable(
            f"the key file {path} cannot be made: {error.strerror}",
            "make the folder writable, or name a key file in HEADWATER_REGISTER_KEY_FILE",
        ) from None
    secret = read_secret(path)
    assert secret is not None
    return secret


def _write_draft(path: Path) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(SECRET_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
