#!/usr/bin/env python3
"""Makes xaes.json, lfv1.json and fernet-keys.json: known answers from a second implementation, written from the specification alone.

    /usr/bin/python3 packages/core/test/formats/known-answers/make.py

Needs Debian's python3-cryptography. Every input is fixed, so running it again gives the same files.
"""
import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


# --- XAES-256-GCM (c2sp.org/XAES-256-GCM) with the commitment of eprint 2025/758, by the long way: through CMAC ---


def aes(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def subkey(key):
    doubled = int.from_bytes(aes(key, bytes(16)), "big") << 1
    if doubled >> 128:
        doubled ^= (1 << 128) | 0x87
    return doubled.to_bytes(16, "big")


def cmac(key, message):
    """AES-CMAC (NIST SP 800-38B) of whole blocks."""
    assert message and len(message) % 16 == 0
    state = bytes(16)
    for at in range(0, len(message) - 16, 16):
        state = aes(key, xor(state, message[at : at + 16]))
    return aes(key, xor(xor(state, message[-16:]), subkey(key)))


def derived_key(key, nonce):
    return b"".join(cmac(key, bytes([0, i]) + b"X\0" + nonce[:12]) for i in (1, 2))


def commitment(key, nonce):
    return b"".join(cmac(key, b"XCMT" + nonce + bytes([0, 1, 0, i])) for i in (1, 2))


def seal(key, nonce, plaintext, aad):
    return AESGCM(derived_key(key, nonce)).encrypt(nonce[12:], plaintext, aad)


# --- lfv1 ---


def lp(*texts):
    out = len(texts).to_bytes(4, "big")
    for text in texts:
        encoded = text.encode("utf-8")
        out += len(encoded).to_bytes(4, "big") + encoded
    return out


def extract(data_key, salt, iterations):
    if iterations is not None:
        return hashlib.pbkdf2_hmac("sha256", data_key, salt, iterations, 32)
    return hmac.digest(salt, data_key, "sha256")


def expand(prk, info):
    return hmac.digest(prk, info + b"\1", "sha256")


def context_text(value):
    """A context value of the JSON below: a string, a number, or {"bigint": "..."}."""
    if isinstance(value, dict):
        return value["bigint"]
    if isinstance(value, int):
        return str(value)
    parts = value.split("-")
    is_uuid = [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(c in "0123456789abcdefABCDEF" for c in "".join(parts))
    return value.lower() if is_uuid else value


def base64url(body):
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


DATA_KEYS = {
    "kq2d5x": bytes(range(32)),
    "b7m3za": bytes(range(32, 64)),
    # Not in the ring's writing states: see `states`.
    "retire": bytes(range(64, 96)),
    "gone22": bytes(range(96, 128)),
}

BASE = {
    "key": "kq2d5x",
    "environment": "production",
    "purpose": "column",
    "salt": None,
    "iterations": None,
    "tenant": "acme",
    "place": ["tenants.api_key", 42],
}


def nonce_for(name):
    return hashlib.sha256(b"nonce of " + name.encode()).digest()[:24]


def key_of(scope):
    salt = bytes(32) if scope["salt"] is None else bytes.fromhex(scope["salt"])
    prk = extract(DATA_KEYS[scope["key"]], salt, scope["iterations"])
    return expand(prk, lp("lockfast/lfv1", scope["purpose"], scope["environment"]))


def aad_of(scope):
    tenant = "" if scope["tenant"] is None else context_text(scope["tenant"])
    place = [context_text(part) for part in scope["place"]]
    return lp(f"lfv1.{scope['key']}.", scope["purpose"], scope["environment"], tenant, *place)


def body_of(scope, nonce, plaintext):
    key = key_of(scope)
    return nonce + commitment(key, nonce) + seal(key, nonce, plaintext, aad_of(scope))


def packed(value, created):
    return (b"\0" if created is None else b"\1" + created.to_bytes(6, "big")) + value


CREATED = 1_767_225_600_123


def answer(name, value, created=CREATED, **change):
    scope = {**BASE, **change}
    nonce = nonce_for(name)
    plaintext = packed(value.encode() if isinstance(value, str) else value, created)
    body = body_of(scope, nonce, plaintext)
    header = f"lfv1.{scope['key']}."
    return {
        "name": name,
        **scope,
        "created": created,
        "value": {"text": value} if isinstance(value, str) else {"hex": value.hex()},
        "nonce": nonce.hex(),
        "k": key_of(scope).hex(),
        "aad": aad_of(scope).hex(),
        "text": header + base64url(body),
        "binary": (header.encode() + body).hex(),
    }


UUID = "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"

ANSWERS = [
    answer("a text", "AIzaSyD-not-a-real-key"),
    answer("the empty text", ""),
    answer("the text 0", "0"),
    answer("a text without a time", "no time inside", created=None),
    answer("the empty text without a time", "", created=None),
    answer("the beginning of time", "1970", created=0),
    answer("the last time that fits", "10889", created=2**48 - 1),
    answer("text of several scripts", "pässwörd пароль 暗号 كلمة 🔑 \0 \r\n \ufeff \ufffd"),
    answer("all bytes", bytes(range(256))),
    answer("bytes that are no UTF-8", bytes([0xFF, 0xFE, 0xC0, 0x80, 0xED, 0xA0, 0x80])),
    answer("a long value", "long " * 400),
    answer("under another key of the ring", "second key", key="b7m3za"),
    answer("an env file's salt", "salted", purpose="env", salt=bytes(range(200, 232)).hex(), place=["SESSION_SECRET"]),
    answer("PBKDF2 with the fewest iterations", "stretched", purpose="env", salt="5a" * 32, iterations=100_000, place=["A"]),
    answer("PBKDF2 with the usual iterations", "stretched", purpose="env", salt="5a" * 32, iterations=600_000, place=["A"]),
    answer("no tenant", "ours", tenant=None),
    answer("a tenant that is a number", "numbered", tenant=7),
    answer("a context of several scripts", "unicode", tenant="Ünïcødé GmbH", environment="staging-2", place=["таблица", "列", "🔑", "", "é", "e\u0301"]),
    answer("a UUID in upper case", "uuid", tenant=UUID, place=["users.token", UUID, f"{{{UUID}}}"]),
    answer("integers of every kind", "integers", place=["t", 0, -1, 9007199254740991, {"bigint": "18446744073709551616"}, {"bigint": "-5"}]),
    answer("a place of one part", "one", place=["x"]),
    answer("a place of forty parts", "many", place=[str(i) for i in range(40)]),
]

BY_NAME = {one["name"]: one for one in ANSWERS}
TEXT = BY_NAME["a text"]
NO_TIME = BY_NAME["a text without a time"]
BODY = bytes.fromhex(TEXT["binary"])[12:]
HEADER = "lfv1.kq2d5x."


def failure(reason, code, value, **reading):
    """`value` as text (str) or in binary form (bytes); `reading` is what the reader does otherwise than BASE."""
    form = {"text": value} if isinstance(value, str) else {"hex": value.hex()}
    return {"reason": reason, "code": code, **form, "reading": {**BASE, **reading}}


def with_plaintext(plaintext, name, **change):
    return HEADER + base64url(body_of({**BASE, **change}, nonce_for(name), plaintext))


def with_tag_of(length):
    """As a lenient reader would accept it: the tag cut to its first bytes."""
    return BODY[: len(BODY) - 16 + length]


def flipped(at, bit=1):
    return BODY[:at] + bytes([BODY[at] ^ bit]) + BODY[at + 1 :]


def surplus_bits(text):
    """Another last character for the same bytes, where the last group has surplus bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(text[12:]) % 4 in (2, 3)
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


def bare_gcm():
    """A value of the right length that is AES-GCM and no more."""
    return HEADER + base64url(nonce_for("bare") + AESGCM(DATA_KEYS["kq2d5x"]).encrypt(bytes(12), bytes(40), b""))


def without_commitment():
    nonce = nonce_for("bare")
    return HEADER + base64url(nonce + seal(key_of(BASE), nonce, packed(b"a value long enough to pass for one", CREATED), aad_of(BASE)))


def foreign(environment):
    """The key id of our ring, by chance, in a ring of another environment with another key."""
    scope = {**BASE, "environment": environment}
    nonce = nonce_for("foreign")
    key = expand(extract(b"\xee" * 32, bytes(32), None), lp("lockfast/lfv1", "column", environment))
    plaintext = packed(b"another key", CREATED)
    return HEADER + base64url(nonce + commitment(key, nonce) + seal(key, nonce, plaintext, aad_of(scope)))


# Its body has 24 + 32 + 7 + 22 + 16 = 101 bytes: two surplus characters in the last group.
assert len(BODY) == 101

FAILURES = [
    # Not a value at all
    failure("the empty text", "not-encrypted", ""),
    failure("a plain text", "not-encrypted", "AIzaSyD-not-a-real-key"),
    failure("upper case", "not-encrypted", TEXT["text"].replace("lfv1", "LFV1")),
    failure("a space before it", "not-encrypted", " " + TEXT["text"]),
    failure("a byte order mark before it", "not-encrypted", "\ufeff" + TEXT["text"]),
    failure("a later version", "not-encrypted", TEXT["text"].replace("lfv1", "lfv2")),
    failure("a Fernet token", "not-encrypted", "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="),
    failure("no bytes", "not-encrypted", b""),
    failure("other bytes", "not-encrypted", bytes(200)),
    # A header that is none
    failure("the version alone", "malformed", "lfv1."),
    failure("the header alone", "malformed", HEADER),
    failure("a key id that begins with a digit", "malformed", TEXT["text"].replace("kq2d5x", "2q2d5x")),
    failure("a key id in upper case", "malformed", TEXT["text"].replace("kq2d5x", "KQ2D5X")),
    failure("a key id with a character outside base32", "malformed", TEXT["text"].replace("kq2d5x", "kq2d1x")),
    failure("a key id of five characters", "malformed", TEXT["text"].replace("kq2d5x", "kq2d5")),
    failure("a key id of seven characters", "malformed", TEXT["text"].replace("kq2d5x", "kq2d5xx")),
    failure("a key id that ends in a newline", "malformed", TEXT["text"].replace("kq2d5x", "kq2d5\n")),
    failure("another separator", "malformed", TEXT["text"].replace("kq2d5x.", "kq2d5x:")),
    # A text that is none
    failure("padding", "malformed", TEXT["text"] + "="),
    failure("a newline after it", "malformed", TEXT["text"] + "\n"),
    failure("a carriage return and a newline after it", "malformed", TEXT["text"] + "\r\n"),
    failure("a space after it", "malformed", TEXT["text"] + " "),
    failure("a NUL after it", "malformed", TEXT["text"] + "\0"),
    failure("a newline inside", "malformed", TEXT["text"][:60] + "\n" + TEXT["text"][60:]),
    failure("a comment after it", "malformed", TEXT["text"] + " # note"),
    failure("a length that no base64 has", "malformed", TEXT["text"] + "AA"),
    failure("the last character not canonical", "malformed", surplus_bits(TEXT["text"])),
    failure("the other base64 alphabet", "malformed", HEADER + base64.b64encode(b"\xfb" * 102).decode()),
    failure("a character outside ASCII", "malformed", TEXT["text"][:60] + "é" + TEXT["text"][61:]),
    failure("a fullwidth letter", "malformed", TEXT["text"][:60] + "Ａ" + TEXT["text"][61:]),
    failure("quoted", "not-encrypted", f'"{TEXT["text"]}"'),
    failure("two values in one", "malformed", f'{TEXT["text"]},{TEXT["text"]}'),
    # A body that is too short
    failure("a body of 72 bytes", "malformed", HEADER + base64url(BODY[:72])),
    failure("a body of 72 bytes in binary form", "malformed", HEADER.encode() + BODY[:72]),
    failure("a short value with a tag of 4 bytes", "malformed", BY_NAME["the empty text without a time"]["text"][:-16]),
    failure("the body of a bare nonce", "malformed", HEADER + base64url(BODY[:24])),
    # A tag that is too short, which Node accepts when it is not told otherwise
    failure("a tag of 4 bytes", "moved-or-altered", HEADER + base64url(with_tag_of(4))),
    failure("a tag of 8 bytes", "moved-or-altered", HEADER + base64url(with_tag_of(8))),
    failure("a tag of 12 bytes", "moved-or-altered", HEADER + base64url(with_tag_of(12))),
    failure("a tag of 15 bytes, in binary form", "moved-or-altered", HEADER.encode() + with_tag_of(15)),
    failure("a byte more", "moved-or-altered", TEXT["text"] + "A"),
    failure("three bytes more", "moved-or-altered", HEADER + base64url(BODY + bytes(3))),
    failure("a byte more in binary form", "moved-or-altered", bytes.fromhex(TEXT["binary"]) + b"\n"),
    # Altered bytes
    failure("the first half of the nonce altered", "wrong-key", HEADER + base64url(flipped(0))),
    failure("the second half of the nonce altered", "wrong-key", HEADER + base64url(flipped(23))),
    failure("the commitment altered", "wrong-key", HEADER + base64url(flipped(24))),
    failure("the end of the commitment altered", "wrong-key", HEADER + base64url(flipped(55, 0x80))),
    failure("the flags altered", "moved-or-altered", HEADER + base64url(flipped(56))),
    failure("the time altered", "moved-or-altered", HEADER + base64url(flipped(60))),
    failure("the value altered", "moved-or-altered", HEADER + base64url(flipped(70))),
    failure("the tag altered", "moved-or-altered", HEADER + base64url(flipped(100))),
    # Keys
    failure("a key that the ring does not have", "missing-key", TEXT["text"].replace("kq2d5x", "zzzzzz")),
    failure("relabelled with another key of the ring", "wrong-key", TEXT["text"].replace("kq2d5x", "b7m3za")),
    failure("a retired key", "key-not-usable", answer("retired", "old", key="retire")["text"]),
    failure("a destroyed key", "key-not-usable", answer("destroyed", "old", key="gone22")["text"]),
    failure("another ring's key of the same id", "wrong-key", foreign("production")),
    failure("another environment's key of the same id", "wrong-key", foreign("staging")),
    # A construction that is not this one
    failure("AES-GCM alone", "wrong-key", bare_gcm()),
    failure("XAES-256-GCM without the commitment", "wrong-key", without_commitment()),
    failure("a text form given as bytes", "wrong-key", TEXT["text"].encode()),
    # Another context
    failure("another purpose", "wrong-key", TEXT["text"], purpose="env"),
    failure("another environment", "wrong-key", TEXT["text"], environment="staging"),
    failure("another salt", "wrong-key", TEXT["text"], salt="01" * 32),
    failure("PBKDF2 in place of HKDF", "wrong-key", TEXT["text"], iterations=100_000),
    failure(
        "another count of iterations", "wrong-key", BY_NAME["PBKDF2 with the fewest iterations"]["text"],
        purpose="env", salt="5a" * 32, iterations=100_001, place=["A"],
    ),
    failure("another tenant", "moved-or-altered", TEXT["text"], tenant="acme2"),
    failure("no tenant", "moved-or-altered", TEXT["text"], tenant=None),
    failure("a tenant in another case", "moved-or-altered", TEXT["text"], tenant="ACME"),
    failure("another column", "moved-or-altered", TEXT["text"], place=["tenants.api_kez", 42]),
    failure("another row", "moved-or-altered", TEXT["text"], place=["tenants.api_key", 43]),
    failure("a row number with a leading zero", "moved-or-altered", TEXT["text"], place=["tenants.api_key", "042"]),
    failure("one part fewer", "moved-or-altered", TEXT["text"], place=["tenants.api_key"]),
    failure("one part more", "moved-or-altered", TEXT["text"], place=["tenants.api_key", 42, ""]),
    failure("the parts exchanged", "moved-or-altered", TEXT["text"], place=[42, "tenants.api_key"]),
    failure("the parts joined", "moved-or-altered", TEXT["text"], place=["tenants.api_key42"]),
    failure("the tenant slid into the place", "moved-or-altered", TEXT["text"], tenant=None, place=["acme", "tenants.api_key", 42]),
    failure(
        "the same letters in another normal form", "moved-or-altered", answer("composed", "x", place=["é"])["text"],
        place=["e\u0301"],
    ),
    failure("bound to another key's header", "moved-or-altered", HEADER + base64url(
        nonce_for("header") + commitment(key_of(BASE), nonce_for("header"))
        + seal(key_of(BASE), nonce_for("header"), packed(b"x", CREATED), aad_of({**BASE, "key": "b7m3za"}))
    )),
    # Inside
    failure("an unknown flag", "unsupported-format", with_plaintext(b"\2text", "flag 2")),
    failure("an unknown flag beside the time", "unsupported-format", with_plaintext(b"\3" + bytes(6) + b"text", "flag 3")),
    failure("the highest flag", "unsupported-format", with_plaintext(b"\x80text", "flag 128")),
    failure("a time that is cut short", "unsupported-format", with_plaintext(b"\1\0\0\0\0\0", "short time")),
    failure("text that is not UTF-8", "invalid-text", with_plaintext(b"\0\xff", "ff")),
    failure("an overlong encoding", "invalid-text", with_plaintext(b"\0\xc0\x80", "overlong")),
    failure("an encoded surrogate", "invalid-text", with_plaintext(b"\0\xed\xa0\x80", "surrogate")),
    failure("UTF-8 that is cut short", "invalid-text", with_plaintext(b"\0\xf0\x9f\x94", "cut")),
    failure("a code point beyond Unicode", "invalid-text", with_plaintext(b"\0\xf4\x90\x80\x80", "beyond")),
]

HERE = pathlib.Path(__file__).parent
NOTE = "Made by make.py, an implementation of its own in Python. Do not edit: change make.py and run it."


def write(name, content):
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (HERE / name).write_text(text + "\n", encoding="utf-8")


def xaes_answer(i):
    key = hashlib.sha256(b"xaes key %d" % i).digest()
    nonce = nonce_for(f"xaes {i}")
    plaintext = hashlib.shake_128(b"xaes plaintext %d" % i).digest(7 * i)
    aad = hashlib.shake_128(b"xaes aad %d" % i).digest(5 * (i % 4))
    l = aes(key, bytes(16))
    return {
        "key": key.hex(),
        "nonce": nonce.hex(),
        "plaintext": plaintext.hex(),
        "aad": aad.hex(),
        "L": l.hex(),
        "K1": subkey(key).hex(),
        "Kx": derived_key(key, nonce).hex(),
        "commitment": commitment(key, nonce).hex(),
        "ciphertext": seal(key, nonce, plaintext, aad).hex(),
    }


def fernet_key_answer(name, environment):
    """The Fernet key of a data key, and a token under it, put together by hand."""
    key = expand(extract(DATA_KEYS[name], bytes(32), None), lp("lockfast/fernet", environment))
    signing, encryption = key[:16], key[16:]
    iv = hashlib.sha256(b"iv " + environment.encode()).digest()[:16]
    value = f"under the ring's key in {environment}".encode()
    padding = 16 - len(value) % 16
    encryptor = Cipher(algorithms.AES(encryption), modes.CBC(iv)).encryptor()
    signed = b"\x80" + FERNET_SECONDS.to_bytes(8, "big") + iv + encryptor.update(value + bytes([padding]) * padding)
    return {
        "key": name,
        "environment": environment,
        "fernet": base64.urlsafe_b64encode(key).decode(),
        "fingerprint": "sha256:" + hashlib.sha256(b"lockfast-fernet-fp" + key).hexdigest(),
        "seconds": FERNET_SECONDS,
        "value": value.decode(),
        "token": base64.urlsafe_b64encode(signed + hmac.digest(signing, signed, "sha256")).decode(),
    }


FERNET_SECONDS = 1_767_225_600

if __name__ == "__main__":
    write("xaes.json", {"about": NOTE, "answers": [xaes_answer(i) for i in range(16)]})
    keys = {name: key.hex() for name, key in DATA_KEYS.items()}
    states = {"kq2d5x": "active", "b7m3za": "draining", "retire": "retired", "gone22": "destroyed"}
    write("lfv1.json", {"about": NOTE, "keys": keys, "states": states, "answers": ANSWERS, "failures": FAILURES})
    fernet_keys = [fernet_key_answer(name, environment) for name in ("kq2d5x", "b7m3za") for environment in ("production", "staging", "ünïcødé")]
    write("fernet-keys.json", {"about": NOTE, "keys": keys, "answers": fernet_keys})
