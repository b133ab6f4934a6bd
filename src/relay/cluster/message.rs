//! What nodes tell each other, as bytes. Nodes trust each other, and still nothing here may panic.

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::protocol::relay::ServerId;

/// Begins every subject. The number changes when nodes of two versions could not talk to each other.
const PREFIX: &str = "paseo-relay.1";

/// A node from one connection to NATS to the next: after a gap nothing of before is relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct NodeId(pub(super) u64);

/// A session on subjects: a hash, so that NATS never sees a server id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SessionKey(String);

/// A socket's way between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StreamId {
    pub(super) opener: NodeId,
    pub(super) number: u64,
}

/// A message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) from: NodeId,
    pub(super) stream: StreamId,
    pub(super) content: Content,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// A socket is there for a session that the other node owns.
    Open(Opening),
    /// Bytes of the socket. Numbers count from 0, so that a gap is seen.
    Data { number: u32, bytes: Bytes },
    /// So many bytes were taken; as many more may come.
    Taken(u32),
    /// There are no more bytes this way.
    End,
    /// The stream is gone.
    Reset,
}

/// How a socket comes to the node that owns its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opening {
    /// Its query, with the session's key in the place of the server id.
    pub(super) query: String,
    /// What it was told of its daemon, if it asked.
    pub(super) told: Option<bool>,
    /// The first address of the network that it comes from. A node of before tells none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<IpAddr>,
}

/// Asks who owns a session, and whether a socket may have its seat there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ask {
    /// As in [`Opening`], but without a connection id.
    pub(super) query: String,
}

/// The owner's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) stake: Stake,
    /// Whether the daemon is there.
    pub(super) online: bool,
    pub(super) refusal: Option<No>,
}

/// Why a socket may not have its seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum No {
    Draining,
    Full,
    Claimed,
}

/// A node says that it owns a session. Of two the older claim counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Stake {
    /// Microseconds since 1970.
    pub(super) since: u64,
    pub(super) node: NodeId,
}

impl NodeId {
    pub(super) fn random() -> Self {
        Self(getrandom::u64().expect("the system gives random numbers"))
    }

    /// Where a node gets the messages of its streams, one subject for each session.
    pub(super) fn inbox(self, session: &SessionKey) -> String {
        format!("{PREFIX}.n.{:016x}.{}", self.0, session.0)
    }

    /// All of them.
    pub(super) fn inboxes(self) -> String {
        format!("{PREFIX}.n.{:016x}.*", self.0)
    }

    /// Where every node says that it lives.
    pub(super) fn roll_call() -> String {
        format!("{PREFIX}.alive")
    }

    pub(super) fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_be_bytes())
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u64::from_be_bytes).map(Self)
    }
}

impl SessionKey {
    pub(super) fn of(server: &ServerId) -> Self {
        let hash = Sha256::digest(server.as_str().as_bytes());
        Self(
            hash[..16]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }

    /// Returns the session whose subject this is.
    pub(super) fn of_inbox(subject: &str) -> Option<Self> {
        let (_, key) = subject.rsplit_once('.')?;
        Some(Self(key.to_owned()))
    }

    /// Where the owner of the session is asked.
    pub(super) fn subject(&self) -> String {
        format!("{PREFIX}.s.{}", self.0)
    }

    /// Stands for the server id in a query.
    pub(super) fn as_server(&self) -> ServerId {
        ServerId::new(&self.0).expect("a hash is neither empty nor long")
    }
}

const OPEN: u8 = 1;
const DATA: u8 = 2;
const TAKEN: u8 = 3;
const END: u8 = 4;
const RESET: u8 = 5;

impl Envelope {
    pub(super) fn encode(&self) -> Bytes {
        let room = match &self.content {
            Content::Data { bytes, .. } => bytes.len(),
            _ => 0,
        };
        let mut out = BytesMut::with_capacity(29 + room);
        out.put_u8(match &self.content {
            Content::Open(_) => OPEN,
            Content::Data { .. } => DATA,
            Content::Taken(_) => TAKEN,
            Content::End => END,
            Content::Reset => RESET,
        });
        out.put_u64(self.from.0);
        out.put_u64(self.stream.opener.0);
        out.put_u64(self.stream.number);
        match &self.content {
            Content::Open(opening) => out.extend_from_slice(&to_json(opening)),
            Content::Data { number, bytes } => {
                out.put_u32(*number);
                out.extend_from_slice(bytes);
            }
            Content::Taken(bytes) => out.put_u32(*bytes),
            Content::End | Content::Reset => {}
        }
        out.freeze()
    }

    /// Reads a message; `None` for what is none. Data is not copied.
    pub(super) fn decode(bytes: &Bytes) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (from, rest) = number(rest)?;
        let (opener, rest) = number(rest)?;
        let (number, rest) = number(rest)?;
        let content = match *kind {
            OPEN => Content::Open(serde_json::from_slice(rest).ok()?),
            DATA => {
                let (number, rest) = rest.split_first_chunk()?;
                Content::Data {
                    number: u32::from_be_bytes(*number),
                    bytes: bytes.slice_ref(rest),
                }
            }
            TAKEN => Content::Taken(u32::from_be_bytes(rest.try_into().ok()?)),
            END if rest.is_empty() => Content::End,
            RESET if rest.is_empty() => Content::Reset,
            _ => return None,
        };
        Some(Self {
            from: NodeId(from),
            stream: StreamId {
                opener: NodeId(opener),
                number,
            },
            content,
        })
    }
}

/// Writes one of the messages that are JSON.
pub(super) fn to_json(message: &impl Serialize) -> Bytes {
    let json = serde_json::to_vec(message).expect("strings and numbers always serialise");
    json.into()
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content() -> impl Strategy<Value = Content> {
        prop_oneof![
            (".{0,40}", any::<Option<bool>>()).prop_map(|(query, told)| Content::Open(Opening {
                query,
                told,
                network: None
            })),
            (any::<u32>(), prop::collection::vec(any::<u8>(), 0..100)).prop_map(
                |(number, bytes)| Content::Data {
                    number,
                    bytes: bytes.into()
                }
            ),
            any::<u32>().prop_map(Content::Taken),
            Just(Content::End),
            Just(Content::Reset),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(from: u64, opener: u64, number: u64, content in content()) {
            let stream = StreamId { opener: NodeId(opener), number };
            let envelope = Envelope { from: NodeId(from), stream, content };
            prop_assert_eq!(Envelope::decode(&envelope.encode()), Some(envelope));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = NodeId::parse(&bytes);
            let _ = Envelope::decode(&bytes.into());
        }
    }

    #[test]
    fn subjects_hold_no_server_id() {
        let key = SessionKey::of(&ServerId::new("srv_planted").unwrap());
        let inbox = NodeId(7).inbox(&key);
        assert!(!inbox.contains("planted") && !key.subject().contains("planted"));
        assert_eq!(SessionKey::of_inbox(&inbox), Some(key));
    }
}
