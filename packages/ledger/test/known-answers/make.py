#!/usr/bin/env python3
"""Makes ledger.json: known answers from a second implementation, written from docs/formats/ledger.md alone.

    /usr/bin/python3 packages/ledger/test/known-answers/make.py

Needs Debian's python3-cryptography. Every input is fixed, so running it again gives the same file.
"""
import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LOG = "exampleledgeraaa"
SIGNER_SEED = bytes(range(32))
WITNESS_SEED = bytes(range(32, 64))
FIRST_KEY = bytes(range(64, 96))
WITNESS_NAME = "witness.example.com/1"
WITNESSED = 1_767_323_045


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64(data):
    return base64.b64encode(data).decode()


# --- Entries ---


def canonical(value):
    """RFC 8785 for objects, texts, booleans and whole numbers."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    assert isinstance(value, (bool, int))
    return json.dumps(value)


def entry(kind, second, **members):
    fixed = {
        "v": 1,
        "kind": kind,
        "time": f"2026-01-02T03:04:{second:02}.678Z",
        "actor": {"user": "deploy", "uid": 1000, "host": "web1", "pid": 4242, "program": "lockfast env decrypt"},
        "operation": "decrypt",
        "object": "/srv/tenants/acme/.env.encrypted",
    }
    return {**fixed, **members}


def small(seq):
    """Entries as there are many of: 1 makes the ledger, then each even one is an intent that the next one ends."""
    if seq == 1:
        return entry("event", 0, operation="ledger-created", object=LOG, outcome="success")
    kind = {"kind": "intent"} if seq % 2 == 0 else {"kind": "outcome", "intent": seq - 1, "outcome": "success"}
    who = {"user": "u", "uid": 0, "host": "h", "pid": 1, "program": "p"}
    return {**entry("", seq % 60, object="x", actor=who), "time": f"2026-01-03T00:{seq // 60:02}:{seq % 60:02}.000Z", **kind}


ENTRIES = [
    entry("event", 0, operation="ledger-created", object=LOG, outcome="success"),
    entry("intent", 1, tenant="acme", environment="production"),
    entry("outcome", 2, tenant="acme", environment="production", keyId="kq2d5x", intent=2, outcome="success", details={"values": 12}),
    entry("event", 3, operation="key-retire", object="b7m3za", outcome="refused", code="key-in-use", reason="käyttö 🔑 \" \\ \n \x01 / é \u2028"),
    entry("intent", 4, actor={"user": "root", "uid": 0, "sudo": "alice", "host": "web1", "pid": 1, "program": "lockfast key rotate"}),
    entry("outcome", 5, intent=5, outcome="failure", code="wrong-key", details={"10": 1, "9": 2, "negative": -7, "yes": True, "é": "", "\U0001f511": 9007199254740991, "\ufb33": 0}),
    entry("event", 6, operation="ledger-signer", object=LOG, outcome="success"),
]


# --- Chain and MACs ---


def leaf_hash(data):
    return sha256(b"\0", data)


def chain_hash(seq, before, leaf, log=LOG):
    return sha256(b"\2", log.encode(), seq.to_bytes(8, "big"), before, leaf)


def mac_of(key, chain):
    return hmac.new(key, chain, hashlib.sha256).digest()


def next_key(key):
    """HKDF-SHA256, by RFC 5869: no salt, 32 bytes."""
    prk = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(prk, b"lockfast/ledger-evolve" + b"\1", hashlib.sha256).digest()


def stored(entries, key=FIRST_KEY, log=LOG):
    rows, chain = [], bytes(32)
    for seq, data in enumerate(entries, 1):
        leaf = leaf_hash(data)
        chain = chain_hash(seq, chain, leaf, log)
        rows.append({"seq": seq, "entry": data, "leaf": leaf, "chain": chain, "mac": mac_of(key, chain)})
        if seq % 256 == 0:
            key = next_key(key)
    return rows


# --- Tree, by the recursive definitions of RFC 6962 section 2.1 ---


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root_of(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\1", root_of(leaves[:k]), root_of(leaves[k:]))


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [root_of(leaves[k:])]
    return path(m - k, leaves[k:]) + [root_of(leaves[:k])]


def subproof(m, leaves, whole=True):
    if m == len(leaves):
        return [] if whole else [root_of(leaves)]
    k = split(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], whole) + [root_of(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [root_of(leaves[:k])]


# --- Notes ---


def public_key(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(seed, message):
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def key_id(name, kind, key):
    return sha256(name.encode(), b"\n", bytes([kind]), key)[:4]


def vkey(name, kind, key):
    return f"{name}+{key_id(name, kind, key).hex()}+{b64(bytes([kind]) + key)}"


def signature_line(text, name, seed):
    return f"\u2014 {name} {b64(key_id(name, 1, public_key(seed)) + sign(seed, text.encode()))}\n"


def cosignature_line(text, name, seed, time):
    signed = sign(seed, f"cosignature/v1\ntime {time}\n{text}".encode())
    return f"\u2014 {name} {b64(key_id(name, 4, public_key(seed)) + time.to_bytes(8, 'big') + signed)}\n"


def checkpoint_text(rows, size, origin):
    return f"{origin}\n{size}\n{b64(root_of([row['leaf'] for row in rows[:size]]))}\n"


def checkpoint(rows, size, number=1, seed=SIGNER_SEED, witness=False, text=None, log=LOG):
    origin = f"lockfast.ledger/{log}" + ("" if number == 1 else f"/{number}")
    text = checkpoint_text(rows, size, origin) if text is None else text
    note = text + "\n" + signature_line(text, origin, seed)
    if witness:
        note += cosignature_line(text, WITNESS_NAME, WITNESS_SEED, WITNESSED)
    return {"size": size, "origin": origin, "note": note}


# --- Bundles ---


def bundle(rows, notes, log=LOG, **header):
    first = {"format": "lockfast-ledger-bundle/1", "log": log, "keys": [b64(public_key(SIGNER_SEED))], "checkpoints": len(notes), "entries": len(rows)}
    lines = [canonical({**first, **header})]
    lines += [canonical(one) for one in notes]
    for row in rows:
        binary = {name: b64(row[name]) for name in ("entry", "chain", "mac") if name in row}
        lines.append(canonical({"seq": row["seq"], **binary}))
    return "".join(line + "\n" for line in lines)


ROWS = stored([canonical(one).encode() for one in ENTRIES])
CHECKPOINTS = [checkpoint(ROWS, 3, witness=True), checkpoint(ROWS, 6)]
LONG = stored([canonical(small(seq)).encode() for seq in range(1, 515)])


def forged(rows, seq, **members):
    """The entries with one changed, all hashes anew, and no MACs but those of the key that a thief of today would have."""
    data = [row["entry"] for row in rows]
    data[seq - 1] = canonical({**json.loads(data[seq - 1]), **members}).encode()
    return stored(data)


def changed(seq, **parts):
    return [{**row, **parts} if row["seq"] == seq else row for row in ROWS]


def raw(seq, data):
    entries = [row["entry"] for row in ROWS]
    entries[seq - 1] = data
    return stored(entries)


def renumbered(rows):
    return [{**row, "seq": i} for i, row in enumerate(rows, 1)]


def without_mac(rows):
    return [{name: row[name] for name in row if name != "mac"} for row in rows]


def bad(name, seq, text, epoch=0):
    """`seq`: the first bad entry."""
    return {"name": name, "firstBad": seq, "epoch": epoch, "bundle": text}


def refused(name, code, text):
    return {"name": name, "code": code, "bundle": text}


def text_of(seq):
    return ROWS[seq - 1]["entry"].decode()


GOOD = bundle(ROWS, CHECKPOINTS)
RESTORED = stored([row["entry"] for row in ROWS] + [canonical(entry("event", 7, operation="ledger-restored", object=LOG, outcome="success", details={"origin": f"lockfast.ledger/{LOG}/2"})).encode()])

VERDICTS = [
    {"name": "witnessed, signed and unanchored", "bundle": GOOD, "entries": 7, "witnessed": 3, "signed": 3, "unanchored": 1, "dangling": [], "restores": []},
    {"name": "no checkpoints", "bundle": bundle(ROWS, []), "entries": 7, "witnessed": 0, "signed": 0, "unanchored": 7, "dangling": [], "restores": []},
    {"name": "a tail that was cut, which nobody can tell", "bundle": bundle(ROWS[:5], CHECKPOINTS[:1]), "entries": 5, "witnessed": 3, "signed": 0, "unanchored": 2, "dangling": [5], "restores": []},
    {"name": "empty", "bundle": bundle([], []), "entries": 0, "witnessed": 0, "signed": 0, "unanchored": 0, "dangling": [], "restores": []},
    {"name": "restored", "bundle": bundle(RESTORED, [checkpoint(RESTORED, 6), checkpoint(RESTORED, 8, number=2)]), "entries": 8, "witnessed": 0, "signed": 8, "unanchored": 0, "dangling": [], "restores": [8]},
    {"name": "three epochs", "bundle": bundle(LONG, [checkpoint(LONG, 512)]), "entries": 514, "witnessed": 0, "signed": 512, "unanchored": 2, "dangling": [514], "restores": []},
    {"name": "signed by others, too", "bundle": bundle(ROWS, [{**CHECKPOINTS[0], "note": CHECKPOINTS[0]["note"] + signature_line(CHECKPOINTS[0]["note"].split("\n\n")[0] + "\n", "someone.example", bytes(32))}]),
     "entries": 7, "witnessed": 3, "signed": 0, "unanchored": 4, "dangling": [], "restores": []},
]

TEXT6 = checkpoint_text(ROWS, 6, f"lockfast.ledger/{LOG}")
FAILURES = [
    bad("an entry changed", 4, bundle(changed(4, entry=ROWS[3]["entry"].replace(b"b7m3za", b"kq2d5x")), CHECKPOINTS)),
    bad("a chain hash changed", 4, bundle(changed(4, chain=bytes(32)), CHECKPOINTS)),
    bad("a MAC changed", 4, bundle(changed(4, mac=bytes(32)), CHECKPOINTS)),
    bad("an entry removed", 4, bundle(ROWS[:3] + ROWS[4:], [])),
    bad("an entry removed, the others numbered anew", 4, bundle(renumbered(ROWS[:3] + ROWS[4:]), [])),
    bad("two entries exchanged", 4, bundle(renumbered(ROWS[:3] + [ROWS[4], ROWS[3]] + ROWS[5:]), [])),
    bad("an entry twice", 5, bundle(renumbered(ROWS[:4] + ROWS[3:]), [])),
    bad("another ledger's entries", 1, bundle(stored([row["entry"] for row in ROWS], log="anotherledgeraaa"), [])),
    bad("a tail cut below a checkpoint", 6, bundle(ROWS[:5], CHECKPOINTS)),
    bad("hashes made anew, found by the checkpoint", 4, bundle(forged(ROWS, 5, object="y"), CHECKPOINTS)),
    bad("hashes made anew without the key, found by the MAC", 5, bundle([{**new, "mac": old["mac"]} for new, old in zip(forged(ROWS, 5, object="y"), ROWS)], [])),
    bad("hashes made anew with the key of the third epoch, found in the second", 300, bundle([{**new, "mac": old["mac"] if new["seq"] <= 512 else new["mac"]} for new, old in zip(forged(LONG, 300, object="y"), LONG)], [])),
    bad("MACs left out", 1, bundle(without_mac(ROWS), [])),
    bad("MACs left out from one entry on", 5, bundle(ROWS[:4] + without_mac(ROWS[4:]), [])),
    bad("cut before the epoch of the backup", 257, bundle(LONG[:256], []), epoch=2),
    bad("the key of the first epoch taken for that of the second", 257, bundle(LONG[:258], []), epoch=1),
    bad("a checkpoint by another key", 6, bundle(ROWS, [CHECKPOINTS[0], checkpoint(ROWS, 6, seed=bytes(32))])),
    bad("a checkpoint with another's signature", 6, bundle(ROWS, [CHECKPOINTS[0], {**CHECKPOINTS[1], "note": TEXT6 + "\n" + CHECKPOINTS[0]["note"].split("\n\n")[1]}])),
    bad("a checkpoint of another ledger", 6, bundle(ROWS, [checkpoint(ROWS, 6, log="anotherledgeraaa")])),
    bad("a checkpoint of an origin that no restore began", 6, bundle(ROWS, [checkpoint(ROWS, 6, number=2)])),
    bad("a checkpoint of a restore before it is on record", 7, bundle(RESTORED, [checkpoint(RESTORED, 7, number=2)])),
    bad("a checkpoint filed under another size", 6, bundle(ROWS, [{**CHECKPOINTS[1], "size": 5}])),
    bad("a checkpoint with a leading zero", 6, bundle(ROWS, [checkpoint(ROWS, 6, text=TEXT6.replace("\n6\n", "\n06\n"))])),
    bad("a checkpoint with an extension line", 6, bundle(ROWS, [checkpoint(ROWS, 6, text=TEXT6 + "more\n")])),
    bad("a checkpoint without its last newline", 6, bundle(ROWS, [{**CHECKPOINTS[1], "note": CHECKPOINTS[1]["note"][:-1]}])),
    bad("two checkpoints that contradict each other", 6, bundle(ROWS, [CHECKPOINTS[1], checkpoint(forged(ROWS, 6, object="y"), 6)])),
    bad("a cosignature by another key", 3, bundle(ROWS, [{**CHECKPOINTS[0], "note": CHECKPOINTS[0]["note"].rsplit(" ", 1)[0] + " " + b64(key_id(WITNESS_NAME, 4, public_key(WITNESS_SEED)) + bytes(72)) + "\n"}])),
    bad("a cosignature at another time", 3, bundle(ROWS, [{**CHECKPOINTS[0], "note": CHECKPOINTS[0]["note"].rsplit(" ", 1)[0] + " " + b64(
        key_id(WITNESS_NAME, 4, public_key(WITNESS_SEED)) + (WITNESSED + 1).to_bytes(8, "big")
        + base64.b64decode(CHECKPOINTS[0]["note"].rsplit(" ", 1)[1])[12:]) + "\n"}])),
    bad("an entry with a space", 4, bundle(raw(4, text_of(4).replace(":", ": ", 1).encode()), [])),
    bad("an entry with a member out of order", 4, bundle(raw(4, json.dumps({"v": 1, **json.loads(text_of(4))}, separators=(",", ":"), ensure_ascii=False).encode()), [])),
    bad("an entry that names a member twice", 4, bundle(raw(4, text_of(4).replace('{"actor"', '{"actor":1,"actor"', 1).encode()), [])),
    bad("an entry with an escape that is not needed", 4, bundle(raw(4, text_of(4).replace("é", "\\u00e9").encode()), [])),
    bad("an entry with a member that nobody knows", 4, bundle(raw(4, canonical({**ENTRIES[3], "more": 1}).encode()), [])),
    bad("an entry of a later version", 4, bundle(raw(4, canonical({**ENTRIES[3], "v": 2}).encode()), [])),
    bad("an entry without its actor", 4, bundle(raw(4, canonical({name: ENTRIES[3][name] for name in ENTRIES[3] if name != "actor"}).encode()), [])),
    bad("an entry on a day that is none", 4, bundle(raw(4, canonical({**ENTRIES[3], "time": "2026-02-29T00:00:00.000Z"}).encode()), [])),
    bad("an intent with an outcome", 2, bundle(raw(2, canonical({**ENTRIES[1], "outcome": "success"}).encode()), [])),
    bad("an outcome of nothing", 3, bundle(raw(3, canonical({name: ENTRIES[2][name] for name in ENTRIES[2] if name != "intent"}).encode()), [])),
    bad("an entry that is no UTF-8", 4, bundle(raw(4, b"\xff"), [])),
    bad("an empty entry", 4, bundle(raw(4, b""), [])),
    bad("a first entry that made another ledger", 1, bundle(raw(1, canonical({**ENTRIES[0], "object": "anotherledgeraaa"}).encode()), [])),
    bad("another ledger", 1, bundle(stored([canonical({**ENTRIES[0], "object": "anotherledgeraaa"}).encode()], log="anotherledgeraaa"), [], log="anotherledgeraaa")),
    refused("no bundle", "malformed", "{}\n"),
    refused("a later version", "unsupported-format", bundle(ROWS, [], format="lockfast-ledger-bundle/2")),
    refused("a member more", "ledger-tampered", bundle(ROWS, [], more=1)),
    refused("fewer entries than the first line says", "ledger-tampered", bundle(ROWS, [], entries=8)),
    refused("more entries than the first line says", "ledger-tampered", bundle(ROWS, [], entries=6)),
    refused("fewer checkpoints than the first line says", "ledger-tampered", bundle(ROWS, [], checkpoints=1)),
    refused("a last line without its newline", "ledger-tampered", GOOD[:-1]),
    refused("a line with a space", "ledger-tampered", GOOD.replace(',"seq":7', ', "seq":7')),
    refused("base64 without its padding", "ledger-tampered", GOOD.replace('=","seq":7', '","seq":7')),
    refused("an empty line", "ledger-tampered", GOOD + "\n"),
]

if __name__ == "__main__":
    keys = [FIRST_KEY]
    while len(keys) < 4:
        keys.append(next_key(keys[-1]))
    origin = f"lockfast.ledger/{LOG}"
    leaves = [row["leaf"] for row in LONG[:70]]
    pairs = [(1, 1), (1, 2), (1, 70), (3, 7), (4, 7), (6, 7), (7, 8), (8, 8), (33, 64), (32, 64), (64, 65), (64, 70), (68, 70), (69, 70)]
    content = {
        "about": "Made by make.py, an implementation of its own in Python. Do not edit: change make.py and run it.",
        "log": LOG,
        "signer": {"seed": SIGNER_SEED.hex(), "publicKey": public_key(SIGNER_SEED).hex(), "verifierKey": vkey(origin, 1, public_key(SIGNER_SEED))},
        "witness": {"seed": WITNESS_SEED.hex(), "name": WITNESS_NAME, "time": WITNESSED, "verifierKey": vkey(WITNESS_NAME, 4, public_key(WITNESS_SEED))},
        "epochKeys": [key.hex() for key in keys],
        "entries": [
            {"value": value, "text": row["entry"].decode(), "leaf": row["leaf"].hex(), "chain": row["chain"].hex(), "mac": row["mac"].hex(), "root": root_of([one["leaf"] for one in ROWS[: row["seq"]]]).hex()}
            for value, row in zip(ENTRIES, ROWS, strict=True)
        ],
        "emptyRoot": root_of([]).hex(),
        "leaves": [leaf.hex() for leaf in leaves],
        "consistency": [{"old": old, "size": size, "oldRoot": root_of(leaves[:old]).hex(), "root": root_of(leaves[:size]).hex(), "proof": [one.hex() for one in subproof(old, leaves[:size])]} for old, size in pairs],
        "inclusion": [{"index": old - 1, "size": size, "root": root_of(leaves[:size]).hex(), "proof": [one.hex() for one in path(old - 1, leaves[:size])]} for old, size in pairs],
        "checkpoints": CHECKPOINTS,
        "verdicts": VERDICTS,
        "failures": FAILURES,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (pathlib.Path(__file__).parent / "ledger.json").write_text(text + "\n", encoding="utf-8")
