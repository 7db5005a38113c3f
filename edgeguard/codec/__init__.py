"""Bytes to values and back, sans-IO: frames, Modbus PDUs, raw types and word orders, read planning.

Every function is pure and every object advances only by being called: no socket, no loop, no clock, no log. What is wrong
with a device's bytes comes back as a core Fault in the value's place; only mistakes of the caller raise.
"""
