//! Finds the offer in a text that people paste, pipe or save: with a mail around it, wrapped, quoted, encoded again.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::views::{is_margin, unwrapped, views};
use super::{MAX_TEXT_BYTES, Offer, OfferError, uri};

/// What stands before the base64 in a link (`#offer=`) and in a variable (`PASEO_RELAY_OFFER=`).
const MARK: &str = "offer=";
/// How base64 of a JSON object begins: with `{"`, `{ `, or `{` and a line break.
const JSON_STARTS: [&str; 4] = ["eyJ", "eyA", "ewo", "ew0"];
/// Shortest run of letters without a mark that is taken for an offer.
const SHORTEST_RUN: usize = 16;
/// Bytes that are read of one text, over and over as they may be: offers begin at many places of a text that somebody
/// has made to keep us busy. No mail comes near it.
const MAX_WORK: usize = 32 * MAX_TEXT_BYTES;
/// What it costs to look at a place, in bytes.
const PLACE: usize = 64;

/// Finds the one offer that a text has. The same offer may be there more than once.
pub(super) fn only(text: &str) -> Result<Offer, OfferError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(OfferError::TooLarge);
    }
    let mut found = Found::default();
    for view in views(text) {
        // What is decoded once too often is another password.
        if !found.has_uri {
            found.read_uris(&view)?;
        }
        found.read_links(&view)?;
        let joined = unwrapped(&view);
        found.read_json(&joined)?;
        // A JSON text inside of another one.
        if joined.contains("\\\"") {
            found.read_json(&Zeroizing::new(joined.replace("\\\"", "\"")))?;
        }
    }
    found.only(text)
}

/// What was found so far. The search ends with the second offer.
#[derive(Default)]
struct Found {
    offer: Option<Offer>,
    /// The first fault of something that is meant as an offer.
    fault: Option<OfferError>,
    /// Whether a connection string was whole.
    has_uri: bool,
    work: usize,
}

impl Found {
    fn take(&mut self, read: Result<Offer, OfferError>) -> Result<(), OfferError> {
        match (read, &self.offer) {
            (Ok(offer), None) => self.offer = Some(offer),
            (Ok(offer), Some(known)) if offer.to_json().is(known.to_json().expose()) => {}
            (Ok(_), Some(_)) => return Err(OfferError::Several),
            (Err(error), _) => self.fault = self.fault.or(Some(error)),
        }
        Ok(())
    }

    /// Takes note of what is about to be read.
    fn spend(&mut self, bytes: usize) -> Result<(), OfferError> {
        self.work += bytes;
        match self.work > MAX_WORK {
            true => Err(OfferError::Tangled),
            false => Ok(()),
        }
    }

    fn only(self, text: &str) -> Result<Offer, OfferError> {
        self.offer.ok_or_else(|| {
            self.fault.unwrap_or(match text.trim().is_empty() {
                true => OfferError::Empty,
                false => OfferError::NoOffer,
            })
        })
    }

    /// Reads every connection string.
    fn read_uris(&mut self, text: &str) -> Result<(), OfferError> {
        for (at, _) in text.match_indices(uri::SCHEME) {
            self.spend(PLACE)?;
            let (read, looked) = uri::read(&text[at..]);
            self.spend(looked)?;
            self.has_uri |= read.is_ok();
            self.take(read)?;
        }
        Ok(())
    }

    /// Reads the base64 behind every mark, and every run of letters that begins as JSON does.
    fn read_links(&mut self, text: &str) -> Result<(), OfferError> {
        for (at, _) in text.match_indices(MARK) {
            self.read_link(text, at + MARK.len(), true)?;
        }
        let begin = text.len() - text.trim_start().len();
        for (at, _) in JSON_STARTS.iter().flat_map(|it| text.match_indices(it)) {
            if at == begin || !text[..at].ends_with(is_letter) {
                self.read_link(text, at, at == begin)?;
            }
        }
        Ok(())
    }

