"""Who does independent pieces of work: this process, or the tasks of a Ray cluster."""
