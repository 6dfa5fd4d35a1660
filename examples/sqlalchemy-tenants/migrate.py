"""The migration of the API keys: `migrate.py upgrade` encrypts them, `migrate.py downgrade` is the way back.

Both leave what is as it should be, so that running twice does no harm.
"""
import sys

from fernet_text import decrypt, encrypt, is_encrypted
from sqlalchemy import select, update
from tenants.models import Tenant, sessions

COLUMN = Tenant.__table__.c.gemini_api_key
CHANGES = {"upgrade": (False, encrypt, "encrypted"), "downgrade": (True, decrypt, "decrypted")}


def migrate(direction):
    wants, change, word = CHANGES[direction]
    changed = already = 0
    with sessions()() as session, session.begin():
        for tenant_id, stored in session.execute(select(Tenant.tenant_id, COLUMN).where(COLUMN.isnot(None)).order_by(Tenant.tenant_id)):
            if is_encrypted(stored) != wants:
                already += 1
                continue
            # Only while it is what was read: the application may be writing.
            where = (Tenant.tenant_id == tenant_id) & (COLUMN == stored)
            changed += session.execute(update(Tenant.__table__).where(where).values(gemini_api_key=change(stored))).rowcount
    print(f"Migration complete: {changed} keys {word}, {already} already {word if word == 'encrypted' else 'plaintext'}")


migrate(sys.argv[1])
