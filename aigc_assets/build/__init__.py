"""The build engine: manifest, dependency graph, cache, executors, lock file, checks, report."""
