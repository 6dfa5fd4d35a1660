"""What Lockbox and Active Record Encryption store, made by their documented formats with Python's cryptography.

Standard input: one JSON object a line with `format`, `text` and the parameters; standard output: what would be stored, a line each.
"""
import base64, hashlib, json, os, sys, zlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def b64(raw):
    return base64.b64encode(raw).decode()


def lockbox(text, master, table, attribute):
    key = HKDF(SHA384(), 32, table.encode(), b"\xb4" * 32 + attribute.encode()).derive(bytes.fromhex(master))
    nonce = os.urandom(12)
    return b64(nonce + AESGCM(key).encrypt(nonce, text, None))


def sealed(key, plain):
    nonce = os.urandom(12)
    whole = AESGCM(key).encrypt(nonce, plain, None)
    return {"p": b64(whole[:-16]), "h": {"iv": b64(nonce), "at": b64(whole[-16:])}}


def rails(text, password, salt, digest="sha256", envelope=False, encoding=None):
    primary = hashlib.pbkdf2_hmac(digest, password.encode(), salt.encode(), 65536, 32)
    key = os.urandom(32) if envelope else primary
    deflated = len(text) > 140
    message = sealed(key, zlib.compress(text) if deflated else text)
    if deflated:
        message["h"]["c"] = True
    if envelope:
        message["h"]["k"] = sealed(primary, key)
    if encoding:
        message["h"]["e"] = b64(encoding.encode())
    return json.dumps(message, separators=(",", ":"))


for line in sys.stdin:
    what = json.loads(line)
    make = {"lockbox": lockbox, "rails": rails}[what.pop("format")]
    print(make(what.pop("text").encode(), **what))
