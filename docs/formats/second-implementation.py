#!/usr/bin/env python3
"""A second implementation of Lockfast's formats, made from lfv1.md, key-ring.md and env-file.md alone. It reads.

    second-implementation.py KEYRING ROOT_KEY_FILE ENV_ENCRYPTED > .env

It checks what those pages ask for, then writes the plaintext. It needs Python 3.9 and the package `cryptography`.
Left out: passphrase sources, the order of ring generations, and the splitter beyond an entry's name.
"""
import base64, hashlib, hmac, json, re, sys
from urllib.parse import unquote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NO_SALT = bytes(32)

class Refused(Exception):
    """Its text is Lockfast's error code."""

def need(condition, code):
    if not condition:
        raise Refused(code)

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

def unb64(text):
    need(len(text) % 4 != 1, "malformed")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(b64(data) == text, "malformed")
    return data

def lp(*parts):
    return len(parts).to_bytes(4, "big") + b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in parts)

def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))

def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()

def expand(prk, info):
    return mac(prk, info + b"\x01")

def open_kc_xaes(k, body, aad):
    """nonce 24 | commitment 32 | ciphertext | tag 16"""
    nonce, commitment, sealed = body[:24], body[24:56], body[56:]
    aes = Cipher(algorithms.AES(k), modes.ECB()).encryptor().update
    shifted = int.from_bytes(aes(bytes(16)), "big") << 1
    k1 = (shifted % 2**128 ^ (0x87 if shifted >> 128 else 0)).to_bytes(16, "big")
    kx = b"".join(aes(xor(k1, bytes([0, i, 0x58, 0]) + nonce[:12])) for i in (1, 2))
    x = xor(aes(b"XCMT" + nonce[:12]), k1)
    expected = b"".join(aes(xor(x, nonce[12:] + bytes([0, 1, 0, i]))) for i in (1, 2))
    need(hmac.compare_digest(expected, commitment), "wrong-key")
    try:
        return AESGCM(kx).decrypt(nonce[12:], sealed, aad)
    except InvalidTag:
        raise Refused("moved-or-altered")

def unwrap(under, purpose, text, binding):
    body = unb64(text)
    need(len(body) == 104, "malformed")
    return open_kc_xaes(expand(mac(NO_SALT, under), lp(purpose)), body, binding)

def read_root_key(text):
    found = re.fullmatch(r"lockfast-root-1\.([A-Za-z0-9_-]{48})", text.strip())
    need(found, "invalid-key")
    key, check = unb64(found[1])[:32], unb64(found[1])[32:]
    need(hashlib.sha256(b"lockfast-root" + key).digest()[:4] == check, "invalid-key")
    return key

def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

def unique(pairs):
    need(len(dict(pairs)) == len(pairs), "ring-malformed")
    return dict(pairs)

MEMBERS = {"format", "ring", "environment", "generation", "backup", "sources", "keys", "mac"}
OF_KEY = {"id", "state", "created", "activated", "fingerprint", "wrapped"}
RING_MEMBERS = {
    "lockfast-keyring/1": (MEMBERS, OF_KEY),
    "lockfast-keyring/2": (MEMBERS | {"departure"}, OF_KEY | {"drained", "retired", "destroyed", "compromised"}),
    "lockfast-keyring/3": (MEMBERS | {"departure", "tenants"}, OF_KEY | {"drained", "retired", "destroyed", "compromised"}),
    "lockfast-keyring/4": (MEMBERS | {"departure", "tenants", "indexes"}, OF_KEY | {"drained", "retired", "destroyed", "compromised"}),
}
TENANT = re.compile(r"id=([a-z2-7]{16}) tenant=([!-~]+) created=\S{24} (?:wrapped=([\w-]{139})|destroyed=\S{24})", re.ASCII)

def open_ring(text, root_key):
    """The ring, its usable data keys by id, and the tenants' secrets by tenant and id."""
    ring = json.loads(text, object_pairs_hook=unique)
    need(ring["format"] in RING_MEMBERS, "unsupported-format")
    members, of_key = RING_MEMBERS[ring["format"]]
    need(set(ring) == members and all(set(key) == of_key for key in ring["keys"]), "ring-malformed")
    scope = (ring["ring"], ring["environment"])
    for source in ring["sources"]:
        try:
            rk = unwrap(root_key, "lockfast/ring-wrap", source["wrapped"], lp("lockfast/ring", *scope))
            break
        except Refused:  # another key's, or a passphrase's
            continue
    else:
        raise Refused("wrong-key")
    rest = {name: value for name, value in ring.items() if name != "mac"}
    expected = mac(expand(mac(NO_SALT, rk), lp("lockfast/ring-mac")), canonical(rest))
    need(b64(expected) == ring["mac"], "ring-tampered")
    keys = {}
    for key in ring["keys"]:
        if key["state"] in ("staged", "active", "draining"):
            secret = unwrap(rk, "lockfast/key-wrap", key["wrapped"], lp(*scope, key["id"]))
            need(key["fingerprint"] == "sha256:" + hashlib.sha256(b"lockfast-fp" + secret).hexdigest(), "ring-tampered")
            keys[key["id"]] = secret
    return ring, keys, open_tenants(ring, rk)

