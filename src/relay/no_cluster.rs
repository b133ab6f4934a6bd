//! Stands in for the cluster in a program that was built without the feature `cluster`.

use std::sync::Arc;

use super::ClusterConfig;
use super::accept::Upgraded;
use super::guard::Claim;
use super::hub::Hub;
use super::metrics::ClusterGauges;
use super::refusal::Refusal;
use crate::protocol::relay::ConnectQuery;

/// Why a relay cannot be a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The program has no cluster.
    #[error("this paseo was built without the feature `cluster`")]
    NotBuilt,
}

/// There is none.
#[derive(Debug)]
pub(super) enum Cluster {}

/// Where a socket belongs: here.
#[derive(Debug)]
pub(super) enum Home {
    Here(Hold),
    #[expect(dead_code, reason = "there is no other node")]
    There(Remote),
}

/// Nothing has to be held.
#[derive(Debug, Default)]
pub(super) struct Hold {
    _owned: (),
}

/// There is none.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) online: bool,
    never: std::convert::Infallible,
}

impl Cluster {
    pub(super) fn new(_: ClusterConfig, _: Arc<Hub>, _: Claim) -> Result<Arc<Self>, ClusterError> {
        Err(ClusterError::NotBuilt)
    }

    pub(super) async fn run(self: Arc<Self>) {
        match *self {}
    }

    pub(super) fn ready(&self) -> bool {
        match *self {}
    }

    pub(super) fn gauges(&self) -> ClusterGauges {
        match *self {}
    }

    pub(super) async fn locate(&self, _: &ConnectQuery) -> Result<Home, Refusal> {
        match *self {}
    }

    pub(super) async fn carry<S>(&self, _: Upgraded<S>, remote: Remote) {
        match remote.never {}
    }

    pub(super) fn stop(&self) {
        match *self {}
    }

    pub(super) async fn idle(&self) {
        match *self {}
    }
}
