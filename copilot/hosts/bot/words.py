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
    set_up: str = "something is not set up right here; whoever runs me finds it in the log"
    nothing: str = "Done."
    cut: str = "(The answer goes on; this is as much as I show here. Ask for a document, or for one part at a time.)"
    here: str = "the files of this conversation"
    see_card: str = "Please answer the card above."
    saved: str = "✓ {path}: {summary}"
    sent: str = "✓ {summary}"
    places: str = "{count} places"
    sources: str = "Sources:"
    unchecked: str = "Based on these, as they are (nobody checked what they say):"
    more_sources: str = "and {count} more"
    restricted: str = "Restricted"
    restricted_why: str = "Made from restricted data. Share it only with people who may see that."

    greeting: str = (
        "Hello! Send me a document, or ask about the ones you sent. I show each change before it is made, "
        "and take back what you say. Type help to see more."
    )
    help: str = (
        "Send a document and say what you want: summarise it, find something in it, change it. What I would change or "
        "send is shown first and waits for your answer.\n\n"
        "- **files** lists your documents here, **get** and a name hands you one\n"
        "- **undo** takes back what the last message led to\n"
        "- **new** begins a new conversation; the documents stay\n"
        "- **stop** stops what is going on"
    )
    got_files: str = "I have {names}. What shall I do?"
    your_files: str = "Your documents here:\n\n{files}"
    no_files: str = "There are no documents here yet. Send one."
    begun_anew: str = "This is a new conversation. Your documents are still here."
    undone: str = "{path} is as it was before."
    kept: str = "(This could not be delivered before.)\n\n{answer}"
    card_lost: str = "What I wanted to do could not be shown to you, so nothing of it was done. Ask again."
    nothing_to_stop: str = "Nothing of yours is running."
    use_card: str = "Please press a button of the card above: that way it is clear what you agree to."
    edited: str = "I work on messages as they were first sent, so your edit changes nothing. Send it as a new message."
    prompts: tuple[str, ...] = ("Summarise {name}", "What has to be decided in {name}?")

    # approval cards
    approval: str = "Please approve"
    approval_summary: str = "Something waits for your approval: {what}"
    approval_text: str = 'This would be done. Answer with "approve {key}" or "decline {key}":'
    approve: str = "Approve"
    approve_all: str = "Approve all"
    approve_chosen: str = "Approve chosen"
    decline: str = "Decline"
    next_page: str = "Next page"
    previous_page: str = "Previous page"
    page: str = "Page {page} of {pages}."
    page_first: str = "Page {page} of {pages}. All of it can be approved on the last page."
    waits: str = "Waits for approval"
    more_to_see: str = "There is more: who answers sees all of it."
    answer: str = "Answer"
    whole: str = "All as a file"
    whole_comes: str = "The file comes in a moment, and this card is turned to its last page."
    whole_file: str = "All that would be done; nothing of it is done yet."
    whole_title: str = "What would be done"
    step: str = "Step {number}"
    choose: str = "Step {number}"
    tool: str = "by {tool}"
    where: str = "Where"
    change: str = "Change"
    removed: str = "Removed: "
    added: str = "Added: "
    before: str = "Before: "
    after: str = "After: "
    becomes: str = " → "
    moved: str = "Moved from here to {there}: "
    continued: str = "{where} (continued)"
    warning: str = "Note: {text}"
    looks: str = "How {name} would look, before on the left and after on the right: {pages}."
    looks_new: str = "How {name} would look: {pages}."
    looks_page: str = "page {number}"
    looks_more: str = "and more"
    note: str = "Anything to add? (optional)"
    who: str = "Only {names} can answer."
    approver: str = "an approver"
    either: str = " or "
    until: str = "It can be answered until {when}."
    working_on_it: str = "Answered; it is being done …"
    approved: str = "Approved"
    approved_partly: str = "Approved in part: {steps}"
    declined: str = "Declined; nothing was done."
    expired: str = "Expired unanswered; nothing was done. Ask again."
    void: str = "Void: what would be done has changed since it was shown. Nothing was done."
    overtaken: str = "Not answered before the next message came, so nothing was done. Ask again if it is still wanted."
    not_done: str = "Answered, but it did not work. The message below says why."

    # answers to cards
    not_you: str = "Only {names} can answer this."
    elsewhere: str = "This can only be answered where it was asked."
    gone: str = "This is not open any more."
    choose_some: str = "Choose at least one step, or decline."
    last_page: str = "Look at all pages first: it can be approved on the last one."
    malformed: str = "The answer could not be read. Ask again."

    # people
    not_your_tenant: str = "This assistant serves other organisations, not yours."
    not_you_here: str = "This assistant is not open to you. Ask whoever runs it."
    roster_silent: str = "Teams did not tell who you are just now. Please send it again in a minute."
    too_fast: str = "That is a lot at once: I take {count} messages a minute. Try again in {seconds} seconds."
    sign_in: str = "Sign in, so that I can reach your files, mail and calendar for you."
    sign_in_button: str = "Sign in"
    sign_in_alone: str = "Write to me in our own chat and sign in there; it can't be done here."
    signed_in: str = "You are signed in."
    signed_out: str = "You are signed out, and what I kept of your sign-in is gone."
    not_signed_in: str = "You were not signed in."
    sign_in_failed: str = "The sign-in did not work: {reason}"

    # files
    file_empty: str = "{name} is empty: it has no bytes at all."
    file_too_large: str = "{name} is larger than {most} MB, so I did not take it."
    file_no_room: str = "There is no room for {name}: {used} of {quota} MB are used. Ask me to delete files."
    file_too_many: str = (
        "I take {files} files and {links} links of one message, so {count} of them were left out. Send them in "
        "another one."
    )
    file_gone: str = "{name} is not there any more, or its link has expired. Attach it again."
    file_denied: str = "I may not open {name} where it lies. Attach the file itself."
    file_elsewhere: str = "{name} lies at a place that I don't fetch from. Attach the file itself."
    file_not_reached: str = "{name} could not be fetched just now. Try again later."
    file_not_kept: str = "{name} could not be kept: {reason}"
    link_no_account: str = "I can't open {name}: no Microsoft 365 account is set up for me. Attach the file itself."
    link_sign_in: str = "I can't open {name} before you have signed in. Attach the file itself, or sign in."
    group_files_alone: str = (
        "Teams gives me no files of group chats and channels. Share a link to it, or attach it in our own chat."
    )
    group_files_account: str = (
        "Teams gives me no files of group chats and channels. Sign in in our own chat, and I get them as you; or "
        "share a link to it."
    )
    file_offer: str = "{name}: {summary}"
    file_consent: str = "It will be saved in your OneDrive, if you allow it."
    file_here: str = "{name} is in your OneDrive now."
    file_declined: str = "{name} was not sent. It stays here; to have it later, write: get {name}"
    file_changed: str = "{name} has changed since I offered it; here it is as it is now."
    file_lost: str = "{name} is not here any more."
    file_unknown: str = "There is no {name} here. Write files to see what there is."
    file_not_open: str = "This offer is over. To have the file, write get and its name."
    file_not_there: str = "You are not in the chat of {name} any more, so I can't give it to you."
    file_declined_there: str = "{name} was not sent. To have it later, write in the chat where you asked: get {name}"
    file_failed_there: str = (
        "{name} could not be put into your OneDrive. To try it again, write in the chat where you asked: get {name}"
    )
    file_upload_failed: str = "{name} could not be put into your OneDrive. To try it again, write: get {name}"
    file_waits: str = "{name} is ready. To have it, write: get {name}"
    file_in_drive: str = "It is in your OneDrive, in the folder {folder}."
    file_shared: str = "It is in the OneDrive of {who}, in the folder {folder}; the people of this chat can read it."
    file_linked: str = "It is in the OneDrive of {who}; whoever in your organisation has this link can read it."
    file_not_shared: str = (
        "It is in the OneDrive of {who}, in the folder {folder}. I could not share it with this chat: {reason}"
    )
    file_not_all: str = "({count} of them could not be given access.)"
    file_sent_alone: str = "I sent {name} to {who} in our own chat, as Teams lets me hand over files there only."
    file_only_alone: str = "{name} is not for everybody here: {why} I sent it to {who} in our own chat."
    file_held_back: str = "{name} is ready, but I may not hand it over here: {why}"
    file_from_group: str = "You asked for it in another chat. It will be saved in your OneDrive, if you allow it."
    somebody: str = "who asked"
    nobody_else: str = "there is nobody else in it of your organisation."
    file_in_group: str = "{name} is ready, but Teams lets me hand over files in a personal chat only. {how}"
    file_group_account: str = (
        "Sign in in our own chat, and I put files into your OneDrive for this chat; or ask me here to save it in a "
        "folder of SharePoint."
    )
    file_group_alone: str = "Add me as an app of your own, so that I can send it to our own chat."
    file_words: str = "{name} is ready, but this chat takes no files. {summary}"
    file_words_account: str = "Sign in in our own chat, and I put files into your OneDrive."


#: The sentences that are said where nobody chose others.
WORDS = Words()
