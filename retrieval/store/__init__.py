"""The embedding store: tables of LanceDB, commits, locks and checks."""

import os

for variable in ("LANCE_LOG", "LANCEDB_LOG"):  # warnings are lines of Lance's own sources; what fails is raised
    os.environ.setdefault(variable, "error")
