// Who a rule or a sequence is for: the framework's own filter control over Customer, inside the form.
// A form that has the fields audience_filters and audience_editor (and, if it has one, audience_company: a field named company would be filled in with the user's own) calls
// customer_tiering.edit_audience(frm) in its refresh.
frappe.provide("customer_tiering");

customer_tiering.edit_audience = async function (frm) {
	const place = frm.get_field("audience_editor").$wrapper;
	if (frm.audience?.shows(frm)) return frm.audience.show_count();
	await new Promise((loaded) => frappe.model.with_doctype("Customer", loaded));
	place.empty();
	frm.audience = new AudienceEditor(frm, place);
};

class AudienceEditor {
	constructor(frm, place) {
		this.frm = frm;
		this.name = frm.doc.name;
		this.editable = Boolean(frm.perm[0]?.write);
		this.stored = frm.doc.audience_filters || "[]";
		place.html(`<div class="control-label" style="margin-bottom: var(--margin-xs)">
				${__("Customers that match all of these. Without a filter: every customer.")}</div>
			<div class="audience-gone"></div>
			<div class="audience-filters form-group"></div>
			<p class="audience-count text-muted" style="margin-top: var(--margin-sm)"></p>`);
		this.count = place.find(".audience-count");
		const filters = customer_tiering.parse_filters(this.stored);
		this.gone = filters.filter(is_gone);
		this.show_gone(place.find(".audience-gone"));
		this.make_filters(
			place.find(".audience-filters"),
			filters.filter((filter) => !is_gone(filter))
		);
		this.show_count();
	}

	// A form that was reloaded or changed by a script shows what it holds now.
	shows(frm) {
		return (
			this.name === frm.doc.name &&
			this.stored === (frm.doc.audience_filters || "[]") &&
			$.contains(document, this.count[0])
		);
	}

	// The framework's control leaves out what it doesn't know: it stays in the audience until somebody takes it away.
	show_gone(place) {
		const escape = frappe.utils.escape_html;
		const rows = this.gone.map((filter, at) => {
			const [, fieldname, operator, value] = with_doctype(filter);
			const remove = this.editable
				? `<button class="btn btn-xs btn-default" style="margin-left: 8px" data-gone="${at}">${__("Remove This Filter")}</button>`
				: "";
			return `<p class="text-danger"><b>${escape(`${fieldname} ${operator} ${value}`)}</b>:
				${__("Customers have no such field any more, so the audience can't be read.")}${remove}</p>`;
		});
		place.html(rows.join(""));
		place.find("[data-gone]").on("click", (e) => {
			this.gone.splice($(e.currentTarget).data("gone"), 1);
			this.show_gone(place);
			this.store();
		});
	}

	async make_filters(place, filters) {
		this.filling = true;
		this.group = new frappe.ui.FilterGroup({
			parent: place,
			doctype: "Customer",
			on_change: () => this.store(),
		});
		// The framework's own button of the list view: without one its group fails when a filter is taken away.
		this.group.filter_button = this.group.filter_button || $("<button>");
		this.group.hide_popover = () => {};
		await this.group.add_filters(filters);
		this.group.toggle_empty_filters(!this.group.filters.length && !this.gone.length);
		this.filling = false;
		if (this.editable) return;
		place.find("input, select, button, a").prop("disabled", true).css("pointer-events", "none");
		place.find(".filter-action-buttons, .remove-filter, .divider").addClass("hidden"); // who may only read is offered nothing
	}

	store() {
		if (this.filling || !this.editable) return;
		const filters = this.group
			.get_filters()
			.map((filter) => filter.slice(0, 4))
			.filter(([, , , value]) => !["", null, undefined].includes(value));
		const text = JSON.stringify([...filters, ...this.gone]);
		if (text === JSON.stringify(customer_tiering.parse_filters(this.stored))) return;
		this.stored = text;
		this.frm.set_value("audience_filters", text);
		this.show_count();
	}

	async show_count() {
		if (!this.editable) return;
		const asked = (this.asked = (this.asked || 0) + 1);
		if (this.gone.length) return this.count.empty(); // said above
		const answer = await frappe
			.call({
				method: "customer_tiering.tiering.api.preview_audience",
				args: { filters: this.stored, company: this.frm.doc.audience_company || null },
				type: "GET",
			})
			.catch(() => null);
		if (asked !== this.asked) return; // another filter was set meanwhile
		const { count, some } = answer?.message || {};
		const names = (some || []).map((customer) =>
			`<a href="${frappe.utils.get_form_link("Customer", customer.name)}">${frappe.utils.escape_html(
				customer.customer_name
			)}</a>`
		);
		this.count.html(
			count === undefined
				? ""
				: __("{0} customers now", [`<b>${count}</b>`]) +
						(names.length ? `: ${names.join(", ")}${count > names.length ? " …" : ""}` : "")
		);
	}
}

const with_doctype = (filter) => (filter.length === 3 ? ["Customer", ...filter] : filter);

function is_gone(filter) {
	const [doctype, fieldname] = with_doctype(filter);
	return !frappe.meta.has_field(doctype, fieldname) && frappe.model.is_non_std_field(fieldname);
}

customer_tiering.parse_filters = function (text) {
	try {
		return JSON.parse(text || "[]");
	} catch {
		return [];
	}
};
