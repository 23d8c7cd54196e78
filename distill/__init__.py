"""The science of Limbeck: plain PyTorch that knows nothing of a service.

Importing this package imports nothing else, so that the API can read `distill.config`
without torch.
"""
