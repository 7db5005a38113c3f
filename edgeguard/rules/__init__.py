"""From readings to what people act on: pure steps (state, snapshot) -> (state, outputs).

The time of a step is the snapshot's, or a stamp given to it; nothing here reads a clock, waits, or knows a database.
"""
