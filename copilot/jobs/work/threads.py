"""The thread of one document, kept in its scratch: it goes with it, and costs no trip to a database.

LangGraph's saver in memory, which also writes down what it is given, one record behind the other; opened again, it
reads them. A record that a crash cut off counts for nothing, like a transaction that was not committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ormsgpack
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.base import SerializerProtocol

from copilot.jobs.work.scratch import append

_HEAD = 4  # bytes of a record's length


class FileSaver(InMemorySaver):
    """Threads of one file. Used by one process at a time. What can't be read back is as if it had not been written."""

    def __init__(self, path: Path, serde: SerializerProtocol) -> None:
        super().__init__(serde=serde)
        self._path = path
        self._end = 0  # of what can be read: what comes next goes there
        for kind, key, value, end in _records(path):
            self._take(kind, key, value)
            self._end = end

    @property
    def is_begun(self) -> bool:
        """Whether anything is kept."""
        return bool(self.storage)

    def _take(self, kind: str, key: list[Any], value: Any) -> None:
        if kind == "checkpoint":
            thread, namespace, id = key
            saved, metadata, parent = value
            self.storage[thread][namespace][id] = (_typed(saved), _typed(metadata), parent)
        elif kind == "blob":
            self.blobs[tuple(key)] = _typed(value)
        else:
            *outer, task, index = key
            self.writes[tuple(outer)][task, index] = (value[0], value[1], _typed(value[2]), value[3])

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint; see `BaseCheckpointSaver.put`. Raises OSError when it can't be written."""
        made = super().put(config, checkpoint, metadata, new_versions)
        thread, namespace = config["configurable"]["thread_id"], config["configurable"]["checkpoint_ns"]
        keys = [(thread, namespace, channel, version) for channel, version in new_versions.items()]
        records: list[Any] = [("blob", key, self.blobs[key]) for key in keys]
        place = (thread, namespace, checkpoint["id"])
        records.append(("checkpoint", place, self.storage[thread][namespace][checkpoint["id"]]))
        self._append(records)
        return made

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote; see `BaseCheckpointSaver.put_writes`. Raises OSError when it can't be written."""
        chosen = config["configurable"]
        outer = (chosen["thread_id"], chosen.get("checkpoint_ns", ""), chosen["checkpoint_id"])
        before = dict(self.writes.get(outer, {}))
        super().put_writes(config, writes, task_id, task_path)
        new = {key: value for key, value in self.writes.get(outer, {}).items() if before.get(key) is not value}
        self._append([("write", (*outer, *key), value) for key, value in new.items()])

    def _append(self, records: Sequence[Any]) -> None:
        packed = [ormsgpack.packb(record) for record in records]
        data = b"".join(len(each).to_bytes(_HEAD, "big") + each for each in packed)
        self._end = append(self._path, data, self._end)


def _records(path: Path) -> Iterator[tuple[str, list[Any], Any, int]]:
    try:
        data = path.read_bytes()
    except OSError:
        return
    at = 0
    while at + _HEAD <= len(data):
        end = at + _HEAD + int.from_bytes(data[at : at + _HEAD], "big")
        if end > len(data):
            return
        try:
            kind, key, value = ormsgpack.unpackb(data[at + _HEAD : end])
        except (ValueError, TypeError):
            return
        yield kind, key, value, end
        at = end


def _typed(pair: Sequence[Any]) -> tuple[str, bytes]:
    return str(pair[0]), bytes(pair[1])
