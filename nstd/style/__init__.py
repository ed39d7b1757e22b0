"""Neural style transfer by optimization: tensors in, tensors out. Reads like the papers."""
