"""Places to try things out, on this machine and with made-up data: `everpilot demo`."""
