//! An offer as a connection string, which daemons print and clients scan since 0.10 (`docs/protocol.md`, "Pairing offer"):
//! `relay://HOST:PORT/SERVERID?key=KEY&ssl=true&password=PASSWORD`.

use form_urlencoded::Serializer;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::views::is_margin;
use super::{Offer, OfferError};
use crate::e2ee::PublicKey;
use crate::protocol::relay::MAX_ID_BYTES;
use crate::secret::{RelayToken, Secret};

/// What such a string begins with.
pub(super) const SCHEME: &str = "relay://";
/// Over how many lines one may be broken.
const MAX_LINES: usize = 8;

/// Reads the string at the beginning of a text, and over the lines that it is broken into. Words of a sentence behind it
/// are left out. Returns what it is, and how many bytes were looked at.
pub(super) fn read(text: &str) -> (Result<Offer, OfferError>, usize) {
    let mut taken = Zeroizing::new(String::with_capacity(text.len().min(4096)));
    let (mut rest, mut looked) = (text, 0);
    let mut result = Err(OfferError::NoOffer);
    for _ in 0..MAX_LINES {
        let end = rest.find(|c| !is_uri(c)).unwrap_or(rest.len());
        taken.push_str(&rest[..end]);
        looked += taken.len();
        result = parse(&taken);
        rest = rest[end..].trim_start_matches(is_margin);
        // What is whole may still go on with a further parameter.
        let goes_on = taken.ends_with('&') || rest.starts_with('&');
        if rest.is_empty() || (result.is_ok() && !goes_on) {
            break;
        }
    }
    // What follows is encoded once more, so it is read when that is undone.
    if taken.ends_with('&') && !rest.is_empty() {
        result = Err(OfferError::NoOffer);
    }
    (result, looked)
}

fn is_uri(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~%!$&*+;=:@/?[]".contains(c)
}

fn parse(uri: &str) -> Result<Offer, OfferError> {
    let rest = uri.strip_prefix(SCHEME).ok_or(OfferError::NoOffer)?;
    let (place, query) = rest.split_once('?').ok_or(OfferError::Missing("key"))?;
    let (endpoint, server_id) = place
        .split_once('/')
        .ok_or(OfferError::Missing("serverId"))?;
    let server_id = decoded(server_id)?;
    match server_id.expose().len() {
        0 => return Err(OfferError::Missing("serverId")),
        1..=MAX_ID_BYTES => {}
        _ => return Err(OfferError::ServerIdTooLong),
    }
    let (mut key, mut use_tls, mut password, mut token) = (None, None, None, None);
    for (name, value) in form_urlencoded::parse(sentence_end(query).as_bytes()) {
        let value = Zeroizing::new(value.into_owned());
        // Behind the `&amp;` of a page.
        match name.strip_prefix("amp;").unwrap_or(&name) {
            // Whoever writes one by hand leaves its plus as it is.
            "key" => key = Some(PublicKey::from_base64(&value.replace(' ', "+"))?),
            "ssl" => {
                use_tls = Some(match value.as_str() {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return Err(OfferError::WrongType("ssl", "true or false")),
                });
            }
            "password" if !value.trim().is_empty() => password = Some(value.as_str().into()),
            "token" => token = Some(RelayToken::new(&value)?),
            "v" if value.as_str() != "2" => return Err(OfferError::Version),
            _ => {}
        }
    }
    let key = key.ok_or(OfferError::Missing("key"))?;
    let mut offer = Offer::new(server_id, key, endpoint.parse()?, use_tls);
    (offer.password, offer.relay_token) = (password, token);
    Ok(offer)
}

/// Takes away the full stop of the sentence that the string is in. A password may end with one.
fn sentence_end(query: &str) -> &str {
    let last = query.rsplit('&').next().unwrap_or(query);
    match last.starts_with("password=") {
        true => query,
        false => query.trim_end_matches(['.', ';', ':', '!', '?', '*', ']']),
    }
}

fn decoded(text: &str) -> Result<Secret<String>, OfferError> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| OfferError::WrongType("serverId", "a text that is not empty"))?;
    Ok(Secret::new(text.into_owned()))
}

