"""A server of the protocol's 2026-07-28 revision, made with the SDK, that asks back though nobody can be asked."""

from __future__ import annotations

from mcp.server import MCPServer
from mcp_types import CallToolResult, ElicitRequest, ElicitRequestFormParams, InputRequiredResult

server = MCPServer("bank")
ASKED = {"type": "object", "properties": {"password": {"type": "string"}}, "required": ["password"]}


@server.tool()
async def balance(account: str) -> CallToolResult | InputRequiredResult:
    """Tell the balance of an account."""
    params = ElicitRequestFormParams(message=f"The password of {account}?", requested_schema=ASKED)
    return InputRequiredResult(input_requests={"password": ElicitRequest(params=params)})


@server.tool()
async def rate(currency: str) -> str:
    """Tell the exchange rate of a currency."""
    return f"1 {currency} is 2."


if __name__ == "__main__":
    server.run("stdio")
