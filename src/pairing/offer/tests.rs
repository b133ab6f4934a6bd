use proptest::prelude::*;

use super::*;

const KEY: &str = "fh1V4oOfytbm1vXyc29bUj+dQDpoSE6nzzsYNkgZ4SY=";

fn official() -> String {
    format!(
        r#"{{"v":2,"serverId":"srv_Kz0tUmle4OGX","daemonPublicKeyB64":"{KEY}","relay":{{"endpoint":"127.0.0.1:8787","useTls":false}}}}"#
    )
}

#[test]
fn reads_what_the_daemon_printed() {
    let link = Offer::parse(&official())
        .unwrap()
        .to_link("https://app.example");
    let printed = json!({ "relayEnabled": true, "url": link.expose(), "qr": "…" }).to_string();
    let words = format!(
        "Pairing link:\n{}\n\nFingerprint:\nSHA256:abc\n",
        link.expose()
    );
    for text in [printed, words] {
        let offer = Offer::parse(&text).unwrap();
        assert_eq!(offer.server_id.expose(), "srv_Kz0tUmle4OGX");
    }
}

#[test]
fn every_form_parses() {
    let json = official();
    let url_safe = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&json);
    let standard = base64_simd::STANDARD.encode_to_string(&json);
    let (head, tail) = url_safe.split_at(76);
    for form in [
        json.clone(),
        format!("\n {json}\n"),
        url_safe.clone(),
        standard.clone(),
        format!("https://app.paseo.sh/#offer={url_safe}\n"),
        format!("#offer={standard}"),
        format!("see https://my.app/x?y#offer= {url_safe}"),
        format!("https://app.paseo.sh/#offer={head}\r\n  {tail}"),
    ] {
        let offer = Offer::parse(&form).unwrap();
        assert_eq!(offer.to_json().expose(), &json, "{form}");
        assert_eq!(
            offer.to_link("https://app.paseo.sh/").expose(),
            &format!("https://app.paseo.sh/#offer={url_safe}")
        );
    }
}

