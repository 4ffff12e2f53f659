"""The Flask extensions, not yet bound to an application."""

from pathlib import Path
from typing import TYPE_CHECKING

from flask_jwt_extended import JWTManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The parent of all models. Every constraint has a name, which migrations and errors refer to."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(
    model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False, "autoflush": False}
)
migrate = Migrate()
MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
jwt = JWTManager()

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model
