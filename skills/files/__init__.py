"""Files in OneDrive, SharePoint and other places elsewhere."""
