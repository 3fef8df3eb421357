"""The three kinds of records that rules consist of, and what each is called where."""

from typing import NamedTuple


class Kind(NamedTuple):
	"""`decision`: of a Tiering Event; `field`: of Customer; `rules`: of Policy; `name_field`: of the DocType itself."""

	decision: str
	field: str
	rules: str
	name_field: str


KINDS = {
	"Customer Tier": Kind("Tier", "customer_tier", "tiers", "tier_name"),
	"Lifecycle Stage": Kind("Stage", "lifecycle_stage", "stages", "stage_name"),
	"RFM Segment": Kind("Segment", "rfm_segment", "segments", "segment_name"),
}
