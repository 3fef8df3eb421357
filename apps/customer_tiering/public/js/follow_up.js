// Closing a follow-up with what came of it: for the page, the list and the form.
frappe.provide("customer_tiering");

customer_tiering.OUTCOMES = [
	["Reached", __("Reached", null, "ToDo")],
	["Not Reached", __("Not Reached", null, "ToDo")],
	["Order Expected", __("Order Expected", null, "ToDo")],
	["Lost", __("Lost", null, "ToDo")],
];

// Resolves to what became of the ToDo, or null; who says that a customer is lost is asked why.
customer_tiering.close_follow_up = async function (todo, outcome, { note, tries } = {}) {
	const reason = outcome === "Lost" ? await ask_for_reason() : null;
	if (outcome === "Lost" && !reason) return null;
	const answer = await frappe
		.call("customer_tiering.follow_up.api.close", { todo, outcome, reason, note, tries })
		.catch(() => null);
	return answer?.message || null;
};

customer_tiering.reopen_follow_up = (closed) =>
	frappe.call("customer_tiering.follow_up.api.reopen", {
		todo: closed.name,
		date: closed.status === "Open" ? closed.was_due : null,
		tries: closed.tries,
	});

customer_tiering.said_of_outcome = function (outcome, closed) {
	const label = customer_tiering.OUTCOMES.find(([each]) => each === outcome)[1];
	return closed.status === "Open"
		? __("{0}: comes back on {1}", [label, frappe.datetime.str_to_user(closed.date)])
		: label;
};

// Where the ToDo leaves the screen with its outcome: says so, and lets it be taken back.
customer_tiering.tell_outcome = function (outcome, closed, refresh) {
	const undo = async () => {
		await customer_tiering.reopen_follow_up(closed);
		refresh();
	};
	frappe.show_alert(
		{
			message: `${customer_tiering.said_of_outcome(outcome, closed)}
				<button class="btn btn-xs btn-default" style="margin-left: 8px" data-action="undo">${__("Undo")}</button>`,
			indicator: "green",
		},
		10,
		{ undo }
	);
};

function ask_for_reason() {
	return new Promise((resolve) => {
		const dialog = new frappe.ui.Dialog({
			title: __("Why is the customer lost?"),
			fields: [
				{
					fieldname: "reason",
					fieldtype: "Data",
					label: __("Lost Reason", null, "ToDo"),
					reqd: 1,
					length: 140,
					description: __("Only this follow-up is closed: the customer's tier and mails stay as they are."),
				},
			],
			primary_action_label: __("Close as Lost"),
			primary_action({ reason }) {
				dialog.reason = reason;
				dialog.hide();
			},
			secondary_action_label: __("Cancel"),
			secondary_action: () => dialog.hide(),
		});
		dialog.onhide = () => resolve(dialog.reason || null);
		dialog.show();
	});
}

// The open follow-ups of a user ("": of nobody), to another one or to the next in line.
customer_tiering.hand_over = function (user, done) {
	const everybody = __("Left empty: to the next in line for each customer.");
	const dialog = frappe.prompt(
		[
			{
				fieldname: "to",
				fieldtype: "Link",
				options: "User",
				label: __("To"),
				description: everybody,
				get_query: () => ({ filters: { enabled: 1, user_type: "System User", name: ["!=", user] } }),
				onchange: () => say_how_many(),
			},
		],
		async ({ to }) => {
			const answer = await frappe
				.call({
					method: "customer_tiering.follow_up.api.hand_over",
					args: { user, to: to || null },
					freeze: true,
				})
				.catch(() => null);
			if (!answer) return;
			const { handed_over, left } = answer.message;
			frappe.show_alert({
				message:
					__("{0} follow-ups handed over.", [handed_over]) +
					(left ? " " + __("For {0} nobody was found.", [left]) : ""),
				indicator: left ? "orange" : "green",
			});
			done && done();
		},
		__("Hand Over Follow-Ups"),
		__("Hand Over")
	);

	async function say_how_many() {
		const to = dialog.get_value("to");
		const answer = to && (await frappe.call("customer_tiering.follow_up.api.room", { user, to }));
		const room = answer?.message;
		dialog.set_df_property(
			"to",
			"description",
			room
				? __("{0} follow-ups all at once; in a day {1} gets {2}.", [
						room.to_hand_over,
						frappe.utils.escape_html(to),
						room.per_day || __("any number of them"),
				  ])
				: everybody
		);
	}
};
