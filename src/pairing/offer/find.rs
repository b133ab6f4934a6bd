//! Finds the offer in a text that people paste, pipe or save: with a mail around it, wrapped, quoted, encoded again.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::views::{is_margin, unwrapped, views};
use super::{MAX_TEXT_BYTES, Offer, OfferError};

/// What stands before the base64 in a link (`#offer=`) and in a variable (`PASEO_RELAY_OFFER=`).
const MARK: &str = "offer=";
/// How base64 of a JSON object begins: with `{"`, `{ `, or `{` and a line break.
const JSON_STARTS: [&str; 4] = ["eyJ", "eyA", "ewo", "ew0"];
/// Shortest run of letters without a mark that is taken for an offer.
const SHORTEST_RUN: usize = 16;
/// Most places of a text that are looked at.
const MAX_PLACES: usize = 256;
/// Most parts of a broken line that are looked at one by one.
const MAX_SEGMENTS: usize = 512;

/// Finds the one offer that a text has. The same offer may be there more than once.
pub(super) fn only(text: &str) -> Result<Offer, OfferError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(OfferError::TooLarge);
    }
    let mut found = Found::default();
    for view in views(text) {
        found.read_links(&view);
        let joined = unwrapped(&view);
        found.read_json(&joined);
        // A JSON text inside of another one.
        if joined.contains("\\\"") {
            found.read_json(&Zeroizing::new(joined.replace("\\\"", "\"")));
        }
    }
    found.only(text)
}

#[derive(Default)]
struct Found {
    offers: Vec<Offer>,
    /// The first fault of something that is meant as an offer.
    fault: Option<OfferError>,
}

impl Found {
    fn take(&mut self, read: Result<Offer, OfferError>) {
        match read {
            Ok(offer) => {
                let json = offer.to_json();
                let known = |it: &Offer| json.is(it.to_json().expose());
                if !self.offers.iter().any(known) {
                    self.offers.push(offer);
                }
            }
            Err(error) => self.fault = self.fault.or(Some(error)),
        }
    }

    fn only(mut self, text: &str) -> Result<Offer, OfferError> {
        match self.offers.len() {
            0 => Err(self.fault.unwrap_or(match text.trim().is_empty() {
                true => OfferError::Empty,
                false => OfferError::NoOffer,
            })),
            1 => Ok(self.offers.remove(0)),
            _ => Err(OfferError::Several),
        }
    }

    /// Reads the base64 behind every mark, and every run of letters that begins as JSON does.
    fn read_links(&mut self, text: &str) {
        for (at, _) in text.match_indices(MARK).take(MAX_PLACES) {
            let start = at + MARK.len();
            self.take(Payload::read(&text[start..]).offer(text, start));
        }
        let starts = JSON_STARTS.iter().flat_map(|it| text.match_indices(it));
        for (at, start) in starts.take(MAX_PLACES) {
            let alone = text.trim_start().starts_with(start) && text[..at].trim().is_empty();
            let inside = text[..at].ends_with(is_letter);
            let payload = Payload::read(&text[at..]);
            if inside || (payload.letters.len() < SHORTEST_RUN && !alone) {
                continue;
            }
            match payload.offer(text, at) {
                // With other text before it, it may be anything that is base64.
                Err(_) if !alone => {}
                read => self.take(read),
            }
        }
    }

    /// Reads every JSON object that looks like an offer.
    fn read_json(&mut self, text: &str) {
        let mut from = 0;
        for _ in 0..MAX_PLACES {
            let Some(at) = text[from..].find('{').map(|at| from + at) else {
                return;
            };
            from = at + 1;
            let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
            match values.next() {
                Some(Ok(Value::Object(fields))) if is_offer(&fields) => {
                    from = at + values.byte_offset();
                    self.take(Offer::from_fields(fields));
                }
                Some(Err(error)) if error.is_eof() && text[at..].contains("\"serverId\"") => {
                    self.take(Err(OfferError::CutOff(text[at..].chars().count())));
                }
                Some(Err(_)) if at == 0 => self.take(Err(OfferError::NotJson)),
                _ => {}
            }
        }
    }
}

