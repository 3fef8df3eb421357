// Closing a follow-up with what came of it: for the page, the list and the form.
frappe.provide("customer_tiering");

customer_tiering.OUTCOMES = [
	["Reached", __("Reached", null, "ToDo")],
	["Not Reached", __("Not Reached", null, "ToDo")],
	["Order Expected", __("Order Expected", null, "ToDo")],
	["Lost", __("Lost", null, "ToDo")],
];

// Resolves to whether it was closed; who says that a customer is lost is asked why.
customer_tiering.close_follow_up = async function (todo, outcome) {
	const reason = outcome === "Lost" ? await ask_for_reason() : null;
	if (outcome === "Lost" && !reason) return false;
	const answer = await frappe
		.call("customer_tiering.follow_up.api.close", { todo, outcome, reason })
		.catch(() => null);
	return Boolean(answer?.message);
};

function ask_for_reason() {
	return new Promise((resolve) => {
		const dialog = new frappe.ui.Dialog({
			title: __("Why is the customer lost?"),
			fields: [{ fieldname: "reason", fieldtype: "Data", label: __("Lost Reason"), reqd: 1, length: 140 }],
			primary_action_label: __("Close as Lost"),
			primary_action({ reason }) {
				dialog.reason = reason;
				dialog.hide();
			},
		});
		dialog.onhide = () => resolve(dialog.reason || null);
		dialog.show();
	});
}

// The open follow-ups of a user, to another one or to the next in line.
customer_tiering.hand_over = function (user, done) {
	frappe.prompt(
		[
			{
				fieldname: "to",
				fieldtype: "Link",
				options: "User",
				label: __("To"),
				description: __("Left empty: to the next in line for each customer."),
				get_query: () => ({ filters: { enabled: 1, user_type: "System User", name: ["!=", user] } }),
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
};
