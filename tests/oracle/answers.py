"""What the fake is asked, and the SDK's model that must know every field of the answer. A part adds its lines here.

{finance}, {mine} are drives, {budget} a workbook, {folder} a folder, {me}, {tomas} users, {site}, {group},
{series} a series of events, {meeting} an online meeting and {join} its link, {chat} a chat: ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request, and the model: "drive_item.DriveItem"."""

    method: str
    path: str
    model: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def get(path: str, model: str, **headers: str) -> Asked:
    return Asked("GET", path, model, headers={k.replace("_", "-"): v for k, v in headers.items()})


def post(path: str, model: str, body: Any = None) -> Asked:
    return Asked("POST", path, model, body)


_BOOK = "/drives/{finance}/items/{budget}/workbook"
_ITEM = "/drives/{finance}/items/{budget}"

DIRECTORY = (
    get("/me", "user.User"),
    get("/me?$select=id,displayName,department,companyName,accountEnabled,userType&$expand=manager", "user.User"),
    get("/users?$count=true&$top=2", "user_collection_response.UserCollectionResponse"),
    get("/users/{tomas}", "user.User"),
    get("/me/manager", "directory_object.DirectoryObject"),
    get("/me/memberOf", "directory_object_collection_response.DirectoryObjectCollectionResponse"),
    get("/users/{tomas}/directReports", "directory_object_collection_response.DirectoryObjectCollectionResponse"),
    get("/groups", "group_collection_response.GroupCollectionResponse"),
    get("/groups/{group}", "group.Group"),
    get("/groups/{group}/members", "directory_object_collection_response.DirectoryObjectCollectionResponse"),
    get("/organization", "organization_collection_response.OrganizationCollectionResponse"),
    get("/users/nobody", "o_data_errors.o_data_error.ODataError"),
)
FILES = (
    get("/sites?search=finance", "site_collection_response.SiteCollectionResponse"),
    get("/sites/{site}", "site.Site"),
    get("/sites/root", "site.Site"),
    get("/me/followedSites", "site_collection_response.SiteCollectionResponse"),
    get("/sites/{site}/drives", "drive_collection_response.DriveCollectionResponse"),
    get("/me/drive?$expand=root", "drive.Drive"),
    get("/drives/{finance}", "drive.Drive"),
    get("/drives/{finance}/root", "drive_item.DriveItem"),
    get("/drives/{finance}/root?$expand=children", "drive_item.DriveItem"),
    get("/drives/{finance}/root/children?$top=1", "drive_item_collection_response.DriveItemCollectionResponse"),
    get(_ITEM + "?$expand=permissions", "drive_item.DriveItem"),
    get("/drives/{finance}/root/delta", "drive_item_collection_response.DriveItemCollectionResponse"),
    get("/drives/{finance}/root/search(q='budget')", "drive_item_collection_response.DriveItemCollectionResponse"),
    get("/me/drive/recent", "drive_item_collection_response.DriveItemCollectionResponse"),
    get(
        _ITEM + "/versions",
        "drive_item_version_collection_response.DriveItemVersionCollectionResponse",
    ),
    get(_ITEM + "/versions/1.0", "drive_item_version.DriveItemVersion"),
    get(_ITEM + "/permissions", "permission_collection_response.PermissionCollectionResponse"),
    post(_ITEM + "/createLink", "permission.Permission", {"type": "view", "scope": "organization"}),
    post(
        _ITEM + "/invite",
        "permission_collection_response.PermissionCollectionResponse",
        {"recipients": [{"email": "ana.costa@supplier.example"}], "roles": ["read"], "requireSignIn": True},
    ),
    post(
        _ITEM + "/extractSensitivityLabels",
        "extract_sensitivity_labels_result.ExtractSensitivityLabelsResult",
    ),
    get(
        "/me/security/dataSecurityAndGovernance/sensitivityLabels",
        "sensitivity_label_collection_response.SensitivityLabelCollectionResponse",
    ),
    get("/me/drive/special/documents", "drive_item.DriveItem"),
    get("/me/drive/sharedWithMe", "drive_item_collection_response.DriveItemCollectionResponse"),
    get("/drives/{finance}/root/delta?token=latest", "drive_item_collection_response.DriveItemCollectionResponse"),
    post("/drives/{finance}/root/children", "drive_item.DriveItem", {"name": "New", "folder": {}}),
    Asked("PUT", "/drives/{finance}/root:/New/a.txt:/content", "drive_item.DriveItem", b"hello"),
    Asked("PATCH", "/drives/{finance}/root:/New/a.txt", "drive_item.DriveItem", {"name": "b.txt", "description": "x"}),
    post("/drives/{finance}/root:/New/c.bin:/createUploadSession", "upload_session.UploadSession", {}),
    Asked("PUT", "/drives/{finance}/items/{budget}/content", "o_data_errors.o_data_error.ODataError", b"x",
          {"if-match": '"old"'}),
    get("/drives/{finance}/root:/nothing", "o_data_errors.o_data_error.ODataError"),
)  # fmt: skip
WORKBOOK = (
    post(_BOOK + "/createSession", "workbook_session_info.WorkbookSessionInfo", {"persistChanges": True}),
    get(_BOOK + "/worksheets", "workbook_worksheet_collection_response.WorkbookWorksheetCollectionResponse"),
    get(_BOOK + "/worksheets/Budget", "workbook_worksheet.WorkbookWorksheet"),
    get(_BOOK + "/worksheets/Budget/usedRange", "workbook_range.WorkbookRange"),
    Asked("PATCH", _BOOK + "/worksheets/Budget/range(address='D2')", "workbook_range.WorkbookRange",
          {"values": [[137000]]}),
    get(_BOOK + "/tables", "workbook_table_collection_response.WorkbookTableCollectionResponse"),
    get(_BOOK + "/tables/Budget2026/columns",
        "workbook_table_column_collection_response.WorkbookTableColumnCollectionResponse"),
    get(_BOOK + "/tables/Budget2026/rows", "workbook_table_row_collection_response.WorkbookTableRowCollectionResponse"),
    post(_BOOK + "/tables/Budget2026/rows/add", "workbook_table_row.WorkbookTableRow",
         {"values": [["HR", 1, 2, 3, 4]]}),
    get(_BOOK + "/names", "workbook_named_item_collection_response.WorkbookNamedItemCollectionResponse"),
)  # fmt: skip
_EVENTS = "event_collection_response.EventCollectionResponse"
_WEEK = "startDateTime=2026-06-01T00:00:00Z&endDateTime=2026-06-08T00:00:00Z"
_BERLIN = {"prefer": 'outlook.timezone="W. Europe Standard Time"'}
_SLOT = {
    "start": {"dateTime": "2026-06-04T09:00:00", "timeZone": "W. Europe Standard Time"},
    "end": {"dateTime": "2026-06-04T10:00:00", "timeZone": "W. Europe Standard Time"},
}
_PEOPLE = [{"type": "required", "emailAddress": {"address": "tomas.berg@fabrikam.example", "name": "Tomas Berg"}}]
CALENDAR = (
    get("/me/calendars", "calendar_collection_response.CalendarCollectionResponse"),
    get("/me/calendar", "calendar.Calendar"),
    get(f"/me/calendarView?{_WEEK}&$top=50", _EVENTS, **_BERLIN),
    get("/me/events?$top=50", _EVENTS),
    get("/me/calendar/events?$top=2&$count=true", _EVENTS),
    get(f"/me/calendarView/delta?{_WEEK}", _EVENTS),
    get("/me/events/{series}", "event.Event"),
    get(f"/me/events/{{series}}/instances?{_WEEK}", _EVENTS),
    get("/me/events/OID.{series}.2026-06-08", "event.Event"),
    Asked("PATCH", "/me/events/OID.{series}.2026-06-08", "event.Event", {"subject": "Finance round, long"}),
    post("/me/events", "event.Event", {"subject": "Talk", "attendees": _PEOPLE, "isOnlineMeeting": True, **_SLOT}),
    get("/me/reminderView(startDateTime='2026-06-01T00:00:00',endDateTime='2026-06-03T00:00:00')",
        "users.item.reminder_view_with_start_date_time_with_end_date_time."
        "reminder_view_with_start_date_time_with_end_date_time_get_response."
        "ReminderViewWithStartDateTimeWithEndDateTimeGetResponse"),
    post("/me/calendar/getSchedule",
         "users.item.calendar.get_schedule.get_schedule_post_response.GetSchedulePostResponse",
         {"schedules": ["tomas.berg@fabrikam.example", "nobody@x.example"], "startTime": _SLOT["start"],
          "endTime": _SLOT["end"]}),
    post("/me/findMeetingTimes", "meeting_time_suggestions_result.MeetingTimeSuggestionsResult",
         {"attendees": _PEOPLE, "meetingDuration": "PT1H", "timeConstraint": {"timeSlots": [_SLOT]}}),
    get("/me/onlineMeetings?$filter=JoinWebUrl eq '{join}'",
        "online_meeting_collection_response.OnlineMeetingCollectionResponse"),
    get("/me/onlineMeetings/{meeting}", "online_meeting.OnlineMeeting"),
    get("/me/onlineMeetings/{meeting}/transcripts",
        "call_transcript_collection_response.CallTranscriptCollectionResponse"),
    get("/places/microsoft.graph.room", "room_collection_response.RoomCollectionResponse"),
    get("/me/outlook/supportedTimeZones",
        "users.item.outlook.supported_time_zones.supported_time_zones_get_response.SupportedTimeZonesGetResponse"),
    get("/me/events/nothing", "o_data_errors.o_data_error.ODataError"),
)  # fmt: skip
_MESSAGES = "message_collection_response.MessageCollectionResponse"
MAIL = (
    get("/me/mailFolders?$top=50", "mail_folder_collection_response.MailFolderCollectionResponse"),
    get("/me/mailFolders/inbox", "mail_folder.MailFolder"),
    get("/me/messages?$top=2&$count=true", _MESSAGES),
    get("/me/messages?$filter=hasAttachments eq true&$expand=attachments", _MESSAGES),
    get("/me/messages?$top=1&$select=subject,internetMessageHeaders&$expand=singleValueExtendedProperties("
        "$filter=id eq 'Integer 0x36')", _MESSAGES),
    get("/me/mailFolders/inbox/messages/delta", _MESSAGES),
    get("/me/messages/nothing", "o_data_errors.o_data_error.ODataError"),
    post("/me/messages", "message.Message", {"subject": "Draft", "body": {"contentType": "text", "content": "x"}}),
    get("/me/mailFolders/inbox/messageRules", "message_rule_collection_response.MessageRuleCollectionResponse"),
    get("/me/mailboxSettings", "mailbox_settings.MailboxSettings"),
    get("/me/mailboxSettings/automaticRepliesSetting", "automatic_replies_setting.AutomaticRepliesSetting"),
    get("/me/outlook/masterCategories", "outlook_category_collection_response.OutlookCategoryCollectionResponse"),
)  # fmt: skip
TEAMWORK = (
    get("/me/chats?$expand=members,lastMessagePreview&$top=50", "chat_collection_response.ChatCollectionResponse"),
    get("/me/joinedTeams", "team_collection_response.TeamCollectionResponse"),
    get("/teams/{group}/channels", "channel_collection_response.ChannelCollectionResponse"),
    get("/me/people", "person_collection_response.PersonCollectionResponse"),
    get("/me/contacts", "contact_collection_response.ContactCollectionResponse"),
    get("/users/{tomas}/presence", "presence.Presence"),
    get("/me/todo/lists", "todo_task_list_collection_response.TodoTaskListCollectionResponse"),
    get("/teams/{group}", "team.Team"),
    post("/chats/{chat}/messages", "chat_message.ChatMessage", {"body": {"content": "Hi"}}),
    get("/chats/{chat}", "chat.Chat"),
    get("/chats/{chat}/members", "conversation_member_collection_response.ConversationMemberCollectionResponse"),
    get("/chats/{chat}/messages", "chat_message_collection_response.ChatMessageCollectionResponse"),
    post("/search/query", "search.query.query_post_response.QueryPostResponse",
         {"requests": [{"entityTypes": ["message"], "query": {"queryString": "budget"}, "size": 5}]}),
    get("/groups/{group}/planner/plans", "planner_plan_collection_response.PlannerPlanCollectionResponse"),
    get("/me/planner/plans", "planner_plan_collection_response.PlannerPlanCollectionResponse"),
    get("/me/planner/tasks", "planner_task_collection_response.PlannerTaskCollectionResponse"),
)  # fmt: skip
#: All that is asked, in this order.
ASKED = (*DIRECTORY, *FILES, *WORKBOOK, *CALENDAR, *MAIL, *TEAMWORK)
