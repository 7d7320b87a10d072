"""The steps, a module each; none of them changes once it was released."""
