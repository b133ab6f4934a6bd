//! Secrets in the keyring of the operating system.
//!
//! A keyring that is locked does not fail, it waits for somebody to unlock it, perhaps for ever. So
//! each call runs on a thread of its own, which is left behind when the deadline passes and never
//! joined. All calls of a process share one budget of time: the second item of a locked keyring does
//! not wait again. Nor does it ask again when somebody closed the dialogue.

#[cfg(all(unix, not(target_os = "macos")))]
mod service;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use keyring_core::{Entry, Error};

use super::store::{SecretStore, StoreError, StoreKind, check_size};
use super::{Secret, SecretId};

/// The service under which items are filed; the account is the id.
const SERVICE: &str = "paseo";

/// The OS keyring: Keychain, Credential Manager, or Secret Service.
#[derive(Debug)]
pub struct KeyringStore {
    budget: Duration,
    patience: Mutex<Patience>,
    waiting: Option<fn()>,
}

/// What further calls may do.
#[derive(Debug)]
enum Patience {
    /// Wait so long.
    Left(Duration),
    /// Ask nobody: whoever was asked did not unlock it.
    Refused,
}

/// A call that takes longer waits for somebody.
const WORTH_TELLING: Duration = Duration::from_millis(1500);

impl KeyringStore {
    /// Takes the time that all calls together may wait.
    pub fn new(budget: Duration) -> Self {
        Self {
            budget,
            patience: Mutex::new(Patience::Left(budget)),
            waiting: None,
        }
    }

    /// Sets what tells a person that somebody has to unlock it.
    #[must_use]
    pub fn telling(mut self, waiting: Option<fn()>) -> Self {
        self.waiting = waiting;
        self
    }

    /// Gives an item another label, where a tool shows one and the keyring is open. Asks nobody.
    #[cfg(all(unix, not(target_os = "macos")))]
    pub fn relabel(&self, id: &SecretId, label: &str) -> Result<(), StoreError> {
        let (id, label) = (id.clone(), label.to_owned());
        self.call(move || service::relabel(SERVICE, id.as_str(), &label))
    }

    /// Nothing shows a label there.
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    pub fn relabel(&self, _id: &SecretId, _label: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// Runs one call on its own thread. Calls wait for each other, so that what they wait is counted once.
    fn call<T: Send + 'static>(
        &self,
        work: impl Fn() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let patience = self.patience.lock();
        let mut patience = patience.unwrap_or_else(PoisonError::into_inner);
        let left = match *patience {
            Patience::Refused => return Err(locked()),
            Patience::Left(Duration::ZERO) => return Err(self.timed_out()),
            Patience::Left(left) => left,
        };
        let (answer, answered) = mpsc::sync_channel(1);
        let ends = Instant::now() + left;
        let run = move || {
            // The client of D-Bus gives up after two seconds, and whoever may wait longer decides here.
            let mut result = work();
            while matches!(result, Err(StoreError::TimedOut { .. })) && Instant::now() < ends {
                result = work();
            }
            // Nobody listens any more once the deadline has passed.
            let _ = answer.send(result);
        };
        let spawned = thread::Builder::new().name("keyring".to_owned()).spawn(run);
        spawned.map_err(|error| failed(error.to_string()))?;
        let start = Instant::now();
        let mut answer = answered.recv_timeout(WORTH_TELLING.min(left));
        let rest = left.saturating_sub(start.elapsed());
        if matches!(answer, Err(RecvTimeoutError::Timeout)) && !rest.is_zero() {
            self.waiting.inspect(|tell| tell());
            answer = answered.recv_timeout(rest);
        }
        match answer {
            Ok(Err(StoreError::TimedOut { .. })) => {
                *patience = Patience::Left(Duration::ZERO);
                Err(self.timed_out())
            }
            Ok(result) => {
                *patience = match &result {
                    Err(StoreError::Locked { .. }) => Patience::Refused,
                    _ => Patience::Left(left.saturating_sub(start.elapsed())),
                };
                result
            }
            Err(RecvTimeoutError::Timeout) => {
                *patience = Patience::Left(Duration::ZERO);
                Err(self.timed_out())
            }
            Err(RecvTimeoutError::Disconnected) => Err(failed("its client crashed".to_owned())),
        }
    }

    fn timed_out(&self) -> StoreError {
        StoreError::TimedOut {
            store: StoreKind::Keyring,
            waited: self.budget,
        }
    }
}

impl SecretStore for KeyringStore {
    fn get(&self, id: &SecretId) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        let id = id.clone();
        self.call(move || match entry(&id)?.get_secret() {
            Ok(item) => Ok(Some(Secret::new(item))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(classify(error)),
        })
    }

    fn put(&self, id: &SecretId, item: &Secret<Vec<u8>>) -> Result<(), StoreError> {
        check_size(item)?;
        let (id, item) = (id.clone(), item.clone());
        self.call(move || entry(&id)?.set_secret(item.expose()).map_err(classify))
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn put_labelled(
        &self,
        id: &SecretId,
        label: &str,
        item: &Secret<Vec<u8>>,
    ) -> Result<(), StoreError> {
        check_size(item)?;
        let (id, label, item) = (id.clone(), label.to_owned(), item.clone());
        self.call(move || {
            opened()?;
            let label = std::collections::HashMap::from([("label", label.as_str())]);
            let entry = Entry::new_with_modifiers(SERVICE, id.as_str(), &label);
            let entry = entry.map_err(classify)?;
            entry.set_secret(item.expose()).map_err(classify)
        })
    }

    /// A locked one answers that it has no such item, so it is asked whether it is locked.
    #[cfg(all(unix, not(target_os = "macos")))]
    fn status(&self) -> Result<(), StoreError> {
        self.call(|| match service::look() {
            // Nobody was asked, so later calls may ask.
            Err(error @ StoreError::TimedOut { .. }) => Err(error),
            found => Ok(found),
        })?
    }

    fn delete(&self, id: &SecretId) -> Result<(), StoreError> {
        let id = id.clone();
        self.call(move || match entry(&id)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(classify(error)),
        })
    }
}

