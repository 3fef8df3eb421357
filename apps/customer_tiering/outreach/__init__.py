"""Sequences of messages, from the signal to the answer. The way of a message, and where each of its questions is answered:

	jobs            every hour: enrol, stop, dispatch; or the server scripts do, by `api`
	enrol           who enters, by signal (`enter`), audience (`audience_entry`), hand (`by_hand`) or backlog (`backlog`)
	exits           who leaves, found set-wise by `leavers`; orders and answers ask at once
	dispatch        what is due, a `batch` at a time, each customer written to by one worker (`turns`)
	steps           which step is next and when; `lateness` leaves out what comes too late
	channels        one module a channel: to whom (`recipients`, `consent`, `suppress`), and whether it may go now (`holds`: the cap,
	                the hours by `clock`, `business`); else it raises Deferral or Skip, and the touch says why
	render, mail    the text with its `merge_values`, `offers` and `tracked_links`; the touch and its Email Queue row are one commit
	email_queue     hands a mail to the mail server once at most; `deliver` does text messages and webhooks
	last_look       asks once more, right before either of them
	lost_mails      notes what became of the mail: from here on its touch is Sent, Failed or In Doubt
	restored        nothing goes out where the database doesn't know what was sent
	bounces, unsubscribe, survey, tracked_page    what comes back

`preview` shows the next 30 days by the same functions (`forecast`: who enters, `foresee`: what goes out), `trial` a single message.
"""
