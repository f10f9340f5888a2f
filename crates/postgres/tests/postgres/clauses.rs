//! Clauses and records made up from a seed.
//!
//! Both are drawn from few names and values, those at which meanings part: missing paths, other types, numbers beyond a double,
//! texts that nearly read as something else. Parentheses are left out at random, so that precedence is asked for too.

/// A source of choices that a seed determines.
pub(crate) struct Choices(u64);

const KEYS: [&str; 5] = ["a", "b", "n", "s", "é"];

const TEXTS: [&str; 52] = [
    "",
    "x",
    "xy",
    "X",
    "Z",
    "a_b",
    "a%b",
    "50%",
    "a\\b",
    "É",
    "é",
    "ß",
    "😀",
    "ab😀cd",
    "it's",
    "\"q\"",
    "0",
    "1",
    "-1",
    "10",
    "12",
    "007",
    " 12 ",
    "\t5\n",
    "+5",
    "1.50",
    "1.5",
    "-0.0",
    ".5",
    "5.",
    "1e3",
    "1E-3",
    "1e400",
    "1e-400",
    "3.4e38",
    "9007199254740993",
    "2147483648",
    "9223372036854775808",
    "1_000",
    "0x1F",
    "NaN",
    "Infinity",
    "true",
    "T",
    " off ",
    "o",
    "null",
    "[1]",
    "{\"a\": 1}",
    "2024-02-29",
    "2025-02-29",
    "ringing",
];

const MOMENTS: [&str; 14] = [
    "2026-11-21",
    "2026-11-21 08:30",
    "2026-11-21T08:30:15.25Z",
    "2026-11-21 08:30:15+01:00",
    "2026-11-21T23:59:60",
    "2026-11-21 23:59:59.9999999",
    "2026-11-21 08:30-1530",
    "0001-01-01 00:00+15",
    "9999-12-31T23:59:59.999999-15",
    "2026-11-21 24:00",
    "2026-1-1",
    "0000-01-01",
    "1969-12-31 23:59:59.123456789",
    "2026-11-21Z",
];

