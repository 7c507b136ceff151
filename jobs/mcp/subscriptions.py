"""Subscriptions to jobs: `subscriptions/listen` (2026-07-28) and `resources/subscribe` (2025-11-25).

Jobs are what changes here, so addresses of jobs and ids of tasks are what can be subscribed to. The lists of tools,
resources and prompts stay as they are while a server runs; were one changed, the SDK's bus would say so.
"""

import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import MCPServer, require_client_extension
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import (
    SUBSCRIPTION_ID_META_KEY,
    PromptsListChanged,
    ResourcesListChanged,
    ServerEvent,
    ToolsListChanged,
    event_to_notification,
)
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    EmptyResult,
    Notification,
    ResourceUpdatedNotification,
    ResourceUpdatedNotificationParams,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from pgdex.jobs.client.indexed_files import statuses
from pgdex.jobs.client.job_ids import parse_job_id
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.database.outages import Backoff
from pgdex.jobs.errors import InvalidRequest, JobNotFound
from pgdex.jobs.mcp.job_feed import GoneJob, JobFeed, Watch
from pgdex.jobs.mcp.job_tasks import JobTasks
from pgdex.jobs.mcp.jobs_of_projects import visible_job
from pgdex.jobs.mcp.protocol_errors import Kinds, protocol_error
from pgdex.jobs.mcp.resources.uris import JOBS, job_of_uri
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.mcp.tasks import TASKS

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

Result = TypeVar("Result")

MOST_OF_ONE = 100
"""Jobs and tasks of one stream, or of one connection."""
MOST_STREAMS = 100
MOST_CONNECTIONS = 1_000
OUTAGE_PAUSE_SECONDS = 1.0
LONGEST_OUTAGE_PAUSE_SECONDS = 30.0

Context = ServerRequestContext[Any, Any]


class TaskNotification(Notification[dict[str, Any], Literal["notifications/tasks"]]):
    """A task as tasks/get would give it."""

    method: Literal["notifications/tasks"] = "notifications/tasks"


