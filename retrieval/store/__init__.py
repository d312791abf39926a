"""The embedding store: tables of LanceDB, commits, locks and checks."""
