"""DBOS as this process uses it: a worker that runs workflows, or a client that only hands them over.

A worker that dies leaves its workflows PENDING under its id. Every worker looks for such ids, and resumes the workflows
of those that are gone (presence.py): what they had finished is not done again, only the steps in flight are.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from copilot.errors import SettingsError
from copilot.jobs.database import _NEEDED, Database
from copilot.jobs.presence import Presence, presence

if TYPE_CHECKING:
    import sqlalchemy as sa
    from dbos import DBOSClient

NAME = "everpilot"
#: Which workflows fit together: raised when a step of them is added, removed or moved.
VERSION = "1"
#: Seconds between two looks for the dead.
LOOK = 2.0
_AT_ONCE = 500  # workflows that are deleted in one transaction
#: DBOS's words for a workflow that somebody has, or will have, to work on.
OPEN = frozenset({"ENQUEUED", "PENDING", "DELAYED"})
#: And for one that ended, in whatever way.
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of workflows: how many at once in one worker, and over all.

    `poll` are the seconds between two looks into it.
    """

    name: str
    here: int | None = None
    everywhere: int | None = None
    poll: float = 0.2


@dataclass(frozen=True, slots=True)
class Work:
    """A workflow to be run: its id makes it one, however often it is handed over. `args` are JSON types."""

    workflow: str
    queue: str
    id: str
    args: tuple[Any, ...]
    priority: int | None = None
    delay: float | None = None


def _serializer() -> Any:
    from dbos import Serializer

    class Json(Serializer):
        """What a workflow takes and gives is JSON: nobody who can write to the database can make code of it."""

        def serialize(self, data: Any) -> str:
            return json.dumps(data, default=_explained, separators=(",", ":"))

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data, object_hook=_failed)

        def name(self) -> str:
            return "json"

    return Json()


def _explained(value: Any) -> Any:
    if isinstance(value, BaseException):
        return {"$error": type(value).__name__, "text": str(value)}
    raise TypeError(f"{type(value).__name__} is not JSON")


def _failed(value: dict[str, Any]) -> Any:
    return WorkflowFailed(f"{value['$error']}: {value['text']}") if "$error" in value and len(value) == 2 else value


class WorkflowFailed(Exception):
    """What a workflow ended with, as the database knows it."""


def _dbos() -> Any:
    """Import DBOS, which then speaks to nobody but our database."""
    for variable in ("DBOS__CLOUD", "DBOS__CONDUCTOR_KEY", "DBOS__VMID", "DBOS__APPVERSION"):
        os.environ.pop(variable, None)
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # else it writes to the terminal
    try:
        import dbos
        from dbos import _serialization
    except ImportError as error:
        raise SettingsError(_NEEDED) from error
    # DBOS reads a row as its column `serialization` says, whatever serializer it was given: also as a pickle.
    setattr(_serialization.DefaultSerializer, "deserialize", _no_pickle)  # noqa: B010
    return dbos


def _no_pickle(self: Any, serialized_data: str) -> Any:
    raise WorkflowFailed("The database holds a pickle, which is never read: it could be any program.")


