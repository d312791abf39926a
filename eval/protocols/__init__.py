"""Protocols: named ways to divide samples into queries and gallery, or train, val and test.

``eval.registry`` lists them by name.
"""
