"""A hundred and fifty tools as popular servers describe theirs, and requests that each of them should serve.

One line a tool: name | description | parameters (`!` marks one that must be given). `DEVELOPED` was looked at while the
search was made. `HELD_OUT` is in words that tools do not use; its first run found 72 %, then related words were added.
`LAST` was written after that and measured; nothing was changed for it.
"""

from __future__ import annotations

from copilot.plugins.skill import Skill
from copilot.plugins.tools import Effect, Tool, json_tool

CATALOG = """
tracker: Work with issues, pull requests and repositories of a code host.
create_issue | Create a new issue in a repository. | owner! repo! title! body labels assignees
get_issue | Get details of a specific issue in a repository, including its comments. | owner! repo! issue_number!
list_issues | List issues in a repository with filtering by state, labels and date. | owner! repo! state labels since
update_issue | Update an existing issue: title, body, state, labels or assignees. | owner! repo! issue_number! state
add_issue_comment | Add a comment to an existing issue. | owner! repo! issue_number! body!
search_issues | Search for issues and pull requests across repositories. | q! sort order
create_pull_request | Create a new pull request from a branch. | owner! repo! title! head! base!
merge_pull_request | Merge a pull request once its checks have passed. | owner! repo! pull_number! merge_method
get_pull_request_files | Get the list of files changed in a pull request. | owner! repo! pull_number!
create_review | Create a review on a pull request with comments on lines. | owner! repo! pull_number! event!
list_commits | Get the list of commits of a branch. | owner! repo! sha
create_branch | Create a new branch in a repository. | owner! repo! branch! from_branch
fork_repository | Fork a repository to your account or an organization. | owner! repo! organization
search_code | Search for code across all repositories. | q! per_page
get_file_contents | Get the contents of a file or directory of a repository. | owner! repo! path! branch
push_files | Push several files to a repository in a single commit. | owner! repo! branch! files! message!
list_workflow_runs | List the runs of a CI workflow with their status and conclusion. | owner! repo! workflow_id
rerun_workflow | Re-run a failed workflow run. | owner! repo! run_id!
create_release | Publish a release from a tag with notes. | owner! repo! tag_name! body
calendar: Read and change calendars.
list_calendars | List all calendars of the user. |
list_events | List calendar events in a time range. | calendarId! timeMin timeMax
create_event | Create a new calendar event with attendees and a reminder. | calendarId! summary! start! end! attendees
update_event | Update an existing calendar event. | calendarId! eventId! start end
delete_event | Delete a calendar event. | calendarId! eventId!
get_freebusy | Query free/busy information of several people. | timeMin! timeMax! calendars!
respond_to_event | Accept, decline or tentatively accept an invitation. | eventId! response!
mail: Read and send e-mail.
search_messages | Search e-mails with query syntax. | query! maxResults
read_message | Retrieve the content of a specific e-mail. | messageId!
send_message | Send a new e-mail. | to! subject! body! cc bcc
draft_message | Draft a new e-mail without sending it. | to! subject! body!
modify_labels | Add or remove labels of a message, such as archive or unread. | messageId! addLabels removeLabels
delete_message | Permanently delete an e-mail. | messageId!
download_attachment | Download an attachment of an e-mail. | messageId! attachmentId!
create_filter | Create a filter that sorts incoming mail by itself. | criteria! action!
chat: Talk in a team's chat.
list_channels | List public channels in the workspace. | limit cursor
post_message | Post a new message to a channel. | channel_id! text!
reply_to_thread | Reply to a specific message thread. | channel_id! thread_ts! text!
add_reaction | Add an emoji reaction to a message. | channel_id! timestamp! reaction!
get_channel_history | Get recent messages from a channel. | channel_id! limit
get_users | Get the list of all users with their profiles. | cursor
set_status | Set the user's own status text and emoji. | status_text! expiration
crm: Customers, contacts, companies and deals.
create_contact | Create a new contact record with e-mail, name and company. | email! firstname lastname company
get_contact | Retrieve one contact by id or e-mail. | contact_id!
search_contacts | Search contacts by their properties. | query! limit
update_contact | Update properties of a contact. | contact_id! properties!
create_company | Create a new company. | name! domain industry
create_deal | Create a deal in the sales pipeline with amount and stage. | dealname! amount stage closedate
update_deal_stage | Move a deal to another stage of the pipeline. | deal_id! stage!
list_deals | List deals by owner, stage or close date. | owner stage
log_activity | Log a call, meeting or note on a record's timeline. | record_id! type! text!
get_pipeline_report | Report the value of open deals by stage. | pipeline period
helpdesk: Support tickets of customers.
create_ticket | Create a support ticket. | subject! description! priority requester
get_ticket | Get a support ticket by its id, with its conversation. | ticket_id!
list_tickets | List support tickets by status, priority or requester. | status priority
reply_ticket | Send a public reply to the requester of a ticket. | ticket_id! message!
escalate_ticket | Escalate a ticket to a higher support level. | ticket_id! level! reason
close_ticket | Close a ticket with a resolution. | ticket_id! resolution
search_articles | Search help center articles. | query! locale
files: Work with files and directories that the server allows.
read_text_file | Read the complete contents of a file as text. | path! head tail
write_file | Create a new file or overwrite an existing one. | path! content!
edit_file | Make line-based edits to a text file. | path! edits! dryRun
create_directory | Create a directory, or make sure that it exists. | path!
list_directory | Get a listing of all files and directories in a path. | path!
directory_tree | Get a recursive tree view of files and directories as JSON. | path!
move_file | Move or rename files and directories. | source! destination!
search_files | Recursively search for files matching a pattern. | path! pattern! excludePatterns
get_file_info | Retrieve metadata of a file: size, times, permissions. | path!
drive: Files in cloud storage.
upload_file | Upload a local file to a folder in cloud storage. | path! folderId
share_file | Share a file with a person or make it accessible by link. | fileId! email role!
list_revisions | List earlier revisions of a file. | fileId!
export_file | Export a document as PDF or another format. | fileId! mimeType!
trash_file | Move a file to the trash. | fileId!
postgres: Run read-only SQL against a database.
query | Run a read-only SQL query. | sql!
list_tables | List the tables of a schema. | schema
describe_table | Describe the columns, types and indexes of a table. | table! schema
explain_query | Show the execution plan of a SQL query. | sql! analyze
list_slow_queries | Report the slowest queries, by total time. | limit
warehouse: Analytics in a data warehouse.
run_job | Start a query job over large data sets. | query! dry_run
get_job_results | Get the results of a finished query job. | job_id!
list_datasets | List data sets in a project. | project
estimate_cost | Estimate how many bytes a query would scan, and what it costs. | query!
load_csv | Load a CSV file into a table of the warehouse. | path! table!
redis: A key-value store.
get_key | Get the value of a key. | key!
set_key | Set a key to a value, with an expiry in seconds. | key! value! ex
delete_key | Delete one or more keys. | keys!
scan_keys | List keys matching a pattern. | pattern!
wiki: Pages of a team's knowledge base.
search_pages | Search pages by words in title and body. | query! space
get_page | Get a page with its body as Markdown. | page_id!
create_page | Create a page below a parent page. | space! title! body! parent
update_page | Replace the body of a page. | page_id! body! version!
add_page_comment | Add a comment below a page. | page_id! text!
list_page_children | List the pages below a page. | page_id!
boards: Boards with lists and cards.
create_card | Create a card in a list. | list_id! name! desc due
move_card | Move a card to another list. | card_id! list_id!
archive_card | Archive a card. | card_id!
add_checklist_item | Add an item to the checklist of a card. | card_id! text!
get_board | Get a board with its lists and cards. | board_id!
sprints: Plan work in sprints.
get_backlog | List what is in the backlog, by priority. | board_id!
start_sprint | Start a sprint with a goal and dates. | sprint_id! goal
estimate_story | Set the story points of an item. | item_key! points!
get_burndown | Get the burndown of a sprint. | sprint_id!
transition_item | Move an item through the workflow, such as to Done. | item_key! transition!
payments: Customers' payments.
create_payment_link | Create a link with which a customer pays. | price! quantity
list_invoices | List invoices of a customer. | customer status
create_invoice | Create an invoice with its line items. | customer! items! due_date
create_refund | Refund a payment in whole or in part. | payment_intent! amount
list_subscriptions | List subscriptions of customers. | customer status
cancel_subscription | Cancel a subscription at the end of its period. | subscription!
get_balance | Retrieve the balance of the account. |
list_disputes | List disputes (chargebacks) of payments. | status
accounting: Books of a company.
record_expense | Record an expense with category and receipt. | amount! category! date receipt
get_profit_and_loss | Get the profit and loss statement of a period. | from! to!
reconcile_transaction | Match a bank transaction with an entry. | transaction_id! entry_id!
list_unpaid_bills | List bills of suppliers that are not paid yet. | supplier
shop: An online shop's products and orders.
search_products | Search products by title, type or vendor. | query!
update_inventory | Set the stock level of a product at a location. | sku! quantity! location
get_order | Get an order with items, shipping and payment. | order_id!
fulfill_order | Mark an order as shipped, with a tracking number. | order_id! tracking
create_discount | Create a discount code. | code! percent! ends
people: Human resources.
get_employee | Get an employee's profile: position, manager, location. | employee_id!
request_time_off | Request time off for an employee. | employee_id! start! end! type
approve_time_off | Approve or deny a request for time off. | request_id! decision!
list_time_off | List who is away in a period. | start! end!
get_org_chart | Get the reporting lines below a manager. | manager_id
list_candidates | List candidates of a job opening by stage. | job_id! stage
schedule_interview | Schedule an interview with a candidate. | candidate_id! interviewers! start!
browser: Control a web browser.
navigate | Navigate to a URL. | url!
click | Click an element on the page. | selector!
fill_form | Fill several fields of a form. | fields!
take_screenshot | Take a screenshot of the current page. | fullPage
evaluate_script | Evaluate JavaScript in the page. | script!
web: Search the web and fetch pages.
web_search | Search the web and return ranked results. | query! count
fetch_page | Fetch a URL and return its content as Markdown. | url! max_length
crawl_site | Crawl all pages of a site below a URL. | url! limit
maps: Places, distances and directions.
geocode | Convert an address into coordinates. | address!
search_places | Search for places such as restaurants near a location. | query! location radius
get_directions | Get directions between two points. | origin! destination! mode
distance_matrix | Calculate distance and travel time between several origins and destinations. | origins! destinations!
weather: Forecasts.
get_forecast | Get the weather forecast of a location for the next days. | latitude! longitude! days
get_alerts | Get active weather alerts of a region. | state!
ops: Monitoring and incidents.
query_metrics | Query time series of metrics. | query! from! to!
search_logs | Search log entries by text, service and level. | query! service level from
list_monitors | List monitors and whether they alert. | tag
mute_monitor | Mute a monitor for some time. | monitor_id! until
create_incident | Declare an incident with a severity. | title! severity!
acknowledge_incident | Acknowledge an incident so that it stops paging. | incident_id!
get_oncall | Get who is on call for a schedule. | schedule
list_errors | List unresolved errors of an application with stack traces. | project! environment
cluster: Containers and clusters.
list_pods | List pods in a namespace. | namespace
get_pod_logs | Get the logs of a pod. | pod! namespace tail
scale_deployment | Scale a deployment to a number of replicas. | deployment! replicas!
restart_deployment | Restart the pods of a deployment one after the other. | deployment!
apply_manifest | Apply a YAML manifest to the cluster. | manifest!
design: Design files.
get_design_node | Get a node of a design file with its layout and styles. | fileKey! nodeId
export_image | Export a node of a design file as PNG or SVG. | fileKey! nodeId! format
list_design_comments | List comments on a design file. | fileKey!
media: Video and sound.
get_transcript | Get the transcript of a video. | url! lang
transcribe_audio | Turn speech in an audio file into text. | path! language
text_to_speech | Turn text into spoken audio with a voice. | text! voice
generate_image | Generate an image from a prompt. | prompt! size
language: Languages.
translate_text | Translate text into another language. | text! target! source
detect_language | Detect the language of a text. | text!
memory: A graph of what is known.
create_entities | Create new entities in the knowledge graph. | entities!
add_observations | Add observations to entities that are there. | observations!
search_nodes | Search nodes of the knowledge graph. | query!
clock: Time.
get_current_time | Get the current time in a time zone. | timezone!
convert_time | Convert a time between time zones. | time! source_timezone! target_timezone!
money: Currencies and markets.
convert_currency | Convert an amount from one currency into another at today's rate. | amount! from! to!
get_stock_quote | Get the latest share price of a company. | symbol!
marketing: Campaigns.
create_campaign | Create an e-mail campaign for an audience. | subject! audience! content!
get_campaign_report | Get opens, clicks and bounces of a campaign. | campaign_id!
add_subscriber | Add a subscriber to an audience. | email! audience!
travel: Trips.
search_flights | Search flights between airports. | origin! destination! date! passengers
search_hotels | Search hotels in a city. | city! checkin! checkout!
forms: Surveys.
create_form | Create a survey with questions. | title! questions!
get_responses | Get the responses to a survey. | form_id!
"""

