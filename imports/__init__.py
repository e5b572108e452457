"""Coming from another tool: its export becomes monitors of ours, and its verdicts are compared with ours."""
