"""Microsoft's own SDK as the judge of the fake: `pip install msgraph-sdk` (242 MB), else these tests skip."""
