"""Measurements that take minutes or longer: scripts whose results stand in the documentation."""
