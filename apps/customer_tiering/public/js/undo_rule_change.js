// Undo of changed rules, wherever it is asked for: it says what somebody has changed since before that is lost.
frappe.provide("customer_tiering");

customer_tiering.undo_rule_change = async function (name, done, despite_edits = 0) {
	const { message } = await frappe.call({
		method: "customer_tiering.tiering.rules_api.undo_change",
		args: { name, despite_edits },
		freeze: true,
	});
	if (message.edited) {
		const escape = frappe.utils.escape_html;
		const rows = message.edited.map(
			(row) => `<tr><td>${escape(row.what)}</td><td>${escape(row.then)}</td><td>${escape(row.now)}</td></tr>`
		);
		frappe.warn(
			__("Changed since"),
			`<p>${__("Somebody has changed these values since. Undoing puts back what was before both changes.")}</p>
			<table class="table table-sm table-bordered"><thead><tr><th>${__("Rule")}</th><th>${__("Then")}</th>
			<th>${__("Set Now")}</th></tr></thead><tbody>${rows.join("")}</tbody></table>`,
			() => customer_tiering.undo_rule_change(name, done, 1),
			__("Undo all the same")
		);
		return;
	}
	frappe.show_alert({ message: message.message, indicator: "green" }, 10);
	done();
};
