"""Everything of this machine comes from the environment, as `lockfast run` gives it."""
import os
from urllib.parse import parse_qs, unquote, urlsplit

url = urlsplit(os.environ["DATABASE_URL"])
parameters = {name: values[0] for name, values in parse_qs(url.query).items()}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": parameters.get("host", url.hostname or ""),
        "PORT": parameters.get("port", str(url.port or "")),
    }
}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "control_panel"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "this example serves no pages"
USE_TZ = True

# As `lockfast key generate --format fernet` prints them. The old one stands beside the new one while rows are rotated.
ENCRYPTION_KEYS = [key for key in (os.environ.get("ENCRYPTION_KEY"), os.environ.get("OLD_ENCRYPTION_KEY")) if key]
