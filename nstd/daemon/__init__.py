"""The daemon: settled files become jobs, workers are supervised, the service manager is told."""
