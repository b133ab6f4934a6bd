//! What is on the wire, as serde types and constants: nothing here does I/O or decides anything.
//!
//! Both sides of each conversation share these types. `docs/protocol.md` is the prose.

pub mod agents;
pub mod e2ee;
pub mod relay;
pub mod session;
