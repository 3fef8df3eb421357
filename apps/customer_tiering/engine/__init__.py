"""Pure decisions: pandas in, pandas out. Imports neither frappe nor erpnext, and takes its date as an argument."""
