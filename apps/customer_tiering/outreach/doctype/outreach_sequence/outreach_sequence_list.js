// Beside each sequence, how many customers are under way in it.
{
	let under_way = {};
	frappe.listview_settings["Outreach Sequence"] = {
		hide_name_column: true,
		add_fields: ["entry_signal"],
		async onload(list) {
			if (!frappe.user.has_role(["Tiering Manager", "System Manager", "Sales Manager"])) return;
			const { message } = await frappe.call({ method: "customer_tiering.outreach.api.under_way", type: "GET" });
			under_way = message || {};
			list.refresh();
		},
		formatters: {
			entry_by(value, df, doc) {
				const number = under_way[doc.name];
				const signal = value === "Signal" && doc.entry_signal;
				const entry = frappe.utils.escape_html([__(value), signal && __(signal)].filter(Boolean).join(": "));
				return number ? `${entry} <span class="text-muted">· ${__("{0} are under way", [number])}</span>` : entry;
			},
		},
	};
}
