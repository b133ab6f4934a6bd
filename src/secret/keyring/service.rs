//! What the Secret Service of a Linux desktop says when it does not work, in the words of all stores.

use std::collections::HashMap;
use std::error::Error;

use dbus_secret_service::{EncryptionType, Error as ServiceError, SecretService};

use super::{StoreError, failed, locked, no_collection, not_answering, unavailable};

/// Errors of D-Bus that say that there is no session bus. The text of some of them is about X11.
const NO_BUS: [&str; 6] = [
    "NotSupported",
    "NoServer",
    "FileNotFound",
    "BadAddress",
    "Disconnected",
    "Spawn.ExecFailed",
];

/// Errors of D-Bus that say that the bus is there, and no keyring on it.
const NO_SERVICE: [&str; 4] = [
    "ServiceUnknown",
    "NameHasNoOwner",
    "Spawn.ServiceNotFound",
    "Spawn.ChildExited",
];

/// Errors of D-Bus that say that a keyring is there and does not answer.
const NO_ANSWER: [&str; 3] = ["NoReply", "Timeout", "TimedOut"];

/// Sorts an error of the service; `None` for one that is not of the service.
pub(super) fn sorted(error: &(dyn Error + Send + Sync + 'static)) -> Option<StoreError> {
    Some(match error.downcast_ref::<ServiceError>()? {
        ServiceError::Locked | ServiceError::Prompt => locked(),
        ServiceError::NoResult => no_collection(),
        ServiceError::Unavailable => unavailable("no keyring runs in this session".to_owned()),
        ServiceError::Dbus(error) => {
            named(error.name().unwrap_or_default()).unwrap_or_else(|| failed(error.to_string()))
        }
        other => failed(other.to_string()),
    })
}

/// Sorts an error of D-Bus by its name.
fn named(name: &str) -> Option<StoreError> {
    let name = name.strip_prefix("org.freedesktop.DBus.Error.")?;
    if NO_BUS.contains(&name) {
        let reason = "there is no D-Bus session here, as on most servers";
        return Some(unavailable(reason.to_owned()));
    }
    if NO_SERVICE.contains(&name) {
        return Some(unavailable("no keyring runs in this session".to_owned()));
    }
    NO_ANSWER.contains(&name).then(not_answering)
}

/// Gives an item another label. Asks nobody: one that is locked stays as it is.
pub(super) fn relabel(service_name: &str, id: &str, label: &str) -> Result<(), StoreError> {
    let service = SecretService::connect(EncryptionType::Plain).map_err(sort)?;
    let attributes = HashMap::from([("service", service_name), ("username", id)]);
    let found = service.search_items(attributes).map_err(sort)?;
    if !found.locked.is_empty() {
        return Err(locked());
    }
    for item in found.unlocked {
        item.set_label(label).map_err(sort)?;
    }
    Ok(())
}

fn sort(error: ServiceError) -> StoreError {
    let text = error.to_string();
    let boxed: Box<dyn Error + Send + Sync> = Box::new(error);
    sorted(boxed.as_ref()).unwrap_or_else(|| failed(text))
}

/// Finds out whether the collection that items go into is there and open. Asks nobody.
pub(super) fn look() -> Result<(), StoreError> {
    let service = SecretService::connect(EncryptionType::Plain).map_err(sort)?;
    let collection = service.get_default_collection().map_err(sort)?;
    match collection.is_locked().map_err(sort)? {
        true => Err(locked()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_d_bus_says_is_one_of_the_states() {
        for (name, absent) in [
            ("org.freedesktop.DBus.Error.NotSupported", true),
            ("org.freedesktop.DBus.Error.NoServer", true),
            ("org.freedesktop.DBus.Error.FileNotFound", true),
            ("org.freedesktop.DBus.Error.Spawn.ExecFailed", true),
            ("org.freedesktop.DBus.Error.ServiceUnknown", true),
            ("org.freedesktop.DBus.Error.NameHasNoOwner", true),
            ("org.freedesktop.DBus.Error.NoReply", false),
            ("org.freedesktop.DBus.Error.Timeout", false),
        ] {
            let sorted = named(name).unwrap();
            assert_eq!(
                matches!(sorted, StoreError::Unavailable { .. }),
                absent,
                "{name}"
            );
            assert_eq!(
                matches!(sorted, StoreError::TimedOut { .. }),
                !absent,
                "{name}"
            );
            assert!(!sorted.to_string().contains("X11"), "{sorted}");
        }
        assert!(named("org.freedesktop.DBus.Error.Failed").is_none());
        assert!(named("").is_none());
    }
}
