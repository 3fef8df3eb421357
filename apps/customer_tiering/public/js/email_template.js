// Whoever writes a mail for customers chooses its variables from a list, or has them completed in HTML.
frappe.ui.form.on("Email Template", {
	refresh(frm) {
		if (!frappe.user.has_role(["Tiering Manager", "System Manager"])) return;
		frm.add_custom_button(__("Variables for Customers"), () => {
			const put = where_to_put(frm);
			customer_tiering.pick_merge_variable(put, __("A click puts it where you were writing."));
		});
		complete(frm);
		tell_of_failures(frm);
	},
	use_html: (frm) => complete(frm),
});

async function tell_of_failures(frm) {
	if (frm.is_new()) return;
	const failed = { email_template: frm.doc.name, status: "Failed", email_queue: ["is", "not set"] };
	const count = await frappe.db.count("Outreach Touch", { filters: failed });
	if (!count) return;
	frm.set_intro(__("{0} mails with this text failed. When it is mended, they can be tried again.", [count]), "orange");
	frm.add_custom_button(__("Look at Them"), () => frappe.set_route("List", "Outreach Touch", failed));
}

function where_to_put(frm) {
	const subject = frm.get_field("subject").$input?.get(0);
	if (subject && subject === frm.last_text)
		return (code) => {
			const [start, end] = [subject.selectionStart, subject.selectionEnd];
			frm.set_value("subject", subject.value.slice(0, start) + code + subject.value.slice(end));
		};
	if (frm.doc.use_html) return (code) => frm.get_field("response_html").editor.insert(code);
	const { quill } = frm.get_field("response");
	const place = quill.getSelection()?.index ?? Math.max(quill.getLength() - 1, 0);
	return (code) => {
		quill.insertText(place, code, "user");
		quill.setSelection(place + code.length);
	};
}

async function complete(frm) {
	$(frm.wrapper).off("focusin.variables").on("focusin.variables", ({ target }) => {
		if (target.closest(".frappe-control")) frm.last_text = target;
	});
	if (!frm.doc.use_html) return;
	const known = await customer_tiering.merge_variables();
	frm.set_df_property("response_html", "autocompletions", ({ session, pos, prefix }) => {
		const before = session.getLine(pos.row).slice(0, pos.column - prefix.length);
		const begun = /{{\s*$/.test(before);
		return known.filter(({ code }) => !begun || code.startsWith("{{")).map(({ code, example }) => ({
			value: begun ? code.replace(/^{{ /, "") : code,
			caption: code.replace(/^{{ | }}$/g, ""),
			meta: frappe.ellipsis(example, 20),
			score: 1000,
		}));
	});
}
