"""A control panel that began without encryption: half of its rows are plaintext still, the others Fernet tokens."""
import secrets
import uuid

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import connection

from control_panel.models import ApiToken, ManagedDatabase, TwoFactorAuth, Webhook

BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--users", type=int, default=200)

    def handle(self, users, **options):
        names = ["admin", "john"] + [f"user{i}" for i in range(users - 2)]
        User.objects.bulk_create([User(username=name) for name in names])
        for i, name in enumerate(names):
            TwoFactorAuth.objects.create(user_id=name, secret="".join(secrets.choice(BASE32) for _ in range(32)))
            Webhook.objects.create(name=f"Hook {i}", secret=None if i % 10 == 9 else f"whsec_{secrets.token_hex(20)}")
            ManagedDatabase.objects.create(name=f"db_{i}", password=secrets.token_urlsafe(24))
            ApiToken.objects.create(id=uuid.uuid4(), name=f"token {i}", token=f"ops_{secrets.token_urlsafe(30)}")
        # What was written before there was encryption: the plaintext stands in the row.
        for model, field in ((TwoFactorAuth, "secret"), (Webhook, "secret"), (ManagedDatabase, "password"), (ApiToken, "token")):
            with connection.cursor() as cursor:
                for number, row in enumerate(model.objects.order_by("pk")):
                    if number % 2 == 0:
                        cursor.execute(f'UPDATE {model._meta.db_table} SET {field} = %s WHERE {model._meta.pk.column} = %s', [getattr(row, field), row.pk])
