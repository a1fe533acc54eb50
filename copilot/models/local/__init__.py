"""A language model that runs on this machine: the person's own GGUF file, in a child process (extra `local`)."""
