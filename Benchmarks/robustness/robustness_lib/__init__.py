"""Parts of Benchmarks/robustness/run; see there."""
