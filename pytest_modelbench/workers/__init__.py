"""Worker processes: what they are told and tell, how they are run, alone and in pairs."""
