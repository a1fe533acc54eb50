"""The work on one document of a run: a private copy, an agent, an extraction or a recipe, and what came of it."""

from copilot.jobs.work import faults
from copilot.jobs.work.desk import Desk
from copilot.jobs.work.keeping import Answers, Blobs
from copilot.jobs.work.one import answer, check, work
from copilot.jobs.work.scratch import sweep

__all__ = ["Answers", "Blobs", "Desk", "answer", "check", "faults", "sweep", "work"]
