"""What runs tests inside the sandbox: standard library only, sent to it as text."""
