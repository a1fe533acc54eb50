"""Our skills for other assistants: a server of the Model Context Protocol, over stdio or streamable HTTP.

What a client calls is staged, decided on and done as in a turn of our own, with two differences: the client's model is
not known, so everything that it asks for counts as something that documents had a part in, and what is more
confidential than the client may see is never handed over; and the person is asked through the client (elicitation), or
at a terminal (`everpilot mcp approve`), never by the model.
"""
