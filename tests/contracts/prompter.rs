//! What GNOME Keyring has ask for a password: here a person who closes every prompt.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use zbus::blocking::connection::{Builder, Connection};
use zbus::message::Header;
use zbus::zvariant::{ObjectPath, OwnedValue, Value};

/// The prompter of a session while it lives.
pub(crate) struct Prompter {
    dismissed: Arc<AtomicUsize>,
    _connection: Connection,
}

impl Prompter {
    /// Takes the place of the one that would show a window.
    pub(crate) fn dismissing() -> Self {
        let dismissed = Arc::default();
        let served = Dismissing(Arc::clone(&dismissed));
        let connection = Builder::session()
            .and_then(|bus| bus.serve_at("/org/gnome/keyring/Prompter", served))
            .and_then(|bus| bus.name("org.gnome.keyring.SystemPrompter"))
            .and_then(Builder::build);
        Self {
            dismissed,
            _connection: connection.expect("a place on the session bus"),
        }
    }

    /// How many prompts were closed.
    pub(crate) fn dismissed(&self) -> usize {
        self.dismissed.load(Ordering::Relaxed)
    }
}

struct Dismissing(Arc<AtomicUsize>);

#[zbus::interface(name = "org.gnome.keyring.internal.Prompter")]
impl Dismissing {
    fn begin_prompting(
        &self,
        prompt: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &zbus::Connection,
    ) {
        tell(bus, &header, prompt, "PromptReady", ready(""));
    }

    fn perform_prompt(
        &self,
        prompt: ObjectPath<'_>,
        _kind: &str,
        _properties: HashMap<String, OwnedValue>,
        _exchange: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &zbus::Connection,
    ) {
        self.0.fetch_add(1, Ordering::Relaxed);
        tell(bus, &header, prompt, "PromptReady", ready("no"));
    }

    fn stop_prompting(
        &self,
        prompt: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &zbus::Connection,
    ) {
        tell(bus, &header, prompt, "PromptDone", ());
    }
}

/// What a person answered, changed properties, and an exchange of keys, which only a password needs.
fn ready(
    answer: &'static str,
) -> (
    &'static str,
    HashMap<&'static str, Value<'static>>,
    &'static str,
) {
    (answer, HashMap::new(), "")
}

/// Calls a prompt back. The keyring listens only after the reply to its own call, so that is not waited for.
fn tell<B>(
    bus: &zbus::Connection,
    header: &Header<'_>,
    prompt: ObjectPath<'_>,
    method: &'static str,
    body: B,
) where
    B: serde::Serialize + zbus::zvariant::DynamicType + Send + Sync + 'static,
{
    let keyring = header.sender().expect("a bus names senders").to_owned();
    let (on, prompt) = (bus.clone(), prompt.into_owned());
    let call = async move {
        let interface = Some("org.gnome.keyring.internal.Prompter.Callback");
        // One that has ended meanwhile needs no answer.
        let _ = on
            .call_method(Some(keyring), prompt, interface, method, &body)
            .await;
    };
    bus.executor().spawn(call, "answer").detach();
}
