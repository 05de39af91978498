"""The same typed tool as in `examples/typed.rs`, with FastMCP as in its documentation."""

from fastmcp import FastMCP
from pydantic import BaseModel

mcp = FastMCP("Calculator")


class Sum(BaseModel):
    sum: int


@mcp.tool
def add(a: int, b: int) -> Sum:
    """Adds two integers"""
    return Sum(sum=a + b)


if __name__ == "__main__":
    mcp.run(transport="http", port=8000)
