// What a rep has to do today, the best customers first; made for a thumb: one tap closes with an outcome.
frappe.provide("customer_tiering");

frappe.pages["my-follow-ups"].on_page_load = function (wrapper) {
	frappe.ui.make_app_page({ parent: wrapper, title: __("My Follow-Ups"), single_column: true });
	wrapper.follow_ups = new MyFollowUps(wrapper.page);
};

frappe.pages["my-follow-ups"].on_page_show = function (wrapper) {
	wrapper.follow_ups.refresh();
};

class MyFollowUps {
	constructor(page) {
		this.page = page;
		if (frappe.is_mobile()) page.add_menu_item(__("Refresh"), () => this.refresh()); // leaves room for the title
		else page.set_secondary_action(__("Refresh"), () => this.refresh(), "refresh");
		page.add_menu_item(__("ToDo List"), () =>
			frappe.set_route("List", "ToDo", { allocated_to: frappe.session.user, status: "Open" })
		);
		$(`<style>
			.follow-ups { max-width: 720px; margin: 0 auto; padding-bottom: 60px; }
			.follow-ups .fu-card { background: var(--card-bg); border: 1px solid var(--border-color);
				border-radius: var(--border-radius-lg, 12px); padding: 14px 16px; margin-bottom: 12px; }
			.follow-ups .fu-head { display: flex; align-items: baseline; gap: 8px; flex-wrap: wrap; }
			.follow-ups .fu-name { font-weight: 600; font-size: var(--text-lg); color: var(--text-color); overflow-wrap: anywhere; }
			.follow-ups .fu-money { margin-left: auto; white-space: nowrap; font-variant-numeric: tabular-nums; }
			.follow-ups .fu-text { margin: 8px 0 10px; overflow-wrap: anywhere; }
			.follow-ups .fu-text p:last-child { margin-bottom: 0; }
			.follow-ups .fu-text p + p { color: var(--text-muted); }
			.follow-ups .fu-name, .follow-ups .fu-about a { display: inline-flex; align-items: center; min-height: 40px; }
			.follow-ups .fu-about > * { display: inline-flex; align-items: center; max-width: 100%; overflow-wrap: anywhere; }
			.follow-ups .fu-about { display: flex; gap: 0 14px; align-items: center; flex-wrap: wrap; font-size: var(--text-sm); color: var(--text-muted); margin-bottom: 8px; }
			.follow-ups .fu-outcomes { display: grid; grid-template-columns: repeat(4, 1fr); gap: 8px; }
			.follow-ups .fu-outcomes .btn { min-height: 40px; white-space: normal; line-height: 1.15; }
			.follow-ups .fu-day { margin: 20px 0 8px; color: var(--text-muted); font-size: var(--text-sm); }
			.follow-ups section:first-child .fu-day { margin-top: 4px; }
			.follow-ups .fu-note { margin-bottom: 8px; min-height: 40px; }
			#page-my-follow-ups .title-area, #page-my-follow-ups .page-title .title-text { max-width: none; }
			.follow-ups .fu-done { display: flex; align-items: center; gap: 8px; color: var(--text-muted); }
			.follow-ups .fu-done .btn { margin-left: auto; min-height: 40px; min-width: 64px; }
			#page-my-follow-ups .page-actions .btn { min-height: 40px; min-width: 40px; }
			#page-my-follow-ups .dropdown-menu .dropdown-item { min-height: 40px; }
			@media (max-width: 480px) { .follow-ups .fu-outcomes { grid-template-columns: 1fr 1fr; } }
		</style>`).appendTo(page.main);
		this.place = $('<div class="follow-ups"></div>').appendTo(page.main);
		this.place.on("click", "[data-outcome]", (e) => this.close($(e.currentTarget)));
		this.place.on("click", "[data-reopen]", (e) => this.reopen($(e.currentTarget)));
	}

	async refresh() {
		const { message } = await frappe.call("customer_tiering.follow_up.api.my_follow_ups");
		this.currency = message.currency;
		const asked = message.rows.filter((row) => row.status === "Closed");
		const open = message.rows.filter((row) => row.status === "Open");
		const due = open.filter((row) => !row.date || row.date <= message.today);
		const later = open.filter((row) => row.date && row.date > message.today);
		this.today = message.today;
		this.months = message.months;
		this.place.html(
			message.rows.length
				? this.part("asked", asked) + this.part("due", due) + this.part("later", later)
				: `<div class="text-center text-muted" style="padding: 80px 16px">
					<div style="font-size: 40px; line-height: 1.4">✓</div><p>${__("Nothing to follow up. Well done.")}</p></div>`
		);
		this.count();
	}

