"""Sign-in over HTTP, and who is asking.

The answer to an address is the same whatever we know about it. A link's token is spent by POST alone, so
that a mail scanner or a prefetch, which only ever GETs, cannot burn it.
"""

from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app import addresses, callers
from app.errors import InsufficientScope
from app.principal import PUBLIC, Principal
from app.users import store as users
from app.users.cookies import RefreshCookie
from app.users.schemas import Asked, AskForLink, Logout, Me, Refresh, SignedIn, Verify
from app.users.service import Grant, SignIn
from app.users.store import Session
from core.db import Database
from core.errors import Fault, Invalid, Unauthenticated
from core.settings import Settings


@post("/auth/magic-link", operation_id="askForMagicLink", opt=PUBLIC, status_code=202)
async def ask(
    data: JSONBody[AskForLink],
    request: Request[Any, Any, Any],
    sign_in: NamedDependency[SignIn],
    settings: NamedDependency[Settings],
) -> Asked:
    """Send a sign-in link. The answer tells nothing about the address."""
    email = addresses.canonical(data.email)
    if email is None:
        raise Invalid([Fault(code="wrong_format", message="must be one e-mail address", pointer="/email")])
    caller = callers.address(request.scope, trusted_proxies=settings.trusted_proxies)
    await sign_in.ask(email, caller=callers.site(caller))
    return Asked()


@post("/auth/verify", operation_id="verifyMagicLink", opt=PUBLIC, status_code=200)
async def verify(
    data: JSONBody[Verify], sign_in: NamedDependency[SignIn], cookie: NamedDependency[RefreshCookie]
) -> Response[SignedIn]:
    """Sign in with a link's token, once."""
    grant = await sign_in.verify(data.token)
    if grant is None:
        raise Unauthenticated("The link is not valid, or not any more. Ask for a new one.")
    shown = _shown(grant, refresh_token=grant.refresh_token)
    return Response(shown, cookies=[cookie.carrying(grant.refresh_token)])


@post("/auth/refresh", operation_id="refreshSession", opt=PUBLIC, status_code=200)
async def refresh(
    request: Request[Any, Any, Any],
    sign_in: NamedDependency[SignIn],
    cookie: NamedDependency[RefreshCookie],
    data: JSONBody[Refresh | None] = None,
) -> Response[SignedIn]:
    """Fresh tokens for a refresh token, in the body or in the cookie, which is spent by this."""
    given = data.refresh_token if data is not None else None
    token = given or cookie.read(request)
    grant = await sign_in.refresh(token) if token is not None else None
    if grant is None:
        raise Unauthenticated("The session is over; sign in again.")
    if given is not None:
        return Response(_shown(grant, refresh_token=grant.refresh_token))
    return Response(_shown(grant, refresh_token=None), cookies=[cookie.carrying(grant.refresh_token)])


@post("/auth/logout", operation_id="logout", status_code=204)
async def logout(
    principal: NamedDependency[Principal],
    sign_in: NamedDependency[SignIn],
    cookie: NamedDependency[RefreshCookie],
    data: JSONBody[Logout | None] = None,
) -> Response[None]:
    """End this session, or all sessions of this user; their access tokens die at once."""
    if principal.session_id is None or principal.user_id is None:
        raise InsufficientScope("An API token has no session to end; delete the token instead.")
    session = Session(principal.session_id, principal.user_id, principal.tenant_id)
    await sign_in.leave(session, everywhere=data is not None and data.everywhere)
    return Response(None, status_code=204, cookies=[cookie.gone()])


@get("/me", operation_id="getMe")
async def me(principal: NamedDependency[Principal], database: NamedDependency[Database]) -> Me:
    """Who is asking."""
    async with database.raw() as db:
        found = await users.whoami(db, tenant_id=principal.tenant_id, user_id=principal.user_id)
    if found is None:
        raise Unauthenticated
    tenant, user = found
    return Me(user, tenant, sorted(principal.scopes))


def _shown(grant: Grant, *, refresh_token: str | None) -> SignedIn:
    return SignedIn(
        access_token=grant.access_token,
        refresh_token=refresh_token,
        user=grant.me.user,
        tenant=grant.me.tenant,
    )


def router() -> Router:
    """The routes of sign-in."""
    return Router("/v1", route_handlers=[ask, verify, refresh, logout, me], tags=["sign-in"])
