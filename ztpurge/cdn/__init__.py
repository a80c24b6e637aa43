"""The ZT CDN: the plan of calls, its API with logins and tokens, what it answers, the purge, and the wait for its end.

In come URLs and directories; out goes what became of each call.
Whether the edges serve the new files is left to `edge/`, how a call is retried and paced to `calls/`.
"""
