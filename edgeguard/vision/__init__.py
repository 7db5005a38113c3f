"""Pure decisions on what a camera saw: numbers in, findings out. No input or output, no clock, no decoder, no model runtime."""
