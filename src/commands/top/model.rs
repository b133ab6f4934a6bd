//! What is shown, and what keys do to it. Nothing here reads or prints.

use crate::protocol::agents::AgentSnapshot;

/// The state of an agent of which only the cache tells.
const UNKNOWN: &str = "…";

/// A remote, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// Its name; blank for a daemon that has none.
    pub(super) name: String,
    pub(super) link: Link,
    pub(super) agents: Vec<Agent>,
}

/// How a remote answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// Not yet; its agents are those of the cache.
    Asked,
    /// It does.
    Live,
    /// It does not, for this reason.
    Gone(String),
}

/// An agent in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) title: String,
    /// As the daemon calls it.
    pub(super) state: String,
    pub(super) directory: String,
    /// ISO 8601, UTC; blank when it is not known.
    pub(super) created_at: String,
    /// The oldest request that waits for an answer.
    pub(super) asks: Option<Asks>,
}

/// A request that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asks {
    pub(super) id: String,
    /// What it is about.
    pub(super) text: String,
    /// Whether it has answers of its own, beyond yes and no.
    pub(super) question: bool,
}

impl Agent {
    /// Makes one of what the cache knows.
    pub(super) fn remembered((id, title): (String, String)) -> Self {
        Self {
            id,
            title,
            state: UNKNOWN.to_owned(),
            directory: String::new(),
            created_at: String::new(),
            asks: None,
        }
    }

    fn rank(&self) -> u8 {
        match (&self.asks, self.state.as_str()) {
            (Some(_), _) => 0,
            (None, "running" | "initializing") => 1,
            (None, "error") => 2,
            _ => 3,
        }
    }
}

impl From<AgentSnapshot> for Agent {
    fn from(agent: AgentSnapshot) -> Self {
        let asks = agent.pending_permissions.into_iter().next().map(|request| {
            let texts = [request.title, request.description];
            let text = texts.into_iter().flatten().find(|text| !text.is_empty());
            Asks {
                id: request.id,
                text: text.unwrap_or(request.name),
                question: request.kind == "question",
            }
        });
        Self {
            id: agent.id,
            title: agent.title.unwrap_or_default(),
            state: agent.status,
            directory: agent.cwd,
            created_at: agent.created_at,
            asks,
        }
    }
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row<'a> {
    Agent(usize, &'a Agent),
    /// A remote without agents to show.
    Remote(usize),
}

/// Returns the lines: who waits, who works, who failed, the rest, each new to old; then remotes that do not
/// answer, in one line each.
pub(super) fn rows(remotes: &[Remote]) -> Vec<Row<'_>> {
    let (mut agents, mut silent) = (Vec::new(), Vec::new());
    for (index, remote) in remotes.iter().enumerate() {
        match &remote.link {
            Link::Gone(_) => silent.push(Row::Remote(index)),
            Link::Asked if remote.agents.is_empty() => silent.push(Row::Remote(index)),
            _ => agents.extend(remote.agents.iter().map(|agent| (index, agent))),
        }
    }
    agents.sort_by(|(_, a), (_, b)| {
        let newer = b.created_at.cmp(&a.created_at);
        a.rank().cmp(&b.rank()).then(newer)
    });
    let agents = agents
        .into_iter()
        .map(|(index, agent)| Row::Agent(index, agent));
    agents.chain(silent).collect()
}

/// A key, as far as one has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    Enter,
    Escape,
    Erase,
    /// Ctrl-C or Ctrl-D.
    Interrupt,
    Char(char),
}

/// Takes apart what was typed at once; sequences of keys without a meaning are left out.
pub(super) fn keys(text: &str) -> Vec<Key> {
    let (mut rest, mut found) = (text, Vec::new());
    while let Some(first) = rest.chars().next() {
        let sequence = ["\u{1b}[", "\u{1b}O"].iter();
        if let Some(body) = sequence.filter_map(|begin| rest.strip_prefix(begin)).next() {
            let last = body.find(|c| matches!(c, '@'..='~'));
            let (body, after) = body.split_at(last.map_or(body.len(), |last| last + 1));
            match body {
                "A" => found.push(Key::Up),
                "B" => found.push(Key::Down),
                _ => {}
            }
            rest = after;
            continue;
        }
        rest = &rest[first.len_utf8()..];
        match first {
            '\r' | '\n' => found.push(Key::Enter),
            '\u{1b}' => found.push(Key::Escape),
            '\u{8}' | '\u{7f}' => found.push(Key::Erase),
            '\u{3}' | '\u{4}' => found.push(Key::Interrupt),
            c if c.is_control() => {}
            c => found.push(Key::Char(c)),
        }
    }
    found
}

