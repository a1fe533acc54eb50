"""Old versions go when they are too old or take too much room: the store is a safety net, not an archive."""

from __future__ import annotations

from copilot.settings import HistorySettings
from copilot.workspace.journal import Journal, Pruning
from copilot.workspace.objects import Kept, Objects

DAY = 24 * 3600
#: By how much the store may grow over its limit before it is looked through again, when little could go last time.
_SLACK = 1.05


def prune(journal: Journal, objects: Objects, limits: HistorySettings, now: int) -> int:
    """Remove what the limits no longer allow, and return how many versions went; cheap when there is nothing to do.

    Never what is younger than a day, the newest version of a file, or what a change that is under way needs. A process
    that dies here leaves fewer versions, and a sum that is too high until the next pruning. Raises OSError.
    """
    use, since = journal.usage(), now - limits.keep_days * DAY
    full = use.total > limits.keep_bytes and (use.total > _SLACK * use.left or now - use.pruned >= DAY)
    if not full and not (use.oldest < since and now - use.pruned >= DAY):
        return 0
    with journal.pruning(now) as work:
        found = sorted(objects.kept(), key=lambda kept: _time(kept, work))
        total, removed = sum(kept.size for kept in found), 0
        for kept in found:
            over = _time(kept, work) < since or total > limits.keep_bytes
            if over and kept.digest not in work.protected and _time(kept, work) <= now - DAY:
                objects.remove(kept.digest)
                total, removed = total - kept.size, removed + 1
            else:
                work.left[kept.digest] = kept.size
    return removed


def _time(kept: Kept, work: Pruning) -> float:
    """Return when it was last of use. Its file tells what no entry does yet: somebody may be about to need it."""
    return max(kept.written if kept.digest not in work.times else 0, work.times.get(kept.digest, 0))
