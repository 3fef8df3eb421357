"""A stand-in for ERPNext: an app named `erpnext` with only the DocTypes and fields that Customer Tiering touches.

`doctypes.csv` is the whole of its data model, `erpnext/` holds the few controllers whose behaviour matters, and
`table.py` makes an app of the two. It shares no code with ERPNext; `tests/site/test_contract.py` holds the table
against ERPNext's own DocTypes on a real bench. It is for tests and evaluation only.
"""
