"""The forms that a described network takes: torch module, ONNX, int8 file; and back."""
