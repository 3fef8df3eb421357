"""Believable names. All addresses lie under example.com, which exists for that."""

from numpy.random import Generator

ENGLISH_FIRST = (
	"Alder Amber Ashford Beacon Birch Blackwood Bluewater Bramble Bridge Brook Canal Cedar Chalk Clearwater Cliff Copper "
	"Coral Crescent Crown Dover Eastgate Elm Ember Fairfield Falcon Fern Foundry Foxglove Garnet Granite Greenfield Grove "
	"Harbor Hawthorn Hazel Heron Highland Hillcrest Ironbridge Ivy Juniper Keystone Kingfisher Lakeside Larch Laurel "
	"Linden Magnolia Maple Marble Meadow Mill Moss Northgate Oak Orchard Osprey Pine Quarry Raven Redwood Ridge River "
	"Rowan Saffron Sandstone Sequoia Silver Slate Spruce Stone Summit Sycamore Thistle Timber Vale Walnut Westbrook "
	"Willow Windmill Yarrow"
).split()
ENGLISH_SECOND = (
	"Bakery Books Ceramics Clinic Coffee Construction Dental Design Electric Engineering Fabrics Fitness Foods Furniture "
	"Gardens Glass Hardware Hotels Instruments Interiors Joinery Kitchens Labs Lighting Logistics Machinery Marine "
	"Media Motors Optics Outfitters Packaging Pharmacy Plumbing Press Print Robotics School Services Stores Studio "
	"Supply Systems Tea Textiles Tools Toys Trading Works"
).split()
ENGLISH_FORM = ("Ltd", "Inc", "& Co", "Group", "LLC")
ENGLISH_GIVEN = (
	"Ada Alice Amir Anna Ben Carla Chloe Clara Daniel David Elena Emma Eric Fatima Felix Grace Hannah Henry Ines Isaac "
	"Ivan Jack Jana Julia Kofi Laura Leo Lina Lucas Maria Marta Max Mina Nadia Noah Nora Omar Oscar Paul Rosa Ruth Sam "
	"Sara Sofia Tara Theo Tom Vera Yara Zoe"
).split()
ENGLISH_FAMILY = (
	"Adams Bauer Bell Brown Carter Chen Clarke Cohen Cruz Diaz Evans Fischer Ford Garcia Gray Green Hall Haddad Hughes "
	"Ito Jensen Jones Kaur Khan King Klein Lee Lopez Martin Meyer Moore Mori Nowak Okafor Olsen Park Patel Perez Quinn "
	"Reid Rossi Sato Schmidt Silva Singh Smith Suzuki Walker Weber Young"
).split()

CHINESE_CITY = "上海 北京 广州 深圳 杭州 成都 苏州 武汉 南京 青岛 厦门 宁波 长沙 西安 重庆 天津 佛山 无锡 合肥 福州".split()
CHINESE_WORD = (
	"云川 恒信 华泰 金源 锦程 瑞丰 新禾 远航 天成 嘉和 明德 永康 盛达 博雅 鸿图 百川 卓越 安泰 东升 海通 宏远 汇丰源 佳禾 凯越 "
	"联创 美辰 普惠 启明 荣昌 森源 泰和 万方 祥云 兴业达 亿通 正大源 志远 中联 众合 紫金山"
).split()
CHINESE_TRADE = "贸易 科技 食品 机械 电子 家居 服饰 医疗器械 文化传媒 建材 物流 餐饮管理 教育咨询 酒店用品 五金 包装".split()
CHINESE_FAMILY = "王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗".split()
CHINESE_GIVEN = (
	"伟 芳 敏 静 丽 强 磊 洋 勇 艳 杰 娟 涛 明 超 秀英 霞 平 刚 桂英 建华 志强 晓东 雨桐 子涵 思远".split()
)


def companies(count: int, rng: Generator) -> list[str]:
	"""`count` different company names, four in ten of them Chinese."""
	names: dict[str, None] = {}
	while len(names) < count:
		names[_chinese_company(rng) if rng.random() < 0.4 else _english_company(rng)] = None
	return list(names)


def person(company: str, rng: Generator) -> tuple[str, str]:
	"""First and family name of somebody who could work there."""
	if company.isascii():
		return rng.choice(ENGLISH_GIVEN), rng.choice(ENGLISH_FAMILY)
	return rng.choice(CHINESE_GIVEN), rng.choice(CHINESE_FAMILY)


def _english_company(rng: Generator) -> str:
	return " ".join((rng.choice(ENGLISH_FIRST), rng.choice(ENGLISH_SECOND), rng.choice(ENGLISH_FORM)))


def _chinese_company(rng: Generator) -> str:
	return f"{rng.choice(CHINESE_CITY)}{rng.choice(CHINESE_WORD)}{rng.choice(CHINESE_TRADE)}有限公司"
