"""The distribution of inquiries among operators."""
