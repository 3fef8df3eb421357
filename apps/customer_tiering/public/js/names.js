// What tiers, stages and the like are called. Elsewhere on the Desk the same word may be another one ("Repeat" of a calendar), and
// the framework translates the names of records without saying whose they are.
(() => {
	const NAMED = ["Customer Tier", "Lifecycle Stage", "RFM Segment", "Feedback Reason"];
	for (const doctype of NAMED) frappe.form.link_formatters[doctype] = (name) => __(name, null, doctype);

	const link = frappe.ui.form.ControlLink.prototype;
	const plain = link.get_translated;
	link.get_translated = function (name) {
		const doctype = this.get_options();
		return NAMED.includes(doctype) ? __(name, null, doctype) : plain.call(this, name);
	};
})();
