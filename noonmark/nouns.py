"""What can be asked, noun by noun: the methods of the two clients. What each does is told by its talk."""

from noonmark import (
    account,
    artifacts,
    bulk,
    dead_letters,
    definitions,
    jobs,
    printing,
    queues,
    tokens,
    videos,
)  # fmt: skip
from noonmark.bound import (
    AsyncDoes,
    AsyncFollows,
    AsyncLists,
    AsyncNoun,
    AsyncSaves,
    Does,
    Follows,
    Lists,
    Noun,
    Saves,
)  # fmt: skip


class Jobs(Noun):
    """Jobs, of a blocking client."""

    create = Does(jobs.create)
    run = Does(jobs.run)
    invoke = Does(jobs.invoke)
    submit = Does(jobs.submit)
    create_many = Does(jobs.create_many)
    get = Does(jobs.get)
    list = Lists(jobs.listed)
    cancel = Does(jobs.cancel)
    cancel_all = Does(bulk.cancel)
    edit = Does(jobs.edit)
    replay = Does(jobs.replay)
    attempts = Does(jobs.attempts)
    events = Lists(jobs.events)
    logs = Lists(printing.logs)
    follow_logs = Follows(printing.follow_logs)
    wait = Does(jobs.wait)


class AsyncJobs(AsyncNoun):
    """Jobs, of an asynchronous client."""

    create = AsyncDoes(jobs.create)
    run = AsyncDoes(jobs.run)
    invoke = AsyncDoes(jobs.invoke)
    submit = AsyncDoes(jobs.submit)
    create_many = AsyncDoes(jobs.create_many)
    get = AsyncDoes(jobs.get)
    list = AsyncLists(jobs.listed)
    cancel = AsyncDoes(jobs.cancel)
    cancel_all = AsyncDoes(bulk.cancel)
    edit = AsyncDoes(jobs.edit)
    replay = AsyncDoes(jobs.replay)
    attempts = AsyncDoes(jobs.attempts)
    events = AsyncLists(jobs.events)
    logs = AsyncLists(printing.logs)
    follow_logs = AsyncFollows(printing.follow_logs)
    wait = AsyncDoes(jobs.wait)


class DeadLetters(Noun):
    """Dead letters, of a blocking client."""

    list = Lists(dead_letters.listed)
    get = Does(dead_letters.get)
    replay = Does(dead_letters.replay)
    replay_all = Does(bulk.replay)
    purge = Does(bulk.purge)


class AsyncDeadLetters(AsyncNoun):
    """Dead letters, of an asynchronous client."""

    list = AsyncLists(dead_letters.listed)
    get = AsyncDoes(dead_letters.get)
    replay = AsyncDoes(dead_letters.replay)
    replay_all = AsyncDoes(bulk.replay)
    purge = AsyncDoes(bulk.purge)


class Queues(Noun):
    """Queues, of a blocking client."""

    create = Does(queues.create)
    list = Lists(queues.listed)
    get = Does(queues.get)
    edit = Does(queues.edit)
    pause = Does(queues.pause)
    resume = Does(queues.resume)
    delete = Does(queues.delete)


class AsyncQueues(AsyncNoun):
    """Queues, of an asynchronous client."""

    create = AsyncDoes(queues.create)
    list = AsyncLists(queues.listed)
    get = AsyncDoes(queues.get)
    edit = AsyncDoes(queues.edit)
    pause = AsyncDoes(queues.pause)
    resume = AsyncDoes(queues.resume)
    delete = AsyncDoes(queues.delete)


class Definitions(Noun):
    """Definitions, of a blocking client."""

    create = Does(definitions.create)
    list = Lists(definitions.listed)
    get = Does(definitions.get)
    edit = Does(definitions.edit)
    delete = Does(definitions.delete)
    run = Does(definitions.run)


class AsyncDefinitions(AsyncNoun):
    """Definitions, of an asynchronous client."""

    create = AsyncDoes(definitions.create)
    list = AsyncLists(definitions.listed)
    get = AsyncDoes(definitions.get)
    edit = AsyncDoes(definitions.edit)
    delete = AsyncDoes(definitions.delete)
    run = AsyncDoes(definitions.run)


class Artifacts(Noun):
    """Files of jobs, of a blocking client."""

    list = Lists(artifacts.listed)
    upload = Does(artifacts.upload)
    download = Saves(artifacts.download)
    link = Does(artifacts.link)
    delete = Does(artifacts.delete)


class AsyncArtifacts(AsyncNoun):
    """Files of jobs, of an asynchronous client."""

    list = AsyncLists(artifacts.listed)
    upload = AsyncDoes(artifacts.upload)
    download = AsyncSaves(artifacts.download)
    link = AsyncDoes(artifacts.link)
    delete = AsyncDoes(artifacts.delete)


class Videos(Noun):
    """Videos, of a blocking client."""

    encode = Does(videos.encode)
    get = Does(videos.get)
    download = Saves(videos.download)
    wait = Does(videos.wait)


class AsyncVideos(AsyncNoun):
    """Videos, of an asynchronous client."""

    encode = AsyncDoes(videos.encode)
    get = AsyncDoes(videos.get)
    download = AsyncSaves(videos.download)
    wait = AsyncDoes(videos.wait)


class SigningSecrets(Noun):
    """Signing secrets, of a blocking client."""

    list = Does(account.signing_secrets)
    rotate = Does(account.rotate)


class AsyncSigningSecrets(AsyncNoun):
    """Signing secrets, of an asynchronous client."""

    list = AsyncDoes(account.signing_secrets)
    rotate = AsyncDoes(account.rotate)


class Tokens(Noun):
    """API tokens, of a blocking client."""

    create = Does(tokens.create)
    list = Lists(tokens.listed)
    revoke = Does(tokens.revoke)


class Account(Noun):
    """Whose token it is, of a blocking client."""

    me = Does(account.me)


class AsyncTokens(AsyncNoun):
    """API tokens, of an asynchronous client."""

    create = AsyncDoes(tokens.create)
    list = AsyncLists(tokens.listed)
    revoke = AsyncDoes(tokens.revoke)


class AsyncAccount(AsyncNoun):
    """Whose token it is, of an asynchronous client."""

    me = AsyncDoes(account.me)
