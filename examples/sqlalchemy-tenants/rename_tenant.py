"""An unchanged secret is not written again when something else of its row is."""
from sqlalchemy import event
from tenants.models import Tenant, sessions

factory = sessions()
statements = []
event.listen(factory.kw["bind"], "before_cursor_execute", lambda conn, cursor, statement, *_: statements.append(statement))
with factory() as session, session.begin():
    tenant = session.get(Tenant, "tenant-000")
    tenant.slack_token = str(tenant.slack_token)
print(f"SQLAlchemy wrote {sum(statement.startswith('UPDATE') for statement in statements)} rows")
