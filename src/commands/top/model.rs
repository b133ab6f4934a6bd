//! What a person has chosen, and what keys do to it. Nothing here reads or prints.

use std::time::Instant;

use super::keys::Key;
use super::request::Viewed;
use super::rows::{Remote, Row, rows};
use crate::commands::permission::{Asked, Choice};

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
    /// A request is read, and answered.
    Request(Box<Viewed>),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Quit,
    /// This command, on this remote.
    Run(usize, Vec<String>),
    /// This message for an agent.
    Send(Target, String),
}

/// What a person has chosen.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) mode: Mode,
    /// The agent under the cursor; it stays when lines move.
    chosen: Option<Target>,
    /// Where the cursor was last.
    place: usize,
    /// The request of that agent that was shown: only this one is answered.
    shown: Option<String>,
}

/// Longest message, in bytes.
const LONGEST: usize = 16 * 1024;

impl Model {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::List,
            chosen: None,
            place: 0,
            shown: None,
        }
    }

    /// Takes note of what is about to be shown, on a screen of so many columns and rows. From then on the cursor is at the agent that it is shown at, whatever
    /// comes in between: keys are about what somebody has seen.
    pub(super) fn settle(&mut self, remotes: &[Remote], size: (usize, usize)) {
        if let Mode::Request(viewed) = &mut self.mode {
            match asks(remotes, &viewed.target) {
                Some(asked) if asked.id == viewed.asked.id => {
                    viewed.settle(asked, size, Instant::now());
                    return;
                }
                // It was answered elsewhere, or its remote is gone.
                _ => self.mode = Mode::List,
            }
        }
        let rows = rows(remotes);
        let at = self.cursor(&rows);
        self.go(&rows, at);
        self.shown = match rows.get(at) {
            Some(Row::Agent(_, agent)) => agent.asks.as_ref().map(|asks| asks.id.clone()),
            _ => None,
        };
    }

    /// Returns when the request that is read can be answered.
    pub(super) fn arms_at(&self) -> Option<Instant> {
        match &self.mode {
            Mode::Request(viewed) => viewed.arms_at(),
            _ => None,
        }
    }

    /// From now on keys answer it.
    pub(super) fn arm(&mut self) {
        if let Mode::Request(viewed) = &mut self.mode {
            viewed.arm();
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
                Mode::Request(_) => self.answer(key),
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
        let seen = agent.asks.as_ref();
        let seen = seen.filter(|asks| self.shown.as_ref() == Some(&asks.id));
        match (key, seen) {
            (Key::Enter, _) => run(&target, &["attach"], &[]),
            // Its answers are more than one of some choices.
            (Key::Char('a'), Some(asks)) if asks.is_question() => run(&target, &["attach"], &[]),
            (Key::Char('a'), Some(asks)) => {
                self.mode = Mode::Request(Box::new(Viewed::new(target, asks.clone())));
                Action::Nothing
            }
            (Key::Char('d'), Some(asks)) => {
                run(&target, &["permit", "deny", "--exact"], &[&asks.id])
            }
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
                    text => Action::Send(target.clone(), text.to_owned()),
                };
                self.mode = Mode::List;
                return action;
            }
            _ => {}
        }
        Action::Nothing
    }

    /// Reads a request, and answers it.
    fn answer(&mut self, key: Key) -> Action {
        let Mode::Request(viewed) = &mut self.mode else {
            return Action::Nothing;
        };
        if matches!(key, Key::Escape | Key::Interrupt | Key::Char('q')) {
            self.mode = Mode::List;
            return Action::Nothing;
        }
        let (target, id) = (viewed.target.clone(), viewed.asked.id.clone());
        let Some(Choice {
            id: action, allows, ..
        }) = viewed.typed(key)
        else {
            return Action::Nothing;
        };
        let verb = if *allows { "allow" } else { "deny" };
        let action = action.as_ref().map(|action| format!("--action={action}"));
        let words: Vec<&str> = ["permit", verb, "--exact"]
            .into_iter()
            .chain(action.as_deref())
            .collect();
        let action = run(&target, &words, &[&id]);
        self.mode = Mode::List;
        action
    }

    fn confirm(&mut self, key: Key) -> Action {
        match (key, std::mem::replace(&mut self.mode, Mode::List)) {
            (Key::Char('y' | 'Y'), Mode::Stop(target)) => run(&target, &["stop"], &[]),
            _ => Action::Nothing,
        }
    }
}