class Client:
    """Hands work over, and looks at it; runs none."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @cached_property
    def dbos(self) -> DBOSClient:
        """The client; the tables are made when they are not there. Raises SettingsError."""
        from sqlalchemy.exc import SQLAlchemyError

        made = _dbos().DBOSClient
        self.database.check()
        migrate(self.database)
        try:
            client: DBOSClient = made(
                system_database_engine=self.database.engine,
                serializer=_serializer(),
                application_name=NAME,
                retry_connection_errors=False,
            )
        except SQLAlchemyError as error:
            raise self.database.unreachable(error) from error
        return client

    def open(self) -> None:
        """Connect: to be done before a transaction that work is put into. Raises SettingsError."""
        self.dbos  # noqa: B018 - a cached property: made here

    def put(self, work: Iterable[Work], connection: sa.Connection | None = None) -> None:
        """Hand work over, in the caller's transaction if given one: all of it, or nothing."""
        if connection is None:
            with self.database.begin() as own:
                return self.put(work, own)
        for each in work:
            self.dbos.enqueue_in_transaction(connection, _options(each), *each.args)  # type: ignore[arg-type]
        return None

    def put_new(self, work: Work) -> bool:
        """Hand over work whose id may be known; returns whether it was new."""
        from dbos import error

        try:
            self.dbos.enqueue({**_options(work), "workflow_id_reuse_policy": "reject"}, *work.args)  # type: ignore[typeddict-item]
        except error.DBOSWorkflowIDInUseError:
            return False
        return True

    def waiting(self, queue: str, most: int) -> int:
        """Return how much work waits in a queue, counted up to `most`."""
        found = self.dbos.list_workflows(
            status="ENQUEUED", queue_name=queue, load_input=False, load_output=False, limit=most
        )
        return len(found)

    def is_idle(self) -> bool:
        """Return whether no work is waiting or under way, anywhere."""
        waiting = ["ENQUEUED", "PENDING", "DELAYED"]
        return not self.dbos.list_workflows(status=waiting, load_input=False, load_output=False, limit=1)

    def status(self, id: str) -> str:
        """Return DBOS's word for where a workflow stands, "" for none."""
        found = self.dbos.list_workflows(workflow_ids=[id], load_input=False, load_output=False)
        return str(found[0].status) if found else ""

    def is_owner(self, id: str, token: str) -> bool:
        """Return whether a workflow is still that of the execution with this token (`owner`). Raises SettingsError."""
        from sqlalchemy import select
        from sqlalchemy.exc import SQLAlchemyError

        table = self.dbos._sys_db.tables.workflow_status
        try:
            with self.dbos._sys_db.engine.connect() as link:  # it knows the schema of the tables
                found = link.execute(select(table.c.owner_xid).where(table.c.workflow_uuid == id)).scalar()
        except SQLAlchemyError as error:
            raise self.database.unreachable(error) from error
        return bool(found == token)

    def failed(self, prefix: str) -> set[str]:
        """Return the ids, beginning with `prefix`, of workflows that ended with an error: nobody goes on with them."""
        states = ["ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
        found = self.dbos.list_workflows(status=states, workflow_id_prefix=prefix, load_input=False, load_output=False)
        return {str(each.workflow_id) for each in found}

    def forget(self, prefix: str, before: str = "", states: Sequence[str] = ("SUCCESS",)) -> None:
        """Delete what is kept of workflows whose ids begin with `prefix`: of all, or of those that ended in one of
        DBOS's `states` and were begun before a moment (ISO 8601)."""
        chosen: dict[str, Any] = {"status": list(states), "end_time": before} if before else {}
        chosen |= {"load_input": False, "load_output": False, "limit": _AT_ONCE}
        while found := self.dbos.list_workflows(workflow_id_prefix=prefix, **chosen):
            self.dbos.delete_workflows([str(each.workflow_id) for each in found])

    def cancel(self, ids: Sequence[str]) -> None:
        """Stop workflows before their next step."""
        if ids:
            self.dbos.cancel_workflows(list(ids))

    def adopt(
        self, presence: Presence, worker: str, most: int = 10_000, buried: Callable[[str], None] = lambda name: None
    ) -> int:
        """Resume the workflows of workers that are gone, each on its own queue; returns how many.

        `buried` is told of each such worker, before anybody goes on with its work.
        """
        pending = self.dbos.list_workflows(status="PENDING", load_input=False, load_output=False, limit=most)
        left: dict[str, list[Any]] = {}
        for found in pending:
            left.setdefault(str(found.executor_id), []).append(found)
        gone = [name for name in left if name != worker and presence.gone(name)]
        for name in gone:
            buried(name)
        dead = [each for name in gone for each in left[name]]
        self._give_back(dead)
        return len(dead)

    def resume_all(self, worker: str) -> int:
        """Give back to their queues what a worker leaves unfinished; returns how much."""
        left = self.dbos.list_workflows(status="PENDING", executor_id=worker, load_input=False, load_output=False)
        self._give_back(left)
        return len(left)

    def _give_back(self, left: Sequence[Any]) -> None:
        for queue in {_queue_of(each) for each in left}:
            ids = [each.workflow_id for each in left if _queue_of(each) == queue]
            self.dbos.resume_workflows(ids, queue_name=queue)

    def close(self) -> None:
        """Give the connections back."""
        if "dbos" in self.__dict__:
            with suppress(Exception):  # the database may be gone: there is nothing left to do
                self.dbos.destroy()


def _options(work: Work) -> dict[str, Any]:
    options = {
        "workflow_name": work.workflow,
        "queue_name": work.queue,
        "workflow_id": work.id,
        "app_version": VERSION,
        "priority": work.priority,
        "delay_seconds": work.delay,
    }
    return {name: value for name, value in options.items() if value is not None}


def _queue_of(found: Any) -> str:
    """Return where a workflow waits for others; one that was begun at once has a queue in its name (`Worker.begin`)."""
    return str(found.queue_name or found.name.partition("/")[0])


def migrate(database: Database) -> None:
    """Make or bring up to date the tables of DBOS; several processes may do so at once. Raises SettingsError."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        _dbos().DBOS.migrate(system_database_url=database.address)
    except SQLAlchemyError as error:
        raise database.unreachable(error) from error


def owner() -> str:
    """Return the token by which the execution of the workflow that runs here has it; of each execution another one."""
    from dbos._context import assert_current_dbos_context

    return str(assert_current_dbos_context().owner_xid)


def not_ours(id: str) -> BaseException:
    """Return what a workflow raises that another execution goes on with: then it waits for the outcome of that one."""
    from dbos import error

    return error.DBOSWorkflowConflictIDError(id)


class Worker:
    """Runs workflows of the given queues until it is stopped; there is one in a process."""

    def __init__(self, database: Database, queues: Sequence[Queue], told: Callable[[str], None] = _log.info) -> None:
        self.database = database
        self.id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.client = Client(database)
        self._queues = queues
        self._told = told
        self._presence = presence(database, self.id)
        self.buried: Callable[[str], None] = lambda name: None  # told of each worker that was found dead
        self.handed_back = 0  # how much work was left to others
        self._over = threading.Event()
        self._left = threading.Event()
        self._looking = threading.Thread(target=self._look, name="everpilot-presence", daemon=True)

    def start(self) -> None:
        """Begin, with the work of those that died before. Raises SettingsError when the database can't be used."""
        from sqlalchemy.exc import SQLAlchemyError

        _dbos()
        try:
            self._start()
        except SQLAlchemyError as error:
            raise self.database.unreachable(error) from error

    def _start(self) -> None:
        dbos = _dbos().DBOS
        self.database.check()
        migrate(self.database)
        self._presence.hold()
        dbos(config=self._config())
        dbos.listen_queues([queue.name for queue in self._queues])
        dbos.launch()
        for queue in self._queues:
            dbos.register_queue(queue.name, **_limits(queue), on_conflict="always_update")
        self._adopt()
        self._looking.start()

    def _config(self) -> dict[str, Any]:
        return {
            "name": NAME,
            "system_database_url": self.database.address,
            "system_database_engine": self.database.engine,
            "application_version": VERSION,
            "executor_id": self.id,
            "serializer": _serializer(),
            "log_level": "WARNING",
            "enable_otlp": False,
            "scheduler_polling_interval_sec": 5.0,
        }

    async def begin(self, function: Any, id: str, *args: Any) -> bool:
        """Begin a workflow of this id here, on the running loop; False for one that is known.

        `function` is the workflow, registered by the name "QUEUE/..." of the queue in which another worker finds it.
        DBOS makes its own threads those of the loop (`asyncio.to_thread`), until it ends.
        """
        dbos = _dbos()
        try:
            with dbos.SetWorkflowID(id, workflow_id_reuse_policy="reject"):
                await dbos.DBOS.start_workflow_async(function, *args)
        except dbos.error.DBOSWorkflowIDInUseError:
            return False
        return True

    def standing(self) -> int | None:
        """Return a number that is another one after others may have taken us for dead; None while that is not sure."""
        return self._presence.standing()

    def stop(self, seconds: int = 0) -> None:
        """End: no more work is begun, what runs has `seconds` to finish, and the rest is left to others at once."""
        self._over.set()
        self.database.is_left = True
        _dbos().DBOS.destroy(workflow_completion_timeout_sec=seconds)
        self._left.set()
        if self._looking.is_alive():
            self._looking.join(LOOK * 2)
        self._presence.leave()
        self._hand_back()
        self.client.close()

    def _hand_back(self) -> None:
        with suppress(Exception):  # the database may be gone; then another worker finds what we leave
            self.buried(self.id)
            self.handed_back = self.client.resume_all(self.id)

    def _look(self) -> None:
        while not self._left.wait(LOOK):  # also while what runs gets to end: a lock is only kept by being used
            try:
                if self._presence.hold() and not self._over.is_set():
                    self._adopt()
            except Exception as error:  # noqa: BLE001 - a database that restarts is asked again at the next look
                _log.warning("the look for dead workers failed: %s", error)

    def _adopt(self) -> None:
        if count := self.client.adopt(self._presence, self.id, buried=self.buried):
            self._told(f"Went on with {count:,} piece{'s' if count > 1 else ''} of work of a worker that is gone.")


def _limits(queue: Queue) -> dict[str, Any]:
    """Return the limits of a queue in DBOS's words."""
    limits = {"worker_concurrency": queue.here, "global_concurrency": queue.everywhere}
    return {"polling_interval_sec": queue.poll, **{name: value for name, value in limits.items() if value}}
