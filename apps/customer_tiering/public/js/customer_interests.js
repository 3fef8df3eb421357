// Where a customer's interests come from, and which of them come and go by themselves.
frappe.provide("customer_tiering");

frappe.ui.form.on("Customer", {
	refresh(frm) {
		customer_tiering.mark_computed_interests(frm);
		if (frm.is_new()) return;
		frm.add_custom_button(__("Why these interests?"), () => customer_tiering.explain_interests(frm), __("View"));
	},
});

// Computed ones are dashed and have a plus instead of the cross: taken off, they would be back with the next run.
customer_tiering.mark_computed_interests = function (frm) {
	const control = frm.fields_dict.interests;
	if (!control?.get_pill_html) return;
	if (!control.marks_computed) {
		control.marks_computed = true;
		const plain = control.get_pill_html;
		control.get_pill_html = function (value) {
			const pill = plain.call(this, value);
			const row = (this.rows || []).find((row) => row.topic === value);
			return row?.computed ? customer_tiering.computed_pill(pill) : pill;
		};
	}
	if (!control.$input_area) return; // of whoever may only read
	if (!control.keeps_computed) {
		control.keeps_computed = true;
		control.$input_area.on("click", ".btn-keep", (event) => {
			const topic = decodeURIComponent($(event.currentTarget).closest(".tb-selected-value").data().value);
			const row = frm.doc.interests.find((row) => row.topic === topic);
			row.computed = 0;
			frm.dirty();
			control.set_formatted_input(frm.doc.interests);
		});
	}
	control.set_formatted_input(frm.doc.interests);
};

customer_tiering.computed_pill = function (html) {
	const pill = $(html).css({ border: "1px dashed var(--gray-500)", background: "transparent" });
	pill.attr("title", __("Computed from what the customer does."));
	pill.find(".btn-remove").replaceWith(
		`<span class="btn-keep" style="margin-left: 4px" title="${__("Keep it for ever")}">${frappe.utils.icon("add", "xs")}</span>`
	);
	return pill[0].outerHTML;
};

customer_tiering.explain_interests = async function (frm) {
	const dialog = new frappe.ui.Dialog({
		title: __("Why these interests?"),
		size: "extra-large",
		fields: [{ fieldname: "explanation", fieldtype: "HTML" }],
	});
	const place = dialog.get_field("explanation").$wrapper;
	place.html(`<p class="text-muted">${__("Adding up the points…")}</p>`);
	dialog.show();
	const answer = await frappe
		.call("customer_tiering.tiering.interest_api.explain_interests", { customer: frm.doc.name })
		.catch(() => null);
	place.html(answer?.message ? customer_tiering.interests_html(answer.message) : "");
};

customer_tiering.interests_html = function (explanation) {
	const escape = frappe.utils.escape_html;
	if (!explanation.topics.length)
		return `<p>${__("Nothing that this customer did belongs to an Interest Topic.")}</p>`;
	const number = (value) => format_number(value, null, 2);
	const kinds = {
		Purchase: __("Purchase", null, "Interest Signal"),
		Enquiry: __("Enquiry", null, "Interest Signal"),
		Event: __("Event", null, "Interest Signal"),
		Click: __("Click", null, "Interest Signal"),
		Open: __("Open", null, "Interest Signal"),
		"Page View": __("Page View", null, "Interest Signal"),
	};
	const document_of = (line) => {
		if (!line.name || line.doctype === "Interest Signal") return "";
		return frappe.model.can_read(line.doctype)
			? `<a href="${frappe.utils.get_form_link(line.doctype, line.name)}">${escape(line.name)}</a>`
			: escape(line.name);
	};
	const row = (line) => {
		const what = [document_of(line), escape(line.text)].filter(Boolean).join(" · ");
		return `<tr class="${line.points ? "" : "text-muted"}">
			<td class="text-nowrap" style="width: 15%">${frappe.datetime.str_to_user(line.day)}</td>
			<td class="text-nowrap" style="width: 20%">${kinds[line.kind]}</td>
			<td>${what}</td><td class="text-right text-nowrap">${number(line.points)}</td></tr>`;
	};
	const badge = (topic) => {
		if (!topic.on_customer) return "";
		return `<span class="indicator-pill no-indicator-dot ${topic.by_hand ? "blue" : "gray"}">
			${topic.by_hand ? __("Set by hand") : __("Computed")}</span>`;
	};
	const table = (topic) => `<details class="mb-3" ${topic.on_customer ? "open" : ""}>
		<summary style="cursor: pointer"><b>${escape(topic.topic)}</b> ${badge(topic)}
			<span class="pull-right"><b>${number(topic.score)}</b></span>
			<div class="small text-muted">${escape(topic.standing)}</div></summary>
		${
			topic.lines.length
				? `<table class="table table-sm mt-2"><tbody>${topic.lines.map(row).join("")}
			<tr><th colspan="3">${__("Sum")}</th><th class="text-right">${number(topic.score)}</th></tr></tbody></table>`
				: ""
		}
	</details>`;
	const notes = [
		__("Points halve every {0} days.", [explanation.half_life]),
		explanation.free_opens &&
			__("The first {0} opened mails of a topic are worth nothing.", [explanation.free_opens]),
		__("The {0} strongest topics with {1} points or more are put on the customer.", [
			explanation.most,
			explanation.min_score,
		]),
	].filter(Boolean);
	return `<div style="max-height: 65vh; overflow: auto">${explanation.topics.map(table).join("")}</div>
		<p class="text-muted small mb-0">${notes.join(" ")}</p>`;
};
