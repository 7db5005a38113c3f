"""The control socket: messages, client and server. Knows nothing of what the daemon does with a request."""