/// Returns the string for an offer, without its password.
pub(super) fn write(offer: &Offer) -> Secret<String> {
    let mut query = Serializer::new(String::new());
    query.append_pair("key", &offer.daemon_key.to_base64());
    if let Some(use_tls) = offer.use_tls {
        query.append_pair("ssl", if use_tls { "true" } else { "false" });
    }
    if let Some(token) = &offer.relay_token {
        query.append_pair("token", token.expose());
    }
    let id = percent_encoding::utf8_percent_encode(
        offer.server_id.expose(),
        percent_encoding::NON_ALPHANUMERIC,
    );
    // Ids have these as they are, and no client decodes them.
    let id = id.to_string().replace("%5F", "_").replace("%2D", "-");
    Secret::new(format!("{SCHEME}{}/{id}?{}", offer.relay, query.finish()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "fh1V4oOfytbm1vXyc29bUj+dQDpoSE6nzzsYNkgZ4SY=";
    const ENCODED: &str = "fh1V4oOfytbm1vXyc29bUj%2BdQDpoSE6nzzsYNkgZ4SY%3D";

    fn offer(use_tls: Option<bool>) -> Offer {
        let key = PublicKey::from_base64(KEY).unwrap();
        let relay = "relay.paseo.sh:443".parse().unwrap();
        Offer::new("srv_test".into(), key, relay, use_tls)
    }

    #[test]
    fn every_spelling_is_the_same_offer() {
        let base = "relay://relay.paseo.sh:443/srv_test";
        let whole = format!("{base}?key={ENCODED}&ssl=true");
        let expected = offer(Some(true)).to_json();
        assert_eq!(write(&offer(Some(true))).expose(), &whole);
        let connect =
            percent_encoding::utf8_percent_encode(&whole, percent_encoding::NON_ALPHANUMERIC);
        for text in [
            whole.clone(),
            format!("{base}?ssl=true&key={ENCODED}"),
            format!("{base}?ssl=1&key={KEY}&v=2&pairingId=7"),
            format!("{whole}&password="),
            format!("https://app.paseo.sh/#connect={connect}"),
            format!("Pair with <{whole}>, please."),
            format!("It is {whole}. Bye"),
            format!("\"{whole}\""),
            format!("[{whole}]"),
            whole.replace('&', "&amp;"),
            whole.replace('&', "&#38;"),
            format!("{}\n{}", &whole[..76], &whole[76..]),
            format!("> {}\n> {}", &whole[..60], &whole[60..]),
            format!("  {whole}\n\nThanks\n"),
            format!("{whole}\nThanks"),
            whole.replace("&ssl", "\n&ssl"),
            whole.replace("&ssl", "&\nssl"),
            format!("{whole}\n{whole}"),
            format!("{{\"connectionUri\": \"{whole}\"}}"),
        ] {
            let read = Offer::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(read.to_json().expose(), expected.expose(), "{text}");
        }
    }

    #[test]
    fn tls_token_and_password_are_what_the_string_says() {
        let base = format!("relay://[::1]:8787/srv_test?key={ENCODED}");
        let read = |more: &str| Offer::parse(&format!("{base}{more}")).unwrap();
        assert_eq!(read("").use_tls, None);
        assert_eq!(read("&ssl=false").use_tls, Some(false));
        assert_eq!(read("").relay.to_string(), "[::1]:8787");
        assert!(read("&token=abcdefghijklmnop").relay_token.is_some());
        for (encoded, password) in [
            ("a+b", "a b"),
            ("a%20b", "a b"),
            ("50%2525", "50%25"),
            ("50%25", "50%"),
            ("h%C3%BCnter.", "hünter."),
        ] {
            let read = read(&format!("&password={encoded}"));
            assert_eq!(read.password.unwrap().expose(), password);
        }
        // It is never written.
        let with = read("&password=secret1");
        assert!(!write(&with).expose().contains("secret1"));
    }

    #[test]
    fn each_fault_is_named() {
        let key = format!("key={ENCODED}");
        for (uri, fault) in [
            ("relay://h:1/s".to_owned(), OfferError::Missing("key")),
            (
                "relay://h:1/s?ssl=true".to_owned(),
                OfferError::Missing("key"),
            ),
            (
                format!("relay://h:1?{key}"),
                OfferError::Missing("serverId"),
            ),
            (
                format!("relay://h:1/?{key}"),
                OfferError::Missing("serverId"),
            ),
            (format!("relay://h:1/s?{key}&v=3"), OfferError::Version),
            (
                format!("relay://h:1/s?{key}&ssl=maybe"),
                OfferError::WrongType("ssl", "true or false"),
            ),
        ] {
            assert_eq!(Offer::parse(&uri).unwrap_err(), fault, "{uri}");
        }
        assert!(Offer::parse(&format!("relay://h/s?{key}")).is_err());
        assert!(Offer::parse("relay://h:1/s?key=AAAA").is_err());
        let other = format!("relay://h:1/s?{key} relay://h:2/s?{key}");
        assert_eq!(Offer::parse(&other).unwrap_err(), OfferError::Several);
    }

    proptest! {
        #[test]
        fn never_panics_and_round_trips(text in any::<String>(), id in "[!-~]{1,40}", tls in any::<Option<bool>>()) {
            let _ = read(&format!("{SCHEME}{text}")).0;
            let mut made = offer(tls);
            made.server_id = Secret::new(id);
            let again = parse(write(&made).expose()).unwrap();
            prop_assert!(again.to_json().is(made.to_json().expose()));
        }
    }
}
