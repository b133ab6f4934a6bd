//! Who is let in: by a password, by a local credential, or because the system says that they may.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::guesses::{Guesses, PasswordDigest};
use super::lobby::{Peer, Place};
use super::names::Names;
use super::password::{Password, verify};
use crate::protocol::admission::{Auth, Rejection};
use crate::protocol::session::{CLOSE_FULL, FULL};
use crate::secret::Secret;
use crate::transport::peer::{Owner, Unknown};
use crate::transport::{Closed, Frame, FrameSender};

/// How long a client may take to take the reason of its refusal.
const GOODBYE: Duration = Duration::from_millis(250);
/// Wrong passwords that are remembered.
const MAX_JUDGED: usize = 256;

/// What a listener asks of those who connect. It may change while it listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The password. Without one, only programs of the same user and of root are let in.
    pub password: Option<Password>,
    /// Names of the listener, and of web pages.
    pub names: Names,
    /// Whether a client that comes through a relay must show the password, too. One that shows a wrong one is refused in
    /// any case.
    pub relay_requires_password: bool,
}

/// What a client shows in its hello.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The password.
    Password(Secret<String>),
    /// The local credential of this run.
    Local(Secret<String>),
}

/// Why a client is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It has shown nothing.
    PasswordRequired,
    /// It has shown the wrong thing.
    PasswordIncorrect,
    /// There are too many clients.
    Full,
}

/// What a listener knows to judge by.
#[derive(Debug)]
pub(super) struct Gate {
    access: watch::Receiver<Access>,
    /// Admits like the password; whoever can read its file is the same user.
    local: Option<Secret<String>>,
    /// Lets everybody in whose user the system cannot tell.
    trusts_unknown: bool,
    guesses: Guesses,
    judged: Mutex<Judged>,
    /// The key of the digests.
    key: Zeroizing<[u8; 32]>,
}

/// Digests of passwords that were compared with a hash already, so that they wait for none: the right one, and wrong ones
/// that a program may show again and again.
#[derive(Debug, Default)]
struct Judged {
    right: Option<PasswordDigest>,
    wrong: VecDeque<PasswordDigest>,
}

/// A connection, and who is at its other end.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) owner: Owner,
    pub(super) peer: Peer,
    pub(super) place: Arc<Place>,
}

/// How a client has come.
#[derive(Debug)]
enum Route {
    Direct(Visitor),
    /// It has the offer: the channel is open.
    Relay,
}

/// A client that has connected, and is perhaps not let in yet. The connection of a direct one ends when this is dropped.
#[derive(Debug)]
pub struct Guest {
    gate: Arc<Gate>,
    route: Route,
    /// It has shown what is needed.
    is_known: bool,
}

impl Gate {
    pub(super) fn new(
        access: watch::Receiver<Access>,
        local: Option<Secret<String>>,
        trusts_unknown: bool,
    ) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut()).expect("the system's random number generator works");
        Self {
            access,
            local,
            trusts_unknown,
            guesses: Guesses::default(),
            judged: Mutex::default(),
            key,
        }
    }

    pub(super) fn access(&self) -> Access {
        self.access.borrow().clone()
    }

    /// Returns whether nothing that this peer could show would let it in: without a password, another user.
    pub(super) fn turns_away(&self, owner: Owner) -> bool {
        let open = self.access.borrow().password.is_none();
        let hopeless = matches!(owner, Owner::User(_)) || self.local.is_none();
        open && !self.trusts(owner) && hopeless
    }

    /// Returns whether a peer needs no password when there is none.
    fn trusts(&self, owner: Owner) -> bool {
        owner.is_us_or_root() || (self.trusts_unknown && owner == Owner::Unknown(Unknown::NotTold))
    }

    /// Judges a peer by what it has shown in the head of its request: password or local credential.
    pub(super) async fn admits(
        &self,
        visitor: &Visitor,
        shown: Option<Secret<String>>,
    ) -> Result<(), Refused> {
        let password = self.access.borrow().password.clone();
        match (password, shown) {
            (None, _) if self.trusts(visitor.owner) => Ok(()),
            (_, None) => Err(Refused::PasswordRequired),
            (_, Some(shown)) if self.is_local(&shown) => Ok(()),
            (None, Some(_)) => Err(Refused::PasswordRequired),
            (Some(password), Some(shown)) => self.check(&password, &shown, visitor.peer).await,
        }
    }

    /// Judges a client by what it has shown in its hello.
    async fn judges(&self, route: &Route, shown: Option<&Credential>) -> Result<(), Refused> {
        let (password, relay_requires) = {
            let access = self.access.borrow();
            (access.password.clone(), access.relay_requires_password)
        };
        let (needs_none, may_show_none, peer) = match route {
            Route::Direct(visitor) => (self.trusts(visitor.owner), false, visitor.peer),
            Route::Relay => (true, !relay_requires, Peer::Relay),
        };
        match (password, shown) {
            // Anything will do there, a credential of an earlier run too.
            (None, _) if needs_none => Ok(()),
            (_, None) if may_show_none => Ok(()),
            (_, None) => Err(Refused::PasswordRequired),
            (_, Some(Credential::Local(token))) if self.is_local(token) => Ok(()),
            (Some(password), Some(Credential::Password(shown))) => {
                self.check(&password, shown, peer).await
            }
            (_, Some(_)) => Err(self.wrong(peer).await),
        }
    }

    fn is_local(&self, shown: &Secret<String>) -> bool {
        let local = self.local.as_ref();
        local.is_some_and(|local| local.is(shown.expose()))
    }

    /// Compares a password with the right one. Its answer takes as long when it is right as when it is wrong.
    async fn check(
        &self,
        password: &Password,
        shown: &Secret<String>,
        peer: Peer,
    ) -> Result<(), Refused> {
        let right = match password {
            Password::Plain(password) => password.is(shown.expose()),
            Password::Bcrypt(hash) => self.hashes_to(hash, shown, peer).await?,
        };
        match right {
            true => {
                self.guesses.right(peer).await;
                Ok(())
            }
            false => Err(self.wrong(peer).await),
        }
    }

    /// Compares a password with a hash. That is waited for, unless the same password was judged before.
    async fn hashes_to(
        &self,
        hash: &Secret<String>,
        shown: &Secret<String>,
        peer: Peer,
    ) -> Result<bool, Refused> {
        let digest = self.digest(hash, shown);
        let known = || self.judged().find(&digest);
        if let Some(right) = known() {
            return Ok(right);
        }
        let turn = self.guesses.turn(peer, digest).await.ok_or(Refused::Full)?;
        // Another client may have shown the same one meanwhile.
        if let Some(right) = known() {
            return Ok(right);
        }
        let right = verify(hash.clone(), shown.clone(), turn).await;
        self.judged().note(digest, right);
        Ok(right)
    }

    /// Returns once a wrong password may be answered.
    async fn wrong(&self, peer: Peer) -> Refused {
        self.guesses.wrong(peer).await;
        Refused::PasswordIncorrect
    }

    fn judged(&self) -> MutexGuard<'_, Judged> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn digest(&self, hash: &Secret<String>, shown: &Secret<String>) -> PasswordDigest {
        let mut digest = Sha256::new();
        digest.update(self.key.as_ref());
        for part in [hash, shown] {
            digest.update((part.expose().len() as u64).to_be_bytes());
            digest.update(part.expose());
        }
        digest.finalize().into()
    }
}

