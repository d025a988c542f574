"""What Benchmarks/live/run is made of."""
