"""A rotation as a script of twenty lines does it: every row read, decrypted, encrypted and updated one by one, one commit.

python_column.py URL: the values of the table `connections`, first made Fernet tokens; prints the milliseconds after that
"""
import sys
import time

import psycopg2
from cryptography.fernet import Fernet

connection = psycopg2.connect(sys.argv[1])
old, new = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
with connection.cursor() as cursor:
    cursor.execute("SELECT id FROM connections")
    ids = [id for (id,) in cursor.fetchall()]
rows = [(id, old.encrypt(b"xoxb-%052d" % id).decode()) for id in ids]
start = time.monotonic()
with connection.cursor() as cursor:
    for id, token in rows:
        cursor.execute("UPDATE connections SET bot_token = %s WHERE id = %s", (new.encrypt(old.decrypt(token.encode())).decode(), id))
connection.commit()
print((time.monotonic() - start) * 1000)
