"""The ledger: what a job, a model and a dataset is, and every change of their state.

Shared by both doors, free of the web and of torch.
"""
