frappe.listview_settings["Lifetime Value Fit"] = {
	add_fields: ["currency"],
	onload(list) {
		if (frappe.user.has_role(["Tiering Manager", "System Manager"])) {
			list.page.add_inner_button(__("Fit now"), () => fit_now(list));
		}
	},
};

async function fit_now(list) {
	const { message } = await frappe.call("customer_tiering.tiering.api.fit_lifetime_value_now");
	frappe.show_alert({ message: message.message, indicator: "blue" });
	wait_for_fit(list, message.last);
}

// Asked for, as the realtime server can't be reached everywhere.
let waiting = null;
function wait_for_fit(list, last) {
	clearInterval(waiting);
	waiting = setInterval(async () => {
		if (document.hidden) return;
		const [fit] = await frappe.db.get_list("Lifetime Value Fit", {
			fields: ["name", "status", "customers"],
			order_by: "name desc",
			limit: 1,
		});
		if (!fit || fit.name === last || fit.status === "Running" || !waiting) return;
		clearInterval(waiting);
		waiting = null;
		frappe.hide_progress();
		show_fit(fit);
		list.refresh();
	}, 3000);
}

async function show_fit(fit) {
	const link = `<a href="${frappe.utils.get_form_link("Lifetime Value Fit", fit.name)}">${fit.name}</a>`;
	if (fit.status === "Fitted") {
		const message = __("{0}: fitted to {1} customers", [link, fit.customers]);
		frappe.show_alert({ message, indicator: "green" });
	} else {
		const { reason: why } = await frappe.model.with_doc("Lifetime Value Fit", fit.name);
		const reason = frappe.utils.escape_html(why || __("The record of the fit says what went wrong."));
		frappe.msgprint({ title: __("Not Fitted"), message: `${reason}<br>${link}`, indicator: "orange" });
	}
}
