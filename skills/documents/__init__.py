"""The skill `documents`: read, search, summarise by quoting, compare and convert any file of the folder."""