/// Returns what an agent asks.
fn asks<'a>(remotes: &'a [Remote], target: &Target) -> Option<&'a Asked> {
    let remote = remotes.get(target.remote)?;
    let mut agents = remote.agents.iter();
    agents.find(|agent| agent.id == target.agent)?.asks.as_ref()
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
    use crate::commands::top::keys::keys;
    use crate::commands::top::rows::tests::{agent, request, world};

    const SIZE: (usize, usize) = (80, 24);

    /// Opens the request at the cursor, and answers it once that is possible.
    fn answers(model: &mut Model, world: &[Remote], key: char) -> Action {
        assert_eq!(model.typed(world, &[Key::Char('a')]), Action::Nothing);
        model.settle(world, SIZE);
        // Not yet.
        assert_eq!(model.typed(world, &[Key::Char(key)]), Action::Nothing);
        let Mode::Request(viewed) = &mut model.mode else {
            return Action::Nothing;
        };
        viewed.arm();
        model.typed(world, &[Key::Char(key)])
    }

    fn words(remote: usize, words: &[&str]) -> Action {
        Action::Run(remote, words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn keys_become_commands_about_the_chosen_agent() {
        let world = world();
        let mut model = Model::new();
        let mut press = |key| {
            model.settle(&world, SIZE);
            model.typed(&world, &[key])
        };
        let denied = ["permit", "deny", "--exact", "--", "asks", "r"];
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
        let target = Target {
            remote: 2,
            agent: "asks".to_owned(),
        };
        let sent = Action::Send(target, "go on".to_owned());
        assert_eq!(model.typed(&world, &[Key::Enter]), sent);
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
        model.settle(&world, SIZE);
        assert_eq!(model.cursor(&rows(&world)), 0);
        let question = model.typed(&world, &[Key::Char('a')]);
        assert_eq!(question, words(1, &["attach", "--", "works"]));
        // One that is gone leaves it where it was shown last.
        world[1].agents.clear();
        assert_eq!(model.cursor(&rows(&world)), 0);
    }

    #[test]
    fn what_was_not_shown_is_not_answered() {
        let mut world = world();
        let mut model = Model::new();
        model.settle(&world, SIZE);
        // A newer one comes first now; the keys are about the old one.
        let mut newer = agent("newer", "running", Some(false));
        newer.created_at = "2026".to_owned();
        world[2].agents.push(newer);
        let asks = ["permit", "allow", "--exact", "--", "asks", "r"];
        assert_eq!(answers(&mut model, &world, 'y'), words(2, &asks));
        model.settle(&world, SIZE);
        // Its request is another one now, which nobody has seen.
        world[2].agents[0].asks = Some(request("other", false));
        assert_eq!(model.typed(&world, &[Key::Char('d')]), Action::Nothing);
        assert_eq!(answers(&mut model, &world, 'y'), Action::Nothing);
        model.settle(&world, SIZE);
        let asks = ["permit", "allow", "--exact", "--", "asks", "other"];
        assert_eq!(answers(&mut model, &world, '1'), words(2, &asks));
    }

    #[test]
    fn one_that_is_answered_elsewhere_is_left() {
        let mut world = world();
        let mut model = Model::new();
        model.settle(&world, SIZE);
        model.typed(&world, &[Key::Char('a')]);
        assert!(matches!(model.mode, Mode::Request(_)));
        world[2].agents[0].asks = None;
        model.settle(&world, SIZE);
        assert_eq!(model.mode, Mode::List);
    }
}
