"""Simulated viewers of the live page, for `bench.load`: what they show, and what they get."""