/// Everything that mail, chat, shells and terminals do to a link.
#[test]
fn every_wrapping_is_undone() {
    let json = official();
    let base64 = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&json);
    let padded = base64_simd::STANDARD.encode_to_string(&json);
    let link = format!("https://app.paseo.sh/#offer={base64}");
    let lines = |width: usize, between: &str| {
        let pieces: Vec<&str> = link
            .as_bytes()
            .chunks(width)
            .map(|it| str::from_utf8(it).unwrap())
            .collect();
        pieces.join(between)
    };
    let percent = link.replace(':', "%3A").replace('/', "%2F");
    let percent = percent.replace('#', "%23").replace('=', "%3D");
    let v2 = link
        .replace('-', "-2D")
        .replace('_', "-5F")
        .replace('/', "_");
    let v2 = v2
        .replace(':', "-3A")
        .replace('#', "-23")
        .replace("offer=", "offer-3D");
    let soft: String = base64
        .chars()
        .flat_map(|c| [c, '\u{ad}', '\u{200b}'])
        .collect();
    let printed = json!({ "relayEnabled": true, "url": link, "qr": "█ █\n" });
    let boxed: Vec<String> = lines(40, "\n")
        .lines()
        .map(|it| format!("│ {it:40} │"))
        .collect();
    let boxed = format!("╭──╮\n{}\n╰──╯", boxed.join("\n"));
    let broken_json = json
        .as_bytes()
        .chunks(76)
        .map(|it| str::from_utf8(it).unwrap());
    let broken_json: Vec<&str> = broken_json.collect();
    for text in [
        // Around it.
        format!("<{link}>"),
        format!("({link})"),
        format!("\"{link}\""),
        format!("'{link}'"),
        format!("“{link}”"),
        format!("„{link}“"),
        format!("«{link}»"),
        format!("‘{link}’"),
        format!("`{link}`"),
        format!("```\n{link}\n```"),
        format!("Here it is: {link}."),
        format!("{link}, as promised"),
        format!("[pair]({link})"),
        format!("[{link}]({link})"),
        format!("**{link}**"),
        format!("_{link}_"),
        format!("{link}__;"),
        format!(r#"<a href="{link}">{link}</a>"#),
        format!(
            "<p>{}</p>",
            link.replace('#', "&#35;").replace("offer=", "offer&#x3D;")
        ),
        format!("<td>{}</td>", lines(30, "<wbr>")),
        format!("export PASEO_RELAY_OFFER='{link}'"),
        format!("PASEO_RELAY_OFFER={base64}"),
        format!("export PASEO_RELAY_OFFER={json}"),
        // Wrapped, indented, quoted, boxed.
        lines(76, "\n"),
        lines(76, "\r\n"),
        lines(60, "\n    "),
        lines(60, "\n> "),
        lines(60, "\n> > "),
        lines(60, "\n>>> "),
        lines(60, " \\\n"),
        boxed,
        format!("  {base64}\n\n"),
        base64
            .as_bytes()
            .chunks(64)
            .map(|it| format!("> {}\n", str::from_utf8(it).unwrap()))
            .collect(),
        broken_json.join("\n"),
        broken_json.join("\n> "),
        // Encoded again.
        lines(70, "=\r\n").replace("offer=", "offer=3D"),
        format!("#offer=3D{base64}"),
        soft,
        format!("\u{feff}{link}"),
        percent.clone(),
        format!("https://eu.safelinks.example/?url={percent}&data=05%7C02&reserved=0"),
        format!(
            "https://www.google.example/url?q={}&sa=D",
            percent.replace('%', "%25")
        ),
        format!("https://app.paseo.sh/%23offer={base64}"),
        format!("https://urldefense.com/v2/url?u={v2}&d=DwMFaQ&c=x"),
        format!("https://urldefense.com/v3/__https://app.paseo.sh/*offer={base64}__;Iw!!abc$"),
        format!("{link}&utm_source=mail&utm_medium=x"),
        format!("https://app.paseo.sh/?utm=1#x&offer={base64}"),
        // Beside it.
        format!("Welcome to tower!\nYou have mail.\n{printed}"),
        format!("{printed}\nlogout"),
        format!("tower login: ok\n{printed:#}\n"),
        format!("Welcome {{to}} tower\n{json}\nbye"),
        format!("{link}\nSent from my telephone"),
        format!("{link}\n\n-- \nAda Lovelace"),
        format!("{link}\n{link}\n"),
        format!("{base64}\n{padded}\n{link}\n{json}"),
        format!("{{\"offer\": {json}}}"),
        format!("level=info msg=\"{}\"", json.replace('"', "\\\"")),
    ] {
        let offer = Offer::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(offer.to_json().expose(), &json, "{text}");
        let offer = Offer::parse_bytes(text.as_bytes()).unwrap();
        assert_eq!(offer.to_json().expose(), &json, "{text}");
    }
}

#[test]
fn what_is_missing_is_named_and_two_offers_are_not_mixed_up() {
    let json = official();
    let link = Offer::parse(&json).unwrap().to_link("https://app.paseo.sh");
    let link = link.expose().as_str();
    let other = json.replace("srv_Kz0tUmle4OGX", "srv_another");
    for between in ["\n", " and ", "\n> ", "\n\n"] {
        for two in [
            format!("{link}{between}{other}"),
            format!("{other}{between}{link}"),
        ] {
            assert_eq!(
                Offer::parse(&two).unwrap_err(),
                OfferError::Several,
                "{two}"
            );
        }
    }
    for length in [60, 100, 120, 200] {
        let cut = &link[..length];
        for text in [
            cut.to_owned(),
            format!("<{cut}>"),
            format!("see {cut}\n"),
            format!("{}\n{}", &cut[..50], &cut[50..]),
            format!("{cut}\nSent from my telephone"),
        ] {
            let error = Offer::parse(&text).unwrap_err();
            assert_eq!(error, OfferError::CutOff(length), "{text}");
        }
    }
    for bytes in [
        link.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>(),
        [0xff, 0xfe, b'h', 0].to_vec(),
        [0xfe, 0xff, 0, b'h'].to_vec(),
    ] {
        assert_eq!(Offer::parse_bytes(&bytes).unwrap_err(), OfferError::Utf16);
    }
    let latin1 = [b"Gr\xfc\xdfe von tower\n", link.as_bytes()].concat();
    assert!(Offer::parse_bytes(&latin1).is_ok());
}

