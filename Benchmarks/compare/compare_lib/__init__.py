"""Parts of Benchmarks/compare/run; see there."""
