#!/usr/bin/env python3
"""Makes ring.json, ring-2.json, ring-3.json and ring-4.json: key rings of formats 1 to 4 from a second implementation, written
from the specification alone.

    /usr/bin/python3 packages/core/test/keyring/known-answers/make.py

Needs Debian's python3-cryptography. Every input is fixed, so running it again gives the same file.
"""
import hashlib
import hmac
import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "formats" / "known-answers"))

from make import NOTE, base64url, commitment, expand, extract, lp, nonce_for, seal  # noqa: E402

ENVIRONMENT = "production"
RING = "abcdefghij234567"
CREATED = "2026-01-01T00:00:00.000Z"
LATER = "2026-06-01T12:30:00.500Z"


def secret(name):
    return hashlib.sha256(b"secret " + name.encode()).digest()


def wrap(under, purpose, key, binding, name):
    k = expand(extract(under, bytes(32), None), lp(purpose))
    nonce = nonce_for(name)
    return base64url(nonce + commitment(k, nonce) + seal(k, nonce, key, binding))


def key_record(ring_key, name, state, activated):
    key = secret(name)
    return {
        "id": name,
        "state": state,
        "created": CREATED,
        "activated": activated,
        "fingerprint": "sha256:" + hashlib.sha256(b"lockfast-fp" + key).hexdigest(),
        "wrapped": "" if state == "destroyed" else wrap(ring_key, "lockfast/key-wrap", key, lp(RING, ENVIRONMENT, name), f"key {name}"),
    }


def key_record_2(ring_key, name, state, activated, **moments):
    record = key_record(ring_key, name, state, activated)
    return {**record, "drained": None, "retired": None, "destroyed": None, "compromised": None, **moments}


