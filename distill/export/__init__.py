"""What the user takes home: weights, the record beside them, and a loader that needs torch alone."""
