"""The skill `mail`: find, read, triage, draft, answer, send and sort mail, of any account that has some."""
