"""Whether distillation teaches: whole jobs on real images, tables and texts, beside both controls.

Every figure comes from `python -m distill run FOLDER`, the process that the service starts: student,
control and `teacher_argmax` are the product's own, and so is each figure on the test split.
"""
