"""The saved model: one directory of JSON and safetensors."""