def canonical(value):
    """RFC 8785, for texts and integers: sorted by UTF-16, without white space."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(json.dumps(name, ensure_ascii=False) + ":" + canonical(one) for name, one in members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def authenticated(ring_key, document):
    key = expand(extract(ring_key, bytes(32), None), lp("lockfast/ring-mac"))
    return {**document, "mac": base64url(hmac.digest(key, canonical(document).encode(), "sha256"))}


def root_key_text(key):
    return "lockfast-root-1." + base64url(key + hashlib.sha256(b"lockfast-root" + key).digest()[:4])


def under_passphrase(passphrase, ring_key, binding):
    salt = secret("salt")
    stretched = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 100_000, 32)
    return ":".join(["pbkdf2-sha256", "i=100000", base64url(salt), wrap(stretched, "lockfast/ring-wrap", ring_key, binding, "passphrase")])


ring_key = secret("ring key")
root_key = secret("root key")
passphrase = "correct horse бatтery staple"
binding = lp("lockfast/ring", RING, ENVIRONMENT)

ring = authenticated(
    ring_key,
    {
        "format": "lockfast-keyring/1",
        "ring": RING,
        "environment": ENVIRONMENT,
        "generation": 7,
        "backup": None,
        "sources": [
            {"source": "file:~/ключ.key", "added": CREATED, "wrapped": wrap(root_key, "lockfast/ring-wrap", ring_key, binding, "root")},
            {"source": "passphrase:", "added": LATER, "wrapped": under_passphrase(passphrase, ring_key, binding)},
        ],
        "keys": [
            key_record(ring_key, "gone22", "destroyed", CREATED),
            key_record(ring_key, "retire", "retired", CREATED),
            key_record(ring_key, "older2", "draining", CREATED),
            key_record(ring_key, "kq2d5x", "active", LATER),
            key_record(ring_key, "coming", "staged", None),
        ],
    },
)

scope = {"ring": RING, "environment": ENVIRONMENT, "generation": 8, "backup": LATER, "departure": "2026-06-02T00:00:00.000Z"}
keys_2 = [
    key_record_2(ring_key, "gone22", "destroyed", CREATED, drained=CREATED, retired=LATER, destroyed=LATER, compromised=CREATED),
    key_record_2(ring_key, "retire", "retired", CREATED, drained=CREATED, retired=LATER),
    key_record_2(ring_key, "older2", "draining", CREATED, drained=LATER, compromised=LATER),
    key_record_2(ring_key, "kq2d5x", "active", LATER),
    key_record_2(ring_key, "coming", "staged", None),
]
ledger_key = secret("ledger key")
ledger = {
    "log": "examplelog",
    "epoch": 3,
    "wrapped": wrap(ring_key, "lockfast/ledger-wrap", ledger_key, lp("lockfast/ledger-epoch", "examplelog", "3"), "ledger"),
}
ring_2 = authenticated(ring_key, {"format": "lockfast-keyring/2", **scope, "sources": ring["sources"], "keys": keys_2})
backup_2 = authenticated(ring_key, {"format": "lockfast-backup/2", **scope, "ledger": ledger, "sources": ring["sources"][1:], "keys": keys_2})


def tenant_record(name, encoded, tenant, state):
    own = wrap(ring_key, "lockfast/tenant-wrap", secret(f"tenant {name}"), lp(RING, ENVIRONMENT, tenant, name), f"tenant {name}")
    return f"id={name} tenant={encoded} created={CREATED} " + (f"wrapped={own}" if state is None else f"destroyed={state}")


tenants_3 = [
    tenant_record("aaaaaaaaaaaaaaaa", "acme", "acme", LATER),
    tenant_record("bbbbbbbbbbbbbbbb", "wip.example.com", "wip.example.com", None),
    tenant_record("cccccccccccccccc", "M%C3%BCller%20%26%20S%C3%B6hne", "Müller & Söhne", None),
    tenant_record("dddddddddddddddd", "acme", "acme", None),
]
ring_3 = authenticated(ring_key, {"format": "lockfast-keyring/3", **scope, "sources": ring["sources"], "keys": keys_2, "tenants": tenants_3})
backup_3 = authenticated(ring_key, {"format": "lockfast-backup/3", **scope, "ledger": ledger, "sources": ring["sources"][1:], "keys": keys_2, "tenants": tenants_3})


def index_record(name, index, state, activated, replaced=None, destroyed=None):
    key = secret(f"index {name}")
    return {
        "id": name,
        "index": index,
        "state": state,
        "created": CREATED,
        "activated": activated,
        "replaced": replaced,
        "destroyed": destroyed,
        "fingerprint": "sha256:" + hashlib.sha256(b"lockfast-fp" + key).hexdigest(),
        "wrapped": "" if state == "destroyed" else wrap(ring_key, "lockfast/index-wrap", key, lp(RING, ENVIRONMENT, index, name), f"index {name}"),
    }


indexes_4 = [
    index_record("igone2", "customers.email.index", "destroyed", CREATED, CREATED, LATER),
    index_record("iolder", "customers.email.index", "older", CREATED, LATER),
    index_record("inew22", "customers.email.index", "current", LATER),
    index_record("iphone", "customers.phone.index", "current", CREATED),
    index_record("icomes", "customers.phone.index", "staged", None),
]
ring_4 = authenticated(ring_key, {"format": "lockfast-keyring/4", **scope, "sources": ring["sources"], "keys": keys_2, "tenants": [], "indexes": indexes_4})
backup_4 = authenticated(ring_key, {"format": "lockfast-backup/4", **scope, "ledger": ledger, "sources": ring["sources"][1:], "keys": keys_2, "tenants": tenants_3, "indexes": indexes_4})


def digest(document):
    return base64url(hashlib.sha256(canonical(document).encode()).digest())


def write(name, content):
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (pathlib.Path(__file__).parent / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    content = {
        "about": NOTE,
        "rootKey": root_key_text(root_key),
        "passphrase": passphrase,
        "keys": {record["id"]: secret(record["id"]).hex() for record in ring["keys"]},
        "digest": digest(ring),
        # As text: another program need not print it as ours does.
        "ring": json.dumps(ring, ensure_ascii=False),
    }
    write("ring.json", content)
    later = {"digest": digest(ring_2), "ring": json.dumps(ring_2, ensure_ascii=False), "backup": json.dumps(backup_2, ensure_ascii=False), "ledgerKey": ledger_key.hex()}
    write("ring-2.json", {**content, **later})
    last = {"digest": digest(ring_3), "ring": json.dumps(ring_3, ensure_ascii=False), "backup": json.dumps(backup_3, ensure_ascii=False)}
    write("ring-3.json", {**content, **last, "tenants": {name[3:19]: secret(f"tenant {name[3:19]}").hex() for name in tenants_3 if "destroyed" not in name}})
    own = {"digest": digest(ring_4), "ring": json.dumps(ring_4, ensure_ascii=False), "backup": json.dumps(backup_4, ensure_ascii=False)}
    write("ring-4.json", {**content, **own, "indexKeys": {one["id"]: secret(f"index {one['id']}").hex() for one in indexes_4 if one["state"] != "destroyed"}})
