"""The technicians' commands. They talk to the daemon through control/ alone and print what it says, cleaned for a terminal.

`main` declares every command and imports nothing heavy; the work of each sits in a module that its command imports when called.
"""
