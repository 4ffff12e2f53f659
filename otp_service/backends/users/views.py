"""The routes of users for backends."""

from typing import Any

from flask import Blueprint

from otp_service.accounts import users
from otp_service.accounts.users import Account
from otp_service.backends.access import app_client, key_required
from otp_service.backends.app_keys import Scope
from otp_service.backends.users import management, schemas
from otp_service.core.web.api import api
from otp_service.selfservice import interventions
from otp_service.selfservice.schemas import EventsIn, EventsOut

bp = Blueprint("backend_users", __name__, url_prefix="/users")


@bp.get("")
@key_required(Scope.USERS_READ)
@api(query=schemas.UsersIn, out=schemas.UsersOut, errors=(400,))
def list_users(query: dict[str, Any]) -> dict[str, Any]:
    """List users, newest first: all, or those with an address or a number."""
    return management.search(**query)


@bp.post("")
@key_required(Scope.USERS_WRITE)
@api(body=schemas.UserIn, out=schemas.ManagedUserOut, status=201, errors=(409, 422))
def create(body: dict[str, Any]) -> Account:
    """Create a user. No message is sent."""
    return management.create(**body, client=app_client())


@bp.get("/<number:id>")
@key_required(Scope.USERS_READ)
@api(out=schemas.ManagedUserOut, errors=(404,))
def show(id: int) -> Account:
    """Get a user."""
    return users.get(id)


@bp.patch("/<number:id>")
@key_required(Scope.USERS_WRITE)
@api(body=schemas.UserPatchIn, out=schemas.ManagedUserOut, errors=(404, 409, 422))
def edit(body: dict[str, Any], id: int) -> Account:
    """Change a user. The person is notified of a new address or number, at the address before."""
    return management.edit(id, body, client=app_client())


@bp.delete("/<number:id>")
@key_required(Scope.USERS_WRITE)
@api(errors=(404,))
def erase(id: int) -> None:
    """Erase a user and all data about the person, at once. The person is notified."""
    management.erase(id, client=app_client())


@bp.get("/<number:id>/sessions")
@key_required(Scope.USERS_READ)
@api(out=schemas.UserSessionsOut, errors=(404,))
def list_sessions(id: int) -> dict[str, Any]:
    """List where a user is signed in."""
    return {"sessions": management.sessions_of(id)}


@bp.delete("/<number:id>/sessions")
@key_required(Scope.USERS_WRITE)
@api(errors=(404,))
def end_sessions(id: int) -> None:
    """End all sessions of a user, and the trust in all devices."""
    management.end_sessions(id, client=app_client())


@bp.get("/<number:id>/events")
@key_required(Scope.USERS_READ)
@api(query=EventsIn, out=EventsOut, errors=(400, 404))
def list_events(query: dict[str, Any], id: int) -> dict[str, Any]:
    """List the security events of a user, newest first."""
    return management.events_of(id, cursor=query.get("cursor"))


@bp.post("/<number:id>/lock")
@key_required(Scope.USERS_WRITE)
@api(out=schemas.ManagedUserOut, errors=(404,))
def lock(id: int) -> Account:
    """Lock a user out at once: all sessions end, and no sign-in succeeds until an unlock."""
    return users.lock(id, client=app_client())


@bp.post("/<number:id>/unlock")
@key_required(Scope.USERS_WRITE)
@api(out=schemas.ManagedUserOut, errors=(404,))
def unlock(id: int) -> Account:
    """Let a user sign in again. Waits after wrong passwords and holds end, and disabled factors work again."""
    return interventions.unlock(id, client=app_client())


@bp.post("/<number:id>/reset-mfa")
@key_required(Scope.USERS_WRITE)
@api(out=schemas.MfaResetOut, errors=(404,))
def reset_mfa(id: int) -> dict[str, Any]:
    """Remove all factors of a user except the phone, end all sessions, and notify the person.

    First make sure, through another channel, that the request comes from that person.
    """
    return {"user_id": id, "removed": interventions.reset_factors(id, client=app_client())}


@bp.post("/<number:id>/set-password-link")
@key_required(Scope.USERS_WRITE)
@api(out=schemas.PasswordLinkOut, errors=(404,))
def set_password_link(id: int) -> dict[str, Any]:
    """Make a link with which a user sets a password, once, within 24 hours."""
    return management.link_for_password(id, client=app_client())
