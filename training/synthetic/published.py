"""The songs of the published example and the answers that were published with them.

Only their titles and the gender that the published model gave to each playlist are real. In a synthetic data folder
they are given a popularity and a skew that follow those answers; nothing is said about who sings them in the world.
"""

PUBLISHED_PLAYLISTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("一路向北", "暗香", "菊花台"), "m"),
    (("不要说话", "平凡之路", "李白"), "m"),
    (("知足", "被风吹过的夏天", "龙卷风"), "m"),
    (("情人", "再见", "无赖", "离人", "你的样子"), "m"),
    (("小情歌", "我好想你", "无与伦比的美丽"), "f"),
    (("忐忑", "最炫民族风", "小苹果"), "m"),
    (("青春修炼手册", "爱出发", "宠爱", "魔法城堡", "样"), "f"),
)

PUBLISHED_ARTISTS = {
    "一路向北": "周杰伦",
    "暗香": "沙宝亮",
    "菊花台": "周杰伦",
    "不要说话": "陈奕迅",
    "平凡之路": "朴树",
    "李白": "李荣浩",
    "知足": "五月天",
    "被风吹过的夏天": "林俊杰",
    "龙卷风": "周杰伦",
    "情人": "Beyond",
    "再见": "张震岳",
    "无赖": "郑中基",
    "离人": "林志炫",
    "你的样子": "罗大佑",
    "小情歌": "苏打绿",
    "我好想你": "苏打绿",
    "无与伦比的美丽": "苏打绿",
    "忐忑": "龚琳娜",
    "最炫民族风": "凤凰传奇",
    "小苹果": "筷子兄弟",
    "青春修炼手册": "TFBOYS",
    "爱出发": "TFBOYS",
    "宠爱": "TFBOYS",
    "魔法城堡": "TFBOYS",
    "样": "TFBOYS",
}
