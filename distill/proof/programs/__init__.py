"""Programs that run one network alone. All but `network.py` know nothing of this package."""