class Subscriptions:
    """Tells clients what becomes of the jobs that they have subscribed to."""

    def __init__(self, context: ServerContext, feed: JobFeed, tasks: JobTasks, bus: InMemorySubscriptionBus) -> None:
        self._place = context
        self._feed = feed
        self._tasks = tasks
        self._bus = bus
        self._streams = 0
        self._connections: dict[int, _Connection] = {}

    def add_to(self, server: MCPServer[Any]) -> None:
        """Register the handlers."""
        # MCPServer has no public way to serve these methods; its own handler of the first knows neither of what can
        # change nor of tasks. tests/unit/test_mcp_sdk.py notices when the private name changes.
        lowlevel: Server[Any] = server._lowlevel_server
        lowlevel.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, self.listen)
        lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, self.subscribe)
        lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self.unsubscribe)

    async def listen(self, ctx: Context, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """One stream: an acknowledgement of what it will tell, and then that, until the client leaves.

        A stream does not end with its jobs: a client that listens again at once would be told of their end for ever.
        """
        if ctx.request_id is None:
            raise MCPError(code=INVALID_REQUEST, message="subscriptions/listen is a request: it needs an id")
        wanted = params.notifications
        task_ids = _task_ids(ctx, wanted)
        if len(wanted.resource_subscriptions or ()) + len(task_ids) > MOST_OF_ONE:
            raise MCPError(
                code=INVALID_PARAMS, message=f"one stream tells of at most {MOST_OF_ONE} resources and tasks"
            )
        if self._streams >= MOST_STREAMS:
            raise MCPError(
                code=INTERNAL_ERROR, message=f"BUSY: {MOST_STREAMS} subscription streams are open; close one first"
            )
        self._streams += 1
        try:
            uris = await self._jobs_of(wanted.resource_subscriptions or ())
            tasks = await self._known_tasks(task_ids)
            stream = _Stream(ctx, {SUBSCRIPTION_ID_META_KEY: ctx.request_id}, Retries())
            with self._feed.watching(Watch({*uris.values(), *tasks})) as watch:
                unsubscribe = self._bus.subscribe(lambda event: _pass_on(event, wanted, watch))
                try:
                    await stream.acknowledge(_honored(wanted, uris, tasks))
                    while True:
                        await self._tell(stream, watch, uris, tasks)
                finally:
                    unsubscribe()
        finally:
            self._streams -= 1

    async def _tell(self, stream: "_Stream", watch: Watch, uris: dict[str, UUID], tasks: set[UUID]) -> None:
        """Tell the next thing that there is."""
        news = await watch.next()
        if isinstance(news, ServerEvent):
            await stream.send(event_to_notification(news, stream.meta))
            return
        assert isinstance(news, JobStatus | GoneJob)
        task = None
        if news.job_id in tasks and not isinstance(news, GoneJob):
            try:
                task = await self._tasks.task(str(news.job_id), traced=stream.retries.traced)
            except MCPError as error:
                # Either it has been removed since it was looked at, or there is an outage: the client could have asked,
                # and got the error.
                if error.error.code != INVALID_PARAMS:
                    await anyio.sleep(stream.retries.pause())
                    watch.put_back(news.job_id, news)
                    return
        stream.retries.reset()
        for uri in (uri for uri, job_id in uris.items() if job_id == news.job_id):
            updated = ResourceUpdatedNotificationParams(uri=uri, _meta=stream.meta)
            await stream.send(ResourceUpdatedNotification(params=updated))
        if task is not None:
            await stream.send(TaskNotification(params={**task, "_meta": stream.meta}))

    async def subscribe(self, ctx: Context, params: SubscribeRequestParams) -> EmptyResult:
        """Tell this connection when the job at the address changes, until it has ended."""
        uri = str(params.uri)
        if (found := await self._jobs_of([uri])).get(uri) is None:
            raise MCPError(
                code=INVALID_PARAMS,
                message=f"only jobs change, and only those can be subscribed to: {JOBS} with the id of a job that this "
                "project has",
                data={"uri": uri},
            )
        connection = self._connection(ctx)  # its task begins after this, with the first address
        if len(connection.uris) >= MOST_OF_ONE and uri not in connection.uris:
            raise MCPError(code=INVALID_PARAMS, message=f"one connection subscribes to at most {MOST_OF_ONE} resources")
        connection.uris[uri] = found[uri]
        connection.watch.jobs.add(found[uri])
        self._feed.wake()
        return EmptyResult()

    async def unsubscribe(self, ctx: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        """No more of that. What was not subscribed to is no error."""
        connection = self._connections.get(id(ctx.session.client_params))
        if connection is not None:
            connection.uris.pop(str(params.uri), None)
            connection.watch.jobs &= {*connection.uris.values()}
            if not connection.uris:
                connection.end()
        return EmptyResult()

    def _connection(self, ctx: Context) -> "_Connection":
        """What this connection has subscribed to. It is told apart by the parameters of its `initialize`, an object of
        its own that lives as long as it does, and here as well."""
        client = ctx.session.client_params
        if client is None:
            raise MCPError(code=INVALID_REQUEST, message="a connection that was not initialized can't subscribe")
        key = id(client)
        if key not in self._connections:
            if len(self._connections) >= MOST_CONNECTIONS:
                raise MCPError(code=INTERNAL_ERROR, message="BUSY: too many connections have subscriptions")
            connection = self._connections[key] = _Connection(client)
            # A session that its client left open is ended by the SDK after half an hour, and sending to it is no error:
            # nothing else says that nobody listens any more. There is no public way from a request to its connection;
            # tests/unit/test_mcp_sdk.py notices when the private name changes.
            ctx.session._connection.exit_stack.callback(connection.end)

            async def tell() -> None:
                try:
                    with self._feed.watching(connection.watch):
                        # When all have ended nothing is kept for a client that may have left.
                        while connection.uris:
                            await connection.tell(ctx, await connection.watch.next())
                finally:
                    self._connections.pop(key, None)

            self._feed.start(tell)
        return self._connections[key]

    async def _jobs_of(self, uris: Iterable[str]) -> dict[str, UUID]:
        """The jobs at those of the addresses that are addresses of jobs which the client may see."""
        named = {uri: found for uri in uris if (found := job_of_uri(uri)) is not None}

        def look(client: "Client") -> dict[str, UUID]:
            jobs = {}
            for uri, (job_id, project_id) in named.items():
                try:
                    jobs[uri] = visible_job(client, self._place, job_id, project_id).job_id
                except (InvalidRequest, JobNotFound):
                    continue
            return jobs

        return await self._looked(look) if named else {}

    async def _known_tasks(self, ids: Iterable[str]) -> set[UUID]:
        """Those of the ids that are tasks'."""
        wanted = []
        for task_id in ids:
            with suppress(InvalidRequest):
                wanted.append(parse_job_id(task_id))

        def look(client: "Client") -> set[UUID]:
            return {job.job_id for job in statuses(client.connection, wanted)}

        return await self._looked(look) if wanted else set()

    async def _looked(self, look: "Callable[[Client], Result]") -> Result:
        try:
            return await self._place.run(look)
        except Exception as error:
            raise protocol_error(error, about="a subscription") from error


class _Connection:
    """What a connection of the older protocol has subscribed to."""

    def __init__(self, client: object) -> None:
        self.client = client
        self.uris: dict[str, UUID] = {}
        self.watch = Watch()

    def end(self) -> None:
        """Tell no more: the task that tells ends."""
        self.uris.clear()
        self.watch.jobs.clear()
        self.watch.put(None, None)

    async def tell(self, ctx: Context, news: object) -> None:
        """Tell what has become of a job; one that has ended is told of for the last time."""
        if not isinstance(news, JobStatus | GoneJob):
            return
        for uri in [uri for uri, job_id in self.uris.items() if job_id == news.job_id]:
            await ctx.session.send_resource_updated(uri)
            if isinstance(news, GoneJob) or news.is_final:
                self.uris.pop(uri, None)


@dataclass(frozen=True, slots=True)
class _Stream:
    """The answer to a `subscriptions/listen`, whose frames carry the id of the request."""

    ctx: Context
    meta: dict[str, Any]
    retries: "Retries"

    async def acknowledge(self, honored: SubscriptionFilter) -> None:
        acknowledged = SubscriptionsAcknowledgedNotificationParams(notifications=honored, _meta=self.meta)
        await self.send(SubscriptionsAcknowledgedNotification(params=acknowledged))

    async def send(self, notification: Any) -> None:  # an extension's is none of those that the SDK's type names
        await self.ctx.session.send_notification(notification, self.ctx.request_id)


class Retries:
    """The tries of one stream to have a task that could not be had: what was said of them, and the pauses between."""

    def __init__(self, *, first: float = OUTAGE_PAUSE_SECONDS, longest: float = LONGEST_OUTAGE_PAUSE_SECONDS) -> None:
        self.traced: Kinds = set()
        self._pauses = Backoff(first=first, longest=longest)

    def pause(self) -> float:
        """The seconds to wait now: from half of a time that doubles to all of it, since one outage meets all streams
        of all servers at once."""
        return self._pauses.next() * random.uniform(0.5, 1)  # noqa: S311 - no secret

    def reset(self) -> None:
        """A try has gone well."""
        self.traced.clear()
        self._pauses.reset()


def _task_ids(ctx: Context, wanted: SubscriptionFilter) -> list[str]:
    """The tasks of a wish. Raises MCPError for a client that can take none, and for what is no list of ids."""
    ids = (wanted.model_extra or {}).get("taskIds")
    if ids is None:
        return []
    require_client_extension(ctx, TASKS)
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise MCPError(code=INVALID_PARAMS, message="taskIds must be a list of the ids of tasks")
    return ids


def _honored(wanted: SubscriptionFilter, uris: dict[str, UUID], tasks: set[UUID]) -> SubscriptionFilter:
    """What of the wish is granted; what is not is left out."""
    extra = {"taskIds": sorted(map(str, tasks))} if tasks else {}
    return SubscriptionFilter(
        tools_list_changed=wanted.tools_list_changed or None,
        prompts_list_changed=wanted.prompts_list_changed or None,
        resources_list_changed=wanted.resources_list_changed or None,
        resource_subscriptions=list(uris) or None,
        **extra,
    )


def _pass_on(event: ServerEvent, wanted: SubscriptionFilter, watch: Watch) -> None:
    """Hand a change of a list on to a stream that wants it."""
    is_wanted = (
        (isinstance(event, ToolsListChanged) and wanted.tools_list_changed)
        or (isinstance(event, PromptsListChanged) and wanted.prompts_list_changed)
        or (isinstance(event, ResourcesListChanged) and wanted.resources_list_changed)
    )
    if is_wanted:
        watch.put(event, event)
