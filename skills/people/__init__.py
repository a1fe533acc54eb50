"""The skill `people`: who somebody is, who leads whom, and groups with their members and addresses."""
