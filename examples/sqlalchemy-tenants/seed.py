"""Tenants as they were before there was encryption: their API keys lie in the table as plaintext."""
import sys

from tenants.models import Tenant, sessions

with sessions()() as session, session.begin():
    for number in range(int(sys.argv[1])):
        tenant = Tenant(tenant_id=f"tenant-{number:03}", slack_token=f"xoxb-{number}")
        # Past the property, as an older version of the application did it. Some have no key, one has an empty one.
        tenant._gemini_api_key = None if number % 10 == 3 else "" if number == 7 else f"gemini-key-of-{number:03}"
        session.add(tenant)
