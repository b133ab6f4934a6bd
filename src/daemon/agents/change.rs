//! Changes of an agent's record: on the disk, or not at all.

use super::{Agent, AgentError};
use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::daemon::store::Kept;

impl Core {
    /// Changes the record of an agent, and tells of it once the change is on the disk; else takes it back.
    /// A change that fails must have changed nothing.
    pub(super) async fn change<T: Send>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Agent) -> Result<T, AgentError> + Send,
    ) -> Result<T, AgentError> {
        let (before, done) = {
            let mut agents = self.agents();
            let agent = agents.get_mut(id)?;
            let before = agent.record.clone();
            let done = change(agent)?;
            self.keep(agent);
            (before, done)
        };
        let kept = self.store.saved(&[Kept::Agent(id)]).await;
        let mut agents = self.agents();
        let agent = agents.get_mut(id)?;
        if let Err(error) = kept {
            agent.record.take_back(before);
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
