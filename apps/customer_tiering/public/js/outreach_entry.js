// Entering customers into a sequence by hand: from the customer, and from a selection in the list.
frappe.provide("customer_tiering");

// Who manages sequences does so for all customers, whoever may write those.
customer_tiering.may_enter_sequences = () =>
	frappe.user.has_role(["Tiering Manager", "System Manager"]) || frappe.model.can_write("Customer");

customer_tiering.enter_sequence = function (customers) {
	const dialog = new frappe.ui.Dialog({
		title: __("Start a Sequence"),
		fields: [
			{
				fieldname: "sequence",
				fieldtype: "Link",
				options: "Outreach Sequence",
				label: __("Sequence"),
				reqd: 1,
				get_query: () => ({ filters: { enabled: 1 } }),
			},
		],
		primary_action_label: __("Start"),
		async primary_action({ sequence }) {
			dialog.disable_primary_action(); // a second click is none
			const method = "customer_tiering.outreach.api.enrol_by_hand";
			const message = await frappe
				.call({ method, args: { sequence, customers }, freeze: true })
				.then((answer) => answer.message)
				.catch(() => null);
			dialog.enable_primary_action();
			if (!message) return; // the framework has said why
			dialog.hide();
			const lines = [...message.refused, ...message.waiting].map((reason) => `<li>${frappe.utils.escape_html(reason)}</li>`).join("");
			frappe.msgprint({
				title: __("Start a Sequence"),
				message: __("Entered: {0}", [message.entered]) + (lines ? `<ul>${lines}</ul>` : ""),
				indicator: lines ? "orange" : "green",
			});
		},
	});
	dialog.show();
};
