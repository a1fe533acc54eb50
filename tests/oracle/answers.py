"""What the fake is asked, and the SDK's model that must know every field of the answer. A part adds its lines here.

{finance}, {mine} are drives, {budget} a workbook, {folder} a folder, {me}, {tomas} users, {site}, {group}: ids.
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
#: All that is asked, in this order.
ASKED = (*DIRECTORY, *FILES, *WORKBOOK)