/// Whether this system's store is open. One that does not answer yet is tried again.
static OPEN: Mutex<bool> = Mutex::new(false);

fn open() -> Result<(), Error> {
    #[cfg(target_os = "macos")]
    let store = apple_native_keyring_store::keychain::Store::new()?;
    #[cfg(windows)]
    let store = windows_native_keyring_store::Store::new()?;
    #[cfg(all(unix, not(target_os = "macos")))]
    let store = dbus_secret_service_keyring_store::Store::new()?;
    keyring_core::set_default_store(store);
    Ok(())
}

fn entry(id: &SecretId) -> Result<Entry, StoreError> {
    opened()?;
    Entry::new(SERVICE, id.as_str()).map_err(classify)
}

/// Opens the store, once in a process.
fn opened() -> Result<(), StoreError> {
    let mut is_open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_open {
        return Ok(());
    }
    let Err(reason) = open() else {
        *is_open = true;
        return Ok(());
    };
    #[cfg(all(unix, not(target_os = "macos")))]
    if let Error::PlatformFailure(inner) | Error::NoStorageAccess(inner) = &reason
        && let Some(sorted) = service::sorted(inner.as_ref())
    {
        return Err(sorted);
    }
    Err(unavailable(describe(&reason)))
}

/// Sorts an error of the keyring, and drops those that carry the item.
fn classify(error: Error) -> StoreError {
    #[cfg(all(unix, not(target_os = "macos")))]
    if let Error::PlatformFailure(inner) | Error::NoStorageAccess(inner) = &error
        && let Some(sorted) = service::sorted(inner.as_ref())
    {
        return sorted;
    }
    match error {
        Error::NoStorageAccess(_) => locked(),
        Error::NoDefaultStore => unavailable("no service was found".to_owned()),
        error => failed(describe(&error)),
    }
}

/// Says what is wrong without the content, which some variants hold.
fn describe(error: &Error) -> String {
    match error {
        Error::PlatformFailure(inner) | Error::NoStorageAccess(inner) => inner.to_string(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "the item is damaged".to_owned(),
        Error::Ambiguous(items) => format!("{} items have the same name", items.len()),
        other => other.to_string(),
    }
}

fn locked() -> StoreError {
    StoreError::Locked {
        store: StoreKind::Keyring,
    }
}

/// It is told with how long it may take by whoever knows.
#[cfg(all(unix, not(target_os = "macos")))]
fn not_answering() -> StoreError {
    StoreError::TimedOut {
        store: StoreKind::Keyring,
        waited: Duration::ZERO,
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn no_collection() -> StoreError {
    StoreError::NoCollection {
        store: StoreKind::Keyring,
    }
}

fn unavailable(reason: String) -> StoreError {
    StoreError::Unavailable {
        store: StoreKind::Keyring,
        reason,
    }
}

fn failed(reason: String) -> StoreError {
    StoreError::Failed {
        store: StoreKind::Keyring,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_hangs_ends_at_the_deadline_and_the_next_does_not_wait() {
        let store = KeyringStore::new(Duration::from_millis(20));
        let (_hold, blocked) = mpsc::channel::<()>();
        let blocked = Mutex::new(blocked);
        let hang = move || {
            let _ = blocked.lock().unwrap().recv();
            Ok(())
        };
        assert!(matches!(store.call(hang), Err(StoreError::TimedOut { .. })));
        let ran = store.call(|| Ok(()));
        assert!(matches!(ran, Err(StoreError::TimedOut { .. })));
    }

    /// Its client gives up after two seconds, whatever the user allows.
    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn one_that_does_not_answer_is_asked_until_the_deadline() {
        let budget = Duration::from_millis(200);
        let store = KeyringStore::new(budget);
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&asked);
        let ran: Result<(), _> = store.call(move || {
            thread::sleep(Duration::from_millis(5));
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err(not_answering())
        });
        assert!(matches!(ran, Err(StoreError::TimedOut { waited, .. }) if waited == budget));
        assert!(asked.load(std::sync::atomic::Ordering::Relaxed) > 1);
    }

    #[test]
    fn whoever_did_not_unlock_it_is_not_asked_again() {
        let store = KeyringStore::new(Duration::from_secs(30));
        let refused: Result<(), _> = store.call(|| Err(locked()));
        assert!(matches!(refused, Err(StoreError::Locked { .. })));
        let again: Result<(), _> = store.call(|| panic!("asked again"));
        assert!(matches!(again, Err(StoreError::Locked { .. })));
    }

    #[test]
    fn a_crash_of_the_client_is_an_error() {
        let store = KeyringStore::new(Duration::from_secs(30));
        let crashed = store.call(|| -> Result<(), _> { panic!("on purpose") });
        assert!(matches!(crashed, Err(StoreError::Failed { .. })));
    }

    #[test]
    fn no_error_repeats_the_item() {
        let item = b"hunter2".to_vec();
        let errors = [
            Error::BadEncoding(item.clone()),
            Error::BadDataFormat(item, Box::from("bad")),
        ];
        for error in errors {
            let error = classify(error);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            assert!(!format!("{error:?}").contains("104, 117"));
        }
    }
}
