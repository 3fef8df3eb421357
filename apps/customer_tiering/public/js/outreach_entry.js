// Entering customers into a sequence by hand: from the customer, and from a selection in the list.
frappe.provide("customer_tiering");

// Who manages sequences does so for all customers, whoever may write those.
customer_tiering.may_enter_sequences = () =>
	frappe.user.has_role(["Tiering Manager", "System Manager"]) || frappe.model.can_write("Customer");

customer_tiering.enter_sequence = function (customers) {
	const ask = (method, args, type) =>
		frappe
			.call({ method: `customer_tiering.outreach.api.${method}`, args, type, freeze: true })
			.then((answer) => answer.message)
			.catch(() => null);
	const list = (sentences) => `<ul>${sentences.map((each) => `<li>${frappe.utils.escape_html(each)}</li>`).join("")}</ul>`;
	const fits = async (sequence) => {
		const unlike = await ask("meant_for_others", { sequence, customers: JSON.stringify(customers) }, "GET");
		if (!unlike?.length) return Boolean(unlike);
		const question = `${list(unlike)}<p>${__("Start it nevertheless?")}</p>`;
		return new Promise((answer) => frappe.confirm(question, () => answer(true), () => answer(false)));
	};
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
			const message = (await fits(sequence)) && (await ask("enrol_by_hand", { sequence, customers }, "POST"));
			dialog.enable_primary_action();
			if (!message) return; // somebody thought better of it, or the framework has said why
			dialog.hide();
			const reasons = [...message.refused, ...message.waiting];
			frappe.msgprint({
				title: __("Start a Sequence"),
				message: __("Entered: {0}", [message.entered]) + (reasons.length ? list(reasons) : ""),
				indicator: reasons.length ? "orange" : "green",
			});
		},
	});
	dialog.show();
};
