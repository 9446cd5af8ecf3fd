"""A site as docs/deployment.md deploys it; the environment variable SITE (JSON) changes its settings."""
