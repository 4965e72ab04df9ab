"""What ``make`` calls, a command a module: ``python -m bookkit.commands.build``."""
