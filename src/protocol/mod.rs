//! What is on the wire, as serde types and constants: nothing here does I/O or decides anything.
//!
//! Both sides of each conversation share these types. `docs/protocol.md` is the prose.

/// One line per request: does it only read or does it change something, its type, its reply's type.
macro_rules! requests {
    ($($effect:ident $request:ty: $kind:literal => $answer:literal $reply:ty;)*) => {$(
        impl $crate::protocol::session::Request for $request {
            const TYPE: &'static str = $kind;
            const REPLY: &'static str = $answer;
            const MUTATES: bool = requests!(@ $effect);
            type Reply = $reply;
        }
    )*};
    (@ reads) => { false };
    (@ changes) => { true };
}

pub mod admission;
pub mod agents;
pub mod base64;
pub mod chat;
pub mod daemon;
pub mod daemon_permission;
pub mod e2ee;
pub mod lifecycle;
pub mod loops;
pub mod permissions;
pub mod picture;
pub mod providers;
pub mod relay;
pub mod schedules;
pub mod screen;
pub mod scripts;
pub mod session;
pub mod size;
pub mod terminals;
pub mod timeline;
pub mod workspaces;

/// Tells null from absent: for fields where they mean different things.
fn given<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    T::deserialize(from).map(Some)
}
