//! The query of a relay's URL: who is there, and for which daemon.

use form_urlencoded::Serializer;

use super::{ConnectionId, IdError, ServerId};

/// Which end of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A daemon.
    Server,
    /// A client.
    Client,
}

/// Where a socket sits in the session of its daemon.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seat {
    /// Version 1: one socket per role.
    Legacy(Role),
    /// Version 2: the daemon's one control socket.
    Control,
    /// Version 2: the daemon's socket for one client.
    Data(ConnectionId),
    /// Version 2: a client; the relay makes the id when the client brings none.
    Client(Option<ConnectionId>),
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectQuery {
    /// Which daemon.
    pub server: ServerId,
    /// Which seat.
    pub seat: Seat,
}

/// Why a query is refused. The text is the official answer, sent with status 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// `serverId` is missing or empty.
    #[error("Missing serverId parameter")]
    NoServer,
    /// `serverId` is longer than [`MAX_ID_BYTES`](super::MAX_ID_BYTES).
    #[error("serverId is too long")]
    LongServer,
    /// `v` is neither blank nor `1` nor `2`.
    #[error("Invalid v parameter: neither 1 nor 2")]
    BadVersion,
    /// `role` is neither `server` nor `client`.
    #[error("Invalid role parameter")]
    BadRole,
    /// `connectionId` is longer than [`MAX_ID_BYTES`](super::MAX_ID_BYTES).
    #[error("connectionId is too long")]
    LongConnection,
}

impl ConnectQuery {
    /// Reads a query (without `?`), in the order in which the official relay checks it. Of a
    /// parameter that is there twice the first counts.
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        let value = |name| {
            form_urlencoded::parse(query.as_bytes())
                .find_map(|(key, value)| (key == name).then_some(value))
                .unwrap_or_default()
        };
        let server = ServerId::new(&value("serverId")).map_err(|error| match error {
            IdError::Empty => QueryError::NoServer,
            IdError::TooLong => QueryError::LongServer,
        })?;
        let legacy = match value("v").trim() {
            "" | "1" => true,
            "2" => false,
            _ => return Err(QueryError::BadVersion),
        };
        let role = match &*value("role") {
            "server" => Role::Server,
            "client" => Role::Client,
            _ => return Err(QueryError::BadRole),
        };
        if legacy {
            let seat = Seat::Legacy(role);
            return Ok(Self { server, seat });
        }
        let connection = match ConnectionId::new(&value("connectionId")) {
            Ok(id) => Some(id),
            Err(IdError::Empty) => None,
            Err(IdError::TooLong) => return Err(QueryError::LongConnection),
        };
        let seat = match (role, connection) {
            (Role::Server, None) => Seat::Control,
            (Role::Server, Some(id)) => Seat::Data(id),
            (Role::Client, id) => Seat::Client(id),
        };
        Ok(Self { server, seat })
    }

    /// Writes the query, without `?`. It holds the server id: never log it.
    pub fn encode(&self) -> String {
        let (role, version, connection) = match &self.seat {
            Seat::Legacy(Role::Server) => ("server", "1", None),
            Seat::Legacy(Role::Client) => ("client", "1", None),
            Seat::Control => ("server", "2", None),
            Seat::Data(id) => ("server", "2", Some(id)),
            Seat::Client(id) => ("client", "2", id.as_ref()),
        };
        let mut query = Serializer::new(String::new());
        query
            .append_pair("serverId", self.server.as_str())
            .append_pair("role", role)
            .append_pair("v", version);
        if let Some(id) = connection {
            query.append_pair("connectionId", id.as_str());
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::relay::MAX_ID_BYTES;

    fn refusal(query: &str) -> String {
        ConnectQuery::parse(query).unwrap_err().to_string()
    }

    #[test]
    fn refusals_come_in_the_official_order() {
        assert_eq!(refusal(""), "Missing serverId parameter");
        assert_eq!(refusal("serverId=&v=9"), "Missing serverId parameter");
        assert_eq!(
            refusal("serverId=s&v=3&role=client"),
            "Invalid v parameter: neither 1 nor 2"
        );
        assert_eq!(refusal("serverId=s"), "Invalid role parameter");
        let long = "x".repeat(MAX_ID_BYTES + 1);
        assert_eq!(refusal(&format!("serverId={long}")), "serverId is too long");
        assert_eq!(
            refusal(&format!("serverId=s&v=2&role=client&connectionId={long}")),
            "connectionId is too long"
        );
    }

    #[test]
    fn seats() {
        let seat = |query: &str| ConnectQuery::parse(query).unwrap().seat;
        assert_eq!(seat("serverId=s&role=client"), Seat::Legacy(Role::Client));
        assert_eq!(
            seat("serverId=s&role=server&v=+1+&connectionId=x"),
            Seat::Legacy(Role::Server)
        );
        assert_eq!(
            seat("serverId=s&role=server&v=2&connectionId=%20+"),
            Seat::Control
        );
        assert_eq!(seat("serverId=s&role=client&v=%202%20"), Seat::Client(None));
        let Seat::Data(id) = seat("v=2&role=server&serverId=s&connectionId=+a%2Fb+") else {
            panic!("not a data socket");
        };
        assert_eq!(id.as_str(), "a/b");
    }

    proptest! {
        #[test]
        fn parse_never_panics(query in "\\PC*") {
            let _ = ConnectQuery::parse(&query);
        }

        #[test]
        fn a_query_survives(server in "\\PC{1,60}", id in proptest::option::of("[!-~]\\PC{0,40}[!-~]"), role: bool) {
            let id = id.map(|id| ConnectionId::new(&id).unwrap());
            let seat = match (role, id) {
                (true, Some(id)) => Seat::Data(id),
                (true, None) => Seat::Control,
                (false, id) => Seat::Client(id),
            };
            let query = ConnectQuery { server: ServerId::new(&server).unwrap(), seat };
            prop_assert_eq!(ConnectQuery::parse(&query.encode()), Ok(query));
        }
    }
}
