//! Pairing offers: links, base64 and JSON.

use crate::pairing::Offer;

/// What is read as an offer is written as one that says the same.
pub(crate) fn offer(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(offer) = Offer::parse(text) else {
        return;
    };
    let json = offer.to_json();
    let link = offer.to_link("https://app.paseo.sh");
    for written in [json.expose(), link.expose()] {
        // What was just short enough may be longer as a link.
        if let Ok(again) = Offer::parse(written) {
            assert_eq!(again.to_json().expose(), json.expose());
        }
    }
}
