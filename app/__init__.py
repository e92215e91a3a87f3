"""Lead distribution: an inquiry comes in, the right operator is found, and all is written down."""
