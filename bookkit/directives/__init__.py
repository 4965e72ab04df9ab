"""What pages may say, a feature a module."""
