"""Programs run unchanged on a private service, of which nothing leaves this machine."""
