// How customers enter each sequence, and below it how many are under way.
{
	let under_way = {};
	const show = (list) => {
		list.$result.find(".sequence-under-way").remove();
		list.$result.find(".list-row-checkbox").each((_, box) => {
			const number = under_way[decodeURIComponent(box.dataset.name || "")];
			if (!number) return;
			$(`<div class="sequence-under-way text-muted small" style="padding: 0 12px 8px 30px"></div>`)
				.text(__("{0} are under way", [number]))
				.insertAfter($(box).closest(".list-row-container").find(".list-row").first());
		});
	};
	frappe.listview_settings["Outreach Sequence"] = {
		hide_name_column: true,
		add_fields: ["entry_signal"],
		async onload(list) {
			if (!frappe.user.has_role(["Tiering Manager", "System Manager", "Sales Manager"])) return;
			const { message } = await frappe.call({ method: "customer_tiering.outreach.api.under_way", type: "GET" });
			under_way = message || {};
			show(list);
		},
		refresh: show,
		formatters: {
			entry_by(value, df, doc) {
				const signal = value === "Signal" && doc.entry_signal;
				return frappe.utils.escape_html([__(value), signal && __(signal)].filter(Boolean).join(": "));
			},
		},
	};
}