const NUMBERS: [&str; 32] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "5",
    "7",
    "10",
    "12",
    "10000",
    "0.0",
    "1.0",
    "1.50",
    "1.5",
    "2.5",
    "-2.5",
    "0.1",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.5",
    "2147483647",
    "2147483647.5",
    "2147483648",
    "-2147483648.5",
    "9223372036854775807",
    "9223372036854775808",
    "123456789012345678901234567890.12300",
    "1e20",
    "1e-20",
    "3.00000000000000000000000000000000000007",
    "1e2000",
    "1e-1500",
];

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// The text of a record.
    pub(crate) fn record(&mut self) -> String {
        self.object(3)
    }

    fn object(&mut self, depth: usize) -> String {
        let count = self.below(KEYS.len() + 1);
        let fields = (0..count).map(|_| {
            let key = self.one(&KEYS);
            format!("\"{key}\": {}", self.json(depth))
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
    }

    /// The text of a value.
    pub(crate) fn json(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 8 } else { 11 }) {
            0 => "null".to_owned(),
            1 => self.one(&["true", "false"]).to_owned(),
            2..=4 => self.one(&NUMBERS).to_owned(),
            5 => quoted_json(self.one(&MOMENTS)),
            6 | 7 => quoted_json(self.one(&TEXTS)),
            8 | 9 => {
                let count = self.below(4);
                let items = (0..count).map(|_| self.json(depth - 1)).collect::<Vec<_>>();
                format!("[{}]", items.join(", "))
            }
            _ => self.object(depth - 1),
        }
    }

    /// A value of `jsonb`, quoted.
    fn json_literal(&mut self) -> String {
        let json = self.json(2);
        literal(&json)
    }

    fn text_literal(&mut self) -> String {
        let text = if self.one_in(8) { self.one(&MOMENTS) } else { self.one(&TEXTS) };
        literal(text)
    }

    fn step(&mut self) -> String {
        if self.one_in(4) {
            self.one(&["0", "1", "-1", "-2", "7"]).to_owned()
        } else {
            literal(self.one(&KEYS))
        }
    }

    fn path(&mut self) -> String {
        if self.one_in(6) {
            return "data".to_owned();
        }
        if self.one_in(6) {
            let keys = [self.one(&KEYS), self.one(&["a", "0", "-1", "1", " 1", "n", "x"])];
            return format!("data #> '{{{}}}'", keys[..=self.below(2)].join(","));
        }
        let steps = (0..=self.below(3) / 2 + self.below(4) / 3).map(|_| format!("->{}", self.step()));
        format!("data{}", steps.collect::<String>())
    }

    /// A value of type `jsonb`.
    fn document(&mut self) -> String {
        self.path()
    }

    fn text(&mut self, casts: bool) -> String {
        match self.below(if casts { 12 } else { 10 }) {
            0 => "key".to_owned(),
            1 => format!("{} #>> '{{}}'", self.path()),
            10 => format!("({})::text", self.document()),
            11 => format!("({})::text", self.number()),
            _ => {
                let (path, step) = (self.path(), self.step());
                format!("{path}->>{step}")
            }
        }
    }

    fn integer(&mut self) -> String {
        let kind = self.one(&["int", "bigint"]);
        match self.below(4) {
            0 => format!("({})::{kind}", self.document()),
            1 => format!("(({})::numeric)::{kind}", self.text(false)),
            _ => format!("({})::{kind}", self.text(false)),
        }
    }

    fn number(&mut self) -> String {
        match self.below(8) {
            0 | 1 => self.integer(),
            2 => format!("CAST({} AS numeric)", self.text(false)),
            3 => format!("({})::numeric", self.document()),
            4 => format!("- ({})::numeric", self.text(false)),
            5 => {
                let (one, two) = (self.integer(), self.integer());
                format!("({one} {} {two})", self.one(&["+", "-", "*", "/"]))
            }
            _ => {
                let (one, two) = (self.factor(), self.factor());
                let more = if self.one_in(3) {
                    format!(" {} {}", self.one(&["+", "-", "*", "/"]), self.factor())
                } else {
                    String::new()
                };
                format!("({one} {} {two}{more})", self.one(&["+", "-", "*", "/"]))
            }
        }
    }

    fn factor(&mut self) -> String {
        match self.below(3) {
            0 => self.one(&NUMBERS).to_owned(),
            1 => format!("({})::numeric", self.document()),
            _ => format!("({})::numeric", self.text(false)),
        }
    }

    fn moment(&mut self) -> String {
        let kind = self.one(&["timestamp", "timestamptz", "date"]);
        match self.below(6) {
            0 => "expires_at".to_owned(),
            1 => format!("({})::timestamp::date", self.text(false)),
            2 => format!(
                "timestamptz '{}'",
                self.one(&["2026-11-21 08:30+00", "0001-01-01 00:00+14", "2026-11-21T08:30:15.25Z"])
            ),
            _ => format!("({})::{kind}", self.text(false)),
        }
    }

    fn comparison(&mut self) -> &'static str {
        self.one(&["=", "=", "<>", "!=", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
    }

    /// A condition. Without `casts` it is one that PostgreSQL takes as it stands, and that no record makes fail.
    pub(crate) fn condition(&mut self, depth: usize, casts: bool) -> String {
        match self.below(if depth == 0 { 1 } else { 6 }) {
            1 | 2 => {
                let parts =
                    (0..self.below(2) + 2).map(|_| self.maybe_nested(depth - 1, casts)).collect::<Vec<_>>();
                parts.join(self.one(&[" AND ", " OR "]))
            }
            3 => format!("NOT {}", self.maybe_nested(depth - 1, casts)),
            4 => {
                let inner = self.maybe_nested(depth - 1, casts);
                format!(
                    "{inner} IS {}{}",
                    self.one(&["", "NOT "]),
                    self.one(&["TRUE", "FALSE", "UNKNOWN", "NULL"])
                )
            }
            _ => self.test(casts),
        }
    }

    fn maybe_nested(&mut self, depth: usize, casts: bool) -> String {
        let inner = self.condition(depth, casts);
        if self.one_in(3) { inner } else { format!("({inner})") }
    }

    fn test(&mut self, casts: bool) -> String {
        let not = if self.one_in(3) { "NOT " } else { "" };
        match self.below(if casts { 22 } else { 12 }) {
            0 | 1 => format!("{} {} {}", self.text(casts), self.comparison(), self.text_literal()),
            2 => format!("{} {} {}", self.text(casts), self.comparison(), self.text(casts)),
            3 | 4 => format!("{} {} {}", self.document(), self.comparison(), self.json_literal()),
            5 => format!("{} {} {}", self.document(), self.comparison(), self.document()),
            6 => {
                let pattern = literal(&self.pattern());
                let escape =
                    if self.one_in(4) { self.one(&[" ESCAPE '!'", " ESCAPE ''", " ESCAPE '_'"]) } else { "" };
                format!("{} {not}{} {pattern}{escape}", self.text(casts), self.one(&["LIKE", "ILIKE"]))
            }
            7 => {
                let items = (0..=self.below(4))
                    .map(|_| if self.one_in(9) { "NULL".to_owned() } else { self.text_literal() });
                let items = items.collect::<Vec<_>>().join(", ");
                format!("{} {not}IN ({items})", self.text(casts))
            }
            8 => format!(
                "{} {not}BETWEEN {} AND {}",
                self.text(casts),
                self.text_literal(),
                self.text_literal()
            ),
            9 => format!("{} {} {}", self.document(), self.one(&["@>", "<@"]), self.json_literal()),
            10 => {
                let keys = [self.one(&KEYS), self.one(&["x", "a", "10"])];
                match self.below(3) {
                    0 => format!("{} ? '{}'", self.document(), keys[0]),
                    1 => format!("{} ?| '{{{}}}'", self.document(), keys.join(",")),
                    _ => format!("{} ?& ARRAY['{}', '{}']", self.document(), keys[0], keys[1]),
                }
            }
            11 => format!("{} IS {not}NULL", if self.one_in(2) { self.document() } else { self.text(casts) }),
            12 | 13 => format!("{} {} {}", self.number(), self.comparison(), self.number()),
            14 => format!("{} {} {}", self.document(), self.comparison(), self.one(&NUMBERS)),
            15 => {
                let items = (0..=self.below(4))
                    .map(|_| self.one(&["1", "NULL", "12", "1.5", "-2.5", "9007199254740993", "1e20"]));
                let items = items.collect::<Vec<_>>().join(", ");
                format!("{} {not}IN ({items})", self.number())
            }
            16 => format!("({})::boolean", if self.one_in(2) { self.document() } else { self.text(false) }),
            17 | 18 => format!("{} {} {}", self.moment(), self.comparison(), self.moment()),
            19 => {
                let (kind, other) = (
                    self.one(&["float", "real", "double precision"]),
                    self.one(&["float8", "real", "numeric"]),
                );
                format!("({})::{kind} {} ({})::{other}", self.text(false), self.comparison(), self.document())
            }
            20 => format!("{} IS {not}NULL", self.number()),
            _ => format!("{} {not}BETWEEN {} AND {}", self.number(), self.one(&NUMBERS), self.one(&NUMBERS)),
        }
    }

    fn pattern(&mut self) -> String {
        let parts = (0..=self.below(4)).map(|_| {
            self.one(&["%", "_", "a", "b", "x", "X", "é", "É", "\\%", "\\_", "\\\\", "!%", "!!", "5", "0"])
        });
        parts.collect()
    }

    /// A number of any number of digits.
    pub(crate) fn digits(&mut self) -> String {
        if self.one_in(4) {
            // Without the last two, which are too long to compute with.
            return self.one(&NUMBERS[..NUMBERS.len() - 2]).to_owned();
        }
        let digits = |choices: &mut Self, count: usize| -> String {
            let all = choices.one(&["0123456789", "0123456789", "09", "13", "49", "9"]);
            (0..count)
                .map(|_| {
                    choices.one(&all.split("").filter(|it| !it.is_empty()).collect::<Vec<_>>()).to_owned()
                })
                .collect()
        };
        let size = 1 << self.below(6);
        let count = self.below(size) + 1;
        let whole = digits(self, count);
        let whole = whole.trim_start_matches('0');
        let size = 1 << self.below(6);
        let count = self.below(size);
        let fraction = digits(self, count);
        let sign = if self.one_in(3) { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{}{point}{fraction}", if whole.is_empty() { "0" } else { whole })
    }

    /// An expression to order by.
    pub(crate) fn order_key(&mut self) -> String {
        let value = match self.below(5) {
            0 => self.number(),
            1 => self.moment(),
            2 => self.document(),
            3 => format!("({})::float", self.text(false)),
            _ => self.text(true),
        };
        format!(
            "{value}{}{}",
            self.one(&["", " ASC", " DESC"]),
            self.one(&["", " NULLS FIRST", " NULLS LAST"])
        )
    }
}

/// A text in quotes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn quoted_json(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|letter| match letter {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            letter if letter < ' ' => format!("\\u{:04x}", u32::from(letter)),
            letter => letter.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}
