// Below each ToDo on a customer the tier, the name and the money at stake, and an outcome in one click. Adds to the framework's own list
// settings, whatever they are.
(function () {
	const settings = (frappe.listview_settings["ToDo"] = frappe.listview_settings["ToDo"] || {});
	if (settings.has_follow_ups) return;
	settings.has_follow_ups = true;
	settings.add_fields = [...(settings.add_fields || []), "follow_up_tries", "follow_up_key", "status", "reference_type", "reference_name"];

	$(`<style>
		.follow-up-line { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; padding: 0 12px 8px 30px; }
		.follow-up-badge { display: flex; align-items: center; gap: 6px; min-width: 300px; }
		.follow-up-outcomes { display: flex; flex-wrap: wrap; gap: 4px; }
		@media (max-width: 767px) { .follow-up-badge { min-width: 100%; } }
		@media (pointer: coarse) { .follow-up-outcomes { flex: 1; } .follow-up-outcomes .btn { min-height: 40px; flex: 1 1 40%; } }
	</style>`).appendTo("head"); // thumbs need room

	const refresh = settings.refresh;
	settings.refresh = function (list) {
		refresh && refresh.call(this, list);
		show_badges(list);
		ask_for_outcomes(list);
	};

	// What the framework closed (for several at once, say) is asked for its outcome, one after the other.
	let open = new Map();
	async function ask_for_outcomes(list) {
		const shown = new Set(list.data.filter((doc) => doc.status === "Open").map((doc) => doc.name));
		const gone = [...open].filter(([name]) => !shown.has(name));
		open = new Map(
			list.data.filter((doc) => shown.has(doc.name) && doc.follow_up_key).map((doc) => [doc.name, doc.reference_name])
		);
		if (!gone.length) return;
		const args = { todos: JSON.stringify(gone.map(([name]) => name)) };
		const { message: badges } = await frappe.call({ method: "customer_tiering.follow_up.api.badges", args, type: "POST" });
		let said = false;
		for (const [name, customer] of gone.filter(([name]) => badges[name]?.lacks_outcome)) {
			const about = badges[name].customer_name || customer;
			const outcome = await customer_tiering.ask_for_outcome(__("What came of it? {0}", [about]));
			if (!outcome) break;
			const closed = await customer_tiering.close_follow_up(name, outcome);
			if (closed) customer_tiering.tell_outcome(outcome, closed, () => list.refresh());
			said = said || closed;
		}
		if (said) list.refresh();
	}

	async function show_badges(list) {
		const todos = list.data.filter((doc) => doc.reference_type === "Customer").map((doc) => doc.name);
		if (!todos.length) return;
		const answer = await frappe
			.call({
				method: "customer_tiering.follow_up.api.badges",
				args: { todos: JSON.stringify(todos) },
				type: "POST",
			})
			.catch(() => null);
		const badges = answer?.message || {};
		list.$result.find(".follow-up-line").remove();
		list.$result.find(".list-row-checkbox").each((_, box) => {
			const name = decodeURIComponent(box.dataset.name || "");
			if (badges[name]) show(list, $(box).closest(".list-row-container"), name, badges[name]);
		});
	}

	function show(list, row, name, badge) {
		const escape = frappe.utils.escape_html;
		const tier = badge.tier
			? `<span class="indicator-pill no-indicator-dot ${escape(badge.colour)}">${escape(badge.tier)}</span>`
			: "";
		const money = badge.money ? format_currency(badge.money, badge.currency, 0) : "";
		const about = $(`<div class="follow-up-badge text-muted small">${tier}<b>${escape(badge.customer_name)}</b>
			<span style="white-space: nowrap" title="${__("Orders of the last {0} months", [badge.months])}">${money}</span></div>`);
		// below, as the columns have no room for it
		$(`<div class="follow-up-line"></div>`)
			.append(about, badge.is_follow_up ? outcomes(list, name) : "")
			.insertAfter(row.find(".list-row").first());
	}

	function outcomes(list, name) {
		const place = $(`<div class="follow-up-outcomes"></div>`);
		for (const [outcome, label] of customer_tiering.OUTCOMES)
			$(`<button class="btn btn-xs btn-default">${label}</button>`)
				.on("click", async (e) => {
					e.stopPropagation();
					e.preventDefault();
					const buttons = place.find("button").prop("disabled", true);
					const tries = list.data.find((doc) => doc.name === name)?.follow_up_tries;
					const closed = await customer_tiering.close_follow_up(name, outcome, { tries });
					buttons.prop("disabled", false);
					if (!closed) return;
					customer_tiering.tell_outcome(outcome, closed, () => list.refresh());
					list.refresh();
				})
				.appendTo(place);
		return place;
	}
})();
