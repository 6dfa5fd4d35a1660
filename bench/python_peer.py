"""Python's `cryptography` beside Lockfast. It times itself: what a process costs to start does not count.

stdin: {"size": bytes, "values": how many, "place": additional data}
stdout: microseconds for one value, by contender and job
"""
import base64
import json
import os
import sys
import time

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def timed(call, items):
    for item in items[:100]:
        call(item)
    start = time.perf_counter()
    results = [call(item) for item in items]
    return (time.perf_counter() - start) * 1e6 / len(items), results


def jobs(encrypt, decrypt, texts):
    encrypting, tokens = timed(encrypt, texts)
    decrypting, back = timed(decrypt, tokens)
    assert back == texts
    return {"encrypt": encrypting, "decrypt": decrypting}


def fernet(texts):
    one = Fernet(Fernet.generate_key())
    return jobs(lambda text: one.encrypt(text.encode()).decode(), lambda token: one.decrypt(token).decode(), texts)


def aesgcm(texts, place):
    one = AESGCM(os.urandom(32))

    def encrypt(text):
        nonce = os.urandom(12)
        return base64.urlsafe_b64encode(nonce + one.encrypt(nonce, text.encode(), place.encode())).decode()

    def decrypt(token):
        raw = base64.urlsafe_b64decode(token)
        return one.decrypt(raw[:12], raw[12:], place.encode()).decode()

    return jobs(encrypt, decrypt, texts)


task = json.load(sys.stdin)
texts = [("%d " % i).ljust(task["size"], "x")[: task["size"]] for i in range(task["values"])]
print(json.dumps({"Python Fernet": fernet(texts), "Python AESGCM": aesgcm(texts, task["place"])}))
