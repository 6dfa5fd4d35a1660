"""Fernet columns for SQLAlchemy 1.4 and 2, whose keys Lockfast rotates.

Copy this file into the application. It needs `cryptography`, and the keys in ENCRYPTION_KEY and OLD_ENCRYPTION_KEY: the
first one encrypts, both decrypt. `lockfast key export --format fernet` gives a key of the key ring; after another one
became ENCRYPTION_KEY, `lockfast column rotate` brings the rows under it.

Call keys() before the first session, so that an application without a key does not start, and make the engine with
`create_engine(..., hide_parameters=True)`: SQLAlchemy quotes the values of a statement that fails, and a value that could
not be encrypted is still plaintext there.
"""
import base64
import binascii
import os

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator


class EncryptionKeyError(Exception):
    """ENCRYPTION_KEY is missing or is no key. The application must not start."""


class DecryptionError(Exception):
    """A token opens under no key that is here: a wrong key, or damage. It is never taken for plaintext."""


def keys():
    """Read at each start, never stored."""
    found = [os.environ[name] for name in ("ENCRYPTION_KEY", "OLD_ENCRYPTION_KEY") if os.environ.get(name)]
    if not os.environ.get("ENCRYPTION_KEY"):
        raise EncryptionKeyError("ENCRYPTION_KEY environment variable not set")
    try:
        return MultiFernet([Fernet(key) for key in found])
    except (ValueError, binascii.Error):
        # What was given is not quoted: it is a key, perhaps with a letter missing.
        raise EncryptionKeyError("ENCRYPTION_KEY or OLD_ENCRYPTION_KEY is not 32 url-safe base64-encoded bytes") from None


def encrypt(plaintext):
    """None stays None; the empty text is encrypted."""
    return None if plaintext is None else keys().encrypt(plaintext.encode()).decode("ascii")


def decrypt(token):
    if token is None:
        return None
    try:
        return keys().decrypt(token.encode()).decode()
    except InvalidToken:
        raise DecryptionError("Invalid encrypted data or wrong encryption key") from None


def is_encrypted(value):
    """Whether a value has the shape of a token: version 0x80, time, IV, whole blocks, HMAC. Only decrypting proves more."""
    try:
        token = base64.urlsafe_b64decode(value or "")
    except (ValueError, binascii.Error):
        return False
    return len(token) >= 73 and token[0] == 0x80 and (len(token) - 57) % 16 == 0


class FernetText(TypeDecorator):
    """`token = Column(FernetText)`: plaintext in the application, a Fernet token in the database.

    A condition on such a column never finds anything, since a value is encrypted anew each time: look rows up by another
    column.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return encrypt(value)

    def process_result_value(self, value, dialect):
        return decrypt(value)

    def compare_values(self, x, y):
        # Of plaintexts: an attribute that is set to what it was writes nothing.
        return x == y
