"""The embedding store on LanceDB."""
