use super::*;
use proptest::prelude::*;

/// Text of any JSON value, with blanks, escapes, unsorted keys and keys that stand twice.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u8>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,3}",
    ];
    let key = || prop_oneof!["[a-c]", "[a-z]{1,12}", "\\PC{0,4}"].prop_map(|key| quote(&key));
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just(" false\n".to_owned()),
        number,
        key(),
        "[\\x00-\\x7f]{0,20}".prop_map(|text| quote(&text)),
        "a{250,270}".prop_map(|text| quote(&text)),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((key(), inner), 0..8).prop_map(|pairs| {
                let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}:\t{value}")).collect();
                format!("{{{}}}", pairs.join(" ,"))
            }),
        ]
    })
}

fn quote(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|char| match char {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\0'..='\x1f' => format!("\\u{:04X}", u32::from(char)),
            char => char.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

fn printed(text: &str) -> String {
    let json = Json::parse(text.as_bytes()).unwrap();
    assert!(check::is_whole(json.bytes()), "{text}");
    let mut out = Vec::new();
    json.print(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn each_key_of_an_object_is_found_and_no_other() {
    let keys = ["", "a", "b", "ba", "bb", "bbb", "zzzz"];
    for first in 0..keys.len() {
        for last in first..=keys.len() {
            let pairs: Vec<_> =
                keys[first..last].iter().enumerate().map(|(n, key)| format!("\"{key}\": {n}")).collect();
            let json = Json::parse(format!("{{{}}}", pairs.join(", ")).as_bytes()).unwrap();
            for (at, key) in keys.iter().enumerate() {
                let found = json.root().get(key.as_bytes()).map(|node| format!("{node:?}"));
                assert_eq!(
                    found,
                    (first..last).contains(&at).then(|| (at - first).to_string()),
                    "{json:?} {key}"
                );
            }
            assert!(json.root().get(b"ab").is_none() && json.root().get(b"longer than all").is_none());
        }
    }
}

#[test]
fn small_decimals_are_printed_with_all_their_digits() {
    for text in ["0.5", "-0.5", "0.05", "0.001", "12.50", "-12.005", "0.000", "1.0", "123456789.000000001"] {
        assert_eq!(printed(text), text);
    }
}

#[test]
fn bytes_that_are_escaped_are_at_any_place() {
    for len in [1, 7, 8, 15, 16, 17, 33] {
        for at in 0..len {
            for byte in ['"', '\\', '\n', '\u{1}'] {
                let mut text: Vec<char> = vec!['x'; len];
                text[at] = byte;
                let json = quote(&text.iter().collect::<String>());
                assert_eq!(Json::parse(printed(&json).as_bytes()), Json::parse(json.as_bytes()), "{json}");
            }
        }
    }
}

fn refusal(text: &str) -> String {
    Json::parse(text.as_bytes()).unwrap_err().to_string()
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same_bytes(text in text()) {
        let json = Json::parse(text.as_bytes()).unwrap();
        let mut out = Vec::new();
        json.print(&mut out);
        let again = Json::parse(&out).unwrap();
        prop_assert_eq!(again.bytes(), json.bytes());
        prop_assert_eq!(Json::from_bytes(json.bytes()), Some(json));
    }

    #[test]
    fn any_text_is_a_value_or_an_error(bytes: Vec<u8>, text in text(), cut in any::<prop::sample::Index>()) {
        let _ = Json::parse(&bytes);
        let text = text.trim_end().as_bytes();
        let cut = &text[..cut.index(text.len())];
        if let Err(error) = Json::parse(cut) {
            prop_assert!(error.at <= cut.len());
        }
    }

    #[test]
    fn bytes_that_are_taken_are_those_of_what_they_print(
        text in text(), at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Json::parse(text.as_bytes()).unwrap().bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())], &bytes[cut.index(bytes.len())..]] {
            if let Some(json) = Json::from_bytes(bytes) {
                let mut out = Vec::new();
                json.print(&mut out);
                let again = Json::parse(&out).unwrap();
                prop_assert_eq!(again.bytes(), bytes);
            }
        }
    }

    #[test]
    fn garbage_does_not_panic(bytes: Vec<u8>, tag in 0_u8..16) {
        let mut bytes = bytes;
        bytes.push(tag);
        if let Some(json) = Json::from_bytes(&bytes) {
            json.print(&mut Vec::new());
        }
    }
}

/// Texts, and what PostgreSQL made of them: its text, `#` and the length of that, or `!` and why it was refused.
const PAIRS: &str = include_str!("../../../../../tests/fixtures/jsonb/pairs.txt");

#[test]
fn postgresql_takes_the_same_texts_and_prints_the_same() {
    for line in PAIRS.lines() {
        let (text, expected) = line.split_once('\t').unwrap();
        let mut out = Vec::new();
        let parsed = Json::parse(text.as_bytes()).map(|json| json.print(&mut out));
        let printed = String::from_utf8(out).unwrap();
        match expected.as_bytes() {
            // U+0000 is taken here.
            b"!22P05" => assert!(parsed.is_ok(), "{text}"),
            [b'!', ..] => assert!(parsed.is_err(), "{text} became {printed}"),
            [b'#', ..] => assert_eq!(printed.len().to_string(), expected[1..], "{text}"),
            _ => assert_eq!(printed, expected, "{text}: {parsed:?}"),
        }
    }
    assert!(PAIRS.lines().count() > 1_500);
}

#[test]
fn values_print_as_jsonb_does() {
    for (text, expected) in [
        (r#" {"bb":1,"a":[1,2 , {}],"b":{"c":null}} "#, r#"{"a": [1, 2, {}], "b": {"c": null}, "bb": 1}"#),
        (r#"{"a":1,"b":2,"a":{"d":1,"c":2,"d":3}}"#, r#"{"a": {"c": 2, "d": 3}, "b": 2}"#),
        ("[1e5, 1.50, -0.0, -0, 1.5e-3, 1E2, 0.00]", "[100000, 1.50, 0.0, 0, 0.0015, 100, 0.00]"),
        (
            "[9223372036854775807, -9223372036854775808, 9223372036854775808, 1e20]",
            "[9223372036854775807, -9223372036854775808, 9223372036854775808, 100000000000000000000]",
        ),
        (
            "[123456789012345678901234567890.12300, 1e-300]",
            &format!("[123456789012345678901234567890.12300, 0.{}1]", "0".repeat(299)),
        ),
        (r#""\u0041\u00e9\ud83d\ude00\n\u001f\/\u007f\"\\""#, "\"Aé😀\\n\\u001f/\u{7f}\\\"\\\\\""),
        (r#""\u0000""#, r#""\u0000""#),
        ("true", "true"),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn an_error_says_where() {
    for (text, at, what) in [
        ("", 0, "ends where a value"),
        ("{\"a\" 1}", 5, "colon"),
        ("{\"a\":1,}", 7, "key"),
        ("[1 2]", 3, "comma"),
        ("[01]", 2, "digit"),
        ("[1.]", 3, "digit"),
        ("[-]", 2, "digit"),
        ("[1e]", 3, "digit"),
        ("{} x", 3, "nothing behind"),
        ("\"\\ud800\"", 1, "surrogate"),
        ("\"\\udc00\"", 1, "surrogate"),
        ("\"\\ud800\\u0041\"", 1, "surrogate"),
        ("\"\\u12g4\"", 1, "hexadecimal"),
        ("\"\\x\"", 1, "escape"),
        ("\"a\nb\"", 2, "control"),
        ("\"abc", 4, "inside a string"),
        ("nul", 0, "begins like this"),
        ("NaN", 0, "begins like this"),
        ("1e131072", 0, "digits"),
        ("1e-16384", 0, "digits"),
        ("1e99999999999999999999", 0, "digits"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(&format!("at byte {at}:")) && refusal.contains(what), "{text}: {refusal}");
    }
    assert_eq!(Json::parse(b"\"\xff\"").unwrap_err().at, 1);
}

#[test]
fn depth_is_bounded_on_both_ways_in() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deepest = Json::parse(nested(DEPTH_MAX).as_bytes()).unwrap();
    assert_eq!(printed(&nested(DEPTH_MAX)), nested(DEPTH_MAX));
    assert!(refusal(&nested(DEPTH_MAX + 1)).contains("deeply"));
    assert!(refusal(&"{\"a\":".repeat(100_000)).contains("deeply"));
    let width = build::width(deepest.bytes().len());
    let mut deeper = deepest.bytes().to_vec();
    let end = deeper.len();
    for number in [end, 1] {
        deeper.extend_from_slice(&number.to_le_bytes()[..width]);
    }
    deeper.push(node::tag::ARRAY + 1);
    assert_eq!(width, 2);
    assert!(Json::from_bytes(deepest.bytes()).is_some() && Json::from_bytes(&deeper).is_none());
}

#[test]
fn a_short_text_cannot_ask_for_much_memory_or_print() {
    let row = vec!["1e131071"; 1000].join(",");
    assert!(refusal(&format!("[{row}]")).contains("too large"));
    let json = Json::parse(format!("[{}]", ["1e131071"; 10].join(",")).as_bytes()).unwrap();
    assert!(json.bytes().len() < 200);
}

#[test]
fn paths_are_followed_where_they_lie() {
    let fields: Vec<_> =
        (0..300).map(|number| format!("\"k{number}\": {{\"n\": [{number}, \"x\"]}}")).collect();
    let json = Json::parse(format!("{{{}}}", fields.join(",")).as_bytes()).unwrap();
    for number in 0..300_i64 {
        let inner = json.root().get(format!("k{number}").as_bytes()).and_then(|node| node.get(b"n"));
        let View::Array(array) = inner.unwrap().view() else { panic!("an array") };
        let Some(View::Number(Number::Int(found))) = array.get(0).map(Node::view) else { panic!("a number") };
        assert_eq!(found, number);
        assert!(array.get(2).is_none());
    }
    assert!(json.root().get(b"k300").is_none() && json.root().get(b"").is_none());
    assert!(Json::parse(b"{}").unwrap().root().get(b"k").is_none());
    assert!(Json::parse(b"[1]").unwrap().root().get(b"k").is_none());
}
