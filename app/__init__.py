"""Lead distribution: an inquiry comes in, the right operator is found, and all is written down."""

__version__ = "0.1.0"
