"""Parses metrics in Prometheus' text format."""

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, ...], float]
"""Values by the metric's name and its labels' values, in order of the labels' names."""


def parse(text: str) -> Samples:
    """The samples in an answer of `/metrics`."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