DEVELOPED = {
    "open an issue in acme/site that the login page is broken": "tracker.create_issue helpdesk.create_ticket",
    "which files did pull request 42 change?": "tracker.get_pull_request_files",
    "merge PR 17 with squash": "tracker.merge_pull_request",
    "what meetings do I have next week?": "calendar.list_events",
    "put a meeting with Bob on Tuesday at 10 into my calendar": "calendar.create_event",
    "when are Anna and Tom both free tomorrow?": "calendar.get_freebusy",
    "send an email to bob@contoso.com that the order is late": "mail.send_message",
    "find mails from Fabrikam about the contract": "mail.search_messages",
    "post 'we are live' in #general": "chat.post_message",
    "create a contact for Jane Roe at Northwind": "crm.create_contact",
    "move the Contoso deal to closed won": "crm.update_deal_stage",
    "escalate ticket 991": "helpdesk.escalate_ticket",
    "run SELECT count(*) FROM orders": "postgres.query",
    "which columns does the customers table have?": "postgres.describe_table",
    "refund the last payment of Tailwind": "payments.create_refund",
    "who is on holiday next week?": "people.list_time_off",
    "take a screenshot of https://contoso.com": "browser.take_screenshot",
    "what will the weather be in Oslo?": "weather.get_forecast",
    "how do I get from Berlin to Hamburg by train?": "maps.get_directions",
    "translate this paragraph into French": "language.translate_text",
    "show the logs of pod api-7f9": "cluster.get_pod_logs",
    "who is on call?": "ops.get_oncall",
    "how much is 500 USD in EUR?": "money.convert_currency",
    "list the deals of this quarter": "crm.list_deals",
    "create a wiki page about onboarding": "wiki.create_page",
    "what time is it in Tokyo?": "clock.get_current_time",
    "report a bug in the mobile app repository": "tracker.create_issue helpdesk.create_ticket",
    "leave a remark on issue 12 that we fixed it": "tracker.add_issue_comment",
    "show me the latest changes on the main branch": "tracker.list_commits",
    "kick off the failed CI build again": "tracker.rerun_workflow",
    "publish version 2.1 with release notes": "tracker.create_release",
    "where in our code is parse_invoice used?": "tracker.search_code",
    "push my appointment with the dentist back by an hour": "calendar.update_event",
    "turn down the invitation for Friday": "calendar.respond_to_event",
    "cancel the meeting on Monday": "calendar.delete_event",
    "write a draft to the supplier, but don't send it": "mail.draft_message",
    "get the PDF attached to the last mail": "mail.download_attachment",
    "archive that newsletter": "mail.modify_labels",
    "tell the design channel that the mockups are ready": "chat.post_message",
    "what was said in #support today?": "chat.get_channel_history",
    "give that message a thumbs up": "chat.add_reaction",
    "change the phone number of Jane Roe": "crm.update_contact",
    "note that I called Fabrikam this morning": "crm.log_activity",
    "how much is in our sales pipeline?": "crm.get_pipeline_report",
    "which customers are waiting for support?": "helpdesk.list_tickets",
    "answer the customer in ticket 77": "helpdesk.reply_ticket",
    "rename the folder drafts to archive": "files.move_file",
    "how big is backup.tar and when was it changed?": "files.get_file_info",
    "make a folder named 2026": "files.create_directory",
    "put the report into the cloud drive": "drive.upload_file",
    "give Anna access to the budget": "drive.share_file",
    "which tables are in the database?": "postgres.list_tables",
    "why is this SQL so slow?": "postgres.explain_query postgres.list_slow_queries",
    "what would this warehouse query cost?": "warehouse.estimate_cost",
    "import sales.csv into the warehouse": "warehouse.load_csv",
    "look up the vacation policy in the knowledge base": "wiki.search_pages",
    "drag the card to Doing": "boards.move_card",
    "what is left in the backlog?": "sprints.get_backlog",
    "give the story 5 points": "sprints.estimate_story",
    "bill Northwind for 10 hours of consulting": "payments.create_invoice",
    "stop the subscription of Tailwind": "payments.cancel_subscription",
    "book 40 euros for the taxi as an expense": "accounting.record_expense",
    "did we make a profit last year?": "accounting.get_profit_and_loss",
    "we have 12 pieces of SKU-9 left, set that": "shop.update_inventory",
    "where is order 1001?": "shop.get_order",
    "I want to take next Friday off": "people.request_time_off",
    "who reports to Maria?": "people.get_org_chart",
    "set up an interview with the candidate": "people.schedule_interview",
    "open https://example.com in the browser": "browser.navigate web.fetch_page",
    "google for competitors of Contoso": "web.web_search",
    "find an Italian restaurant nearby": "maps.search_places",
    "how far is it from the office to the airport?": "maps.distance_matrix maps.get_directions",
    "any storm warnings in Texas?": "weather.get_alerts",
    "look for timeouts in the checkout service's logs": "ops.search_logs",
    "silence the disk monitor until tomorrow": "ops.mute_monitor",
    "scale the api to five replicas": "cluster.scale_deployment",
    "get me the words that are spoken in this video": "media.get_transcript",
    "draw a picture of a lighthouse": "media.generate_image",
    "which language is this written in?": "language.detect_language",
    "what does Microsoft's stock trade at?": "money.get_stock_quote",
    "how many people opened the spring newsletter?": "marketing.get_campaign_report",
    "find a flight from Oslo to Rome on May 3": "travel.search_flights",
    "I need a place to stay in Rome": "travel.search_hotels",
    "what did people answer in the survey?": "forms.get_responses",
    "9 am in New York is when in Berlin?": "clock.convert_time",
    "remember that Bob likes tea": "memory.add_observations memory.create_entities",
}
HELD_OUT = {
    "who has changes waiting for approval on this repo, look at issue 9 for me": "tracker.get_issue",
    "start a feature branch for the new login": "tracker.create_branch",
    "copy that open source project into our organization": "tracker.fork_repository",
    "did the nightly pipeline pass?": "tracker.list_workflow_runs",
    "I can't make it on Thursday, say no to the invite": "calendar.respond_to_event",
    "schedule lunch with the board on the 12th": "calendar.create_event",
    "what is on my agenda tomorrow?": "calendar.list_events",
    "has Fabrikam written to me about the delay?": "mail.search_messages",
    "email the minutes to everybody": "mail.send_message",
    "sort everything from this newsletter into a folder from now on": "mail.create_filter",
    "let the team know in #release that we ship at noon": "chat.post_message",
    "show that I am on lunch break in chat": "chat.set_status",
    "add Acme Ltd as a company in the CRM": "crm.create_company",
    "what's the email address of the Northwind buyer?": "crm.search_contacts crm.get_contact",
    "we won the Tailwind deal, mark it": "crm.update_deal_stage",
    "a customer complains that the app crashes, make a ticket": "helpdesk.create_ticket",
    "ticket 12 is solved": "helpdesk.close_ticket",
    "show the folder structure as a tree": "files.directory_tree",
    "which files end with .log?": "files.search_files",
    "throw away the old draft in the drive": "drive.trash_file",
    "go back to an earlier version of the cloud document": "drive.list_revisions",
    "count the orders per month with SQL": "postgres.query warehouse.run_job",
    "what's the slowest query today?": "postgres.list_slow_queries",
    "clear the cached value of session:42": "redis.delete_key",
    "write up the incident on a new wiki page": "wiki.create_page",
    "add a step to the card's checklist": "boards.add_checklist_item",
    "begin the next sprint": "sprints.start_sprint",
    "mark STORY-8 as done": "sprints.transition_item",
    "give the customer their money back": "payments.create_refund",
    "send Northwind a link where they can pay": "payments.create_payment_link",
    "which suppliers do we still have to pay?": "accounting.list_unpaid_bills",
    "make a 20 percent off coupon": "shop.create_discount",
    "the parcel for order 1001 left today": "shop.fulfill_order",
    "is anybody from finance away in August?": "people.list_time_off",
    "approve Tom's vacation": "people.approve_time_off",
    "press the submit button on the page": "browser.click",
    "type my details into the sign-up form": "browser.fill_form",
    "read https://contoso.com/news and sum it up": "web.fetch_page",
    "coordinates of 1 Main Street, Springfield": "maps.geocode",
    "do I need an umbrella tomorrow?": "weather.get_forecast",
    "the shop is down, declare an outage": "ops.create_incident",
    "what exceptions does production throw?": "ops.list_errors",
    "restart the web pods": "cluster.restart_deployment",
    "save the logo as PNG": "design.export_image",
    "read this text aloud": "media.text_to_speech",
    "type up the recording of the interview": "media.transcribe_audio",
    "what's this sentence in Spanish?": "language.translate_text",
    "sign bob@contoso.com up for our mailing list": "marketing.add_subscriber",
    "a hotel in Lisbon from June 3 to 5": "travel.search_hotels",
    "make a questionnaire for our guests": "forms.create_form",
}
LAST = {
    "close issue 14 in the docs repo": "tracker.update_issue",
    "what's new in pull request 8, list the files": "tracker.get_pull_request_files",
    "review PR 31 and ask for changes": "tracker.create_review",
    "commit these two files to the main branch": "tracker.push_files",
    "which calendars do I have?": "calendar.list_calendars",
    "invite Tom to a call on Friday at 3 pm": "calendar.create_event",
    "delete the appointment at noon": "calendar.delete_event",
    "reply in the thread that it works now": "chat.reply_to_thread",
    "read the last mail from the bank": "mail.read_message mail.search_messages",
    "which channels are there in our workspace?": "chat.list_channels",
    "update the job title of the contact Bob Miller": "crm.update_contact",
    "new deal with Adatum over 20,000 euros": "crm.create_deal",
    "show ticket 55 with everything that was said": "helpdesk.get_ticket",
    "save these notes as notes.md on the server": "files.write_file",
    "list everything in the directory invoices": "files.list_directory",
    "export the cloud document as PDF": "drive.export_file",
    "how many rows does the orders table in the database have?": "postgres.query postgres.describe_table",
    "get the value stored under the key config:theme": "redis.get_key",
    "change the text of the page Holiday rules in the wiki": "wiki.update_page",
    "new card in To do: order chairs": "boards.create_card",
    "how is the sprint going, show the burndown": "sprints.get_burndown",
    "what is our account balance with the payment provider?": "payments.get_balance",
    "which invoices has Litware not paid?": "payments.list_invoices accounting.list_unpaid_bills",
    "who works in which position, look up employee 17": "people.get_employee",
    "list the applicants for the sales job": "people.list_candidates",
    "go to the login page": "browser.navigate",
    "search the internet for the new VAT rules": "web.web_search",
    "download all pages of the docs site": "web.crawl_site",
    "which way is the shortest from home to work?": "maps.get_directions maps.distance_matrix",
    "temperature in Madrid this weekend": "weather.get_forecast",
    "plot the CPU usage of the web servers over the last hour": "ops.query_metrics",
    "I am looking at the alert, acknowledge it": "ops.acknowledge_incident",
    "which pods are running in production?": "cluster.list_pods",
    "what did people comment on the design?": "design.list_design_comments",
    "how many pounds are 250 dollars?": "money.convert_currency",
    "send our spring campaign to the customers": "marketing.create_campaign",
    "what do you know about the Northwind project?": "memory.search_nodes",
    "what time is it now in Sydney?": "clock.get_current_time",
    "find a product called desk lamp in the shop": "shop.search_products",
    "translate the mail into German": "language.translate_text",
}


def skills() -> list[Skill]:
    """The skills of the catalog."""
    made: list[Skill] = []
    for line in CATALOG.strip().splitlines():
        if "|" not in line:
            name, _, description = line.partition(": ")
            made.append(Skill(name, description, origin="user", form="mcp-servers"))
            continue
        last = made[-1]
        tool = _tool(last.name, *(part.strip() for part in line.split("|")))
        made[-1] = Skill(last.name, last.description, tools=(*last.tools, tool), origin="user", form="mcp-servers")
    return made


def _tool(skill: str, name: str, description: str, parameters: str) -> Tool:
    names = parameters.split()
    properties = {n.rstrip("!"): {"type": "string", "description": f"The {n.rstrip('!')}."} for n in names}
    schema = {"type": "object", "properties": properties, "required": [n[:-1] for n in names if n.endswith("!")]}
    return json_tool(
        f"{skill}.{name}", description, schema, Effect.FETCH, lambda context, /, **args: "done", skill=skill
    )
