"""What happened, told: values, sentences, annotations, Markdown, JSON, step outputs and the exit code.

In comes what became of each call and each URL; out goes what people and later steps read, through the runner's door.
Nobody outside is asked here: that is left to the wings below.
"""
