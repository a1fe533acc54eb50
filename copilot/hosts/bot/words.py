"""Every sentence that the bot says of its own accord, in one table; another language is another `Words`."""

from __future__ import annotations

from dataclasses import dataclass, field

#: What a tool does, by the first word of its name behind the point: shown before the name of what it works on.
_DOING = {
    "add": "Preparing",
    "analyse": "Analysing",
    "append": "Preparing",
    "browse": "Looking through",
    "compare": "Comparing",
    "convert": "Converting",
    "create": "Preparing",
    "delete": "Preparing",
    "draft": "Preparing",
    "edit": "Preparing",
    "fetch": "Fetching",
    "find": "Searching for",
    "insert": "Preparing",
    "list": "Looking through",
    "outline": "Reading",
    "overview": "Reading",
    "passages": "Searching for",
    "read": "Reading",
    "replace": "Preparing",
    "search": "Searching for",
    "send": "Preparing",
    "set": "Preparing",
    "summarize": "Reading",
    "write": "Preparing",
}


@dataclass(frozen=True)
class Words:
    """What the bot says. What stands in braces is filled in; it is made safe first."""

    thinking: str = "Thinking …"
    doing: dict[str, str] = field(default_factory=lambda: dict(_DOING))
    working: str = "{verb} {what} …"
    using: str = "Working with {tool} …"
    progress: str = "{tool}: {text}"
    switched: str = "{source} did not answer; going on with {target} …"
    broken_off: str = "(The model stopped in mid-sentence; this is void, the answer follows.)"
    still_working: str = "(Still working; this message is completed when it is done.)"
    goes_on_below: str = "(Still working; the answer follows.)"
    stopped: str = "Stopped. What was approved before is saved, nothing is half done."
    failed: str = "That did not work: {reason}"
    nothing: str = "Done."
    see_card: str = "Please answer the card above."
    saved: str = "✓ {path}: {summary}"
    sent: str = "✓ {summary}"
    places: str = "{count} places"
    sources: str = "Sources:"
    unchecked: str = "Based on these, as they are (nobody checked what they say):"
    more_sources: str = "and {count} more"
    restricted: str = "Restricted"
    restricted_why: str = "Made from restricted data. Share it only with people who may see that."

    # approval cards
    approval: str = "Please approve"
    approval_summary: str = "Something waits for your approval: {what}"
    approval_text: str = 'This would be done. Answer with "approve {key}" or "decline {key}":'
    approve: str = "Approve"
    approve_all: str = "Approve all"
    approve_chosen: str = "Approve the chosen ones"
    decline: str = "Decline"
    next_page: str = "Next page"
    previous_page: str = "Previous page"
    page: str = "Page {page} of {pages}."
    page_first: str = "Page {page} of {pages}. All of it can be approved on the last page."
    attached: str = "The whole change is attached as {name}."
    step: str = "Step {number}"
    choose: str = "Step {number}"
    tool: str = "by {tool}"
    where: str = "Where"
    change: str = "Change"
    removed: str = "Removed: "
    added: str = "Added: "
    moved: str = "Moved from here to {there}: "
    continued: str = "{where} (continued)"
    warning: str = "Note: {text}"
    picture: str = "How it would look"
    no_picture: str = "A picture of it could not be shown here; the table above is complete."
    note: str = "Anything to add? (optional)"
    who: str = "Only {names} can answer."
    until: str = "It can be answered until {when}."
    working_on_it: str = "Answered; it is being done …"
    approved: str = "Approved"
    approved_partly: str = "Approved in part: {steps}"
    declined: str = "Declined; nothing was done."
    expired: str = "Expired unanswered; nothing was done. Ask again."
    void: str = "Void: what would be done has changed since it was shown. Nothing was done."

    # answers to cards
    not_you: str = "Only {names} can answer this."
    elsewhere: str = "This can only be answered where it was asked."
    gone: str = "This is not open any more."
    choose_some: str = "Choose at least one step, or decline."
    last_page: str = "Look at all pages first: it can be approved on the last one."
    malformed: str = "The answer could not be read. Ask again."


#: The sentences that are said where nobody chose others.
WORDS = Words()
