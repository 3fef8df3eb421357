"""A bench of the tests' own: the code of a real bench, but its own sites, database server and Redis.

Everything lies in one cache folder. The real bench is read and never written to.
"""
