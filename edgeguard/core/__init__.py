"""The field's words as frozen values: floor 0, standard library only.

Knows no asyncio, no I/O, no third-party library, and never reads a clock.
"""
