"""Where programs and heavy steps are done: processes of this machine, or what stands for them."""
