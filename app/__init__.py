"""Lead distribution: receives inquiries, assigns operators and stores the interactions."""

__version__ = "0.1.0"