/// A text that was made to keep us busy, at the largest size there is.
#[test]
fn a_hostile_text_is_soon_over() {
    let json = official();
    let base64 = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&json);
    let fill = |part: &str| part.repeat(MAX_TEXT_BYTES / part.len());
    let open = base64_simd::URL_SAFE_NO_PAD.encode_to_string(r#"{"v":2,"serverId":""#);
    let texts = [
        fill("offer="),
        fill("offer=eyJ2Ijoy "),
        fill("offer=a "),
        fill("eyJ"),
        fill("eyJ "),
        fill("eyJ2Ijoyeyeyeyeyey\n"),
        format!("#offer={}", fill("eyJ2 ")),
        format!("offer={open}{}", fill("A A A ")),
        format!("offer={open}{}", fill("YWFh YWFh\n")),
        format!("{}{}", "offer=".repeat(2000), fill("YWFh YWFh\n")),
        format!("{}{open}{}", "offer=".repeat(500), fill("YWFh YWFh\n")),
        fill("{"),
        fill("[{"),
        fill("{\"a\":"),
        fill("{\"a\":["),
        fill("{\"serverId\":1,"),
        fill("{\"v\":2,\"relay\":1}"),
        fill("{} "),
        fill("\\\"{"),
        format!("{}{}", "{\"a\":[".repeat(60), fill("[],")),
        format!("{}{}", "{ ".repeat(9000), fill("\"serverId\" ")),
        fill("&"),
        fill("&#x3D;"),
        fill("<"),
        fill("=3D"),
        fill("%25"),
        fill("-23offer-3D-"),
        fill(&format!("offer={base64} ")),
        (0..260)
            .map(|n| json.replace("srv_Kz0tUmle4OGX", &n.to_string()))
            .collect(),
    ];
    for text in &texts {
        let text = &text[..text.len().min(MAX_TEXT_BYTES)];
        let begun = std::time::Instant::now();
        let _ = Offer::parse(text);
        let took = begun.elapsed();
        // A hundredth of it on a machine that does nothing else, and minutes before there was a bound.
        assert!(
            took < std::time::Duration::from_secs(5),
            "{took:?}: {}",
            &text[..40]
        );
    }
}

/// The bound is far from any text that people have.
#[test]
fn an_offer_in_a_long_text_is_found() {
    let link = Offer::parse(&official())
        .unwrap()
        .to_link("https://app.paseo.sh");
    let json: Vec<_> = (0..400)
        .map(|n| json!({"id": n, "tags": ["a", {"b": {"c": n}}]}))
        .collect();
    let mail = "Dear Ada, the new offer=pair of shoes (50% off & more) is here.\n".repeat(500);
    let code = "fn f() { if x { y() } else { \"eyJhbGciOiJIUzI1NiJ9\" } }\n".repeat(500);
    for text in [serde_json::to_string_pretty(&json).unwrap(), mail, code] {
        for text in [
            format!("{text}\n{}\n", link.expose()),
            format!("{}\n\n{text}", link.expose()),
        ] {
            assert!(text.len() < MAX_TEXT_BYTES, "{}", text.len());
            let found =
                Offer::parse(&text).unwrap_or_else(|error| panic!("{error}: {}", &text[..60]));
            assert_eq!(found.to_json().expose(), &official());
        }
    }
}

