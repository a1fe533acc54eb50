"""The report of a run: HTML that a manager can read, for approval and for the end; and what an answer is bound to."""

from copilot.jobs.report.digest import Answer, Shown, digest
from copilot.jobs.report.view import RunView
from copilot.jobs.report.write import Written, write

__all__ = ["Answer", "RunView", "Shown", "Written", "digest", "write"]
