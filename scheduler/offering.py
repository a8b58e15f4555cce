"""What a replica runs besides HTTP calls: made from the settings, checked, and let go of at the end."""

import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from core.db import Database
from core.errors import SettingError
from core.jobs.model import Needs
from core.settings import Settings, parts, variable
from scheduler import publishing
from scheduler.runtimes import drop
from scheduler.runtimes.events import Events
from scheduler.runtimes.function import BUILT_IN, FunctionRuntime, FunctionsRefused
from scheduler.runtimes.process import ProcessRuntime
from scheduler.runtimes.runtime import Runtime

# Not imported at the top: half of all that a scheduler imports is their clients, and most offer neither.
_ENGINES = {
    Needs.DOCKER: "scheduler.runtimes.docker.offer",
    Needs.KUBERNETES: "scheduler.runtimes.kubernetes.offer",
}


def root(settings: Settings, needs: Needs) -> Path:
    """Where attempts of one kind have their folders: each its own, for a sweep takes what nobody holds."""
    return Path(settings.data_dir).absolute() / "attempts" / needs.name.lower()


def owner(settings: Settings, needs: Needs) -> tuple[int, int] | None:
    """Whom attempts of one kind run as, uid and gid; none is ourselves. SettingError if that cannot be."""
    if settings.process_user is None or needs is not Needs.PROCESS:
        return None
    try:
        user = drop.parse(settings.process_user)
        drop.check(user, root(settings, needs))
    except ValueError as error:
        raise SettingError(variable("process_user"), str(error)) from None
    return user


@asynccontextmanager
async def offered(
    settings: Settings, replica: UUID, database: Database, *, events: Events | None = None
) -> AsyncIterator[Mapping[Needs, Runtime]]:
    """The runtimes by what they answer, and tell ``events``. SettingError for one that cannot be offered."""
    runtimes: dict[Needs, Runtime] = {}
    try:
        for name in dict.fromkeys(parts(settings.runtimes)):
            needs = Needs[name.upper()]
            runtimes[needs] = await _made(settings, needs, replica, database, events)
        yield runtimes
    finally:
        for runtime in runtimes.values():
            await runtime.close()


async def _made(
    settings: Settings, needs: Needs, replica: UUID, database: Database, events: Events | None
) -> Runtime:
    if needs is Needs.PROCESS:
        return ProcessRuntime(root(settings, needs), user=owner(settings, needs))
    if needs is Needs.FUNCTION:
        return await _functions(settings, events)
    engine: Runtime = await importlib.import_module(_ENGINES[needs]).made(settings, replica, database)
    return engine


async def _functions(settings: Settings, events: Events | None) -> FunctionRuntime:
    modules = (*BUILT_IN, *parts(settings.functions))
    told = {variable("egress_allow"): settings.egress_allow}
    runtime = FunctionRuntime(modules=modules, processes=settings.code_concurrency, told=told, events=events)
    try:
        refusal = publishing.refusal(await runtime.catalogue())
    except FunctionsRefused as error:
        refusal = str(error)
    if refusal is not None:
        await runtime.close()
        raise SettingError(variable("functions"), refusal)
    return runtime
