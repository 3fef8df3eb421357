"""Serves one site on loopback; run by the bench's Python in its sites folder: web.py SITE PORT."""

import os
import sys
import threading
import time

import frappe.app
from werkzeug.serving import run_simple


def end_with(parent: int) -> None:
	"""A server whose starter was killed would stay for ever."""
	while os.getppid() == parent:
		time.sleep(1)
	os._exit(1)


threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
frappe.app._site = sys.argv[1]
run_simple("127.0.0.1", int(sys.argv[2]), frappe.app.application_with_statics(), threaded=True)
