//! Cursors of lists: the place of an entry as JSON, in base64url. Opaque to clients.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest cursor that is read, in bytes.
const MAX_CURSOR_BYTES: usize = 4096;

/// The text is not one of our cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CursorError;

/// Writes a cursor.
pub(super) fn encode(place: &impl Serialize) -> String {
    let json = serde_json::to_vec(place).unwrap_or_default();
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(json)
}

/// Reads a cursor.
pub(super) fn decode<T: DeserializeOwned>(cursor: &str) -> Result<T, CursorError> {
    if cursor.len() > MAX_CURSOR_BYTES {
        return Err(CursorError);
    }
    let json = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(cursor)
        .map_err(|_| CursorError)?;
    serde_json::from_slice(&json).map_err(|_| CursorError)
}
