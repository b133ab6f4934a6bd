//! Timelines.

use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::daemon::timeline::Query;
use crate::protocol::timeline::{
    FetchTimeline, SubscribeTimelines, SubscribedTimelines, TimelinePage,
};

impl Serve for FetchTimeline {
    async fn serve(self, call: &Call) -> Result<TimelinePage, Refusal> {
        let query = Query::new(&self, call.socket.reasoning_merge);
        let mut agents = call.core.agents();
        let agent = match agents.get_mut(&self.agent_id) {
            Ok(agent) => agent,
            Err(error) => return Ok(query.nothing(&self.agent_id, error.to_string())),
        };
        let snapshot = agent.snapshot();
        match agent.timeline(&call.core.store) {
            Ok(timeline) => Ok(timeline.page(&query, snapshot)),
            Err(error) => Err(Refusal::Failed(error.to_string())),
        }
    }
}

impl Serve for SubscribeTimelines {
    async fn serve(self, call: &Call) -> Result<SubscribedTimelines, Refusal> {
        call.socket.set_timelines(&self.agent_ids);
        Ok(SubscribedTimelines {
            agent_ids: self.agent_ids,
        })
    }
}
