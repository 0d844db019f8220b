"""Fixtures that the protocol's conformance suite asks for by name; `lyceum mcp serve --conformance` adds them.

They are mounted on the server that users get, so that what passes is the product and not a server made for the test.
"""