impl Judged {
    fn find(&self, digest: &PasswordDigest) -> Option<bool> {
        if self.right.is_some_and(|right| right.ct_eq(digest).into()) {
            return Some(true);
        }
        self.wrong.contains(digest).then_some(false)
    }

    fn note(&mut self, digest: PasswordDigest, right: bool) {
        if right {
            self.right = Some(digest);
            return;
        }
        if self.wrong.len() >= MAX_JUDGED {
            self.wrong.pop_front();
        }
        self.wrong.push_back(digest);
    }
}

impl Guest {
    pub(super) fn new(gate: Arc<Gate>, visitor: Visitor, is_known: bool) -> Self {
        Self {
            gate,
            route: Route::Direct(visitor),
            is_known,
        }
    }

    /// Lets the client in, if it may come in by what it has shown until now, or shows here.
    pub async fn admit(&mut self, shown: Option<&Credential>) -> Result<(), Refused> {
        if !self.is_known {
            self.gate.judges(&self.route, shown).await?;
            self.is_known = true;
        }
        match &self.route {
            Route::Direct(visitor) if !visitor.place.admit() => Err(Refused::Full),
            Route::Direct(_) | Route::Relay => Ok(()),
        }
    }
}

/// Judges the clients that come through a relay. They have the offer; with a password set, one that shows another is
/// refused, and so is one that shows none where [`Access::relay_requires_password`] says so.
#[derive(Debug, Clone)]
pub struct RelayGate(Arc<Gate>);

impl RelayGate {
    /// Judges by what is asked now, and by the local credential of this run.
    pub fn new(access: watch::Receiver<Access>, local: Secret<String>) -> Self {
        Self(Arc::new(Gate::new(access, Some(local), false)))
    }

    /// A client whose channel is open.
    pub fn guest(&self) -> Guest {
        Guest {
            gate: Arc::clone(&self.0),
            route: Route::Relay,
            is_known: false,
        }
    }
}

impl Refused {
    /// The close frame that tells it.
    pub fn closed(self) -> Closed {
        match self.rejection() {
            Some(rejection) => closed_for(&rejection),
            None => Closed::new(CLOSE_FULL, FULL),
        }
    }

    /// Returns how it is told to a client that has said hello; `None`: there are too many clients, which is no fault of its
    /// hello.
    pub fn rejection(self) -> Option<Rejection> {
        match self {
            Self::PasswordRequired => Some(Rejection::PasswordRequired),
            Self::PasswordIncorrect => Some(Rejection::IncorrectPassword),
            Self::Full => None,
        }
    }
}

/// Tells a client why its hello is refused. One that `knows` the message gets it before the close frame, which a relay or a
/// browser may not pass on.
pub async fn reject(sender: &mut dyn FrameSender, rejection: &Rejection, knows: bool) {
    if knows {
        // Who has gone already is told nothing.
        let frame = Frame::Text(rejection.frame());
        let _ = timeout(GOODBYE, sender.send(frame)).await;
    }
    sender.close(closed_for(rejection)).await;
}

fn closed_for(rejection: &Rejection) -> Closed {
    let (code, reason) = rejection.close();
    Closed::new(code, reason)
}

impl From<Auth> for Credential {
    fn from(auth: Auth) -> Self {
        match auth {
            Auth::Password { password } => Self::Password(password.as_str().into()),
            Auth::LocalCredential { token } => Self::Local(token.as_str().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who can bring it about that the system's answer cannot be read must gain nothing by it.
    #[test]
    fn where_the_system_would_tell_nobody_is_trusted_unseen() {
        let (_keep, access) = watch::channel(Access::default());
        let gate = Gate::new(access, None, true);
        for unknown in [
            Unknown::Unreadable,
            Unknown::NotListed,
            Unknown::Unattached,
            Unknown::NotOpen,
            Unknown::Unmapped,
            Unknown::Elsewhere,
        ] {
            assert!(gate.turns_away(Owner::Unknown(unknown)), "{unknown:?}");
        }
        assert!(!gate.turns_away(Owner::Unknown(Unknown::NotTold)));
    }
}
