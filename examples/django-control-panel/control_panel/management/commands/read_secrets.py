"""Reads every secret of every model, as the panel does, and prints one digest of all: the same before and after a migration."""
import hashlib

from django.core.management.base import BaseCommand

from control_panel.models import ApiToken, ManagedDatabase, TwoFactorAuth, Webhook


class Command(BaseCommand):
    def handle(self, **options):
        digest = hashlib.sha256()
        read = 0
        for model, field in ((TwoFactorAuth, "secret"), (Webhook, "secret"), (ManagedDatabase, "password"), (ApiToken, "token")):
            for row in model.objects.order_by("pk"):
                digest.update(repr((model.__name__, str(row.pk), getattr(row, field))).encode())
                read += 1
        self.stdout.write(f"Django read {read} rows, digest {digest.hexdigest()[:16]}")
