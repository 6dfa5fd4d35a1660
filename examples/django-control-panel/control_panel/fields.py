from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


def cipher():
    if not settings.ENCRYPTION_KEYS:
        raise ImproperlyConfigured("ENCRYPTION_KEY is not set")
    return MultiFernet([Fernet(key.encode()) for key in settings.ENCRYPTION_KEYS])


class EncryptedTextField(models.TextField):
    """Writes Fernet tokens; still reads rows from before there was any encryption."""

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return value if value is None else cipher().encrypt(value.encode()).decode()

    def from_db_value(self, value, expression, connection):
        if value is None or not value.startswith("gAAAAA"):
            return value
        # A token that no key opens raises InvalidToken: it must never pass for the secret itself.
        return cipher().decrypt(value.encode()).decode()
