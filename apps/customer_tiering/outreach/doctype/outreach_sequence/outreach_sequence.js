// A marketer's view of a sequence: the flow, who would get what, and a mail to look at.
frappe.provide("customer_tiering");

const FLOW_FIELDS = [
	"entry_by",
	"entry_signal",
	"entry_delay_days",
	"holdout_percent",
	"exit_on_order",
	"exit_on_reply",
	"exit_out_of_audience",
	"goal",
];
const STEP_FIELDS = [
	"day_offset",
	"channel",
	"buying_role",
	"email_template",
	"variant",
	"weight",
	"message",
	"webhook_url",
	"offer",
];
const redraw = (frm) => customer_tiering.draw_flow(frm);

frappe.ui.form.on("Outreach Sequence", {
	setup(frm) {
		// Who may not read Email Accounts chooses one nevertheless: its name is all that is needed.
		frm.set_query("email_account", () => ({ query: "customer_tiering.outreach.senders.senders" }));
	},
	refresh(frm) {
		frm.set_df_property("email_account", "ignore_link_validation", 1);
		customer_tiering.edit_audience(frm);
		redraw(frm);
		if (frm.is_new()) return;
		customer_tiering.tell_who_waits(frm);
		if (frm.perm[0]?.write) {
			frm.add_custom_button(__("Who Would Get What?"), () => customer_tiering.preview_sequence(frm));
			frm.add_custom_button(__("Look at a Step"), () => customer_tiering.try_step(frm));
			frm.add_custom_button(__("Variables"), () =>
				customer_tiering.pick_merge_variable(
					(code) => frappe.utils.copy_to_clipboard(code),
					__("For messages, preview texts and mail templates. A click copies it.")
				)
			);
			if (frm.doc.enabled)
				frm.add_custom_button(__("Enter a Backlog"), () => customer_tiering.enter_backlog(frm));
		}
	},
	steps_remove: redraw,
	...Object.fromEntries(FLOW_FIELDS.map((field) => [field, redraw])),
});

frappe.ui.form.on("Outreach Step", {
	steps_add: redraw,
	steps_remove: redraw,
	...Object.fromEntries(STEP_FIELDS.map((field) => [field, redraw])),
});

// Who is under way gets nothing while it is switched off.
customer_tiering.tell_who_waits = async function (frm) {
	const { name, enabled } = frm.doc;
	if (enabled || !frappe.user.has_role(["Tiering Manager", "System Manager", "Sales Manager"])) return;
	const { message } = await frappe.call({ method: "customer_tiering.outreach.api.under_way", type: "GET" });
	const number = message?.[name];
	if (!number || frm.doc.name !== name || frm.doc.enabled) return;
	frm.set_intro(""); // else it stands there twice
	frm.set_intro(__("It is switched off. Under way, and getting nothing until it is switched on again: {0}", [number]), "orange");
};

const ICONS = { Email: "✉", SMS: "✆", "Call Task": "☎", Webhook: "⇄" };

// Days from left to right, what goes out together one above the other.
customer_tiering.draw_flow = function (frm) {
	const escape = frappe.utils.escape_html;
	const doc = frm.doc;
	const box = (title, text, style = "") =>
		`<div style="border: 1px solid var(--border-color); border-radius: var(--border-radius-md);
			padding: 8px 12px; background: var(--card-bg); width: 180px; overflow-wrap: anywhere; ${style}">
			<div style="font-weight: 600">${title}</div><div class="text-muted small">${text}</div></div>`;
	const column = (boxes) => `<div style="display: flex; flex-direction: column; gap: 8px">${boxes.join("")}</div>`;
	const arrow = (text) =>
		`<div class="text-muted small" style="align-self: center; text-align: center; white-space: nowrap">${text}<br>⟶</div>`;

	const entry = { Signal: __(doc.entry_signal || "…"), Audience: __("Audience"), Hand: __("Hand") }[doc.entry_by] || "…";
	const holdout = doc.holdout_percent
		? `<br>${__("{0}% get nothing, for comparison", [escape(String(doc.holdout_percent))])}`
		: "";
	const parts = [box(__("Entry"), escape(entry) + holdout)];
	const days = {};
	for (const step of doc.steps || []) (days[cint(step.day_offset)] ||= []).push(step);
	let before = -cint(doc.entry_delay_days);
	for (const day of Object.keys(days).map(Number).sort((a, b) => a - b)) {
		const wait = day - before;
		parts.push(arrow(wait === 1 ? __("the next day") : wait ? __("{0} days later", [wait]) : __("at once")));
		before = day;
		parts.push(column(customer_tiering.step_boxes(days[day], box)));
	}
	const exits = [
		doc.exit_on_order && __("Order", null, "Outreach Sequence"),
		doc.exit_on_reply && __("Reply"),
		doc.exit_out_of_audience && __("Out of Audience"),
		__("Unsubscribed"),
	].filter(Boolean);
	parts.push(arrow(""), box(`★ ${__("Goal")}`, __(doc.goal || "Order", null, "Outreach Sequence")));
	frm.get_field("flow").$wrapper.html(
		`<div style="display: flex; flex-wrap: wrap; gap: 10px; margin-bottom: var(--margin-sm)">${parts.join("")}</div>
		<p class="text-muted small">${__("until the end, or at once on: {0}", [exits.join(", ")])}</p>`
	);
};

