// Touches that failed on a text that has been mended since: from the touch, and from a selection in the list.
frappe.provide("customer_tiering");

customer_tiering.may_try_again = () => frappe.user.has_role(["Tiering Manager", "System Manager"]);

customer_tiering.try_again = function (touches, done) {
	frappe.confirm(__("What failed on its text goes out with the next dispatch, within the hour, as it reads then."), async () => {
		const { message } = await frappe.call("customer_tiering.outreach.api.try_again", { touches });
		const lines = message.refused.map((reason) => `<li>${frappe.utils.escape_html(reason)}</li>`).join("");
		frappe.msgprint({
			title: __("Try Again"),
			message: __("{0} will be tried again.", [message.again]) + (lines ? `<ul>${lines}</ul>` : ""),
			indicator: message.refused.length ? "orange" : "green",
		});
		done();
	});
};