	part(name, rows) {
		return rows.length
			? `<section data-part="${name}"><div class="fu-day"></div>${rows.map((row) => this.card(row)).join("")}</section>`
			: "";
	}

	// The headings say how many are left.
	count() {
		this.place.find("section").each((_, section) => {
			const left = $(section).find(".fu-card:not(.fu-closed)");
			const late = left.filter("[data-late]").length;
			const title = {
				asked: __("Closed: what came of it? ({0})", [left.length]),
				due: __("Due ({0})", [left.length]),
				later: __("Later ({0})", [left.length]),
			}[$(section).data("part")];
			$(section)
				.find(".fu-day")
				.html(late ? `${title} · <span class="text-danger">${__("{0} overdue", [late])}</span>` : title);
		});
	}

	card(row) {
		const escape = frappe.utils.escape_html;
		const link = frappe.utils.get_form_link("Customer", row.customer);
		const late = row.status === "Open" && row.date && row.date < this.today;
		const about = [
			row.date &&
				`<span class="${late ? "text-danger" : ""}">${
					late ? __("Overdue since {0}", [frappe.datetime.str_to_user(frappe.datetime.add_days(row.date, 1))]) : __("Due {0}", [frappe.datetime.str_to_user(row.date)])
				}</span>`,
			row.escalated_to &&
				`<span class="text-danger">${__("Reported to {0}", [escape(row.escalated_to)])}</span>`,
			row.tries && __("Tries: {0}", [row.tries]),
			row.priority === "High" && `<span class="text-danger">${__("High", null, "Priority")}</span>`,
			row.mobile_no && `<a href="tel:${encodeURIComponent(row.mobile_no)}">${escape(row.mobile_no)}</a>`,
			row.email_id && `<a href="mailto:${encodeURIComponent(row.email_id)}">${escape(row.email_id)}</a>`,
			row.last_order && __("Last order {0}", [row.last_order]),
		].filter(Boolean);
		return `<div class="fu-card" data-todo="${escape(row.name)}" data-tries="${row.tries || 0}" ${late ? "data-late" : ""}>
			<div class="fu-head">
				${row.tier ? `<span class="indicator-pill no-indicator-dot ${escape(row.colour)}">${escape(row.tier)}</span>` : ""}
				<a class="fu-name" href="${link}">${escape(row.customer_name || row.customer)}</a>
				${
					row.money
						? `<span class="fu-money" title="${__("Orders of the last {0} months", [this.months])}">
							${format_currency(row.money, this.currency, 0)}
							<span class="text-muted small">${__("in {0} months", [this.months])}</span></span>`
						: ""
				}
			</div>
			<div class="fu-text">${frappe.dom.remove_script_and_style(row.description || "")}</div>
			<div class="fu-about">${about.join("")}</div>
			<input class="form-control input-sm fu-note" placeholder="${__("Note (optional)")}" aria-label="${__("Note")}" maxlength="2000">
			<div class="fu-outcomes">${customer_tiering.OUTCOMES.map(
				([outcome, label]) =>
					`<button class="btn btn-sm ${outcome === "Reached" ? "btn-primary" : "btn-default"} ${
						outcome === "Lost" ? "text-danger" : ""
					}" data-outcome="${outcome}">${label}</button>`
			).join("")}</div>
		</div>`;
	}

	async close(button) {
		const card = button.closest(".fu-card");
		const outcome = button.data("outcome");
		const { todo, tries } = card.data();
		const note = card.find(".fu-note").val();
		const buttons = card.find("button").prop("disabled", true);
		const closed = await customer_tiering.close_follow_up(String(todo), outcome, { note, tries });
		buttons.prop("disabled", false);
		if (!closed) return;
		const said = customer_tiering.said_of_outcome(outcome, closed);
		card.find(".fu-note").attr("value", note);
		card.data("before", card.html()).data("closed", closed).addClass("fu-closed");
		card.html(`<div class="fu-done"><span>✓ ${card.find(".fu-name").prop("outerHTML")}: ${said}</span>
			<button class="btn btn-xs btn-default" data-reopen>${__("Undo")}</button></div>`);
		this.count();
	}

	async reopen(button) {
		const card = button.prop("disabled", true).closest(".fu-card");
		await customer_tiering.reopen_follow_up(card.data("closed"));
		card.html(card.data("before")).removeClass("fu-closed");
		this.count();
	}
}
