// ERPNext's word for a withdrawn offer is another one in some languages.
frappe.listview_settings["Outreach Consent"] = {
	formatters: {
		decision: (value) =>
			`<span class="indicator-pill ${value === "Given" ? "green" : "red"}">${__(value, null, "Outreach Consent")}</span>`,
	},
};
