"""What a record of the audit log costs: CPU, beside appending and syncing the same bytes to a plain file.

    python benchmarks/audit_cost.py [records]

The goal is 0.3 ms CPU a record.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from copilot.trust.audit import Audit

EVENT = {"event": "decision", "tool": "word.replace_text", "verdict": "ask", "rule": "write", "thread": "t1"}


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as state:
        audit = Audit(Path(state))
        audit.record(EVENT)  # finds the key
        began = time.process_time()
        for _ in range(records):
            audit.record(EVENT)
        spent = (time.process_time() - began) / records
        began = time.process_time()
        for _ in range(records):
            with open(f"{state}/plain", "ab") as file:
                file.write(b"x" * 400)
        plain = (time.process_time() - began) / records
    print(f"record {spent * 1000:.3f} ms CPU, plain append {plain * 1000:.3f} ms")


if __name__ == "__main__":
    main()
