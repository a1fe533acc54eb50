"""A server that is made with the official library, which evaluates the types of its tools: no postponed ones here."""

from typing import Annotated

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import ToolAnnotations
from pydantic import BaseModel

server = MCPServer("sdk", instructions="Ask first.")


class City(BaseModel):
    city: str


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def add(a: int, b: int, ctx: Context) -> dict[str, int]:
    """Add two numbers."""
    await ctx.report_progress(1, 1, "adding")
    return {"sum": a + b}


async def which() -> Elicit[City]:
    """Ask the person, in the way of the newer protocol: the call is made again with the answer."""
    return Elicit("Which city?", City)


@server.tool(annotations=ToolAnnotations(destructive_hint=True))
async def forget(city: Annotated[City, Resolve(which)]) -> str:
    """Forget a city."""
    return f"forgot {city.city}"


@server.resource("x://state")
def state() -> str:
    """What the server holds."""
    return "held"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def change(ctx: Context) -> str:
    """Change the resource, and one tool."""
    await ctx.notify_resource_updated("x://state")
    await ctx.notify_tools_changed()
    return "changed"
