frappe.provide("customer_tiering");

// What tiers, stages and the like are called. Elsewhere on the Desk the same word may be another one ("Repeat" of a calendar), and
// the framework translates the names of records without saying whose they are.
(() => {
	const NAMED = ["Customer Tier", "Lifecycle Stage", "RFM Segment", "Feedback Reason"];
	for (const doctype of NAMED) {
		const called = (name) => __(name, null, doctype);
		frappe.form.link_formatters[doctype] = called;

		const list = (frappe.listview_settings[doctype] ||= {});
		const shown = (name) => frappe.utils.escape_html(called(name));
		list.formatters = { ...list.formatters, name: called, meaning: shown };

		frappe.ui.form.on(doctype, {
			refresh(frm) {
				if (frm.is_new()) return;
				frm.page.set_title(called(frm.doc.name));
				frappe.breadcrumbs.$breadcrumbs?.find("li.disabled a").last().text(called(frm.doc.name));
			},
		});
	}

	const link = frappe.ui.form.ControlLink.prototype;
	const plain = link.get_translated;
	link.get_translated = function (name) {
		const doctype = this.get_options();
		return NAMED.includes(doctype) ? __(name, null, doctype) : plain.call(this, name);
	};
})();

// Of users whom the Desk has not met in this session. Resolves to whether names came that weren't there before.
customer_tiering.load_names = async function (users) {
	const unknown = [...new Set(users.filter(Boolean))].filter((user) => !frappe.boot.user_info[user]);
	if (!unknown.length) return false;
	const method = "frappe.desk.form.load.get_user_info_for_viewers";
	frappe.update_user_info((await frappe.call(method, { users: JSON.stringify(unknown) })).message);
	return true;
};
