"""Pictures of models and measurements, as Vega-Lite charts: data in, a ``Figure`` out."""