// A text without its code, cut between words.
customer_tiering.in_short = function (text, length = 60) {
	const plain = (text || "").replace(/{%[^]*?%}/g, " ").replace(/{{[^]*?}}/g, "…").replace(/\s+/g, " ").trim();
	if (plain.length <= length) return plain;
	const end = plain.lastIndexOf(" ", length);
	return `${plain.slice(0, end > length / 2 ? end : length)} …`;
};

customer_tiering.step_boxes = function (steps, box) {
	const escape = frappe.utils.escape_html;
	const total = steps.reduce((sum, step) => sum + (step.variant ? cint(step.weight) : 0), 0);
	return steps.map((step) => {
		const share = step.variant && total ? ` · ${Math.round((100 * cint(step.weight)) / total)}%` : "";
		const what = step.channel === "Email" ? step.email_template : step.message || step.webhook_url;
		const role = step.buying_role ? `<br>→ ${escape(__(step.buying_role, null, "Contact"))}` : "";
		const offer = step.offer ? `<br>％ ${escape(step.offer)}` : "";
		const variant = step.variant ? ` ${escape(step.variant)}${share}` : "";
		return box(
			`${ICONS[step.channel] || ""} ${__(step.channel)}${variant}`,
			escape(customer_tiering.in_short(what) || "…") + role + offer,
			step.variant ? "border-style: dashed" : ""
		);
	});
};

customer_tiering.preview_sequence = async function (frm) {
	if (frm.is_dirty()) await frm.save();
	const { message } = await frappe.call({
		method: "customer_tiering.outreach.api.preview_sequence",
		args: { sequence: frm.doc.name },
		type: "GET",
		freeze: true,
	});
	const dialog = new frappe.ui.Dialog({
		title: __("Who Would Get What?"),
		size: "extra-large",
		fields: [{ fieldname: "preview", fieldtype: "HTML" }],
	});
	dialog.get_field("preview").$wrapper.html(customer_tiering.preview_html(message, frm.doc.enabled));
	dialog.show();
};

customer_tiering.preview_html = function (preview, enabled) {
	const escape = frappe.utils.escape_html;
	const day = (text) => frappe.datetime.str_to_user(text);
	const customer = (row) =>
		`<a href="${frappe.utils.get_form_link("Customer", row.customer)}">${escape(row.customer_name)}</a>`;
	const table = (head, rows) => `<div style="max-height: 40vh; overflow: auto"><table class="table table-sm">
		<thead><tr>${head.map((text) => (text.startsWith("<th") ? text : `<th>${text}</th>`)).join("")}</tr></thead>
		<tbody>${rows.join("")}</tbody></table></div>`;
	const channels = Object.entries(preview.by_channel).map(([channel, count]) => `${__(channel)}: ${count}`);
	const facts = [
		__("{0} customers would enter", [`<b>${preview.entries}</b>`]),
		preview.held_out && __("{0} of them held out", [preview.held_out]),
		preview.under_way && __("{0} are under way", [preview.under_way]),
		channels.join(", "),
		preview.late && __("{0} of these go later than their day", [preview.late]),
		preview.kept_back && `<b>${__("{0} would not go out by then", [preview.kept_back])}</b>`,
	].filter(Boolean);
	const reasons = preview.reasons.map(([reason, count]) => `<li>${count} × ${escape(reason)}</li>`);
	const step = (row) => `${ICONS[row.channel] || ""} ${escape(customer_tiering.in_short(row.what))}
		<span class="text-muted small">${escape(row.variant)}</span>`;
	const going = preview.outgoing.map(
		(row) => `<tr><td class="text-nowrap">${day(row.day)}</td>
			<td>${customer(row)}<div class="d-md-none">${step(row)}</div></td>
			<td class="d-none d-md-table-cell">${step(row)}</td>
			<td style="overflow-wrap: anywhere">${row.goes ? customer_tiering.preview_reader(row) : `<span style="color: var(--orange-600)">${escape(row.reason)}</span>`}</td></tr>`
	);
	const entering = preview.entering.map((row) => `<tr><td>${day(row.day)}</td><td>${customer(row)}</td></tr>`);
	const off = enabled ? "" : `<p><b>${__("It is switched off. This is what would come of switching it on today.")}</b></p>`;
	return `${off}<p>${day(preview.from)} – ${day(preview.until)}: ${facts.join(" · ")}</p>
		<p class="text-muted">${escape(preview.how)}
			${__("As things stand today: whoever orders or unsubscribes gets nothing more, and what other sequences send may put a message off.")}</p>
		${reasons.length ? `<ul class="text-muted">${reasons.join("")}</ul>` : ""}
		<h5 class="mt-4">${__("What Would Go Out")}</h5>
		${going.length ? table([__("Date"), __("Customer"), `<th class="d-none d-md-table-cell">${__("Step")}</th>`, __("To", null, "Outreach Touch")], going) : `<p>${__("Nothing.")}</p>`}
		<h5 class="mt-4">${__("Who Would Enter")}</h5>
		${entering.length ? table([__("Date"), __("Customer")], entering) : `<p>${__("Nobody.")}</p>`}`;
};