    /// Reads the base64 at a place; `meant` says that it is an offer, or should be one.
    fn read_link(&mut self, text: &str, start: usize, meant: bool) -> Result<(), OfferError> {
        self.spend(PLACE)?;
        let payload = Payload::read(&text[start..]);
        self.spend(payload.read)?;
        if payload.letters.len() < SHORTEST_RUN && !meant {
            return Ok(());
        }
        self.spend(payload.letters.len())?;
        match payload.offer() {
            // With other text before it, it may be anything that is base64.
            Err(_) if !meant => Ok(()),
            Err(Fault::Broken) => {
                // Each of them may be decoded once more.
                let tries = 1 + payload.pieces.len().checked_ilog2().unwrap_or(0) as usize;
                self.spend(tries * payload.letters.len())?;
                self.take(Err(match payload.cut_off() {
                    Some(letters) => OfferError::CutOff(before(text, start) + letters),
                    None => OfferError::NotJson,
                }))
            }
            Err(Fault::Known(error)) => self.take(Err(error)),
            Ok(offer) => self.take(Ok(offer)),
        }
    }

    /// Reads every JSON object that looks like an offer.
    fn read_json(&mut self, text: &str) -> Result<(), OfferError> {
        let mut from = 0;
        while let Some(at) = text[from..].find('{').map(|at| from + at) {
            self.spend(PLACE)?;
            from = at + 1;
            let rest = &text[at..];
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            match values.next() {
                Some(Ok(value)) => {
                    self.spend(values.byte_offset())?;
                    if value.as_object().is_some_and(is_offer) {
                        from = at + values.byte_offset();
                        self.take(Offer::from_value(value))?;
                    }
                }
                Some(Err(error)) => {
                    // The text is one line.
                    self.spend(error.column())?;
                    if error.is_eof() && rest.contains("\"serverId\"") {
                        self.take(Err(OfferError::CutOff(rest.chars().count())))?;
                    } else if at == 0 {
                        self.take(Err(OfferError::NotJson))?;
                    }
                }
                None => {}
            }
        }
        Ok(())
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
    /// How many of them there were each time that something had been put between, and in the end.
    pieces: Vec<usize>,
    /// Whether something else stands where it should begin.
    other: bool,
    /// Bytes of the text up to its end.
    read: usize,
}

/// Why letters are no offer.
enum Fault {
    /// Its end is missing, or it is something else.
    Broken,
    Known(OfferError),
}

impl Payload {
    /// Takes letters and skips margins, up to the first other character.
    fn read(text: &str) -> Self {
        let mut payload = Self {
            letters: Zeroizing::new(String::with_capacity(text.len().min(MAX_TEXT_BYTES))),
            pieces: Vec::new(),
            other: false,
            read: text.len(),
        };
        for (at, c) in text.char_indices() {
            if is_letter(c) {
                payload.letters.push(c);
            } else if !is_margin(c) && c != '=' {
                (payload.other, payload.read) = (true, at);
                break;
            } else {
                payload.piece();
            }
        }
        payload.piece();
        payload
    }

    fn piece(&mut self) {
        let letters = self.letters.len();
        if letters > 0 && self.pieces.last() != Some(&letters) {
            self.pieces.push(letters);
        }
    }

    /// Reads the offer. Letters behind it are words of the text, and are left out.
    fn offer(&self) -> Result<Offer, Fault> {
        if self.letters.is_empty() {
            return Err(Fault::Known(match self.other {
                true => OfferError::NotBase64,
                false => OfferError::Empty,
            }));
        }
        let decoded = decode(&self.letters);
        let mut values = serde_json::Deserializer::from_slice(&decoded).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => Offer::from_value(value).map_err(Fault::Known),
            None => Err(Fault::Known(OfferError::NotJson)),
            Some(Err(_)) => Err(Fault::Broken),
        }
    }

    /// Returns how many letters begin an offer whose end is missing.
    fn cut_off(&self) -> Option<usize> {
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
        // What begins with something that begins no offer begins none either.
        let beginnings = self.pieces.partition_point(begins);
        beginnings.checked_sub(1).map(|last| self.pieces[last])
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
        uri::SCHEME,
        "#connect=",
        "relay%3A%2F%2F",
        "relay%3a%2f%2f",
    ]
    .iter()
    .any(|mark| text.contains(mark))
}
