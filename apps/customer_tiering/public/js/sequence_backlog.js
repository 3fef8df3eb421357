// A backlog begins with those who have the stage, or had the signal, by which customers enter; who and how many is said before it starts.
frappe.provide("customer_tiering");

customer_tiering.enter_backlog = async function (frm) {
	const api = "customer_tiering.outreach.api";
	const sequence = frm.doc.name;
	const { message: begin } = await frappe.call({ method: `${api}.suggest_backlog`, args: { sequence }, type: "GET" });
	const dialog = new frappe.ui.Dialog({
		title: __("Enter a Backlog"),
		fields: [
			{
				fieldtype: "HTML",
				options: `<p>${__("Customers of the audience who may enter do so, the most valuable first, so many a day. Whoever orders before it is his or her turn gets nothing.")}</p>`,
			},
			{ fieldname: "filters", fieldtype: "HTML" },
			{
				fieldname: "signal_days",
				fieldtype: "Int",
				label: __("Had the Signal “{0}” in the Last Days", [__(frm.doc.entry_signal)]),
				description: __("0: whether or not they had it."),
				default: begin.signal_days || 0,
				hidden: begin.signal_days === null ? 1 : 0,
				change: () => show_count(),
			},
			{ fieldname: "per_day", fieldtype: "Int", label: __("Customers a day"), default: 20, reqd: 1 },
			{ fieldname: "count", fieldtype: "HTML" },
		],
		primary_action_label: __("Enter"),
		async primary_action({ per_day }) {
			const args = chosen();
			const entering = await count(args);
			if (!entering) return frappe.msgprint(__("No customer of these may enter."));
			const days = Math.ceil(entering / Math.max(per_day, 1));
			frappe.confirm(
				__("{0} customers enter over {1} days.", [String(entering).bold(), days]),
				async () => {
					const { message } = await frappe.call({
						method: `${api}.enrol_backlog`,
						args: { ...args, per_day },
						freeze: true,
					});
					dialog.hide();
					const said = frappe.msgprint({
						title: __("Enter a Backlog"),
						message: __("{0} customers enter over {1} days.", [message.entered, message.days]),
						indicator: "green",
						primary_action: {
							label: __("Look at Them"),
							action: () => {
								said.hide();
								frappe.set_route("List", "Outreach Enrollment", { sequence, status: "Active" });
							},
						},
					});
				}
			);
		},
	});
	let group = null;
	const chosen = () => ({
		sequence,
		filters: JSON.stringify(group.get_filters().map((filter) => filter.slice(0, 4))),
		signal_days: dialog.get_value("signal_days") || 0,
	});
	const count = async (args) =>
		(await frappe.call({ method: `${api}.count_backlog`, args, type: "GET" }).catch(() => ({}))).message;
	const show_count = frappe.utils.debounce(async () => {
		if (!group) return;
		const entering = await count(chosen());
		dialog.get_field("count").$wrapper.html(
			entering === undefined ? "" : `<p>${__("{0} customers would enter", [`<b>${entering}</b>`])}</p>`
		);
	}, 300);
	dialog.show();
	await new Promise((loaded) => frappe.model.with_doctype("Customer", loaded));
	group = new frappe.ui.FilterGroup({
		parent: dialog.get_field("filters").$wrapper,
		doctype: "Customer",
		on_change: show_count,
	});
	group.filter_button = group.filter_button || $("<button>");
	group.hide_popover = () => {};
	await group.add_filters(begin.filters);
	group.toggle_empty_filters(!group.filters.length);
	show_count();
};
