"""The plain-text part of a mail: what is to be copied, like a code or a link, stands there as it is."""

import re

from bs4 import BeautifulSoup, Comment

LINE, PARAGRAPH = "\ue000", "\ue001"
PARAGRAPHS = ("p", "div", "table", "ul", "ol", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr")
LINES = ("tr", "li")
UNSEEN = ("head", "style", "script", "title")


def plain_text(html: str) -> str:
	"""Without marks; a link is its text and its address."""
	soup = BeautifulSoup(html, "html.parser")
	for tag in (*soup(UNSEEN), *soup(string=lambda text: isinstance(text, Comment))):
		tag.extract()
	for link in soup("a"):
		words, address = link.get_text(" ", strip=True), (link.get("href") or "").strip()
		if address.startswith(("http://", "https://")) and address != words:
			link.replace_with(f"{words}: {address}" if words else address)
	for tag in soup("br"):
		tag.replace_with(LINE)
	for tag in soup(LINES):
		tag.insert(0, LINE + ("- " if tag.name == "li" else ""))
	for tag in soup(PARAGRAPHS):
		tag.insert_before(PARAGRAPH)
		tag.insert_after(PARAGRAPH)
	text = " ".join(soup.get_text().split()).replace(LINE, "\n").replace(PARAGRAPH, "\n\n")
	lines = "\n".join(line.strip() for line in text.split("\n"))
	return re.sub(r"\n{3,}", "\n\n", lines).strip()
