#!/usr/bin/env python3
"""Makes blind-index.json: stored values of blind indexes from a second implementation, written from docs/formats/blind-index.md alone.

    /usr/bin/python3 packages/columns/test/known-answers/blind-index.py

The keys are those of packages/core/test/keyring/known-answers/ring-4.json. Nothing but the standard library is needed, and
running it again gives the same file.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import unicodedata

ENVIRONMENT = "production"


def key(name):
    return hashlib.sha256(b"secret index " + name.encode()).digest()


def lp(*texts):
    parts = [text.encode() for text in texts]
    return len(parts).to_bytes(4, "big") + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def case_and_width(text):
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower().upper().lower())


def stored(key_id, index, column, context, bits, text):
    digest = hmac.digest(key(key_id), lp("lockfast/blind-index", ENVIRONMENT, index, column, *context, text), "sha256")
    kept = int.from_bytes(digest, "big") >> (256 - bits) << (-bits % 8)
    return f"lfi1.{key_id}." + base64.urlsafe_b64encode(kept.to_bytes((bits + 7) // 8, "big")).decode().rstrip("=")


VALUES = [
    "ada@example.com", "ADA@Example.COM", "", " ", "a\0b", "\0", "Straße", "STRASSE", "straẞe", "ｆｕｌｌ　ｗｉｄｔｈ", "Ｆull Width", "ΣΊΣΥΦΟΣ", "σίσυφος", "ſ", "ﬁle", "é", "e\u0301",
    "İ", "ı", "Å", "\u212b", "①", "😀", "a" * 2000, "lfi1.inew22.AAAA", "Дом", "ДОМ", "x\u00adx",
]
EMAIL, PHONE = ("customers.email.index", "customers.email"), ("customers.phone.index", "customers.phone")


def cases():
    for text in VALUES:
        for normalise in ("none", "case-and-width"):
            normal = case_and_width(text) if normalise == "case-and-width" else text
            both = [stored(one, *EMAIL, [], 256, normal) for one in ("inew22", "iolder")]
            yield {"index": EMAIL[0], "column": EMAIL[1], "normalise": normalise, "bits": 256, "context": {}, "value": text, "candidates": both}
    for bits in (8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 128, 255, 256):
        for text in ("ada@example.com", "grace@example.com"):
            both = [stored(one, *PHONE, [], bits, text) for one in ("iphone", "icomes")]
            yield {"index": PHONE[0], "column": PHONE[1], "normalise": "none", "bits": bits, "context": {}, "value": text, "candidates": both}
    for context, given in (
        (["7"], {"org": 7}),
        (["7"], {"org": "7"}),
        (["8"], {"org": 8}),
        (["7", "eu"], {"org": 7, "region": "eu"}),
        (["0f8fad5b-d9cb-469f-a165-70867728950e"], {"org": "0F8FAD5B-D9CB-469F-A165-70867728950E"}),
    ):
        both = [stored(one, *EMAIL, context, 256, "ada@example.com") for one in ("inew22", "iolder")]
        yield {"index": EMAIL[0], "column": EMAIL[1], "normalise": "none", "bits": 256, "context": given, "value": "ada@example.com", "candidates": both}


if __name__ == "__main__":
    text = json.dumps({"about": "made by blind-index.py", "cases": list(cases())}, indent=1)
    (pathlib.Path(__file__).parent / "blind-index.json").write_text(text + "\n", encoding="utf-8")
