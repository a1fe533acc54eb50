"""A place to run a stranger's program: a process of its own, no network, nothing to read or write but what it is given.

`run` is the one door. How it is shut depends on the system: bubblewrap, the namespaces of Linux, or seatbelt on macOS;
where none of them works nothing is run.
"""
