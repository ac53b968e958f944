//! Names, places, companies and numbers, as they go together.

/// How people and companies of one place are called and reached.
#[derive(Debug)]
pub(in crate::demo) struct Culture {
    pub(in crate::demo) given: &'static [&'static str],
    pub(in crate::demo) family: &'static [&'static str],
    /// The family's name comes first, and without a blank.
    pub(in crate::demo) family_first: bool,
    pub(in crate::demo) cities: &'static [&'static str],
    pub(in crate::demo) streets: &'static [&'static str],
    /// `S` a street, `@` a number in it, `C` a city, `#` a digit.
    pub(in crate::demo) address: &'static str,
    /// Numbers that are kept for fiction, or that nobody can have.
    pub(in crate::demo) phones: &'static [&'static str],
    pub(in crate::demo) forms: &'static [&'static str],
    pub(in crate::demo) tax: &'static str,
    pub(in crate::demo) currency: &'static str,
}

/// The first ones are the most common.
pub(in crate::demo) const CULTURES: &[&Culture] = &[
    &Culture {
        given: &[
            "James", "Olivia", "Thomas", "Emily", "William", "Grace", "Henry", "Charlotte", "George", "Alice",
            "Oliver", "Sophie", "Edward", "Zoë", "Arthur", "Chloe", "Samuel", "Ruby", "Liam", "Siân",
            "Callum", "Niamh", "Patrick", "Imogen", "Rhys", "Beatrice",
        ],
        family: &[
            "Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Evans", "Thompson", "Walker", "Wright",
            "Robinson", "Hughes", "Clarke", "Hall", "Turner", "Cooper", "Ward", "Bell", "Murphy", "O'Neill",
            "Fletcher", "Hargreaves", "Whitfield", "Lovelace", "Pemberton", "Ashcroft",
        ],
        family_first: false,
        cities: &["London", "Manchester", "Leeds", "Bristol", "Glasgow", "Cardiff", "Sheffield", "York", "Bath", "Ely"],
        streets: &["High Street", "Station Road", "Church Lane", "Mill Road", "Victoria Street", "Green Lane", "Dorset Street", "Kingsway"],
        address: "@ S\nC",
        phones: &["+44 20 7946 0###", "+44 161 496 0###", "+44 113 496 0###", "+44 7700 900###", "+44 117 496 0###", "+44 1632 960###"],
        forms: &["Ltd", "LLP", "plc", "& Sons", "Group"],
        tax: "GB#########",
        currency: "GBP",
    },
    &Culture {
        given: &[
            "Anna", "Lukas", "Julia", "Maximilian", "Lena", "Jonas", "Katharina", "Felix", "Jürgen", "Sabine",
            "Jörg", "Renate", "Günther", "Heike", "Björn", "Käthe", "Matthias", "Ursula", "Florian", "Ilse",
        ],
        family: &[
            "Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Meyer", "Wagner", "Becker", "Schäfer", "Koch",
            "Bauer", "Richter", "Krüger", "Hofmann", "Lange", "Köhler", "Jäger", "Weiß", "Groß", "Böhm",
            "Voß", "Scholz", "Straub", "Hölderlin", "Nüßlein",
        ],
        family_first: false,
        cities: &["Berlin", "München", "Hamburg", "Köln", "Leipzig", "Stuttgart", "Düsseldorf", "Nürnberg", "Göttingen", "Gießen"],
        streets: &["Hauptstraße", "Bahnhofstraße", "Gartenweg", "Schillerstraße", "Lindenallee", "Am Markt", "Mühlgasse", "Königsplatz"],
        address: "S @\n1#### C",
        phones: &["+49 30 23125 ###", "+49 221 4710 ###", "+49 40 66969 ###", "+49 89 99998 ###", "+49 30 0## ## ##", "+49 711 0## ###"],
        forms: &["GmbH", "AG", "KG", "& Söhne", "GmbH & Co. KG"],
        tax: "DE#########",
        currency: "EUR",
    },
    &Culture {
        given: &[
            "María", "Javier", "Lucía", "Carlos", "Carmen", "José", "Sofía", "Andrés", "Inés", "Ramón",
            "Belén", "Íñigo", "Nuria", "Joaquín", "Begoña", "Álvaro", "Rocío", "Hernán",
        ],
        family: &[
            "García", "Fernández", "González", "Rodríguez", "López", "Martínez", "Sánchez", "Pérez", "Gómez", "Muñoz",
            "Jiménez", "Álvarez", "Ibáñez", "Núñez", "Peña", "Ordóñez", "Castro", "Vidal", "Quiñones", "Zúñiga",
        ],
        family_first: false,
        cities: &["Madrid", "Barcelona", "Sevilla", "Valencia", "Málaga", "Bilbao", "Cádiz", "A Coruña", "León", "Logroño"],
        streets: &["Calle Mayor", "Gran Vía", "Calle del Sol", "Avenida de América", "Plaza Nueva", "Calle Ancha", "Paseo del Prado"],
        address: "S, @\n28### C",
        phones: &["+34 91 0## ## ##", "+34 93 0## ## ##", "+34 95 0## ## ##"],
        forms: &["S.L.", "S.A.", "e Hijos", "S. Coop."],
        tax: "ESB########",
        currency: "EUR",
    },
    &Culture {
        given: &[
            "Camille", "Louis", "Chloé", "Hugo", "Léa", "Gaël", "Élodie", "François", "Anaïs", "Benoît",
            "Hélène", "Jérôme", "Margaux", "Rémi", "Océane", "Théo", "Zoé", "Cédric",
        ],
        family: &[
            "Martin", "Bernard", "Dubois", "Lefèvre", "Moreau", "Laurent", "Simon", "Lefebvre", "Roux", "Fournier",
            "Girard", "Mercier", "Lambert", "Bonnet", "Gérard", "Chauvière", "Besançon", "Le Goff", "D'Aubigné", "Cœur",
        ],
        family_first: false,
        cities: &["Paris", "Lyon", "Marseille", "Toulouse", "Nantes", "Orléans", "Besançon", "Saint-Étienne", "Nîmes"],
        streets: &["rue de la Paix", "avenue de la Gare", "rue Pasteur", "place de l'Église", "rue du Château", "quai des Fleurs"],
        address: "@, S\n75### C",
        phones: &["+33 1 99 00 ## ##", "+33 2 61 91 ## ##", "+33 3 53 01 ## ##", "+33 6 39 98 ## ##"],
        forms: &["SARL", "SAS", "et Fils", "SA"],
        tax: "FR###########",
        currency: "EUR",
    },
    &Culture {
        given: &[
            "Michael", "Jennifer", "David", "Ashley", "Daniel", "Jessica", "Tyler", "Brianna", "Kevin", "Latoya",
            "Brandon", "Megan", "DeShawn", "Kaitlyn", "Carlos", "Mei", "Noah", "Ava",
        ],
        family: &[
            "Johnson", "Williams", "Davis", "Miller", "Anderson", "Jackson", "White", "Harris", "Nguyen", "Ramirez",
            "Lewis", "Young", "King", "Torres", "Kowalski", "McAllister", "Washington", "Olsen",
        ],
        family_first: false,
        cities: &["New York", "Chicago", "Austin", "Seattle", "Boston", "Denver", "Portland", "Santa Fe", "Cañon City"],
        streets: &["Main Street", "Oak Avenue", "Maple Drive", "2nd Street", "Park Boulevard", "Sunset Road", "Broadway"],
        address: "@ S\nC",
        phones: &["+1 N## 555 01##", "(N##) 555-01##"],
        forms: &["Inc.", "LLC", "Corp.", "& Co."],
        tax: "##-#######",
        currency: "USD",
    },
    &Culture {
        given: &[
            "Giulia", "Luca", "Francesca", "Marco", "Chiara", "Niccolò", "Elena", "Andrea", "Paola", "Matteo", "Noè", "Ilaria",
        ],
        family: &[
            "Rossi", "Russo", "Ferrari", "Esposito", "Bianchi", "Romano", "Colombo", "Ricci", "Greco", "Menabrea",
            "Nicolò", "Dell'Acqua", "De Santis", "Cantù",
        ],
        family_first: false,
        cities: &["Milano", "Roma", "Torino", "Bologna", "Firenze", "Forlì", "Genova", "Cefalù"],
        streets: &["Via Roma", "Corso Italia", "Via Garibaldi", "Piazza del Duomo", "Via dei Mille", "Viale Libertà"],
        address: "S @\n20### C",
        phones: &["+39 02 0### ####", "+39 06 0### ####", "+39 011 0## ####"],
        forms: &["S.r.l.", "S.p.A.", "e Figli", "& C."],
        tax: "IT###########",
        currency: "EUR",
    },
    &Culture {
        given: &[
            "Łukasz", "Agnieszka", "Paweł", "Zofia", "Michał", "Małgorzata", "Krzysztof", "Grażyna", "Stanisław", "Żaneta", "Wojciech", "Iga",
        ],
        family: &[
            "Nowak", "Kowalczyk", "Wiśniewski", "Wójcik", "Kamiński", "Zieliński", "Dąbrowski", "Jabłoński", "Król",
            "Wróbel", "Gałązka", "Święty", "Źrebiec", "Łęcki",
        ],
        family_first: false,
        cities: &["Warszawa", "Kraków", "Łódź", "Wrocław", "Poznań", "Gdańsk", "Częstochowa"],
        streets: &["ul. Długa", "ul. Kościelna", "ul. Mickiewicza", "al. Róż", "ul. Świętojańska", "pl. Wolności"],
        address: "S @\n0#-### C",
        phones: &["+48 22 0## ## ##", "+48 12 0## ## ##", "+48 71 0## ## ##"],
        forms: &["Sp. z o.o.", "S.A.", "i Synowie"],
        tax: "PL##########",
        currency: "PLN",
    },
    &Culture {
        given: &[
            "Søren", "Ingrid", "Åsa", "Lars", "Bjørn", "Freja", "Håkan", "Märta", "Jørgen", "Sigrún", "Päivi", "Óskar",
        ],
        family: &[
            "Hansen", "Johansson", "Nilsson", "Sørensen", "Lindström", "Bergström", "Ødegård", "Jónsdóttir", "Mäkinen",
            "Åkesson", "Kjær", "Þórsson=thorsson",
        ],
        family_first: false,
        cities: &["Stockholm", "København", "Oslo", "Malmö", "Göteborg", "Århus", "Tromsø", "Jyväskylä", "Reykjavík"],
        streets: &["Storgatan", "Kirkegata", "Vestergade", "Drottninggatan", "Ågade", "Skolvägen"],
        address: "S @\n1#### C",
        phones: &["+46 8 465 004 ##", "+46 31 390 06##", "+45 0# ## ## ##", "+47 0# ## ## ##"],
        forms: &["AB", "A/S", "AS", "Oy", "ApS"],
        tax: "SE############",
        currency: "SEK",
    },
    &Culture {
        given: &[
            "伟=wei", "芳=fang", "娜=na", "敏=min", "静=jing", "强=qiang", "丽=li", "军=jun", "秀英=xiuying", "建国=jianguo", "雪=xue", "晓明=xiaoming",
        ],
        family: &[
            "王=wang", "李=li", "张=zhang", "刘=liu", "陈=chen", "杨=yang", "赵=zhao", "黄=huang", "周=zhou", "吴=wu", "徐=xu", "欧阳=ouyang",
        ],
        family_first: true,
        cities: &["北京=beijing", "上海=shanghai", "广州=guangzhou", "深圳=shenzhen", "成都=chengdu", "杭州=hangzhou"],
        streets: &["人民路", "中山路", "解放路", "建设路", "和平街"],
        address: "C市S@号",
        phones: &["+86 10 0### ####", "+86 21 0### ####", "+86 20 0### ####"],
        forms: &["有限公司", "集团"],
        tax: "CN##############",
        currency: "CNY",
    },
    &Culture {
        given: &["Ayşe", "Mehmet", "Elif", "Çağlar", "Zeynep", "Işıl", "Gökhan", "Şule", "Ömer", "Tuğba"],
        family: &["Yılmaz", "Kaya", "Demir", "Şahin", "Çelik", "Yıldız", "Öztürk", "Aydın", "Doğan", "Güneş"],
        family_first: false,
        cities: &["İstanbul=istanbul", "Ankara", "İzmir=izmir", "Bursa", "Muğla", "Eskişehir"],
        streets: &["Atatürk Caddesi", "İstiklal Caddesi", "Gül Sokağı", "Çınar Sokak", "Bağdat Caddesi"],
        address: "S No: @\n34### C",
        phones: &["+90 212 0## ## ##", "+90 312 0## ## ##", "+90 232 0## ## ##"],
        forms: &["A.Ş.", "Ltd. Şti.", "ve Oğulları"],
        tax: "TR##########",
        currency: "TRY",
    },
    &Culture {
        given: &["Анна=anna", "Дмитро=dmytro", "Олена=olena", "Иван=ivan", "Мария=maria", "Оксана=oksana", "Георги=georgi", "Елена=elena"],
        family: &["Шевченко=shevchenko", "Коваленко=kovalenko", "Бондар=bondar", "Ткачук=tkachuk", "Мельник=melnyk", "Димитров=dimitrov", "Попова=popova"],
        family_first: false,
        cities: &["Київ=kyiv", "Львів=lviv", "Одеса=odesa", "София=sofia", "Пловдив=plovdiv"],
        streets: &["вул. Садова", "вул. Шкільна", "бул. Витоша", "просп. Миру"],
        address: "S, @\nC",
        phones: &["+380 44 0## ## ##", "+359 2 0## ####"],
        forms: &["ТОВ", "ООД", "АД"],
        tax: "UA########",
        currency: "EUR",
    },
    &Culture {
        given: &["Priya", "Arjun", "Ananya", "Rahul", "Kavya", "Vikram", "Fatima", "Omar", "Leïla", "Nasser", "Thúy", "Đức=duc"],
        family: &["Sharma", "Patel", "Iyer", "Reddy", "Banerjee", "Khan", "Al-Masri", "Haddad", "Benali", "Nguyễn=nguyen", "Trần=tran", "Phạm=pham"],
        family_first: false,
        cities: &["Mumbai", "Bengaluru", "Chennai", "Dubai", "Tunis", "Hà Nội=hanoi", "Đà Nẵng=danang"],
        streets: &["MG Road", "Nehru Street", "Marina Walk", "Rue de Carthage", "Phố Huế", "Lê Lợi"],
        address: "@ S\nC",
        phones: &["+91 22 0### ####", "+971 4 0## ####", "+216 71 0## ###", "+84 24 0### ####"],
        forms: &["Pvt. Ltd.", "LLC", "SARL", "& Brothers"],
        tax: "IN##AAAAA####",
        currency: "USD",
    },
];
