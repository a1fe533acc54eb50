"""Savers of one turn that write less: what only repeats a person's words is held back until the model has spoken.

Each step of the graph is a checkpoint, and each holds the whole thread or much of it. Those from before the model's
first words are of use to nobody while the turn goes on; where the process dies, the turn begins anew, and nothing was
done in it. They are written when somebody wants to read them, and when the turn ends without a word (`arelease`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)


@dataclass
class _Held:
    """A checkpoint that is not written yet, with what tasks gave since; `versions` of all that were held before it."""

    config: RunnableConfig
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    versions: ChannelVersions
    writes: list[tuple[Sequence[tuple[str, Any]], str, str]] = field(default_factory=list)


class Holding(BaseCheckpointSaver[Any]):
    """Goes before a saver, and holds back what it is given. One of it serves one turn."""

    _held: _Held | None = None
    _read: tuple[dict[str, Any], CheckpointTuple | None] | None = None

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint. What was just read is read once more for nothing: a turn begins with two looks."""
        where, read = _where(config), self._read
        self._read = None
        if self._held is not None:
            await self.arelease()
        elif read is not None and read[0] == where:
            return read[1]
        found = await super().aget_tuple(config)
        self._read = (where, found)
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, the newest first."""
        await self.arelease()
        async for each in super().alist(config, filter=filter, before=before, limit=limit):
            yield each

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Write a checkpoint, or hold it back; return where it is, or will be."""
        where, held = config["configurable"], self._held
        self._read, self._held = None, None  # this one has all that was held
        versions = {**held.versions, **new_versions} if held is not None else new_versions
        if where.get("checkpoint_ns") or not _is_begun_only(checkpoint, metadata):
            return await super().aput(config, checkpoint, metadata, versions)
        self._held = _Held(config, checkpoint, metadata, versions)
        place = {"thread_id": where["thread_id"], "checkpoint_ns": "", "checkpoint_id": checkpoint["id"]}
        return {"configurable": place}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Write what a task gave, or hold it back with its checkpoint."""
        self._read = None
        if self._held is not None and config["configurable"].get("checkpoint_id") == self._held.checkpoint["id"]:
            self._held.writes.append((writes, task_id, task_path))
        else:
            await super().aput_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread."""
        self._read, self._held = None, None
        await super().adelete_thread(thread_id)

    async def arelease(self) -> None:
        """Write what is held."""
        held, self._held = self._held, None
        if held is not None:
            config = await super().aput(held.config, held.checkpoint, held.metadata, held.versions)
            for writes, task, path in held.writes:
                await super().aput_writes(config, writes, task, path)


def _where(config: RunnableConfig) -> dict[str, Any]:
    names = ("thread_id", "checkpoint_ns", "checkpoint_id")
    return {name: config["configurable"].get(name) or "" for name in names}


def _is_begun_only(checkpoint: Checkpoint, metadata: CheckpointMetadata) -> bool:
    """Return whether nothing happened in the turn yet but that a person said something."""
    if metadata.get("source") == "input":
        return True
    messages = checkpoint["channel_values"].get("messages") or [None]
    return isinstance(messages[-1], HumanMessage)
