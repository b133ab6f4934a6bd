//! What is inside a bundle: JSON with the remotes as `remotes.toml` has them, and their secrets by id. Whoever
//! made it is hostile: it is read as an included file is, and may name no variable and no program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml_edit::Document;
use zeroize::Zeroizing;

use super::{Bundle, secret_ids};
use crate::remote::profile::Remote;
use crate::remote::{edit, schema};
use crate::secret::{MAX_ITEM_BYTES, Secret, SecretId};

/// The one version of it.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    v: u32,
    /// A `remotes.toml`.
    remotes: String,
    /// Base64, by id.
    items: BTreeMap<String, Zeroizing<String>>,
}

impl Bundle {
    /// Writes it as bytes, all secrets readable.
    pub(super) fn to_bytes(&self) -> Secret<Vec<u8>> {
        let insert = |document: &mut toml_edit::DocumentMut| {
            self.remotes
                .iter()
                .for_each(|remote| edit::insert(document, remote));
        };
        let encode = |(id, item): (&SecretId, &Secret<Vec<u8>>)| {
            let item = base64_simd::STANDARD.encode_to_string(item.expose());
            (id.to_string(), Zeroizing::new(item))
        };
        let content = Content {
            v: VERSION,
            remotes: edit::apply("", insert),
            items: self.items.iter().map(encode).collect(),
        };
        Secret::new(serde_json::to_vec(&content).expect("a struct with string keys"))
    }

    /// Reads such bytes; `None` when they are anything else, or the remotes and the secrets do not fit each
    /// other.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let content: Content = serde_json::from_slice(bytes).ok()?;
        let document = Document::parse(content.remotes.as_str()).ok()?;
        let contents = schema::read_included(document.as_table()).ok()?;
        let is_whole = content.v == VERSION
            && contents.version == schema::VERSION
            && contents.includes.is_empty()
            && contents.blocked.is_empty();
        let mut bundle = Self {
            remotes: contents.remotes.into_values().collect(),
            items: content.items.iter().map(decode).collect::<Option<_>>()?,
        };
        (is_whole && bundle.remotes.iter_mut().all(is_plain) && bundle.is_whole()).then_some(bundle)
    }

    fn is_whole(&self) -> bool {
        let fits = |remote: &Remote| match remote.secret() {
            Some(secret) => self
                .items
                .get(&secret.id)
                .is_some_and(|item| remote.takes(item)),
            None => true,
        };
        let is_used = |id: &SecretId| secret_ids(&self.remotes).any(|used| used == id);
        self.remotes.iter().all(fits) && self.items.keys().all(is_used)
    }
}

/// Whoever makes a bundle must not learn a variable, or run a program.
fn is_plain(remote: &mut Remote) -> bool {
    remote.options.network.take_elsewhere().is_empty()
}

fn decode((id, item): (&String, &Zeroizing<String>)) -> Option<(SecretId, Secret<Vec<u8>>)> {
    let item = Secret::new(base64_simd::STANDARD.decode_to_vec(item.as_bytes()).ok()?);
    (item.expose().len() <= MAX_ITEM_BYTES).then_some((id.parse().ok()?, item))
}
