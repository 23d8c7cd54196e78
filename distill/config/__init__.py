"""What crosses the doors, torch-free: the job document, the architectures' parameters, and the
folder and events that join a worker to the training process."""
