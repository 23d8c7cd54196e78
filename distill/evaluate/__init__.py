"""What came out: every figure of the test split, measured on the written files."""