/// An agent that something is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) remote: usize,
    pub(super) agent: String,
}

/// What the keys are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    List,
    /// A message is written, to this agent however the list moves.
    Message(Target, String),
    /// Whether to stop it.
    Stop(Target),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Quit,
    /// This command, on this remote.
    Run(usize, Vec<String>),
}

/// What a person has chosen.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) mode: Mode,
    /// The agent under the cursor; it stays when lines move.
    chosen: Option<Target>,
    /// Where the cursor was last.
    place: usize,
}

/// Longest message, in bytes.
const LONGEST: usize = 16 * 1024;

impl Model {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::List,
            chosen: None,
            place: 0,
        }
    }

    /// Returns the line of the cursor. One whose agent is gone stays where it was.
    pub(super) fn cursor(&self, rows: &[Row<'_>]) -> usize {
        let is_chosen = |row: &Row<'_>| match (row, &self.chosen) {
            (Row::Agent(remote, agent), Some(target)) => {
                *remote == target.remote && agent.id == target.agent
            }
            _ => false,
        };
        let found = rows.iter().position(is_chosen);
        found.unwrap_or(self.place.min(rows.len().saturating_sub(1)))
    }

    /// Takes what was typed at once. Several keys at once are a paste, of which nothing may be done but to
    /// write it into a message.
    pub(super) fn typed(&mut self, remotes: &[Remote], keys: &[Key]) -> Action {
        let pasted = keys.len() > 1;
        for key in keys {
            let key = match key {
                Key::Enter if pasted => Key::Char(' '),
                other => *other,
            };
            let action = match &self.mode {
                Mode::Message(..) => self.write(key),
                _ if pasted && !matches!(key, Key::Up | Key::Down | Key::Interrupt) => continue,
                Mode::Stop(_) => self.confirm(key),
                Mode::List => self.choose(remotes, key),
            };
            if action != Action::Nothing {
                return action;
            }
        }
        Action::Nothing
    }

    fn choose(&mut self, remotes: &[Remote], key: Key) -> Action {
        let rows = rows(remotes);
        let at = self.cursor(&rows);
        match key {
            Key::Char('q') | Key::Interrupt => return Action::Quit,
            Key::Up | Key::Char('k') => self.go(&rows, at.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.go(&rows, (at + 1).min(rows.len().max(1) - 1)),
            _ => {}
        }
        let Some(Row::Agent(remote, agent)) = rows.get(at).copied() else {
            return Action::Nothing;
        };
        let target = Target {
            remote,
            agent: agent.id.clone(),
        };
        match (key, &agent.asks) {
            (Key::Enter, _) => run(&target, &["attach"], &[]),
            // Its answers are more than yes and no.
            (Key::Char('a'), Some(asks)) if asks.question => run(&target, &["attach"], &[]),
            (Key::Char('a'), Some(asks)) => run(&target, &["permit", "allow"], &[&asks.id]),
            (Key::Char('d'), Some(asks)) => run(&target, &["permit", "deny"], &[&asks.id]),
            (Key::Char('m'), _) => {
                self.mode = Mode::Message(target, String::new());
                Action::Nothing
            }
            (Key::Char('s'), _) => {
                self.mode = Mode::Stop(target);
                Action::Nothing
            }
            _ => Action::Nothing,
        }
    }

    fn go(&mut self, rows: &[Row<'_>], place: usize) {
        self.place = place;
        self.chosen = match rows.get(place) {
            Some(Row::Agent(remote, agent)) => Some(Target {
                remote: *remote,
                agent: agent.id.clone(),
            }),
            _ => None,
        };
    }

    fn write(&mut self, key: Key) -> Action {
        let Mode::Message(target, text) = &mut self.mode else {
            return Action::Nothing;
        };
        match key {
            Key::Char(c) if text.len() < LONGEST => text.push(c),
            Key::Erase => drop(text.pop()),
            Key::Escape | Key::Interrupt => self.mode = Mode::List,
            Key::Enter => {
                let action = match text.trim() {
                    "" => Action::Nothing,
                    text => run(target, &["send", "--no-wait"], &[text]),
                };
                self.mode = Mode::List;
                return action;
            }
            _ => {}
        }
        Action::Nothing
    }

    fn confirm(&mut self, key: Key) -> Action {
        match (key, std::mem::replace(&mut self.mode, Mode::List)) {
            (Key::Char('y' | 'Y'), Mode::Stop(target)) => run(&target, &["stop"], &[]),
            _ => Action::Nothing,
        }
    }
}

/// Returns a command about an agent. What comes from elsewhere can be no option.
fn run(target: &Target, command: &[&str], more: &[&str]) -> Action {
    let words = [command, &["--", &target.agent], more].concat();
    let words = words.into_iter().map(str::to_owned).collect();
    Action::Run(target.remote, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str, state: &str, asks: Option<bool>) -> Agent {
        Agent {
            state: state.to_owned(),
            asks: asks.map(|question| Asks {
                id: "r".to_owned(),
                text: "execute".to_owned(),
                question,
            }),
            ..Agent::remembered((id.to_owned(), String::new()))
        }
    }

    fn remote(name: &str, link: Link, agents: Vec<Agent>) -> Remote {
        Remote {
            name: name.to_owned(),
            link,
            agents,
        }
    }

    fn world() -> Vec<Remote> {
        let works = vec![agent("idle", "idle", None), agent("works", "running", None)];
        let asks = vec![agent("asks", "running", Some(false))];
        vec![
            remote("off", Link::Gone("refused".to_owned()), works.clone()),
            remote("lab", Link::Live, works),
            remote("work", Link::Live, asks),
            remote("new", Link::Asked, vec![]),
        ]
    }

    fn words(remote: usize, words: &[&str]) -> Action {
        Action::Run(remote, words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn who_waits_comes_first_and_who_is_gone_last() {
        let world = world();
        let found: Vec<_> = rows(&world)
            .into_iter()
            .map(|row| match row {
                Row::Agent(_, agent) => agent.id.as_str(),
                Row::Remote(index) => world[index].name.as_str(),
            })
            .collect();
        assert_eq!(found, ["asks", "works", "idle", "off", "new"]);
    }

    #[test]
    fn keys_are_told_apart() {
        let found = keys("\u{1b}[A\u{1b}OB\u{1b}[15~é\r\u{7f}\u{1b}");
        let expected = [
            Key::Up,
            Key::Down,
            Key::Char('é'),
            Key::Enter,
            Key::Erase,
            Key::Escape,
        ];
        assert_eq!(found, expected);
        assert_eq!(keys("\u{1b}[12"), []);
    }

    #[test]
    fn keys_become_commands_about_the_chosen_agent() {
        let world = world();
        let mut model = Model::new();
        let mut press = |key| model.typed(&world, &[key]);
        let asks = ["permit", "allow", "--", "asks", "r"];
        assert_eq!(press(Key::Char('a')), words(2, &asks));
        let denied = ["permit", "deny", "--", "asks", "r"];
        assert_eq!(press(Key::Char('d')), words(2, &denied));
        press(Key::Down);
        assert_eq!(press(Key::Char('a')), Action::Nothing);
        assert_eq!(press(Key::Enter), words(1, &["attach", "--", "works"]));
        // Only y stops.
        press(Key::Char('s'));
        assert_eq!(press(Key::Char('n')), Action::Nothing);
        press(Key::Char('s'));
        assert_eq!(press(Key::Char('y')), words(1, &["stop", "--", "works"]));
        assert_eq!(press(Key::Char('q')), Action::Quit);
    }

    #[test]
    fn a_message_goes_to_whom_it_was_begun_for() {
        let mut world = world();
        let mut model = Model::new();
        model.typed(&world, &[Key::Char('m')]);
        world[2].agents.clear();
        model.typed(&world, &keys("go\ron!"));
        model.typed(&world, &[Key::Erase]);
        let sent = ["send", "--no-wait", "--", "asks", "go on"];
        assert_eq!(model.typed(&world, &[Key::Enter]), words(2, &sent));
        assert_eq!(model.mode, Mode::List);
    }

    #[test]
    fn a_paste_does_nothing_to_the_list() {
        let mut model = Model::new();
        assert_eq!(model.typed(&world(), &keys("sya\rq")), Action::Nothing);
        assert_eq!(model.mode, Mode::List);
    }

    #[test]
    fn the_cursor_stays_with_its_agent() {
        let mut world = world();
        let mut model = Model::new();
        model.typed(&world, &[Key::Down]);
        world[2].agents[0].asks = None;
        world[1].agents[1].asks = agent("", "", Some(true)).asks;
        assert_eq!(model.cursor(&rows(&world)), 0);
        let question = model.typed(&world, &[Key::Char('a')]);
        assert_eq!(question, words(1, &["attach", "--", "works"]));
        world[1].agents.clear();
        assert_eq!(model.cursor(&rows(&world)), 1);
    }
}
