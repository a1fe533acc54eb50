"""What the model and the person are told of a delivery."""

from __future__ import annotations

from copilot.agent.step import Step
from copilot.trust.labels import UNKNOWN
from copilot.trust.once import Delivery


def sent(step: Step, delivery: Delivery) -> Step:
    """Put what is known of the delivery into the step, and return it; what a receipt says is not trusted."""
    service = step.tool.service_for(step.call.args) if step.tool else None
    step.label = step.label | (service.source if service else UNKNOWN)
    match delivery.status:
        case "sent":
            did = "Done" if delivery.summary.startswith("Run ") else "Sent"
            step.status, step.text = "done", f"{did}: {delivery.summary}. {delivery.receipt}".strip()
        case "failed":
            step.status, step.text = "failed", f"{delivery.summary}: nothing was sent."
            step.error = {"code": "not_sent", "message": step.text}
        case _:
            step.status = "failed"
            step.text = (
                f"{delivery.summary}: it was interrupted while it was being sent, and may have gone out. It is not "
                f"sent again; look at the place it went to. {delivery.receipt}"
            ).strip()
            step.error = {"code": "may_be_sent", "message": step.text}
    return step
