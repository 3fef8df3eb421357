frappe.ui.form.on("Interest Topic", {
	refresh(frm) {
		frm.set_query("source", "sources", (doc, cdt, cdn) => {
			const row = locals[cdt][cdn];
			return row.source_type === "Item" ? { filters: { disabled: 0 } } : {};
		});
		show_who_gets_it(frm);
	},
	disabled: show_who_gets_it_soon,
	sources_remove: show_who_gets_it_soon,
	after_save(frm) {
		frappe.show_alert({ message: __("The customers get it within some minutes."), indicator: "blue" });
	},
});

frappe.ui.form.on("Interest Source", {
	source_type(frm, cdt, cdn) {
		frappe.model.set_value(cdt, cdn, { source: "", pattern: "" });
	},
	source: show_who_gets_it_soon,
	pattern: show_who_gets_it_soon,
	sources_remove: show_who_gets_it_soon,
});

function show_who_gets_it_soon(frm) {
	clearTimeout(frm.preview_timer);
	frm.preview_timer = setTimeout(() => show_who_gets_it(frm), 600);
}

// Before anything is saved: it reads what all customers did, with the rows as they stand in the form.
async function show_who_gets_it(frm) {
	if (!frappe.model.can_write("Interest Topic")) return;
	const place = frm.get_field("preview_html").$wrapper;
	const rows = (frm.doc.sources || []).filter((row) => row.source || row.pattern);
	if (frm.is_new() && !rows.length) return place.empty();
	const question = (frm.preview_question = (frm.preview_question || 0) + 1);
	place.html(`<p class="text-muted">${__("Looking who would get it…")}</p>`);
	const answer = await frappe
		.call("customer_tiering.tiering.interest_api.preview_topic", {
			topic: JSON.stringify({ ...frm.doc, sources: rows }),
		})
		.catch(() => null);
	if (question !== frm.preview_question) return; // the form has changed meanwhile
	place.html(answer?.message ? preview_html(frm, answer.message) : "");
}

function preview_html(frm, found) {
	const escape = frappe.utils.escape_html;
	const sentences = [];
	if (found.had || found.by_hand) {
		const list = `/app/customer?${encodeURIComponent("Customer Interest.topic")}=${encodeURIComponent(frm.doc.name)}`;
		const link = `<a href="${list}">${__("{0} customers have it", [found.had + found.by_hand])}</a>`;
		sentences.push(found.by_hand ? __("{0}, {1} of them set by hand.", [link, found.by_hand]) : `${link}.`);
	}
	sentences.push(
		found.customers
			? __("By what they did, {0} customers get it.", [`<b>${found.customers}</b>`])
			: __("By what they did, nobody gets it: no customer reaches {0} points, or stronger topics come first.", [
					found.min_score,
			  ])
	);
	const rows = found.shown
		.map(
			(row) => `<tr><td><a href="${frappe.utils.get_form_link("Customer", row.customer)}">
				${escape(row.customer_name || row.customer)}</a></td>
				<td class="text-right">${format_number(row.score, null, 2)}</td></tr>`
		)
		.join("");
	const table = rows
		? `<table class="table table-sm" style="max-width: 480px"><thead><tr><th>${__("The Strongest")}</th>
			<th class="text-right">${__("Points", null, "Interest Topic")}</th></tr></thead><tbody>${rows}</tbody></table>`
		: "";
	return `<p>${sentences.join(" ")}</p>${table}`;
}
