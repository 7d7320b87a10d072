"""Circuits boxed into layers and built with open angles, and what draws the angles."""
