"""How much of a server's we take: what is beyond costs that call, or that server, and nothing else."""

from __future__ import annotations

#: Bytes of one message.
MESSAGE = 16_000_000
#: Bytes of one answer over HTTP, all its messages together.
ANSWER = 64_000_000
#: What a server says on stderr is kept up to so many lines, and characters of a line.
LOG_LINES, LOG_WIDTH = 100, 400
#: Lines on stdout that are no message: more is no server.
GARBAGE = 1_000
#: Pages of a list, tools, prompts and resources of a server.
PAGES, TOOLS, PROMPTS, RESOURCES = 100, 1_000, 200, 500
#: Characters of one tool, as JSON.
TOOL = 100_000
#: Characters of a description, and of a server's instructions, that a model is given.
DESCRIPTION, INSTRUCTIONS = 1_500, 4_000
#: Characters of a result that a model is given.
RESULT = 60_000
#: Seconds: until a server is there; for all servers at the start together; for one that was not there at many starts;
#: for a server to end by itself; for a call that keeps telling how far it is.
CONNECT, START, LATE, GRACE, LONGEST = 30.0, 10.0, 1.0, 1.0, 900.0
#: Seconds before a server that ended is started again, after the first, second, ... time in a row.
BACKOFF = (0.0, 0.0, 1.0, 4.0, 15.0, 60.0)
