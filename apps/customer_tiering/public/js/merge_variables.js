// The variables of mails and messages: a list to choose from, and completion where code is written.
frappe.provide("customer_tiering");

customer_tiering.merge_variables = () =>
	(customer_tiering._merge_variables ??= frappe.call("customer_tiering.outreach.api.merge_variables").then(
		({ message }) => message,
		(error) => {
			customer_tiering._merge_variables = null; // the next time it is asked again
			throw error;
		}
	));

// Calls `pick` with what is to be written for the variable that somebody clicks on.
customer_tiering.pick_merge_variable = async function (pick, hint) {
	const escape = frappe.utils.escape_html;
	const rows = (await customer_tiering.merge_variables()).map(
		({ code, about, example }) =>
			`<tr role="button" tabindex="0" data-code="${escape(code)}"><td><code style="white-space: normal; overflow-wrap: anywhere">${escape(code)}</code></td>
			<td>${escape(about)}<div class="text-muted small">${escape(example)}</div></td></tr>`
	);
	const dialog = new frappe.ui.Dialog({
		title: __("Variables"),
		fields: [{ fieldtype: "Data", fieldname: "find", placeholder: __("Search") }, { fieldtype: "HTML", fieldname: "list" }],
	});
	const list = dialog.get_field("list").$wrapper;
	list.html(`<p class="text-muted">${hint}</p><table class="table table-hover" style="table-layout: fixed"><tbody>${rows.join("")}</tbody></table>`);
	list.on("click keydown", "tr", (event) => {
		if (event.type === "keydown" && event.key !== "Enter") return;
		dialog.hide();
		pick(event.currentTarget.dataset.code);
	});
	dialog.get_field("find").$input.on("input", ({ target }) => {
		const wanted = target.value.toLowerCase();
		for (const row of list.find("tr")) row.classList.toggle("hidden", !row.textContent.toLowerCase().includes(wanted));
	});
	dialog.show();
};
