"""Spans for OpenTelemetry, if that is installed."""

from __future__ import annotations


def span(operation: str, db: str, namespace: str) -> None:
    """Tells of one operation."""
    try:
        from opentelemetry import trace  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return
    with trace.get_tracer("ramekin").start_as_current_span(f"ramekin.kv.{operation}") as current:
        current.set_attribute("db", db)
        current.set_attribute("namespace", namespace)