def open_tenants(ring, rk):
    records = [TENANT.fullmatch(text) for text in ring.get("tenants", [])]
    need(all(records), "ring-malformed")
    ids = [record[1] for record in records]
    need(ids == sorted(set(ids)), "ring-malformed")
    live = [(unquote(record[2]), record[1], record[3]) for record in records if record[3]]
    need(len({tenant for tenant, _, _ in live}) == len(live), "ring-malformed")
    scope = (ring["ring"], ring["environment"])
    return {(tenant, name): unwrap(rk, "lockfast/tenant-wrap", wrapped, lp(*scope, tenant, name)) for tenant, name, wrapped in live}

HEADER = re.compile(r"#lockfast-env/[13] environment=(\S+) tenant=(\S*) key=([a-z][a-z2-7]{5}) "
                    r"derivation=(hkdf|pbkdf2-sha256:\d+)(?:\+tenant:([a-z2-7]{16}))? salt=(\S{43}) ring=(\S+) revision=[1-9]\d*")
BASE64 = re.compile(rb"(?:\xef\xbb\xbf)?[ \t]*(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?:[\w-]{4})+(?:[\w-]{2}==|[\w-]{3}=)[ \t\r]*\n?")
LINE = re.compile(r"(?:(export )?([A-Za-z0-9_.-]+)|#)=(lfv1\.([a-z][a-z2-7]{5})\.([A-Za-z0-9_-]+))")
HEAD = re.compile(rb"(?:\xef\xbb\xbf)?[ \t]*(export[ \t]+)?([A-Za-z0-9_.-]+)[ \t]*=[ \t]*")
LAST = re.compile(rb"\n#lockfast-end check=(.{22}) mac=(.{43}) sha256=(.{43})\n\Z")

def open_env_file(data, ring, keys, tenants):
    last = LAST.search(data)
    need(last and b64(hashlib.sha256(data[:last.start(3)]).digest()).encode() == last[3], "damaged")
    first, *lines = data[:last.start()].decode("ascii").split("\n")
    header = HEADER.fullmatch(first)
    need(header, "damaged")
    need((header[5] is not None) == first.startswith("#lockfast-env/3 "), "damaged")
    environment, tenant, salt = unquote(header[1]), unquote(header[2]), unb64(header[6])
    need(environment == ring["environment"], "wrong-environment")
    need(header[3] in keys, "missing-key")
    if header[5]:
        need((tenant, header[5]) in tenants, "missing-key")
        salt += tenants[tenant, header[5]]
    iterations = int(header[4].partition(":")[2] or 0)
    need(header[4] == "hkdf" or 100_000 <= iterations <= 10_000_000, "parameters-out-of-range")

    def prk(key):
        return mac(salt, key) if header[4] == "hkdf" else hashlib.pbkdf2_hmac("sha256", key, salt, iterations)
    file_prk = prk(keys[header[3]])
    need(hmac.compare_digest(expand(file_prk, lp("lockfast/env-check"))[:16], unb64(last[1].decode())), "wrong-key")
    mac_key = expand(file_prk, lp("lockfast/env-mac", environment, tenant))
    need(hmac.compare_digest(mac(mac_key, data[:last.start(2)]), unb64(last[2].decode())), "tampered")
    return b"".join(open_line(line, keys, prk, environment, tenant) for line in lines)

def open_line(line, keys, prk, environment, tenant):
    need(LINE.fullmatch(line), "damaged")
    export, name, value, key_id, body = LINE.fullmatch(line).groups()
    need(key_id in keys, "missing-key")
    k = expand(prk(keys[key_id]), lp("lockfast/lfv1", "env", environment))
    plain = open_kc_xaes(k, unb64(body), lp(value[:12], "env", environment, tenant, name or "#"))
    need(plain[0] in (0, 1), "unsupported-format")
    entry = plain[7:] if plain[0] == 1 else plain[1:]
    head = None if BASE64.fullmatch(entry[:1024]) else HEAD.match(entry[:1024])
    inside = (bool(head[1]), head[2].decode()) if head else (False, None)
    need(inside == (bool(export), name), "tampered")
    return entry

if __name__ == "__main__":
    ring_path, root_key_path, env_path = sys.argv[1:]
    try:
        opened = open_ring(open(ring_path, encoding="utf-8").read(), read_root_key(open(root_key_path).read()))
        sys.stdout.buffer.write(open_env_file(open(env_path, "rb").read(), *opened))
    except Refused as code:
        sys.exit(f"refused: {code}")
