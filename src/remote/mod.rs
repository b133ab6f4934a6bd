//! Saved remotes: what is in `remotes.toml`, which one is meant, and what it resolves to.

mod bundle;
mod edit;
mod file;
mod host;
mod include;
mod item;
mod keeping;
mod local;
mod name;
mod network;
mod problem;
mod profile;
mod reader;
mod recipient;
mod schema;
mod select;
mod setting;
mod several;
#[cfg(test)]
mod tests;
mod value;
mod via;
mod written;

#[cfg(any(test, fuzzing))]
pub(crate) use bundle::fuzz_bundle;
pub use bundle::{Bundle, BundleError, MAX_BUNDLE_BYTES, SealFor, SealedBundle};
pub use file::{ConfigError, Edit, FILE_NAME, RemotesFile, UnknownRemote};
pub use host::{Address, Host, HostError};
pub use include::Place;
pub use item::{ResolveError, offer_item, offer_target, password_item};
pub use keeping::{Holder, KeepError, Keeper, Left, Pruned};
pub use local::LocalHints;
pub use name::{NameError, RemoteName};
pub use network::{NetworkOptions, ProxyOption, ValueSource};
pub use problem::Invalid;
pub use profile::{DirMapping, DirectRoute, Guard, Options, RelayRoute, Remote, Route, SecretRef};
pub use recipient::{Recipient, RecipientError, recipient_item, recipient_key};
pub use select::{Asked, Choice, Rule, SelectError, Selected, Selection, Selector};
pub use setting::{PASSWORD, Setting, SettingError, SettingKey};
pub use several::{Breadth, Several, SeveralError};
pub use via::{Via, ViaError};
pub use written::Written;
