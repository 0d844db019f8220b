"""What runs inside the sandbox: standard library only, handed to the interpreter as text."""
