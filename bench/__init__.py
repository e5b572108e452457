"""Measurements. Each script prints its own numbers; docs/performance.md says what they were."""