// To whom a message goes, and why it goes later than it could.
customer_tiering.preview_reader = function (row) {
	const escape = frappe.utils.escape_html;
	const role = row.role && __(row.role, null, "Contact");
	const missing = row.wanted_role && row.wanted_role !== row.role && __("no {0} is known", [__(row.wanted_role, null, "Contact")]);
	const who = [row.name, missing || (row.wanted_role && role)].filter(Boolean).join(" · ");
	const late = row.waits_since && __("since {0}: {1}", [frappe.datetime.str_to_user(row.waits_since), row.reason]);
	return [escape(row.address || ""), ...[who, late].filter(Boolean).map((text) => `<span class="text-muted small">${escape(text)}</span>`)]
		.filter(Boolean)
		.join("<br>");
};

customer_tiering.try_step = async function (frm) {
	if (frm.is_dirty()) await frm.save();
	const steps = frm.doc.steps.map((step) => ({
		value: step.name,
		label: `${__("Day")} ${step.day_offset} · ${__(step.channel)} ${step.variant || ""} ${step.email_template || ""}`,
	}));
	const dialog = new frappe.ui.Dialog({
		title: __("Look at a Step"),
		size: "extra-large",
		fields: [
			{ fieldname: "customer", fieldtype: "Link", options: "Customer", label: __("For the Customer"), reqd: 1, change: () => show() },
			{ fieldtype: "Column Break" },
			{ fieldname: "step", fieldtype: "Select", options: steps, label: __("Step"), reqd: 1, default: steps[0].value, change: () => show() },
			{ fieldtype: "Column Break" },
			{ fieldname: "width", fieldtype: "Select", label: __("Width"), default: "700", change: () => show(),
				options: [{ value: "700", label: __("Computer") }, { value: "380", label: __("Phone") }] },
			{ fieldtype: "Section Break" },
			{ fieldname: "content", fieldtype: "HTML" },
		],
		primary_action_label: __("Send Me a Test"),
		async primary_action({ customer, step }) {
			const args = { sequence: frm.doc.name, step, customer };
			const answer = await frappe.call({ method: "customer_tiering.outreach.api.send_me_a_test", args });
			frappe.show_alert({ message: answer.message, indicator: "green" });
		},
	});
	const show = async () => {
		const { customer, step, width } = dialog.get_values(true) || {};
		const place = dialog.get_field("content").$wrapper;
		if (!customer || !step) return;
		const answer = await frappe
			.call({ method: "customer_tiering.outreach.api.show_step", args: { sequence: frm.doc.name, step, customer }, type: "GET" })
			.catch(() => null);
		const content = answer?.message;
		if (!content) return place.empty();
		const to = content.to && $("<p class='text-muted'>").text(__("To: {0}", [content.to]));
		if (!content.html) return place.empty().append(to, $("<pre>").text(content.text));
		const frame = $(`<iframe sandbox="" style="border: 1px solid var(--border-color); height: 60vh; max-width: 100%"></iframe>`);
		frame.attr("width", width).attr("srcdoc", content.html);
		place.empty().append(to, $("<p>").append($("<b>").text(content.subject)), frame);
	};
	dialog.show();
};
