//! Changes of an agent's record: on the disk, or not at all.

use super::{Agent, AgentError};
use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::daemon::store::Kept;

impl Core {
    /// Changes the record of an agent, and tells of it once the change is on the disk; else takes it back.
    /// A change that fails must have changed nothing. The next change waits until that is decided.
    pub(super) async fn change<T: Send>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Agent) -> Result<T, AgentError> + Send,
    ) -> Result<T, AgentError> {
        let _alone = self.store.alone(Kept::Agent(id)).await;
        let (before, after, done) = {
            let mut agents = self.agents();
            let agent = agents.get_mut(id)?;
            let before = agent.record.clone();
            let done = change(agent)?;
            self.keep(agent);
            (before, agent.record.clone(), done)
        };
        let kept = self.store.saved(&[Kept::Agent(id)]).await;
        let mut agents = self.agents();
        let agent = agents.get_mut(id)?;
        if let Err(error) = kept {
            agent.record.take_back(before, &after);
            self.save(agent);
            return Err(error.into());
        }
        agent.in_force();
        self.tell(agent);
        Ok(done)
    }

    /// Saves a change and tells who watches. Nobody waits for the disk: not for what a turn does.
    pub(super) fn touch(&self, agent: &mut Agent) {
        self.keep(agent);
        self.tell(agent);
    }

    /// Saves a change.
    pub(super) fn keep(&self, agent: &mut Agent) {
        agent.record.updated_at = now();
        self.save(agent);
    }

    /// Saves the record as it is.
    pub(super) fn save(&self, agent: &Agent) {
        let kept = Kept::Agent(&agent.record.id);
        self.store.save(kept, &agent.record);
    }

    /// Tells who watches that an agent changed.
    pub(super) fn tell(&self, agent: &Agent) {
        agent.changed.send_replace(());
        self.announce(agent);
    }
}

impl Agent {
    /// Tells a loaded agent what its record says that people want.
    pub(super) fn in_force(&self) {
        if let Some(live) = &self.live {
            let settings = self.record.settings();
            live.settings.send_if_modified(|wanted| {
                let changes = *wanted != settings;
                *wanted = settings;
                changes
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::daemon::Identity;
    use crate::daemon::agents::Record;
    use crate::daemon::core::Parts;
    use crate::daemon::processes::Processes;
    use crate::daemon::settings::Settings;
    use crate::daemon::store::Store;
    use crate::daemon::terminals::Terminals;
    use crate::e2ee::SecretKey;
    use crate::listen::Names;
    use crate::protocol::relay::ServerId;

    const ID: &str = "7c8a1b52-2f0e-4d0e-9a4a-3e69071b9277";

    /// A daemon with an agent, which does not run.
    fn core(home: &Path) -> Arc<Core> {
        let processes = Processes::new(Vec::new());
        let parts = Parts {
            home: home.to_owned(),
            user_home: None,
            identity: Identity {
                server_id: ServerId::new("srv_changes").unwrap(),
                public_key: SecretKey::generate().public_key(),
            },
            settings: Settings {
                relay: None,
                app_url: String::new(),
                password: None,
                names: Names::default(),
                listen: String::new(),
            },
            reread: None,
            store: Store::open(home).unwrap(),
            providers: Vec::new(),
            terminals: Terminals::new(Arc::clone(&processes), "/bin/sh".into()),
            processes,
        };
        let core = Core::new(parts).unwrap();
        let record = json!({ "id": ID, "provider": "p", "cwd": "/", "workspaceId": null,
            "createdAt": "", "updatedAt": "" });
        let agent = Agent::new(serde_json::from_value(record).unwrap());
        core.agents().0.insert(ID.to_owned(), agent);
        core
    }

    /// A change that cannot be stored neither takes a later one with it, nor keeps it from being stored.
    #[tokio::test]
    async fn a_change_that_fails_leaves_the_next_one() {
        let home = tempfile::tempdir().unwrap();
        let core = core(home.path());
        // No record may be that large.
        let labels = BTreeMap::from([("big".to_owned(), "x".repeat(17 * 1024 * 1024))]);
        let (big, small) = tokio::join!(
            core.update(ID, None, Some(labels)),
            core.update(ID, Some("new".to_owned()), None)
        );
        assert!(matches!(big, Err(AgentError::Store(_))), "{big:?}");
        small.unwrap();
        let kept: Record = core.store.load(Kept::Agent(ID)).unwrap().unwrap();
        for record in [&core.agents().get(ID).unwrap().record, &kept] {
            assert_eq!(record.title.as_deref(), Some("new"));
            assert!(record.labels.is_empty());
        }
    }

    #[tokio::test]
    async fn what_a_turn_has_changed_meanwhile_is_not_taken_back() {
        let home = tempfile::tempdir().unwrap();
        let core = core(home.path());
        let labels = BTreeMap::from([("big".to_owned(), "x".repeat(17 * 1024 * 1024))]);
        let turn = async {
            let mut agents = core.agents();
            let agent = agents.get_mut(ID).unwrap();
            agent.record.mode = Some("plan".to_owned());
        };
        let (big, ()) = tokio::join!(core.update(ID, Some("t".to_owned()), Some(labels)), turn);
        assert!(big.is_err());
        let agents = core.agents();
        let record = &agents.get(ID).unwrap().record;
        assert_eq!(
            (record.mode.as_deref(), &record.title),
            (Some("plan"), &None)
        );
    }
}
