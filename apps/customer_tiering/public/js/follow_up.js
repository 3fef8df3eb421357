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
	const reason = outcome === "Lost" ? await customer_tiering.ask_for_reason() : null;
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
	if (closed.status === "Open") return __("{0}: comes back on {1}", [label, frappe.datetime.str_to_user(closed.date)]);
	if (outcome !== "Not Reached") return label;
	const told = closed.told && __("{0} was told and has it now.", [frappe.utils.escape_html(closed.told)]);
	return [__("{0}: closed after {1} tries.", [label, closed.tries]), told].filter(Boolean).join(" ");
};

// The outcome in one click, where a ToDo was closed without one; resolves to null where nobody chose.
customer_tiering.ask_for_outcome = function (title) {
	return new Promise((resolve) => {
		const buttons = customer_tiering.OUTCOMES.map(
			([outcome, label]) =>
				`<button class="btn ${outcome === "Reached" ? "btn-primary" : "btn-default"}" style="min-height: 40px; flex: 1 1 40%"
					data-outcome="${outcome}">${label}</button>`
		);
		const dialog = new frappe.ui.Dialog({
			title: title || __("What came of it?"),
			fields: [
				{ fieldname: "outcomes", fieldtype: "HTML", options: `<div style="display: flex; flex-wrap: wrap; gap: 8px">${buttons.join("")}</div>` },
			],
		});
		dialog.$wrapper.on("click", "[data-outcome]", (e) => {
			dialog.outcome = $(e.currentTarget).data("outcome");
			dialog.hide();
		});
		dialog.onhide = () => resolve(dialog.outcome || null);
		dialog.show();
	});
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

customer_tiering.ask_for_reason = function () {
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
};

// What a user ("": nobody) has to follow up, to another one or to the next in line; says beforehand what goes to whom.
customer_tiering.hand_over = async function (user, done) {
	const escape = frappe.utils.escape_html;
	const dialog = new frappe.ui.Dialog({
		title: __("Hand Over Follow-Ups"),
		no_focus: true, // whose list would hide what is going to happen
		fields: [
			{
				fieldname: "to",
				fieldtype: "Link",
				options: "User",
				label: __("To"),
				description: __("Left empty: to the next in line for each customer."),
				get_query: () => ({ filters: { enabled: 1, user_type: "System User", name: ["!=", user] } }),
				change: () => show_plan(),
			},
			{ fieldname: "plan", fieldtype: "HTML" },
		],
		primary_action_label: __("Hand Over"),
		async primary_action({ to }) {
			dialog.hide();
			const answer = await frappe
				.call({ method: "customer_tiering.follow_up.api.hand_over", args: { user, to: to || null }, freeze: true })
				.catch(() => null);
			if (!answer) return;
			tell_hand_over(user, answer.message, done);
			done && done();
		},
	});
	const place = dialog.get_field("plan").$wrapper;

	async function show_plan() {
		const to = dialog.get_value("to");
		if (to === dialog.planned_for) return;
		dialog.planned_for = to;
		const button = dialog.get_primary_btn().prop("disabled", true);
		const args = { user, to: to || null };
		const answer = await frappe.call("customer_tiering.follow_up.api.hand_over_plan", args).catch(() => null);
		const plan = answer?.message;
		if (!plan || to !== dialog.planned_for) return;
		button.prop("disabled", !plan.to.length).toggle(Boolean(plan.to.length));
		if (!plan.to.length && !plan.left)
			return place.html(
				`<p>${__("There is nothing to hand over. What waits for nobody yet goes to whoever is in charge of the customer with the next run.")}</p>`
			);
		const lines = plan.to.map((each) =>
			each.per_day
				? __("{0} to {1}, who gets {2} in a day", [each.number, escape(each.full_name).bold(), each.per_day])
				: __("{0} to {1}, who has no limit", [each.number, escape(each.full_name).bold()])
		);
		if (plan.left) lines.push(__("For {0} nobody was found.", [plan.left]));
		place.html(`<p>${__("{0} open and {1} waiting follow-ups are handed over:", [plan.open, plan.waiting])}</p>
			<ul>${lines.map((line) => `<li>${line}</li>`).join("")}</ul>
			<p class="text-muted small">${
				user
					? `${__("You can undo it afterwards.")} ${__("New ones keep coming as long as the user is enabled and in charge of customers.")}`
					: ""
			}</p>`);
	}

	dialog.planned_for = null;
	dialog.show();
	show_plan();
};

function tell_hand_over(user, { handed_over, left, at }, done) {
	const said =
		__("{0} follow-ups handed over.", [handed_over]) + (left ? " " + __("For {0} nobody was found.", [left]) : "");
	frappe.show_alert(
		{
			message: `${said}
				<button class="btn btn-xs btn-default" style="margin-left: 8px" data-action="undo">${__("Undo")}</button>`,
			indicator: left ? "orange" : "green",
		},
		15,
		{ undo: () => customer_tiering.take_back(user, at, done) }
	);
}

// Undoes a hand-over.
customer_tiering.take_back = async function (user, at, done) {
	const answer = await frappe
		.call({ method: "customer_tiering.follow_up.api.take_back", args: { user, at }, type: "POST", freeze: true })
		.catch(() => null);
	if (!answer) return;
	frappe.show_alert(
		answer.message
			? { message: __("{0} follow-ups given back.", [answer.message]), indicator: "green" }
			: { message: __("Nothing was given back: all were closed or given to others since."), indicator: "orange" }
	);
	done && done();
};
