"""A stateful fake of Microsoft Graph: what tests and `everpilot demo microsoft365` talk to in place of the real one.

How it is built, and how a part is added (mail.py, calendar.py, ... are parts like drive.py):

* `state.py` - all data: `state.collection("messages", owner)` is an ordered `Collection` of JSON resources
  (`add`, `get`, `change`, `remove`, iteration), which keeps a log for delta. Keys that begin with "_" are private and
  never leave the server. Bytes go to `state.blobs`. Time is `state.now()`; ids are `state.new_id("AAMk")`. A restart
  keeps all of this when the server has a file; so hold nothing anywhere else.
* `routing.py` - a part is a module with `routes = Routes()` and plain functions, listed in `parts.PARTS`:

      @routes.get("/users/{user}/messages/{id}", needs="Mail.Read")
      def message(call: Call) -> Body:
          return shape(call, _message(call), "users/messages/$entity")

  `/me/...` is the same as `/users/{user}/...` of who signed in: write the second only. `call.mailbox()` is the id
  of the user named in the path, or 403/404. `{name}` takes one segment, `/search()` and `/delta()` take a function
  with its arguments in `call.arguments` (without arguments it is `/delta`); a `microsoft.graph.` before a name is left
  out. What a function returns: a dict (200), None (204), or `Answer(status, body, headers)`, for which `created(...)`
  and `accepted(...)` are short.
  `needs` is the least scope ("Mail.ReadWrite"); higher ones satisfy it (`scopes.py`); several, joined by " | ", are
  alternatives. `needs=None`: no scope beyond a valid token; `open=True`: no token at all.
* `call.py` - `Call`: `params`, `arguments`, `query`, `headers`, `json()` (400 when it is no object), `grant`, `state`,
  `link("/users/...")` (an absolute URL of this version), `link_root("/_content/...")`, `prefers("outlook.timezone")`.
* `odata.py` - `shape(call, resource, context, expand=...)` ($select, $expand, private keys) for one resource,
  `page(call, resources, context, size=10, most=1000, fields=..., expand=...)` for a list: $filter, $search, $orderby,
  $top, $skip, $skiptoken, $count, $select, @odata.nextLink; `delta(call, collection, context, ...)` for changes.
  `filters.py` ($filter) and `kql.py` ($search) can be used alone: `filters.parse(text)(resource)`.
* `refusals.py` - `raise not_found("Mail item")`, `conflict(code, message)`, `bad_request(...)`, `forbidden(...)`,
  `Refusal(status, code, message, headers)`: these become Graph's error body. `if_match(call, resource)` raises the 412.
* `faults.py` - trouble by share or by script, before any of this is reached; `control.py` - what tests steer it by.
* `sample.py` - the made-up company and its people; a part's own data is in `sample_mail.py`, ... with
  `def fill(state)`, named in `sample.FILLS`. Dates are relative to the story's day: `story.when(state, -2, "14:30")`;
  `with state.at(story.moment(state, -2)):` lets the clock stand there. `story.who(state, "tomas.berg")` is an id.
* `fake.py` - `FakeGraph(state)`, the ASGI application; `server.py` - `running(fake)` serves it from a thread. Tests use
  the fixture `graph` of tests/vendors/graph.

The shapes are those of Microsoft Graph v1.0 (learn.microsoft.com/graph/api); tests/oracle reads them with Microsoft's
own models, and no field may be unknown to those: a part adds what it answers to tests/oracle/answers.py. The data is
made up, the addresses end in ".example".
"""
