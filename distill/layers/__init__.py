"""Knowledge across the layers: what networks hold inside, which layers are compared, and how."""
