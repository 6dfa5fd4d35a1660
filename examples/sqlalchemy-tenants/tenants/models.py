"""Tenants with an API key as a property, and one with the column type."""
import os
from urllib.parse import parse_qs, urlsplit

from fernet_text import FernetText, decrypt, encrypt, keys
from sqlalchemy import Column, Text, create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

Base = declarative_base()


class Tenant(Base):
    __tablename__ = "tenants"

    tenant_id = Column(Text, primary_key=True)
    _gemini_api_key = Column("gemini_api_key", Text)
    slack_token = Column(FernetText)

    @property
    def gemini_api_key(self):
        return decrypt(self._gemini_api_key)

    @gemini_api_key.setter
    def gemini_api_key(self, plaintext):
        self._gemini_api_key = encrypt(plaintext)


def sessions():
    """Refuses without usable keys, before anything is read or written."""
    keys()
    url = urlsplit(os.environ["DATABASE_URL"])
    where = {name: values[0] for name, values in parse_qs(url.query).items()}
    # Without hide_parameters an error of a statement quotes the values that it was given, plaintext among them.
    engine = create_engine("postgresql+psycopg2://", hide_parameters=True, connect_args={"dbname": url.path[1:], "user": url.username, **where})
    Base.metadata.create_all(engine)
    return sessionmaker(engine)
