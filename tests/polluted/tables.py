# ruff: noqa: RUF001  -- letters of other scripts are what these tables are for
"""Clean tables of different character, made by code: what `corpus` writes and pollutes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

Row = list[str | None]

ITEMS = (
    "Mountain-100 Silver, 44",
    "Road-250 Black, 52",
    "Sport helmet, red",
    "Water bottle, 30 oz.",
    'Pipe 5" steel',
    'Monitor 27" flat, matt',
    'Tyre tube, "butyl" kind',
    "Patch kit",
    "Bike wash",
    "Hitch rack, 4 bikes",
)
PEOPLE = (
    "Ada Berg", "Bruno Costa", "Clara Diaz", "David Evans", "Elena Fischer", "Farid Gul",
    "Greta Holm", "Hugo Ibsen", "Ines Jung", "Jonas Keller", "Kira Lund", "Leon Marsh",
)  # fmt: skip
CITIES = (
    ("Oslo", "Norway"), ("Porto", "Portugal"), ("Lima", "Peru"), ("Bergen", "Norway"),
    ("Cusco", "Peru"), ("Braga", "Portugal"), ("Lund", "Sweden"), ("Malaga", "Spain"),
)  # fmt: skip
TRADES = ("baker", "nurse", "welder", "teacher", "gardener", "pilot", "painter")
REMARKS = (
    "it's broken since Monday",
    "'tis fine, says the customer's son",
    "don't call before noon",
    "the driver's late again, isn't he",
    "all good",
    "customers' own packaging",
    "rock 'n' roll edition",
    "couldn't be delivered",
    "left at the neighbour's door",
)
COMMENTS = (
    "Arrived quickly.\nWould buy again, no doubt.",
    'They said "two days".\nIt took nine,\nand nobody called.',
    "Fine",
    "Good value, if a little loud",
    'My father calls it "the thing"',
    "First line\n\nthird line",
    "Colour is off; the rest is right",
)


@dataclass(frozen=True)
class Table:
    """A clean table; `is_typed` says that some of its columns hold numbers or dates."""

    name: str
    header: list[str]
    rows: list[Row]
    is_typed: bool = True

    def head(self, count: int) -> "Table":
        """The same with only its first rows."""
        return replace(self, rows=self.rows[:count])

    def filled(self, value: str = "none") -> "Table":
        """The same without an empty field."""
        return replace(self, rows=[[cell or value for cell in row] for row in self.rows])

    @property
    def records(self) -> list[Row]:
        """The header and the rows."""
        return [[*self.header], *self.rows]

    @property
    def text(self) -> str:
        """Every field in one text."""
        return "".join(cell or "" for row in self.records for cell in row)


def _day(number: int) -> str:
    return (date(2019, 7, 1) + timedelta(days=number)).isoformat()


def sales(count: int = 60) -> Table:
    """Dates, times, prices, product text with commas and quotes, addresses."""
    chance = random.Random("sales")
    rows: list[Row] = []
    for number in range(count):
        person = chance.choice(PEOPLE)
        rows.append(
            [
                f"SO{43697 + number}",
                str(chance.randint(1, 3)),
                _day(number // 4),
                f"{chance.randint(8, 19):02}:{chance.randint(0, 59):02}:00",
                person,
                person.lower().replace(" ", ".") + "@example.org"
                if chance.random() < 0.9
                else None,
                ITEMS[number % len(ITEMS)],
                str(chance.randint(1, 9)),
                f"{chance.uniform(2, 3600):.2f}",
                f"https://shop.example.org/i/{chance.randint(100, 999)}?ref=a&lang=en",
            ]
        )
    header = [
        "order_number", "line", "order_date", "order_time", "customer", "email", "item",
        "quantity", "unit_price", "link",
    ]  # fmt: skip
    return Table("sales", header, rows)


def people(count: int = 40) -> Table:
    """Text and nothing else."""
    chance = random.Random("people")
    rows: list[Row] = []
    for _ in range(count):
        city, country = chance.choice(CITIES)
        trade = chance.choice(TRADES) if chance.random() < 0.9 else None
        rows.append([chance.choice(PEOPLE), trade, city, country])
    return Table("people", ["name", "occupation", "city", "country"], rows, is_typed=False)


def measurements(count: int = 120) -> Table:
    """Numbers: counts, floats, negatives, exponents."""
    chance = random.Random("measurements")
    rows: list[Row] = [
        [
            str(number),
            str(chance.randint(1, 12)),
            f"{chance.gauss(20, 8):.3f}",
            f"{chance.gauss(0, 1):.6f}",
            f"{chance.uniform(0.1, 9.9):.2f}e-{chance.randint(1, 9)}",
            str(chance.randint(900, 1100)) if chance.random() < 0.9 else None,
        ]
        for number in range(1, count + 1)
    ]
    header = ["reading", "sensor", "temperature", "drift", "noise", "pressure"]
    return Table("measurements", header, rows)


def pairs(count: int = 30) -> Table:
    """Two columns: a word and a number."""
    chance = random.Random("pairs")
    words = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath")
    rows: list[Row] = [
        [f"{chance.choice(words)}{number}", str(chance.randint(0, 9999))] for number in range(count)
    ]
    return Table("pairs", ["name", "stock"], rows)


def wide(count: int = 12, width: int = 40) -> Table:
    """Many columns, some of their fields empty."""
    chance = random.Random("wide")
    rows: list[Row] = [
        [
            f"P-{number:03}",
            *(
                f"{chance.uniform(0, 5):.1f}" if chance.random() < 0.8 else None
                for _ in range(width - 2)
            ),
            chance.choice(["yes", "no"]),
        ]
        for number in range(1, count + 1)
    ]
    header = ["patient", *(f"q{place}" for place in range(1, width - 1)), "done"]
    return Table("wide", header, rows)


def comments(count: int = 25) -> Table:
    """Text of several lines, with commas and quotes."""
    chance = random.Random("comments")
    rows: list[Row] = [
        [
            str(1000 + n),
            chance.choice(PEOPLE),
            COMMENTS[n % len(COMMENTS)],
            str(chance.randint(1, 5)),
        ]
        for n in range(count)
    ]
    return Table("comments", ["id", "author", "comment", "stars"], rows)


def remarks(count: int = 50) -> Table:
    """Free text with apostrophes, also where a field begins."""
    chance = random.Random("remarks")
    rows: list[Row] = [
        [
            f"R{number:04}",
            _day(number),
            REMARKS[number % len(REMARKS)],
            chance.choice(["open", "closed", "waiting"]),
        ]
        for number in range(count)
    ]
    return Table("remarks", ["ticket", "opened_on", "remark", "state"], rows)


def european(count: int = 35) -> Table:
    """Decimal commas and days before months, as where `;` separates."""
    chance = random.Random("european")
    goods = ("Schraube M4", "Mutter M4", "Lack, matt", "Leim", "Pinsel, 40 mm")
    rows: list[Row] = [
        [
            f"{chance.randint(1, 28):02}.{chance.randint(1, 12):02}.2021",
            chance.choice(goods),
            f"{chance.randint(1, 40)}",
            f"{chance.uniform(0.5, 99):.2f}".replace(".", ","),
            f"{chance.uniform(1, 400):.3f}".replace(".", ","),
        ]
        for _ in range(count)
    ]
    return Table("european", ["Datum", "Artikel", "Menge", "Preis", "Gewicht"], rows)


def second() -> Table:
    """A small table of another kind, such as stands below a first one."""
    chance = random.Random("second")
    rows: list[Row] = [
        [
            chance.choice(("north", "south", "east", "west")),
            f"{chance.uniform(10, 99):.1f}",
            _day(n),
        ]
        for n in range(4)
    ]
    return Table("second", ["region", "share", "until"], rows)


def bases() -> tuple[Table, ...]:
    """One table of each character, `european` apart."""
    return (sales(), people(), measurements(), pairs(), wide(), comments(), remarks())


# Tables in other languages, by the encodings that people there use

LANGUAGES: dict[str, tuple[Sequence[str], Sequence[str], Sequence[str]]] = {
    "german": (
        ("Nummer", "Straße", "Bemerkung"),
        ("Königstraße", "Schloßallee", "Am Mühlbach", "Grüner Weg", "Bäckergasse"),
        (
            "Die Tür schließt nicht richtig, bitte prüfen",
            "Übergabe für Dienstag früh bestätigt",
            "Schlüssel hängt außen am Kästchen",
            "Der Mieter möchte die Küche erneuern",
        ),
    ),
    "french": (
        ("numéro", "élève", "appréciation"),
        ("Zoé Lefèvre", "Jérôme Gauthier", "Anaïs Hébert", "François Noël"),
        (
            "Très bonne élève, à encourager",
            "Résultats inégaux, doit être plus régulier",
            "A progressé depuis la rentrée, ça se voit",
            "Élève sérieuse et appliquée même à l'étude",
        ),
    ),
    "polish": (
        ("numer", "imię", "uwagi"),
        ("Łukasz Wójcik", "Małgorzata Kamińska", "Zdzisław Dąbrowski", "Żaneta Krawczyńska"),
        (
            "Książka została zwrócona w terminie, dziękujemy",
            "Proszę dostarczyć przesyłkę na trzecie piętro",
            "Płatność jeszcze nie została zaksięgowana",
            "Właściciel będzie dostępny dopiero w środę",
        ),
    ),
    "russian": (
        ("номер", "город", "примечание"),
        ("Москва", "Новосибирск", "Екатеринбург", "Нижний Новгород"),
        (
            "Товар доставлен вовремя, спасибо",
            "Просьба позвонить заранее до обеда",
            "Покупатель отказался от заказа на месте",
            "Адрес уточнить у диспетчера",
        ),
    ),
    "greek": (
        ("αριθμός", "πόλη", "παρατήρηση"),
        ("Αθήνα", "Θεσσαλονίκη", "Πάτρα", "Ηράκλειο"),
        (
            "Η παραγγελία παραδόθηκε εγκαίρως, ευχαριστούμε",
            "Ο πελάτης ζήτησε αλλαγή διεύθυνσης",
            "Να γίνει επικοινωνία μετά το μεσημέρι",
            "Το προϊόν επιστράφηκε χωρίς συσκευασία",
        ),
    ),
    "turkish": (
        ("numara", "şehir", "açıklama"),
        ("İstanbul", "Eskişehir", "Muğla", "Diyarbakır"),
        (
            "Sipariş zamanında teslim edildi, teşekkürler",
            "Müşteri adres değişikliği istiyor",
            "Öğleden sonra aranması gerekiyor",
            "Ürün ambalajı açılmış şekilde iade edildi",
        ),
    ),
    "hebrew": (
        ("מספר", "עיר", "הערה"),
        ("ירושלים", "תל אביב", "חיפה", "באר שבע"),
        (
            "ההזמנה נמסרה בזמן, תודה רבה",
            "הלקוח ביקש לשנות את הכתובת",
            "נא להתקשר לפני ההגעה לבית",
            "המוצר הוחזר ללא האריזה המקורית",
        ),
    ),
    "arabic": (
        ("رقم", "مدينة", "ملاحظة"),
        ("القاهرة", "دمشق", "الرباط", "بغداد"),
        (
            "تم تسليم الطلب في الموعد وشكرا",
            "طلب العميل تغيير العنوان",
            "الرجاء الاتصال قبل الوصول إلى المنزل",
            "أعيد المنتج بدون العبوة الأصلية",
        ),
    ),
    "chinese": (
        ("编号", "城市", "备注"),
        ("北京", "上海", "广州", "成都"),
        (
            "货物已按时送达，谢谢您的购买",
            "客户要求更改收货地址",
            "请在中午之前提前打电话联系",
            "产品没有原包装就被退回了",
        ),
    ),
    "japanese": (
        ("番号", "都市", "備考"),
        ("東京", "大阪", "札幌", "福岡"),
        (
            "ご注文の商品は予定どおりに届きました",
            "お客様が住所の変更を希望しています",
            "お昼までに電話で連絡してください",
            "箱のない状態で返品されました",
        ),
    ),
}


def written_in(language: str, count: int = 40) -> Table:
    """A table in this language: a number, a word or two, a sentence, a day."""
    header, names, sentences = LANGUAGES[language]
    chance = random.Random(language)
    rows: list[Row] = [
        [str(number), chance.choice(names), chance.choice(sentences), _day(number)]
        for number in range(1, count + 1)
    ]
    return Table(language, [*header, "date"], rows)
