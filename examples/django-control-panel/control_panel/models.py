from django.db import models

from .fields import EncryptedTextField


class TwoFactorAuth(models.Model):
    user = models.OneToOneField("auth.User", on_delete=models.CASCADE, to_field="username", db_column="username")
    secret = EncryptedTextField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "two_factor_auth"


class Webhook(models.Model):
    name = models.CharField(max_length=100)
    secret = EncryptedTextField(null=True)

    class Meta:
        db_table = "webhook"


class ManagedDatabase(models.Model):
    name = models.CharField(max_length=100, unique=True)
    password = EncryptedTextField()

    class Meta:
        db_table = "managed_database"


class ApiToken(models.Model):
    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=100)
    token = EncryptedTextField()

    class Meta:
        db_table = "api_token"