#[test]
fn offers_of_0_1_65_have_no_use_tls() {
    let json = official().replace(r#","useTls":false"#, "");
    let offer = Offer::parse(&json).unwrap();
    assert_eq!((offer.use_tls, offer.uses_tls()), (None, false));
    assert_eq!(offer.to_json().expose(), &json);
}

#[test]
fn the_token_of_a_private_relay_survives() {
    let json = official().replace("false}", r#"false,"token":"t0k"}"#);
    let offer = Offer::parse(&json).unwrap();
    assert_eq!(offer.relay_token.as_ref().map(|t| t.expose()), Some("t0k"));
    assert_eq!(offer.to_json().expose(), &json);
    assert!(!format!("{offer:?}").contains("t0k"));
}

/// A block list has fingerprints of keys, so a key must have one spelling.
#[test]
fn an_alias_of_a_key_is_no_offer() {
    let vectors = include_str!("../../../tests/vectors/e2ee.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let keys = vectors["non_canonical_keys"]["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for case in keys {
        let offer = |key: &str| Offer::parse(&official().replace(KEY, case[key].as_str().unwrap()));
        assert!(offer("canonical_b64").is_ok(), "{case}");
        let refused = offer("alias_b64").unwrap_err();
        assert_eq!(refused, OfferError::Key(KeyError::NotCanonical), "{case}");
    }
    let points = vectors["low_order_points"]["points"].as_array().unwrap();
    for point in points {
        let hex = point["public_hex"].as_str().unwrap();
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        let key = base64_simd::STANDARD.encode_to_string(bytes);
        let refused = Offer::parse(&official().replace(KEY, &key)).unwrap_err();
        assert_eq!(refused, OfferError::Key(KeyError::LowOrder), "{point}");
    }
}

#[test]
fn each_fault_is_named() {
    let without = |part: &str| official().replace(part, "");
    let with = |part: &str, other: &str| official().replace(part, other);
    let cases = [
        (String::new(), OfferError::Empty),
        ("https://app.paseo.sh/#offer= ".into(), OfferError::Empty),
        ("x".repeat(MAX_TEXT_BYTES + 1), OfferError::TooLarge),
        ("!".into(), OfferError::NoOffer),
        ("W10".into(), OfferError::NoOffer),
        ("#offer=!".into(), OfferError::NotBase64),
        ("#offer=W10".into(), OfferError::NotJson),
        ("#offer=//79".into(), OfferError::NotJson),
        ("{".into(), OfferError::NotJson),
        ("eyJ2Ijoy".into(), OfferError::CutOff(8)),
        ("#offer=eyJ2I,".into(), OfferError::CutOff(12)),
        (official()[..120].into(), OfferError::CutOff(120)),
        (without(r#""v":2,"#), OfferError::Missing("v")),
        (with(r#""v":2"#, r#""v":3"#), OfferError::Version),
        (with(r#""v":2"#, r#""v":"2""#), OfferError::Version),
        (
            without(r#""serverId":"srv_Kz0tUmle4OGX","#),
            OfferError::Missing("serverId"),
        ),
        (
            with("srv_Kz0tUmle4OGX", ""),
            OfferError::WrongType("serverId", "a text that is not empty"),
        ),
        (
            with("srv_Kz0tUmle4OGX", &"s".repeat(257)),
            OfferError::ServerIdTooLong,
        ),
        (
            without(&format!(r#""daemonPublicKeyB64":"{KEY}","#)),
            OfferError::Missing("daemonPublicKeyB64"),
        ),
        (with(KEY, "!"), OfferError::Key(KeyError::NotBase64)),
        (
            with(KEY, "c2hvcnQ="),
            OfferError::Key(KeyError::WrongLength(5)),
        ),
        (
            with(KEY, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            OfferError::Key(KeyError::LowOrder),
        ),
        (
            without(r#","relay":{"endpoint":"127.0.0.1:8787","useTls":false}"#),
            OfferError::Missing("relay"),
        ),
        (
            with(r#"{"endpoint":"127.0.0.1:8787","useTls":false}"#, "1"),
            OfferError::WrongType("relay", "an object"),
        ),
        (
            without(r#""endpoint":"127.0.0.1:8787","#),
            OfferError::Missing("relay.endpoint"),
        ),
        (
            with("127.0.0.1:8787", "wss://relay"),
            OfferError::Endpoint(EndpointError),
        ),
        (
            with(r#""useTls":false"#, r#""useTls":null"#),
            OfferError::WrongType("relay.useTls", "true or false"),
        ),
        (
            with(r#""useTls":false"#, r#""token":1"#),
            OfferError::WrongType("relay.token", "a text"),
        ),
        (
            with(r#""useTls":false"#, r#""token":"""#),
            OfferError::Token(RelayTokenError::Empty),
        ),
    ];
    for (input, expected) in cases {
        let error = Offer::parse(&input).unwrap_err();
        assert_eq!(error, expected, "{input}");
        assert!(!error.to_string().contains("srv_"));
    }
}

#[test]
fn debug_shows_fingerprint_and_relay_only() {
    let offer = Offer::parse(&official()).unwrap();
    let shown = format!("{offer:?}");
    assert!(shown.contains(&offer.daemon_key.fingerprint().to_string()));
    assert!(shown.contains("127.0.0.1:8787"));
    assert!(!shown.contains("srv_") && !shown.contains(KEY));
}

fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(Value::from)
    });
    prop::collection::btree_map("x[a-z]{0,8}", value, 0..4)
        .prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #[test]
    fn parse_never_panics(text in ".{0,300}", base64 in "[A-Za-z0-9_-]{0,300}") {
        let _ = Offer::parse(&text);
        let _ = Offer::parse(&base64);
        let _ = Offer::parse(&format!("#offer={text}"));
    }

    #[test]
    fn mangled_json_never_panics(at: prop::sample::Index, byte in " -~") {
        let mut json = official();
        let at = at.index(json.len());
        json.replace_range(at..=at, &byte);
        if let Ok(offer) = Offer::parse(&json) {
            let again = Offer::parse(offer.to_json().expose()).unwrap();
            prop_assert!(again.to_json().expose() == offer.to_json().expose());
        }
    }

    #[test]
    fn unknown_fields_survive(server_id in "[^\\x00-\\x1f]{1,60}", use_tls: Option<bool>, top in unknown(), relay in unknown()) {
        let endpoint = "relay.example.org:443".parse().unwrap();
        let key = PublicKey::from_base64(KEY).unwrap();
        let mut offer = Offer::new(Secret::new(server_id.clone()), key, endpoint, use_tls);
        offer.unknown = top.clone();
        offer.relay_unknown = relay.clone();
        let read = Offer::parse(offer.to_link("https://app.paseo.sh").expose()).unwrap();
        prop_assert_eq!(read.server_id.expose(), &server_id);
        prop_assert_eq!((read.daemon_key, read.use_tls), (key, use_tls));
        prop_assert_eq!((&read.unknown, &read.relay_unknown), (&top, &relay));
        prop_assert!(read.to_json().expose() == offer.to_json().expose());
    }
}

/// A password is kept with the offer, and goes nowhere with the link.
#[test]
fn a_password_is_in_the_item_and_not_in_the_link() {
    let json = format!(
        r#"{{"v":2,"serverId":"srv_x","daemonPublicKeyB64":"{KEY}","relay":{{"endpoint":"r:1"}},"password":"h\u00fcnter 2"}}"#
    );
    let offer = Offer::from_json(json.as_bytes()).unwrap();
    let password = offer.password.as_ref().unwrap();
    assert_eq!(password.expose(), "h\u{fc}nter 2");
    let kept = Offer::from_json(offer.to_json().expose().as_bytes()).unwrap();
    assert!(kept.password.unwrap().is("h\u{fc}nter 2"));
    let shared = Offer::parse(offer.to_link("https://app").expose()).unwrap();
    assert!(shared.password.is_none());
    for wrong in ["7", "\"\"", "null"] {
        let json = json.replace("\"h\\u00fcnter 2\"", wrong);
        let error = Offer::from_json(json.as_bytes()).unwrap_err();
        assert!(
            matches!(error, OfferError::WrongType("password", _)),
            "{wrong}"
        );
    }
}
