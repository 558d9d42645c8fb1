"""What is measured, each figure beside its limit in one run."""
