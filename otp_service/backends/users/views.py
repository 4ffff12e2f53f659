"""The routes of users for backends."""

from flask import Blueprint

from otp_service.accounts import users
from otp_service.accounts.users import Account
from otp_service.backends.access import key_required
from otp_service.backends.app_keys import Scope
from otp_service.backends.users import schemas
from otp_service.core.web.api import api

bp = Blueprint("backend_users", __name__, url_prefix="/users")


@bp.get("/<number:id>")
@key_required(Scope.USERS_READ)
@api(out=schemas.ManagedUserOut, errors=(404,))
def show(id: int) -> Account:
    """Get a user."""
    return users.get(id)
