"""What the application has of its tenants: how many, and a digest of all that it reads."""
import hashlib

from tenants.models import Tenant, sessions

with sessions()() as session:
    rows = [[tenant.tenant_id, tenant.gemini_api_key, tenant.slack_token] for tenant in session.query(Tenant).order_by(Tenant.tenant_id)]
digest = hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
print(f"SQLAlchemy read {len(rows)} tenants: {digest}")
