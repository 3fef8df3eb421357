"""A demo company: customers, contacts and three years of orders, the same for the same seed.

Only for sites marked for it (`bench --site SITE set-config customer_tiering_demo 1`): the documents are written straight
into the tables, without stock and ledger entries.
"""
