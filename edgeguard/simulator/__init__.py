"""A simulated building: lift, pumps and meters on Modbus TCP, and an MQTT broker to receive what the gateway sends.

Knows the field's words and nothing of driver, store, uplink or runtime: the gateway must not be able to tell it from a real one.
"""
