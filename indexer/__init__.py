"""A source tree in, rows and search results out: the library below the queue.

Listing and reading files (`sources`), also those of commits (`git`), cutting them into chunks (`chunking`), the words
that lexical search looks for, vectors (`embedding`), storing a batch's rows, and search over them (`search`). It reads
no settings, and knows nothing of jobs, workers and front ends: it imports neither `jobs` nor `migrations`. All of
`jobs` may import it.
"""
