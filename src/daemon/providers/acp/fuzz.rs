//! Lines of an ACP agent, as far as they become what people see.

use super::offers::{Offers, Setting, Wish};
use super::rpc::{Incoming, decode};
use super::schema::{AskPermission, Initialized, SessionState, Update, update};
use super::updates::Updates;
use super::{permission, schema};
use crate::daemon::providers::{Description, Stopped};

/// One turn of an agent that says these lines.
pub(crate) fn acp(bytes: &[u8]) {
    let (mut updates, mut offers) = (Updates::default(), Offers::default());
    for line in bytes.split(|byte| *byte == b'\n') {
        match decode(line) {
            Ok(Incoming::Notification { params, .. }) => {
                let Some(update) = update(&params) else {
                    continue;
                };
                if let Update::Config(config) = update {
                    offers.learn(SessionState {
                        config_options: config.config_options,
                        ..SessionState::default()
                    });
                    continue;
                }
                for item in updates.take(update) {
                    serde_json::to_string(&item).expect("every item can be sent");
                }
            }
            Ok(Incoming::Request { params, .. }) => {
                if let Ok(asked) = serde_json::from_str::<AskPermission>(params.get()) {
                    let tool = updates.known(&asked.tool_call);
                    let question = permission::question(&tool, &asked.options);
                    serde_json::to_string(&question).expect("every question can be sent");
                    permission::refused(&asked.options);
                    permission::outcome(Err(Stopped), &asked.options);
                }
            }
            Ok(Incoming::Response { result, .. }) => {
                let Ok(result) = result else { continue };
                let _ = serde_json::from_str::<Initialized>(result.get());
                let _ = serde_json::from_str::<schema::ContextUsage>(result.get());
                if let Ok(state) = serde_json::from_str::<SessionState>(result.get()) {
                    offers.learn(state);
                }
            }
            Err(_) => {}
        }
    }
    updates.flush();
    offers.describe(&mut Description::default());
    offers.features();
    for setting in Setting::KNOWN {
        let value = "v".into();
        let wish = Wish { setting, value };
        offers.request("s", &wish);
        offers.set(wish);
    }
}
