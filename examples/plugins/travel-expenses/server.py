"""A server of travel expenses, over stdin and stdout. It needs: pip install "mcp>=2.3". It forgets all when it ends."""

from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

ALLOWANCES = {"france": 44.0, "germany": 28.0, "italy": 42.0, "spain": 34.0}  # euros for a whole day
CLAIMS: list[str] = []

server = MCPServer("travel-expenses", instructions="Look up the allowance before you claim it.")


class CostCentre(BaseModel):
    number: str = Field(title="Cost centre", description="Who pays, as on your pay slip: four digits.")


async def cost_centre() -> Elicit[CostCentre]:
    """Ask the person, in the middle of the call: no document says it, and the model must not guess it."""
    return Elicit("Which cost centre pays for this journey?", CostCentre)


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def allowance(country: Annotated[str, Field(description="France, Germany, Italy or Spain.")]) -> str:
    """Say what is paid for a day of travel in a country."""
    return f"{country}: {ALLOWANCES[country.strip().lower()]:.2f} euros a day"


@server.tool(annotations=ToolAnnotations(readOnlyHint=False, destructiveHint=False))
def claim(country: str, days: int, paid_by: Annotated[CostCentre, Resolve(cost_centre)]) -> str:
    """Claim the allowance for a journey."""
    CLAIMS.append(f"{country}, {days} days, {ALLOWANCES[country.strip().lower()] * days:.2f} euros, {paid_by.number}")
    return f"Claim {len(CLAIMS)}: {CLAIMS[-1]}"


@server.prompt()
def journey(country: str) -> str:
    """Plan what a journey costs."""
    return f"What is the allowance for a day of travel in {country}? Then list what else I can claim."


if __name__ == "__main__":
    server.run()
