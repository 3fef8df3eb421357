// Which of two variants is better: a question, how long it takes, and an answer in sentences.
frappe.provide("customer_tiering");

const OURS = "customer_tiering.outreach.api";

frappe.ui.form.on("Outreach Experiment", {
	refresh(frm) {
		customer_tiering.list_steps(frm);
		if (frm.is_new()) return;
		customer_tiering.show_result(frm);
		if (!frm.perm[0]?.write) return;
		const does = (method, args = {}) => async () => {
			if (frm.is_dirty()) await frm.save();
			await frappe.call({ method: `${OURS}.${method}`, args: { experiment: frm.doc.name, ...args }, freeze: true });
			frm.reload_doc();
		};
		if (frm.doc.status === "Draft") frm.add_custom_button(__("Start the Experiment"), does("start_experiment")).addClass("btn-primary");
		if (frm.doc.status === "Running")
			frm.add_custom_button(__("End without a Result"), () =>
				frappe.confirm(__("End it? Nothing will be known about the variants."), does("stop_experiment"))
			);
		if (frm.doc.status === "Draft" || frm.doc.winner) return;
		for (const variant of [frm.doc.variant_a, frm.doc.variant_b])
			frm.add_custom_button(
				__("Everybody Gets {0}", [frappe.utils.escape_html(variant)]),
				() => frappe.confirm(customer_tiering.crown_question(frm, variant), does("crown_variant", { variant })),
				__("Winner")
			);
	},
	sequence(frm) {
		frm.set_value("step", "");
		customer_tiering.list_steps(frm);
	},
});

customer_tiering.crown_question = function (frm, variant) {
	const early = frm.doc.status === "Running" ? `${__("The experiment is not finished: it ends without a result.")} ` : "";
	return early + __("Whoever comes to this step from now on gets variant {0}.", [frappe.utils.escape_html(variant).bold()]);
};

customer_tiering.list_steps = async function (frm) {
	if (!frm.doc.sequence) return frm.set_df_property("step", "options", []);
	const { message } = await frappe.call({
		method: `${OURS}.steps_to_test`,
		args: { sequence: frm.doc.sequence },
		type: "GET",
	});
	frm.set_df_property("step", "options", ["", ...message]);
	const step = message.find(({ value }) => value === frm.doc.step); // in the reader's language
	if (step) frm.get_field("step_title").$wrapper?.find(".control-value").text(step.label);
	if (frm.is_new() && message.length === 1 && !frm.doc.step) frm.set_value("step", message[0].value);
	if (!message.length && frm.is_new())
		frm.set_df_property("step", "description", __("This sequence has no variants yet: give two rows of the same day a variant, A and B."));
};

customer_tiering.show_result = async function (frm) {
	const { message } = await frappe.call({
		method: `${OURS}.experiment_result`,
		args: { experiment: frm.doc.name },
		type: "GET",
	});
	frm.get_field("result").$wrapper.html(
		message.status === "Finished" ? customer_tiering.finished_html(frm, message) : customer_tiering.waiting_html(frm, message)
	);
};

const rate = (number) => `${format_number(number, null, 1)}%`;

customer_tiering.waiting_html = function (frm, result) {
	const escape = frappe.utils.escape_html;
	const missing = result.arms.reduce((sum, arm) => sum + arm.needed - cint(arm.customers), 0);
	const days = result.pace ? Math.ceil((missing * result.pace_days) / result.pace) + frm.doc.window_days : null;
	const pace = days
		? __("At the pace of the last {0} days it takes {1} more days or so.", [result.pace_days, days])
		: __("Nobody got this step in the last {0} days, so nobody can say how long it takes.", [result.pace_days]);
	if (result.status === "Stopped") return `<p>${__("Ended without a result.")}</p>`;
	if (result.status === "Draft") {
		const parts = result.arms.map((arm) => `${escape(arm.variant)}: <b>${arm.needed}</b>`).join(", ");
		return `<p>${__("Customers needed of each variant:")} ${parts}. ${pace}</p>`;
	}
	const bars = result.arms.map((arm) => {
		const share = Math.min(100, (100 * arm.customers) / arm.needed);
		return `<div class="mb-2"><b>${escape(arm.variant)}</b> <span class="text-muted">${escape(arm.what.slice(0, 80))}</span>
			<div class="progress" style="height: 8px"><div class="progress-bar" style="width: ${share}%"></div></div>
			<span class="small">${__("{0} of {1} customers", [arm.customers, arm.needed])}</span></div>`;
	});
	return `<h4>${__("Not enough data yet")}</h4>${bars.join("")}
		<p>${pace}</p>
		<p class="text-muted small">${__("No rates are shown before both are full: whoever looks early and stops when it looks good is wrong far too often.")}</p>`;
};

customer_tiering.finished_html = function (frm, result) {
	const escape = frappe.utils.escape_html;
	const [first, second] = result.arms;
	const title = result.proven
		? __("Variant {0} is better", [escape(result.proven)])
		: __("No difference could be shown");
	const rows = result.arms.map(
		(arm) => `<tr><td><b>${escape(arm.variant)}</b> <span class="text-muted">${escape(arm.what.slice(0, 80))}</span></td>
			<td class="text-right">${arm.customers}</td><td class="text-right">${arm.successes}</td>
			<td class="text-right"><b>${rate(arm.rate)}</b></td></tr>`
	);
	const chance = result.p_value < 0.001 ? __("less than 0.1%") : rate(100 * result.p_value);
	const points = (number) => format_number(number, null, 1);
	const sentences = [
		__("{0} less {1}: {2} points, with {3}% confidence between {4} and {5}.", [
			escape(second.variant),
			escape(first.variant),
			points(result.difference),
			points(100 - result.alpha).replace(/[.,]0$/, ""),
			points(result.low),
			points(result.high),
		]),
		__("If both were alike, chance alone would bring such a difference in {0} of all experiments.", [chance]),
	];
	if (!result.proven) sentences.push(__("They may be alike, or differ by less than you asked for. Choose the one you like."));
	if (frm.doc.winner) sentences.push(__("Everybody gets {0} now.", [escape(frm.doc.winner)]));
	const edited = result.rewritten.length
		? `<p><span class="indicator-pill orange">${__("Edited since the start: {0}. The result is that of a mixture.", [result.rewritten.map(escape).join(", ")])}</span></p>`
		: "";
	return `<h4>${title}</h4><table class="table table-sm" style="max-width: 640px">
		<thead><tr><th>${__("Variant", null, "Outreach Step")}</th><th class="text-right">${__("Customers", null, "Outreach Experiment")}</th>
		<th class="text-right">${__(frm.doc.metric, null, "Outreach Experiment")}</th><th class="text-right">${__("Share", null, "Outreach Experiment")}</th></tr></thead>
		<tbody>${rows.join("")}</tbody></table><p>${sentences.join(" ")}</p>${edited}
		<p class="text-muted small">${__("Fisher's exact test, two-sided; Newcombe's interval; the number of customers was fixed beforehand (Fleiss, Tytun and Ury 1980).")}</p>`;
};
