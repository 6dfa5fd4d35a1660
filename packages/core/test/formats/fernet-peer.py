"""Answers fernet-interop.test.ts: what Python's `cryptography` makes of tokens, and tokens that it makes itself."""
import base64
import json
import random
import sys

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


def ring(keys):
    return MultiFernet([Fernet(key) for key in keys])


def read(case):
    """The value in base64 and its time, or None where Python refuses."""
    try:
        if "maxAge" in case:
            value = ring(case["keys"]).decrypt_at_time(case["token"], case["maxAge"], case["now"])
        else:
            value = ring(case["keys"]).decrypt(case["token"])
    except InvalidToken:
        return None
    # Which of the keys fits: only one can tell the time.
    for key in case["keys"]:
        try:
            return {"value": base64.b64encode(value).decode(), "seconds": str(Fernet(key).extract_timestamp(case["token"]))}
        except InvalidToken:
            pass


def make(seed, count):
    chance = random.Random(seed)
    alphabets = [range(0x20, 0x7F), range(0xA0, 0x500), range(0x4E00, 0x9FFF), range(0x1F300, 0x1F5FF)]
    for _ in range(count):
        keys = [base64.urlsafe_b64encode(chance.randbytes(32)).decode() for _ in range(chance.randint(1, 3))]
        size = chance.choice([0, 1, 15, 16, 17, 31, 32, chance.randint(0, 4096)])
        if chance.random() < 0.5:
            value = chance.randbytes(size)
        else:
            value = "".join(chr(chance.choice(chance.choice(alphabets))) for _ in range(size // 3)).encode()
        seconds = chance.choice([0, 1, 499162800, 1_767_225_600, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**64 - 1])
        by = chance.randrange(len(keys))
        token = Fernet(keys[by]).encrypt_at_time(value, seconds).decode()
        yield {
            "keys": keys,
            "token": token,
            "value": base64.b64encode(value).decode(),
            "seconds": str(seconds),
            "rotated": ring(keys).rotate(token).decode(),
        }


question = json.load(sys.stdin)
json.dump(
    {
        "read": [read(case) for case in question["read"]],
        "made": list(make(question["seed"], question["make"])),
        "keys": [Fernet.generate_key().decode() for _ in range(20)],
    },
    sys.stdout,
)
