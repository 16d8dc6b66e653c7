"""Loading of timm, transformers and OpenCLIP models, shared by teachers and students."""
