// Says on every page that this is not ERPNext.
(() => {
	const TEXT = "Sandbox: a stand-in for ERPNext. For tests and evaluation only.";

	function show() {
		const banner = document.createElement("div");
		banner.id = "sandbox-banner";
		banner.textContent = TEXT;
		banner.setAttribute("role", "note");
		Object.assign(banner.style, {
			position: "fixed",
			bottom: "0",
			left: "0",
			right: "0",
			padding: "3px 12px",
			textAlign: "center",
			fontSize: "12px",
			color: "#5c3c00",
			background: "#ffe9b8",
			borderTop: "1px solid #e8c66e",
			pointerEvents: "none",
			zIndex: "1015",
		});
		document.body.append(banner);
		document.body.style.paddingBottom = `${banner.offsetHeight}px`;
	}

	if (document.body) show();
	else document.addEventListener("DOMContentLoaded", show);
})();
