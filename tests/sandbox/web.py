"""Serves one site on loopback; run by the bench's Python in its sites folder: web.py SITE PORT."""

import sys

import frappe.app
from werkzeug.serving import run_simple

frappe.app._site = sys.argv[1]
run_simple("127.0.0.1", int(sys.argv[2]), frappe.app.application_with_statics(), threaded=True)
