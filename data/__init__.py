"""The sample world: what the demo and the tests draw for themselves. Imports nothing of ours."""
