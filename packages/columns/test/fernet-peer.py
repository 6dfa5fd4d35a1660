"""Answers column-formats.test.ts: what Python's `cryptography` reads and writes."""
import json
import sys

from cryptography.fernet import Fernet, MultiFernet

question = json.load(sys.stdin)
keys = MultiFernet([Fernet(key) for key in question["keys"]])
json.dump(
    {
        "read": [keys.decrypt(token.encode()).decode() for token in question["read"]],
        "times": [Fernet(question["keys"][0]).extract_timestamp(token.encode()) for token in question["read"]],
        "made": [Fernet(key).encrypt_at_time(value.encode(), question["seconds"]).decode() for key in question["keys"] for value in question["make"]],
    },
    sys.stdout,
)
