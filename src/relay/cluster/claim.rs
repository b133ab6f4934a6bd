//! Owning a session: answering those who ask for it, and settling who owns it when two do.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use super::link::{Link, Owned};
use super::message::{Answer, Ask, No, Stake, to_json};
use crate::protocol::relay::{Close, ConnectQuery};
use crate::relay::guard::Claim;
use crate::relay::hub::Hub;

/// How often it is looked whether the session is still in use; as long it is kept when it is not.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Listens to those who ask for a session. Without that it is given up.
pub(super) async fn offer(link: &Link, owned: &Owned) -> Option<Subscriber> {
    match link.client.subscribe(owned.key.subject()).await {
        Ok(asked) => Some(asked),
        Err(error) => {
            warn!(%error, "a session cannot be offered to other nodes");
            link.disown(&owned.key);
            None
        }
    }
}

/// Keeps a session until nobody uses it, another node has the better claim, or NATS is lost.
pub(super) async fn keep(
    link: Arc<Link>,
    hub: Arc<Hub>,
    claim: Claim,
    owned: Arc<Owned>,
    mut asked: Subscriber,
) {
    let subject = owned.key.subject();
    let mine = owned.stake;
    let say = || link.send(subject.clone(), to_json(&mine));
    say();
    let mut said_twice = false;
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.tick().await;
    loop {
        tokio::select! {
            message = asked.next() => {
                let Some(message) = message else { return };
                if let Some(reply) = message.reply {
                    let Ok(ask) = serde_json::from_slice::<Ask>(&message.payload) else { continue };
                    let (link, hub, owned) = (Arc::clone(&link), Arc::clone(&hub), Arc::clone(&owned));
                    // A daemon that holds a claim is given time to answer.
                    tokio::spawn(async move {
                        let answer = answer(&hub, claim, &owned, &ask).await;
                        link.send(reply.to_string(), to_json(&answer));
                    });
                    continue;
                }
                match serde_json::from_slice::<Stake>(&message.payload) {
                    Ok(theirs) if theirs.node == mine.node => {}
                    Ok(theirs) if theirs < mine => {
                        debug!("another node owned this session before");
                        link.disown(&owned.key);
                        return hub.close_session(&owned.server, Close::Restart);
                    }
                    // It does not know of us.
                    Ok(_) => say(),
                    Err(error) => debug!(%error, "a message of another node is none"),
                }
            }
            _ = look.tick() => {
                if !hub.has_session(&owned.server) && link.disown_if_unused(&owned) {
                    return;
                }
                // Two claims may have crossed each other while NATS learned of both.
                if !std::mem::replace(&mut said_twice, true) {
                    say();
                }
            }
        }
    }
}

async fn answer(hub: &Hub, claim: Claim, owned: &Owned, ask: &Ask) -> Answer {
    let query = ConnectQuery::parse(&ask.query).map(|query| ConnectQuery {
        server: owned.server.clone(),
        ..query
    });
    let (online, refusal) = match query {
        Err(_) => (false, Some(No::Full)),
        Ok(_) if hub.draining() => (false, Some(No::Draining)),
        Ok(query) if !hub.has_room(&query.server) => (hub.online(&query), Some(No::Full)),
        Ok(query) if claim == Claim::First && hub.is_held(&query).await => {
            (true, Some(No::Claimed))
        }
        Ok(query) => (hub.online(&query), None),
    };
    Answer {
        stake: owned.stake,
        online,
        refusal,
    }
}
