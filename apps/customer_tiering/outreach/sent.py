"""Which touches are messages that have left the house."""

# Of `touch` with its row of the Email Queue as `queue`. That row knows of a mail at once, the touch with the next dispatch; where
# the framework has cleared it, the mail left long ago. What goes by other channels says itself when it is sent.
HAS_LEFT = """(touch.status = 'Sent' OR (
	touch.channel = 'Email' AND touch.status = 'Queued' AND COALESCE(queue.status, 'Sent') IN ('Sent', 'Partially Sent')
))"""