/// Returns whether an object is meant as an offer: two of its fields are there.
fn is_offer(fields: &Map<String, Value>) -> bool {
    let names = ["v", "serverId", "daemonPublicKeyB64", "relay"];
    names
        .iter()
        .filter(|name| fields.contains_key(**name))
        .count()
        >= 2
}

/// Base64 letters, without what was put between them.
struct Payload {
    letters: Zeroizing<String>,
    /// How many of them there were each time that something had been put between.
    pieces: Vec<usize>,
    /// Whether something else stands where it should begin.
    other: bool,
}

impl Payload {
    /// Takes letters and skips margins, up to the first other character.
    fn read(text: &str) -> Self {
        let mut payload = Self {
            letters: Zeroizing::new(String::with_capacity(text.len().min(MAX_TEXT_BYTES))),
            pieces: Vec::new(),
            other: false,
        };
        for c in text.chars() {
            if is_letter(c) {
                payload.letters.push(c);
            } else if !is_margin(c) && c != '=' {
                payload.other = true;
                break;
            } else if payload.pieces.last() != Some(&payload.letters.len()) {
                payload.pieces.push(payload.letters.len());
            }
        }
        payload
    }

    /// Reads the offer. Letters behind it are words of the text, and are left out.
    fn offer(&self, text: &str, start: usize) -> Result<Offer, OfferError> {
        if self.letters.is_empty() {
            return Err(match self.other {
                true => OfferError::NotBase64,
                false => OfferError::Empty,
            });
        }
        let decoded = decode(&self.letters);
        let mut values = serde_json::Deserializer::from_slice(&decoded).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(fields))) => Offer::from_fields(fields),
            Some(Ok(_)) | None => Err(OfferError::NotJson),
            Some(Err(_)) => Err(match self.cut_off() {
                Some(letters) => OfferError::CutOff(before(text, start) + letters),
                None => OfferError::NotJson,
            }),
        }
    }

    /// Returns how many letters begin an offer whose end is missing.
    fn cut_off(&self) -> Option<usize> {
        let pieces = self.pieces.iter().take(MAX_SEGMENTS).copied();
        let pieces = pieces.chain([self.letters.len()]);
        // A text that has no end is not looked at by the parser, so words behind a cut would pass for it.
        let begins = |letters: &usize| {
            let decoded = decode(&self.letters[..*letters]);
            let whole = match str::from_utf8(&decoded) {
                Ok(text) => text.len(),
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Err(_) => return false,
            };
            let printed = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
            let read = serde_json::from_slice::<Value>(&decoded[..whole]);
            decoded[..whole].iter().all(printed) && read.is_err_and(|error| error.is_eof())
        };
        pieces.filter(|it| *it > 0).take_while(begins).last()
    }
}

/// Counts the characters of the word, such as a link, up to the place where its base64 begins.
fn before(text: &str, start: usize) -> usize {
    let word = text[..start].rsplit(|c: char| c.is_whitespace() || "<>()[]{}\"'`".contains(c));
    word.take(1).flat_map(str::chars).count()
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')
}

/// Decodes as many whole bytes as the letters give, of either alphabet.
fn decode(letters: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(letters.len() / 4 * 3 + 3));
    let (mut bits, mut held) = (0_u32, 0);
    for letter in letters.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}

/// Returns whether a text has the mark of an offer in it, in whatever way it was encoded.
pub(super) fn is_marked(text: &str) -> bool {
    [
        "offer=",
        "offer%3D",
        "offer%3d",
        "offer%253D",
        "offer-3D",
        "offer&#",
    ]
    .iter()
    .any(|mark| text.contains(mark))
}
